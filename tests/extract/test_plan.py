import numpy as np
import pytest

from poseact.extract import EVERY_FRAME, FramePlan
from poseact.types import VideoInfo


def video(frames: int, fps: float = 30.0) -> VideoInfo:
    return VideoInfo("clip.mp4", 64, 48, fps, frames, frames / fps, "h264")


@pytest.mark.parametrize("frames", [1, 2, 40, 1000])
def test_every_frame(frames):
    assert EVERY_FRAME.indices(video(frames)).tolist() == list(range(frames))


@pytest.mark.parametrize(
    ("frames", "fps", "looked_at"),
    [(1, 30, 1), (12, 30, 12), (40, 30, 16), (100, 60, 16), (230, 30, 32), (1800, 30, 15 * 16)],
    ids=["one", "fewer than planned", "jhmdb", "short and fast", "two windows", "a minute"],
)
def test_looks_at_few_frames(frames, fps, looked_at):
    indices = FramePlan(frames=16).indices(video(frames, fps))
    assert len(indices) == looked_at
    assert indices.min() >= 0
    assert indices.max() < frames


def test_short_videos_are_covered_evenly():
    indices = FramePlan(frames=16).indices(video(32))
    assert indices.tolist() == list(range(1, 32, 2))


@pytest.mark.parametrize(("frames", "looked_at"), [(40, 32), (24, 24), (41, 32), (100, 32), (230, 32), (400, 48)])
def test_two_windows_at_least_are_looked_at(frames, looked_at):
    indices = FramePlan(frames=16, stretches=2).indices(video(frames))
    assert len(indices) == looked_at
    assert abs(int(indices[0]) + int(indices[-1]) - (frames - 1)) <= 1
    without_breaks = FramePlan(frames=16, stretches=2, period=4 / 3)
    assert len(without_breaks.indices(video(240))) == 6 * 16


def test_the_middle_of_a_longer_video_is_looked_at():
    assert FramePlan.middle(4, seconds=1.0).indices(video(90)).tolist() == [33, 41, 48, 56]
    assert FramePlan.middle(3).indices(video(90)).tolist() == [15, 45, 75]


def test_long_videos_are_read_in_windows_of_training_length():
    indices = FramePlan(frames=16).indices(video(230))
    pts = indices / 30
    assert pts[15] - pts[0] == pytest.approx(4 / 3 * 15 / 16, abs=0.08)
    assert pts[16] - pts[15] > 2


def test_a_missing_duration_is_derived_from_the_frame_count():
    info = VideoInfo("clip.mp4", 64, 48, 30.0, 230, 0.0, "h264")
    assert len(FramePlan(frames=16).indices(info)) == 32


def test_windows_last_as_long_where_the_rate_changes():
    times = np.concatenate([np.arange(600) / 60, 10 + np.arange(200) / 10])  # 10 s at 60 frames/s, 20 s at 10
    info = VideoInfo("clip.mp4", 64, 48, 800 / 30, 800, 30.0, "h264")
    looked_at = FramePlan(frames=16, seconds=1.6).indices(info, times)
    starts = np.flatnonzero(np.diff(times[looked_at], prepend=-9) > 1)
    windows = np.split(times[looked_at], starts[1:])
    assert len(windows) == round(30 / 4)
    assert all(one[-1] - one[0] == pytest.approx(1.5, abs=0.11) for one in windows)
    assert np.diff([one[0] for one in windows]) == pytest.approx([30 / 8] * 7, abs=0.2)


def test_a_last_picture_that_stays_takes_no_frames_from_the_others():
    times = np.arange(300) / 30  # and the last one for 50 s more
    info = VideoInfo("clip.mp4", 64, 48, 5.0, 300, 60.0, "h264")
    looked_at = FramePlan(frames=16, seconds=1.6).indices(info, times)
    assert FramePlan(frames=16, seconds=1.6).indices(info).tolist() == looked_at.tolist()  # at a constant rate
    shown = np.append(times[:-1], 59.0)
    looked_at = FramePlan(frames=16, seconds=1.6).indices(info, shown)
    within = looked_at[looked_at < 220]  # two windows; the third reaches beyond the movement
    assert len(within) == 2 * 16
    assert np.diff(shown[within]).min() == pytest.approx(0.1, abs=0.04)


@pytest.mark.parametrize("fps", [10, 24000 / 1001, 25, 30, 59.94])
def test_times_of_a_constant_rate_change_nothing(fps):
    info = video(700, fps)
    exact, plan = np.arange(700) / fps, FramePlan(frames=16, seconds=1.6)
    assert plan.indices(info, exact).tolist() == plan.indices(info).tolist()
    assert plan.indices(info, np.round(exact, 3)).tolist() == plan.indices(info).tolist()  # ticks of a millisecond


def test_videos_up_to_a_length_are_looked_at_from_end_to_end():
    plan = FramePlan(frames=48, seconds=10.0, period=10.0, whole=15.0)
    for seconds, first, last in ((12, 3, 356), (14.9, 4, 442), (15.1, 2, 450)):
        indices = plan.indices(video(round(30 * seconds)))
        assert (indices[0], indices[-1]) == (first, last)
