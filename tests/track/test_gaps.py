"""Interpolation between sightings and its mask."""

from __future__ import annotations

import numpy as np
import pytest

from poseact.track import fill_gaps
from poseact.types import Track


def seen_at(frames: list[int], length: int, unseen_joint_at: int | None = None) -> Track:
    """A person at x = 10 * frame with score 0.8, seen in `frames` only."""
    boxes, box_score = np.zeros((length, 4), np.float32), np.zeros(length, np.float32)
    xy, score = np.zeros((length, 3, 2), np.float32), np.zeros((length, 3), np.float32)
    for frame in frames:
        boxes[frame] = (10 * frame, 5, 10 * frame + 20, 45)
        xy[frame], box_score[frame], score[frame] = (10 * frame + 10, 25), 0.8, 0.8
    if unseen_joint_at is not None:
        xy[unseen_joint_at, 2], score[unseen_joint_at, 2] = 0, 0
    return Track(7, boxes, box_score, xy, score, np.zeros(length, bool))


@pytest.mark.parametrize(
    ("frames", "filled"),
    [
        ([], []),
        ([2], []),
        ([0, 1, 2, 3, 4, 5], []),
        ([2, 3], []),
        ([1, 4], [2, 3]),
        ([0, 2, 3, 5], [1, 4]),
    ],
    ids=["never-seen", "once", "always", "edges-stay-empty", "one-gap", "two-gaps"],
)
def test_the_mask_is_true_exactly_where_a_frame_was_filled(frames, filled):
    track = fill_gaps(seen_at(frames, 6), np.arange(6) / 30)
    assert np.flatnonzero(track.interpolated).tolist() == filled
    assert np.flatnonzero(track.present).tolist() == sorted(frames + filled)
    np.testing.assert_allclose(track.boxes[filled, 0], 10.0 * np.array(filled), rtol=1e-5)
    np.testing.assert_allclose(track.xy[filled, 0, 0], 10.0 * np.array(filled) + 10, rtol=1e-5)
    np.testing.assert_allclose(track.score[filled], 0.4)
    np.testing.assert_allclose(track.box_score[filled], 0.4)
    np.testing.assert_allclose(track.box_score[frames], 0.8)


def test_filling_is_linear_in_time_not_in_frames():
    track = fill_gaps(seen_at([0, 2], 3), np.array([0.0, 0.9, 1.0]))
    np.testing.assert_allclose(track.boxes[1, 0], 18, rtol=1e-5)


def test_a_joint_that_one_end_does_not_show_stays_unseen():
    track = fill_gaps(seen_at([0, 2], 3, unseen_joint_at=2), np.arange(3.0))
    assert track.score[1].tolist() == pytest.approx([0.4, 0.4, 0])
    assert track.xy[1, 2].tolist() == [0, 0]


def test_long_gaps_stay_empty():
    track = fill_gaps(seen_at([0, 2, 6], 7), np.arange(7.0), max_gap=2.5)
    assert np.flatnonzero(track.interpolated).tolist() == [1]


def test_the_given_track_is_not_changed():
    given = seen_at([0, 3], 4)
    fill_gaps(given, np.arange(4.0))
    assert given.present.tolist() == [True, False, False, True]
