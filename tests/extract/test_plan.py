from math import inf

import numpy as np
import pytest

from poseact.extract import EVERY_FRAME, FramePlan
from poseact.extract.planned import planned_frames, shown_between
from poseact.types import VideoInfo
from poseact.video import VideoWriter, open_video


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
    times = np.concatenate([np.arange(600) / 60, 10 + np.arange(201) / 10])  # 10 s at 60 frames/s, 20 s at 10
    info = VideoInfo("clip.mp4", 64, 48, 800 / 30, 800, 30.0, "h264")
    looked_at = FramePlan(frames=16, seconds=1.6).indices(info, times)
    starts = np.flatnonzero(np.diff(times[looked_at], prepend=-9) > 1)
    windows = np.split(times[looked_at], starts[1:])
    assert len(windows) == round(30 / 4)
    assert all(one[-1] - one[0] == pytest.approx(1.5, abs=0.11) for one in windows)
    assert np.diff([one[0] for one in windows]) == pytest.approx([30 / 8] * 7, abs=0.2)


@pytest.mark.parametrize("paused", [150, 299], ids=["in the middle", "at the end"])
def test_a_picture_that_stays_takes_no_frames_from_the_others(paused):
    times = np.arange(301) / 30
    times[paused + 1 :] += 50
    info = VideoInfo("clip.mp4", 64, 48, 5.0, 300, 60.0, "h264")
    looked_at = FramePlan(frames=16, seconds=1.6).indices(info, times)
    assert len(looked_at) == pytest.approx(3 * 16, abs=6)  # the pause still counts half a second
    moving = looked_at[np.abs(looked_at - paused) > 15]
    assert np.diff(moving).min() == pytest.approx(3, abs=1)
    middle = FramePlan.middle(16).indices(info, times)
    assert len(middle) == 16
    assert middle[0] == pytest.approx(9, abs=3)
    assert middle[-1] == pytest.approx(295, abs=6)


@pytest.mark.parametrize("fps", [10, 24000 / 1001, 25, 30, 59.94])
def test_times_of_a_constant_rate_change_nothing(fps):
    info = video(700, fps)
    exact, plan = np.arange(701) / fps, FramePlan(frames=16, seconds=1.6)
    assert plan.indices(info, exact).tolist() == plan.indices(info).tolist()
    assert plan.indices(info, np.round(exact, 3)).tolist() == plan.indices(info).tolist()  # ticks of a millisecond


def test_videos_up_to_a_length_are_looked_at_from_end_to_end():
    plan = FramePlan(frames=48, seconds=10.0, period=10.0, whole=15.0)
    for seconds, first, last in ((12, 3, 356), (14.9, 4, 442), (15.1, 2, 450)):
        indices = plan.indices(video(round(30 * seconds)))
        assert (indices[0], indices[-1]) == (first, last)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, inf, (2.5, 3.5)),
        (0, 4, (1.5, 2.5)),
        (1, 3, (1.5, 2.5)),
        (3, 5, (3.5, 4.5)),
        (5, inf, (5.0, 5.9)),
    ],
    ids=["all", "from the start", "over the change", "after it", "the end"],
)
def test_stretches_of_a_video_whose_rate_changes(start, end, expected, tmp_path):
    times = [*np.arange(120) / 60, *(2 + np.arange(40) / 10)]
    with VideoWriter(tmp_path / "clip.mp4", 30, (64, 48), timed=True) as writer:
        for pts in times:
            writer.write(np.full((48, 64, 3), 90, np.uint8), pts)
    with open_video(tmp_path / "clip.mp4") as reader:
        looked_at = planned_frames(reader, FramePlan.middle(10, seconds=1.0), shown_between(reader, start, end))
        shown = reader.times(looked_at)
    assert len(looked_at) == 10
    assert (shown[0], shown[-1]) == pytest.approx(expected, abs=0.11)
