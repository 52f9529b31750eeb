"""Honest probabilities and the thresholds of "unknown", from clips that were not trained on. Runs no network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from poseact.recognize.strangeness import centred, strangeness
from poseact.recognize.thresholds import Thresholds
from poseact.train.metrics import Reliability, measure, reliability
from poseact.types import Array

KEPT = 0.95
ENOUGH = 20  # of fewer clips, nobody can say what 95 % of them reach
TYPICAL_CLASSES = 250  # of more, those of two streams would not fit into a card
_DIGITS = 4
_COARSE, _FINE = 41, 21
_PRIOR = 0.25  # decades that a temperature is expected to be away from 1; some twenty clips outweigh it
_SUREST = 1 - 10**-_DIGITS


@dataclass(frozen=True)
class Calibration:
    """What N clips say of a network.

    Attributes:
        temperature: by which its logits are divided.
        unknown_below: the probability that 95 % of the right answers reach; 0 where fewer than `ENOUGH` are right.
        unknown_above: the strangeness that 95 % of the clips do not exceed; None for fewer than `ENOUGH` clips.
        before, after: calibration without the temperature and with it.
        top1, mean_class: in [0, 1], with it.
        kept: share of the clips that both thresholds leave an answer.
    """

    temperature: float
    unknown_below: float
    unknown_above: float | None
    before: Reliability
    after: Reliability
    top1: float
    mean_class: float
    kept: float

    @property
    def card(self) -> dict[str, float | None]:
        """The fields of a model card that it decides."""
        return {
            "temperature": self.temperature, "unknown_below": self.unknown_below, "unknown_above": self.unknown_above,
        }  # fmt: skip

    @property
    def figures(self) -> dict[str, float]:
        """What a card tells people about it."""
        return {
            "validation_top1": round(self.top1, _DIGITS),
            "validation_mean_class": round(self.mean_class, _DIGITS),
            "calibration_error_before": round(self.before.error, _DIGITS),
            "calibration_error_after": round(self.after.error, _DIGITS),
            "validation_kept": round(self.kept, _DIGITS),
        }


def calibrate(
    logits: Sequence[Tensor], label: Tensor, shares: Sequence[float] = (1.0,), typical: Tensor | None = None
) -> Calibration:
    """Fit the temperature, then the thresholds, to the answers of a network.

    Args:
        logits: N times (streams, views, classes); views may differ in number.
        label: (N,).
        shares: of the streams in the answer; they add up to 1.
        typical: see `strangeness`.
    """
    temperature = round(fit_temperature(logits, label, shares), _DIGITS)
    truth: Array = label.numpy()
    before, after = (answers(logits, one, shares).numpy() for one in (1.0, temperature))
    right = after.max(1)[after.argmax(1) == truth]
    strange = np.array([strangeness_of(one, temperature, shares, typical) for one in logits])
    # Rounded outwards, so that the clip on the threshold itself is kept.
    below, above = 0.0, None
    if len(right) >= ENOUGH:
        below = min(math.floor(_quantile(right, 1 - KEPT, "lower") * 10**_DIGITS) / 10**_DIGITS, _SUREST)
    if len(strange) >= ENOUGH:
        above = math.ceil(_quantile(strange, KEPT, "higher") * 10**_DIGITS) / 10**_DIGITS
    metrics = measure(after, truth)
    kept = float(Thresholds(below, above).named(after.max(1), strange).mean())
    return Calibration(
        temperature, below, above, reliability(before, truth), reliability(after, truth), metrics.top1,
        metrics.mean_class, kept,
    )  # fmt: skip


def _quantile(values: Array, share: float, method: str) -> float:
    return float(np.quantile(values, share, method=method))  # type: ignore[call-overload]


def answers(logits: Sequence[Tensor], temperature: float, shares: Sequence[float] = (1.0,)) -> Tensor:
    """(N, classes) float32: the mean of each clip's softmax over its views, and over its streams by their shares."""
    return _answers(_alike(logits), temperature, shares)


def strangeness_of(
    logits: Tensor, temperature: float, shares: Sequence[float] = (1.0,), typical: Tensor | None = None
) -> float:
    """The strangeness of one clip's (streams, views, classes), as recognition has it."""
    return float(torch.tensor(shares, dtype=torch.float64) @ strangeness(logits, temperature, typical).mean(1))


def as_rows(typical: Tensor | None) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Typical logits as a card has them; nothing for None."""
    if typical is None:
        return ()
    return tuple(tuple(tuple(map(float, row)) for row in rows) for rows in typical.tolist())


def typical_logits(logits: Sequence[Tensor], label: Tensor) -> Tensor:
    """(streams, rows, classes) float64: the mean over the clips of each class that has some, centred, as cards have it.

    Args: as for `calibrate`, but of clips that were trained on.
    """
    means = torch.stack([centred(one).mean(1) for one in logits], 1)  # (streams, N, classes)
    of_classes = [means[:, label == number].mean(1) for number in label.unique()]
    return torch.stack(of_classes, 1).round(decimals=_DIGITS)


def fit_temperature(logits: Sequence[Tensor], label: Tensor, shares: Sequence[float] = (1.0,)) -> float:
    """The temperature that makes the labels likeliest under `answers`, in [0.1, 10].

    The mean over the views is less sure than each view, so it is the answers that are fitted. Source: Guo et al., "On
    Calibration of Modern Neural Networks", 2017. A handful of clips that are all named right would be likeliest at the
    lowest temperature of all, so it is taken to lie near 1 unless the clips say otherwise. Two grids are enough for one
    parameter.
    """
    groups, rows = _alike(logits), torch.arange(len(label))

    def loss(exponent: float) -> float:
        likelihood = _answers(groups, 10**exponent, shares)[rows, label].double()
        return float(-likelihood.clamp(min=1e-30).log().sum()) + (exponent / _PRIOR) ** 2 / 2

    coarse = min(np.linspace(-1, 1, _COARSE), key=loss)
    step = 2 / (_COARSE - 1)
    return float(10 ** min(np.linspace(max(-1.0, coarse - step), min(1.0, coarse + step), _FINE), key=loss))


def _alike(logits: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """The clips that have as many views each in one piece: their rows (n,), and (n, streams, views, classes)."""
    views = [one.shape[1] for one in logits]
    groups = [[row for row, count in enumerate(views) if count == wanted] for wanted in sorted(set(views))]
    return [(torch.tensor(rows), torch.stack([logits[row] for row in rows]).float()) for rows in groups]


def _answers(groups: Sequence[tuple[Tensor, Tensor]], temperature: float, shares: Sequence[float]) -> Tensor:
    found = torch.empty(sum(len(rows) for rows, _ in groups), groups[0][1].shape[-1])
    for rows, logits in groups:
        of_streams = (logits / temperature).softmax(3).mean(2)  # (n, streams, classes)
        found[rows] = torch.einsum("s,nsc->nc", torch.tensor(shares, dtype=torch.float32), of_streams)
    return found
