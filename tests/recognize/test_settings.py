import numpy as np
import pytest

from poseact.detect import ACCURATE, FAST
from poseact.errors import UsageError
from poseact.extract import EVERY_FRAME
from poseact.extract.open import ExtractorSettings
from poseact.recognize.settings import LARGEST_STEP, Settings
from poseact.types import VideoInfo
from poseact.video import Limits

EMBEDDED = (16, 4 / 3)
PUBLISHED = (48, None)


def video(seconds):
    return VideoInfo("video.mp4", 320, 240, 30.0, round(30 * seconds), seconds, "h264", 0)


LONG = video(60.0)


def test_an_unknown_speed_is_refused():
    with pytest.raises(UsageError, match="choose fast, balanced, accurate"):
        Settings(speed="warp")


@pytest.mark.parametrize(("speed", "breaks"), [("fast", True), ("balanced", True), ("accurate", False)])
def test_long_videos_are_sampled_unless_every_frame_is_looked_at(speed, breaks):
    looked_at = Settings(speed=speed).plan(*EMBEDDED).indices(LONG)
    assert (np.diff(looked_at).max() > LONG.fps) is np.bool_(breaks)


@pytest.mark.parametrize("speed", ["fast", "balanced", "accurate"])
def test_without_breaks_no_two_frames_lie_far_apart(speed):
    looked_at = Settings(speed=speed, without_breaks=True).plan(*EMBEDDED).indices(LONG)
    assert np.diff(looked_at).max() <= LONG.fps / 10


def test_the_default_takes_two_clips_of_every_model():
    assert Settings().effort.clips == 2


def test_every_frame_wins():
    assert Settings(every_frame=True, without_breaks=True).plan(*EMBEDDED) == EVERY_FRAME


@pytest.mark.parametrize(
    ("clip", "seconds", "frames", "first", "last"),
    [
        (EMBEDDED, 2.0, 32, 0, 59),
        (EMBEDDED, 4.0, 32, 11, 108),
        (EMBEDDED, 1.0, 30, 0, 29),
        (PUBLISHED, 2.0, 48, 0, 59),
        (PUBLISHED, 10.0, 48, 3, 296),
        (PUBLISHED, 14.9, 48, 4, 442),
        (PUBLISHED, 60.0, 288, 3, 1796),
        ((32, None), 5.0, 40, 1, 148),
        ((16, 8.0), 8.0, 32, 3, 236),
    ],
    ids=[
        "a few seconds",
        "two windows",
        "shorter",
        "published",
        "a data set's longest",
        "whole",
        "windows",
        "pictures and poses",
        "own, long",
    ],
)
def test_a_model_sees_as_many_frames_as_its_clips_have(clip, seconds, frames, first, last):
    indices = Settings().plan(*clip).indices(video(seconds))
    assert (len(indices), indices[0], indices[-1]) == (frames, first, last)


@pytest.mark.parametrize("speed", ["fast", "balanced"])
@pytest.mark.parametrize("clip", [PUBLISHED, (16, 8.0), (12, None)])
def test_a_person_can_be_followed_through_a_long_window(speed, clip):
    looked_at = Settings(speed=speed).plan(*clip).indices(LONG)
    assert np.diff(looked_at).max() <= LARGEST_STEP * LONG.fps + 1


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(speed="fast"), ExtractorSettings(pose="lightning", views=FAST)),
        (Settings(), ExtractorSettings()),
        (Settings(speed="accurate"), ExtractorSettings(flip=True, views=ACCURATE, prefer_yolo=True)),
        (Settings(speed="fast", pose="hrnet-w32"), ExtractorSettings(pose="hrnet-w32", views=FAST)),
        (
            Settings(detector="y.pt", detector_classes=("Fall",), decoder="opencv", limits=Limits(1), image_fps=5),
            ExtractorSettings(detector="y.pt", detector_classes=("Fall",), decoder="opencv", limits=Limits(1),
                              image_fps=5),
        ),
    ],
    ids=["fast", "a newcomer's", "accurate", "another estimator", "all others"],
)  # fmt: skip
def test_a_speed_says_how_poses_are_extracted(settings, expected):
    assert settings.extractor == expected
