"""How good predictions are: top-k, mean-class accuracy, confusion matrix, reliability. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poseact.types import Array

BINS = 10


@dataclass(frozen=True)
class Metrics:
    """Of N predictions over C classes.

    Attributes:
        top1, top5, mean_class: shares in [0, 1]; `mean_class` averages the recall of the classes that occur.
        loss: mean negative log likelihood.
        confusion: (C, C) int64, true class by row, predicted class by column.
    """

    top1: float
    top5: float
    mean_class: float
    loss: float
    confusion: Array


def measure(probability: Array, label: Array) -> Metrics:
    """Metrics of probabilities (N, C) against labels (N,); N at least 1."""
    count, classes = probability.shape
    order = np.argsort(-probability, axis=1, kind="stable")
    hits = order == label[:, None]
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (label, order[:, 0]), 1)
    total = confusion.sum(1)
    recall = confusion.diagonal()[total > 0] / total[total > 0]
    likelihood = np.clip(probability[np.arange(count), label], 1e-12, 1)
    return Metrics(
        top1=float(hits[:, 0].mean()),
        top5=float(hits[:, :5].any(1).mean()),
        mean_class=float(recall.mean()),
        loss=float(-np.log(likelihood).mean()),
        confusion=confusion,
    )


@dataclass(frozen=True)
class Reliability:
    """How often answers are right, by how sure they are: B equal bins of confidence from 0 to 1.

    Attributes:
        confidence, accuracy: (B,) means in [0, 1]; 0 in an empty bin.
        count: (B,) answers.
    """

    confidence: Array
    accuracy: Array
    count: Array

    @property
    def error(self) -> float:
        """Expected calibration error: the mean gap between both, weighted by the answers of the bins."""
        gap = np.abs(self.confidence - self.accuracy)
        return float((gap * self.count).sum() / max(self.count.sum(), 1))


def reliability(probability: Array, label: Array) -> Reliability:
    """Of (N, C) probabilities against labels (N,)."""
    confidence, correct = probability.max(1), probability.argmax(1) == label
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    count = np.bincount(which, minlength=BINS)
    total = np.maximum(count, 1)
    return Reliability(np.bincount(which, confidence, BINS) / total, np.bincount(which, correct, BINS) / total, count)
