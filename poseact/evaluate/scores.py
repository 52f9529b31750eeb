"""Class probabilities of many clips, and their fusion. Reads no files, runs no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poseact.errors import InvalidPoses
from poseact.recognize.shares import shares
from poseact.recognize.thresholds import Thresholds
from poseact.types import Array

UNLABELLED = -1


@dataclass(frozen=True)
class Scores:
    """What one model, or a fusion of several, says of N clips of C classes.

    Attributes:
        source: how messages call it: a model or a file.
        probability: (N, C) float32, rows that add up to 1.
        label: (N,) int64 true classes; -1 where nobody knows.
        names: of the clips; empty where the file does not tell.
        energy, strangeness: (N,) float64, see `poseact.recognize`; None where nobody measured it.
        untempered: (N, C) float, what `probability` would be at temperature 1; None where nobody measured it.
    """

    source: str
    probability: Array
    label: Array
    names: tuple[str, ...] = ()
    energy: Array | None = None
    untempered: Array | None = None
    strangeness: Array | None = None

    def named(self, thresholds: Thresholds) -> Array:
        """(N,) bool: the clips that get an answer."""
        return thresholds.named(self.probability.max(1), self.strangeness)

    def __len__(self) -> int:
        return len(self.probability)

    @property
    def classes(self) -> int:
        return int(self.probability.shape[1])


def fuse(parts: Sequence[Scores], weights: Sequence[float] | None = None) -> Scores:
    """The weighted mean of what several say of the same clips, late fusion as published (1:1 by default).

    Clips are matched by name where both sides name them, else by their order.

    Args:
        parts: at least one; the clips and their order are those of the first.
        weights: one per part, None for equal ones.
    Raises: UsageError for weights that cannot work; InvalidPoses for parts that are not about the same clips.
    """
    given = shares(weights, len(parts), "--weights", "models and files of scores")
    first = parts[0]
    matched = [first, *(in_order_of(first, other) for other in parts[1:])]
    label = first.label
    for part in matched[1:]:
        label = np.where(label == UNLABELLED, part.label, label)
    source = " + ".join(part.source for part in parts)
    mean = _mean(given, [one.probability for one in matched])
    return Scores(
        source, mean.astype(np.float32), label, next((one.names for one in matched if one.names), ()),
        _mean_of_all(given, [one.energy for one in matched]), _mean_of_all(given, [one.untempered for one in matched]),
        _mean_of_all(given, [one.strangeness for one in matched]),
    )  # fmt: skip


def _mean(given: Sequence[float], values: Sequence[Array]) -> Array:
    mean: Array = np.sum([share * one.astype(np.float64) for share, one in zip(given, values, strict=True)], 0)
    return mean


def _mean_of_all(given: Sequence[float], values: Sequence[Array | None]) -> Array | None:
    """None where one of them was not measured."""
    known = [one for one in values if one is not None]
    return _mean(given, known) if len(known) == len(values) else None


def in_order_of(first: Scores, other: Scores) -> Scores:
    """`other` with its clips as those of `first`. Raises: InvalidPoses where they are not the same."""
    both = f"{other.source} cannot be fused with {first.source}"
    if other.classes != first.classes:
        raise InvalidPoses(f"{both}: it has {other.classes} classes, not {first.classes}; take scores of one data set")
    if first.names and other.names:
        other = _by_name(first, other, both)
    elif len(other) != len(first):
        raise InvalidPoses(f"{both}: it has {len(other)} clips, not {len(first)}; take scores of the same --split")
    known = (first.label != UNLABELLED) & (other.label != UNLABELLED)
    wrong = np.flatnonzero(known & (first.label != other.label))
    if len(wrong):
        clip = wrong[0]
        raise InvalidPoses(
            f"{both}: clip {clip + 1} is of class {other.label[clip]} in one and {first.label[clip]} in the other; "
            f"take scores of the same clips in the same order"
        )
    return other


def _by_name(first: Scores, other: Scores, both: str) -> Scores:
    if other.names == first.names:
        return other
    place = {name: row for row, name in enumerate(other.names)}
    if len(place) < len(other) or len(set(first.names)) < len(first):
        if len(other) == len(first):
            return other  # the labels are still compared
        raise InvalidPoses(f"{both}: clips of the same name cannot be told apart; take scores of the same --split")
    missing = [name for name in first.names if name not in place]
    if missing:
        raise InvalidPoses(f"{both}: it has no scores for {len(missing)} clips, such as {missing[0]!r}")
    rows = [place[name] for name in first.names]
    measured = (None if one is None else one[rows] for one in (other.energy, other.untempered, other.strangeness))
    return Scores(other.source, other.probability[rows], other.label[rows], first.names, *measured)
