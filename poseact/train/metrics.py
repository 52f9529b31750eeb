"""How good predictions are: top-k, mean-class accuracy, confusion matrix, calibration. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from poseact.types import Array


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


def fit_temperature(logits: Tensor, label: Tensor) -> float:
    """The number by which logits (N, C) are divided to minimise the negative log likelihood of labels (N,).

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017. A grid is enough for one parameter.
    """
    grid = torch.logspace(-1, 1, 201, dtype=torch.float64)
    losses = torch.stack([F.cross_entropy(logits.double() / temperature, label) for temperature in grid])
    return float(grid[losses.argmin()])


def expected_calibration_error(probability: Array, label: Array, bins: int = 10) -> float:
    """Mean gap between confidence and accuracy of (N, C) probabilities over equal bins of confidence, weighted."""
    confidence, correct = probability.max(1), probability.argmax(1) == label
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[which == b].mean() - correct[which == b].mean()) * (which == b).mean()
        for b in range(bins)
        if (which == b).any()
    ]
    return float(sum(gaps))
