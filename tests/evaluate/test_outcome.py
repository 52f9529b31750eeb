"""Accuracy, confusion and intervals on examples that were computed by hand."""

import numpy as np
import pytest

from poseact.errors import InvalidPoses
from poseact.evaluate import Scores, outcome
from poseact.evaluate.outcome import wilson

LABELS = tuple("abcdefg")


def scores(best, label, classes=7, second=None):
    """Scores whose first and second choices are known."""
    probability = np.full((len(best), classes), 0.1 / (classes - 2), np.float32)
    for row, first in enumerate(best):
        probability[row, first] = 0.6
        probability[row, (first + 1) % classes if second is None else second[row]] = 0.3
    return Scores("model", probability, np.array(label))


def test_a_hand_computed_example():
    # class a: 2 of 3 right, once taken for c; b: 0 of 1, taken for g; g: 1 of 1
    found = outcome(scores([0, 0, 2, 6, 6], [0, 0, 0, 1, 6]), LABELS)
    assert found.clips == 5
    assert found.top1 == pytest.approx(3 / 5)
    # the clip of b: g (0.6), a (0.3), and then b, the first of the equal rest; the third of a: c, d, then a
    assert found.top5 == pytest.approx(1.0)
    assert found.mean_class == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert [(one.label, one.right, one.clips, one.taken_for) for one in found.classes] == [
        ("b", 0, 1, ("g", 1)), ("a", 2, 3, ("c", 1)), ("g", 1, 1, None),
    ]  # fmt: skip
    assert found.confusion[0].tolist() == [2, 0, 1, 0, 0, 0, 0]
    assert found.calibration_error == pytest.approx(0.0, abs=1e-6)  # sure of 0.6, right in 3 of 5


def test_top5_is_no_top6():
    # 7 classes; the true one is last among equals
    assert outcome(scores([0], [6]), LABELS).top5 == 0.0
    assert outcome(scores([0], [6], second=[6]), LABELS).top5 == 1.0


def test_clips_with_nobody_are_counted_but_not_confused():
    found = outcome(scores([0, 1], [0, 1]), LABELS, nobody=[1, 1, 2])
    assert (found.clips, found.nobody) == (5, 3)
    assert found.top1 == pytest.approx(2 / 5)
    assert found.mean_class == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert found.confusion.sum() == 2
    worst = found.classes[0]
    assert (worst.label, worst.clips, worst.taken_for) == ("c", 1, None)


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(0, 1, 0.0, 0.7935), (1, 1, 0.2065, 1.0), (28, 42, 0.5156, 0.7899), (500, 1000, 0.4691, 0.5309)],
    ids=["none of one", "one of one", "some", "many"],
)
def test_wilson(right, count, low, high):
    assert wilson(right, count) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("given", "labels", "words"),
    [
        (scores([0], [-1]), LABELS, "the true class of 1 clips is not known"),
        (scores([0], [0]), LABELS[:3], "has 7 classes, but there are 3 names"),
    ],
    ids=["no truth", "other labels"],
)
def test_what_cannot_be_measured_is_one_line(given, labels, words):
    with pytest.raises(InvalidPoses) as error:
        outcome(given, labels)
    assert words in str(error.value)
