"""The stretches that a model is shown later are as long as the clips it was trained on."""

from dataclasses import replace

import numpy as np
import pytest
from swings import swing

from poseact.train.duration import seconds_of, with_measured_seconds
from poseact.zoo import Preprocessing


def clip(frames, fps=10.0):
    one = swing("clip", 0, frames)
    return replace(one, fps=fps, pts=3 + np.arange(frames) / fps)


@pytest.mark.parametrize(("frames", "fps", "seconds"), [(1, 10.0, 0.1), (2, 10.0, 0.2), (50, 25.0, 2.0)])
def test_a_clip_lasts_until_the_end_of_its_last_frame(frames, fps, seconds):
    assert seconds_of(clip(frames, fps)) == pytest.approx(seconds)


def test_frames_before_somebody_is_seen_and_after_do_not_count():
    late = clip(40)
    late.keypoint_score[:, :15] = 0
    late.keypoint_score[:, 35:] = 0
    assert seconds_of(late) == pytest.approx(2.0)
    nobody = clip(9)
    nobody.keypoint_score[:] = 0
    assert seconds_of(nobody) == 0
    assert with_measured_seconds(Preprocessing(), [late, nobody]).seconds == pytest.approx(2.0)


def test_nine_of_ten_clips_are_no_longer_than_the_measured_length():
    clips = [clip(frames) for frames in (*range(10, 21), 500)]
    measured = with_measured_seconds(Preprocessing(), clips).seconds
    assert 1.9 <= measured < 2.1
    assert with_measured_seconds(Preprocessing(seconds=7.0), clips[:1]).seconds == pytest.approx(1.0)
