import numpy as np
import pytest

from poseact.errors import UsageError
from poseact.extract import EVERY_FRAME
from poseact.recognize.settings import Settings, resolve_device
from poseact.types import VideoInfo

LONG = VideoInfo("long.mp4", 320, 240, 30.0, 1800, 60.0, "h264", 0)


def test_an_unknown_speed_is_refused():
    with pytest.raises(UsageError, match="choose fast, balanced, accurate"):
        Settings(speed="warp")


@pytest.mark.parametrize(("speed", "breaks"), [("fast", True), ("balanced", True), ("accurate", False)])
def test_long_videos_are_sampled_unless_every_frame_is_looked_at(speed, breaks):
    looked_at = Settings(speed=speed).plan.indices(LONG)
    assert (np.diff(looked_at).max() > LONG.fps) is np.bool_(breaks)


@pytest.mark.parametrize("speed", ["fast", "balanced", "accurate"])
def test_without_breaks_no_two_frames_lie_far_apart(speed):
    looked_at = Settings(speed=speed, without_breaks=True).plan.indices(LONG)
    assert np.diff(looked_at).max() <= LONG.fps / 10


def test_every_frame_wins():
    assert Settings(every_frame=True, without_breaks=True).plan == EVERY_FRAME


@pytest.mark.parametrize("name", ["", "warp", "cpu:x", "cuda:99", "meta", "hpu"])
def test_a_device_that_cannot_be_used_is_refused(name):
    with pytest.raises(UsageError, match="device"):
        resolve_device(name)


def test_the_processor_is_always_there():
    assert resolve_device("cpu") == "cpu"
