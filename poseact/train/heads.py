"""The answers of a network with one head or two: their loss, and how often they are right. Knows no data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from poseact.models import two_losses
from poseact.train.calibration import answers
from poseact.train.metrics import Metrics, measure

Answers = tuple[Tensor, ...]
"""(B, C) logits of each head. Of one head also (S * B, C): in training, what each of S streams answers by itself."""


def head_shares(heads: int) -> tuple[float, ...]:
    """Of each head in the answer, as recognition fuses them unless it is told otherwise."""
    return (1 / heads,) * heads


def loss_of(logits: Answers, target: Tensor, weights: Sequence[float], smoothing: float) -> Tensor:
    """The cross-entropy of one head, or the weighted sum of that of two, against (B, C) soft targets."""
    if len(logits) == 1:
        streams = len(logits[0]) // len(target)
        return F.cross_entropy(logits[0], target.repeat(streams, 1), label_smoothing=smoothing)
    rgb, pose = two_losses((logits[0], logits[1]), target, smoothing)
    return weights[0] * rgb + weights[1] * pose


def shares_right(logits: Answers, target: Tensor) -> list[Tensor]:
    """The share of right answers of all heads together, then of each where there are two."""
    wanted = target.argmax(1)
    by_themselves = torch.cat(logits).unflatten(0, (-1, len(target)))  # heads, or streams of one head
    together = by_themselves.softmax(2).mean(0)
    answered = [together, *logits] if len(logits) > 1 else [together]
    return [(one.argmax(1) == wanted).float().mean() for one in answered]


def measured(logits: Sequence[Tensor], label: Tensor) -> list[Metrics]:
    """Metrics of the answers of all heads together, then of each where there are two.

    Args:
        logits: N times (heads, views, C); views may differ in number. label: (N,).
    """
    heads = len(logits[0])
    weights = [head_shares(heads)]
    if heads > 1:
        weights += [tuple(float(head == one) for head in range(heads)) for one in range(heads)]
    return [measure(answers(logits, 1.0, one).numpy(), label.numpy()) for one in weights]
