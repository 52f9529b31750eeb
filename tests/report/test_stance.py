"""Where people are between the frames that were looked at."""

from dataclasses import replace

import numpy as np
import pytest
from recognitions import poses

from poseact.report.stance import stance_at


@pytest.mark.parametrize(
    ("pts", "left", "certain"),
    [
        (-0.05, 2.0, False),
        (-0.2, None, None),
        (0.0, 2.0, True),
        (0.2, 3.0, True),
        (0.1, 2.5, True),
        (0.35, 3.75, True),
        (0.65, 5.0, False),
        (0.75, None, None),
    ],
    ids=["held before", "long before", "first", "looked at", "between", "nearer the later", "held after", "long after"],
)
def test_a_box_moves_linearly_in_time(pts, left, certain):
    stance = stance_at(poses(frames=4, step=2), 0, pts)  # looked at 0, 0.2, 0.4 and 0.6 s
    assert (stance is None) == (left is None)
    if stance is not None:
        assert stance.box[0] == pytest.approx(left)
        assert stance.xy[0, 0] - stance.box[0] == pytest.approx(0.5 * (stance.box[2] - stance.box[0]), abs=1e-3)
        assert stance.certain is certain


def test_nothing_is_known_between_far_sightings_or_of_nobody():
    assert stance_at(poses(frames=3, step=6), 0, 0.3) is None
    assert stance_at(poses(frames=0), 0, 0.0) is None


def test_absence_and_filling_in_are_kept():
    seen = poses(frames=4, step=2)
    seen.box_score[0, 2] = 0
    seen.interpolated[0, 1] = True
    assert stance_at(seen, 0, 0.4) is None
    assert stance_at(seen, 0, 0.3) is None
    assert not stance_at(seen, 0, 0.2).certain
    assert not stance_at(seen, 0, 0.1).certain
    assert stance_at(seen, 0, 0.0).certain


def test_a_joint_that_is_missing_once_is_missing_between():
    score = poses(frames=2, step=2).keypoint_score.copy()
    score[0, 1, 9] = 0
    stance = stance_at(replace(poses(frames=2, step=2), keypoint_score=score), 0, 0.1)
    assert np.flatnonzero(stance.score == 0).tolist() == [9]
