from dataclasses import replace

import pytest
from recognitions import recognition

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


def test_a_class_that_is_called_unknown_says_so():
    sure = replace(recognition(), thresholds=Thresholds(0.0))
    person = replace(sure.persons[0], predictions=(Prediction("unknown", 0.9), Prediction("run", 0.1)))
    assert sure.doubt(person) == "the model knows a class of this name, and finds it with 90.0%"
