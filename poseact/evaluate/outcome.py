"""What an evaluation found: accuracy by rank and class, confusion, calibration. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from poseact.errors import InvalidPoses
from poseact.evaluate.scores import UNLABELLED, Scores
from poseact.train.metrics import measure, reliability
from poseact.types import Array


@dataclass(frozen=True)
class ClassOutcome:
    """One class.

    Attributes:
        label: its name. clips: of this class. right: of them recognised.
        taken_for: the class that its clips are most often mistaken for, and how many; None without a mistake.
    """

    label: str
    clips: int
    right: int
    taken_for: tuple[str, int] | None

    @property
    def accuracy(self) -> float:
        """In [0, 1]; 0 without clips."""
        return self.right / self.clips if self.clips else 0.0


@dataclass(frozen=True)
class Outcome:
    """Of N clips, those without a person included: they count as wrong.

    Attributes:
        clips: N. nobody: how many of them show nobody.
        top1, top5, mean_class: in [0, 1]; `mean_class` averages the classes that occur.
        interval: of top1, 95 %, by Wilson's score.
        calibration_error: expected calibration error of the clips with a person.
        classes: those that occur, worst first.
        confusion: (C, C) int64, true class by row, predicted class by column; without the clips that show nobody.
        clips_of: (C,) int64 of each class, with those that show nobody.
    """

    clips: int
    nobody: int
    top1: float
    top5: float
    mean_class: float
    interval: tuple[float, float]
    calibration_error: float
    classes: tuple[ClassOutcome, ...]
    confusion: Array
    clips_of: Array


def outcome(scores: Scores, labels: Sequence[str], nobody: Sequence[int] = ()) -> Outcome:
    """Compare scores with the truth.

    Args:
        labels: names of the C classes. nobody: the labels of further clips, in which nobody is seen.
    Raises: InvalidPoses for a clip without a label, and for labels that are not those of the scores.
    """
    if len(labels) != scores.classes:
        raise InvalidPoses(f"{scores.source} has {scores.classes} classes, but there are {len(labels)} names for them")
    if (scores.label == UNLABELLED).any():
        raise InvalidPoses(
            f"{scores.source}: the true class of {int((scores.label == UNLABELLED).sum())} clips is not known; give "
            "the poses too"
        )
    metrics = measure(scores.probability, scores.label)
    missed = np.bincount(np.asarray(nobody, np.int64), minlength=len(labels))
    total = metrics.confusion.sum(1) + missed
    clips, answered = int(total.sum()), len(scores)
    right = metrics.confusion.diagonal()
    classes = [_class(int(row), labels, metrics.confusion[row], int(total[row])) for row in np.flatnonzero(total)]
    classes.sort(key=lambda one: (one.accuracy, -one.clips))
    return Outcome(
        clips=clips, nobody=clips - answered, top1=metrics.top1 * answered / clips,
        top5=metrics.top5 * answered / clips, mean_class=float((right[total > 0] / total[total > 0]).mean()),
        interval=wilson(int(right.sum()), clips),
        calibration_error=reliability(scores.probability, scores.label).error,
        classes=tuple(classes), confusion=metrics.confusion, clips_of=total,
    )  # fmt: skip


def _class(row: int, labels: Sequence[str], taken: Array, total: int) -> ClassOutcome:
    mistakes = taken.copy()
    mistakes[row] = 0
    most = int(mistakes.argmax())
    taken_for = (labels[most], int(mistakes[most])) if mistakes[most] else None
    return ClassOutcome(labels[row], total, int(taken[row]), taken_for)


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `right` of `count` were seen; count at least 1."""
    interval = binomtest(right, count).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
