import pytest

from poseact.recognize.result import LEAST_FRAMES, named
from poseact.recognize.thresholds import Thresholds
from poseact.types import Prediction

GUESSES = (Prediction("jump", 0.6), Prediction("run", 0.4))


@pytest.mark.parametrize(
    ("predictions", "threshold", "frames", "expected"),
    [
        ((), 0.5, LEAST_FRAMES, "no person"),
        (GUESSES, 0.6, LEAST_FRAMES, "jump"),
        (GUESSES, 0.61, LEAST_FRAMES, "unknown"),
        (GUESSES, 0.0, LEAST_FRAMES - 1, "unknown"),
        (GUESSES, 0.0, 1, "unknown"),
    ],
    ids=["nobody", "at the threshold", "below it", "too few frames", "one frame"],
)
def test_named(predictions, threshold, frames, expected):
    assert named(predictions, frames, None, Thresholds(threshold)) == expected
