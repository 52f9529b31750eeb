"""People of files without track ids, followed over time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from foreign import flat, openpose, reading

from poseact.errors import InvalidPoses
from poseact.poses import foremost
from poseact.poses.follow import followed
from poseact.poses.formats.openpose import parse

FRAMES = 12


def two_people(joints=25, gone=()):
    """One walks right, one stands; the tool lists them in another order in every frame."""
    frames = []
    for frame in range(FRAMES):
        people = [(-1, flat(joints, 20 + 2 * frame, 30, 0.9, 4)), (-1, flat(joints, 250, 30, 0.8, 4))]
        people = people[::-1] if frame % 2 else people
        frames.append((f"{frame}_keypoints.json", openpose(*([] if frame in gone else people))))
    return parse(frames, reading(image_size=(200, 400), fps=25.0))


@pytest.mark.parametrize("joints", [25, 18], ids=str)
def test_rows_become_people(joints):
    before = two_people(joints)
    assert np.ptp(before.keypoint[0, :, 0, 0]) > 200
    found = followed(before)
    assert found.track_id.tolist() == [1, 2]
    assert found.keypoint[0, :, 0, 0].tolist() == [20 + 2 * frame for frame in range(FRAMES)]
    assert found.keypoint[1, :, 0, 0].tolist() == [250] * FRAMES
    assert (found.layout, found.fps, found.name) == (before.layout, 25.0, before.name)
    assert not found.interpolated.any()


def test_a_gap_is_filled_and_marked():
    found = followed(two_people(gone=(5,)))
    assert np.flatnonzero(found.interpolated[0]).tolist() == [5]
    assert found.keypoint[0, 5, 0, 0] == pytest.approx(30)
    assert found.keypoint_score[0, 5, 0] == pytest.approx(0.45)


def test_those_who_were_not_chosen_are_followed_too():
    found = followed(foremost(two_people(), 1))
    assert len(found) == 2
    assert found.others is None


def test_nobody():
    found = followed(two_people(gone=range(FRAMES)))
    assert found.keypoint.shape == (0, FRAMES, 25, 2)


def test_time_must_ascend():
    with pytest.raises(InvalidPoses, match="ascend"):
        followed(replace(two_people(), pts=np.zeros(FRAMES)))
