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
