"""Clips of classes that a model does not know: how well its doubts tell them from those it knows. Runs no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata

from poseact.errors import InvalidPoses, UsageError
from poseact.evaluate.scores import Scores
from poseact.poses import PoseDataset
from poseact.recognize import Thresholds
from poseact.types import Array, PoseSequence

KEPT = 0.95


@dataclass(frozen=True)
class Separation:
    """How well one number tells known clips from unknown ones, in [0, 1].

    Attributes:
        auroc: the chance that a known clip has more of it than an unknown one; 0.5 says nothing.
        fpr95: share of the unknown clips that are taken for known where 95 % of the known ones are.
    """

    auroc: float
    fpr95: float


@dataclass(frozen=True)
class OpenSet:
    """What was found on clips of known and of unknown classes.

    Attributes:
        known, unknown: clips.
        probability, energy, strangeness: by the largest probability, and by the other two, of which the known have
            less; None where they were not measured.
        named_known, named_unknown: shares that get an answer by the thresholds of the model.
    """

    known: int
    unknown: int
    probability: Separation
    energy: Separation | None
    strangeness: Separation | None
    named_known: float
    named_unknown: float


def open_set(known: Scores, unknown: Scores, thresholds: Thresholds) -> OpenSet:
    """Compare the scores of known and of unknown clips; at least one of each."""
    return OpenSet(
        len(known), len(unknown), separation(known.probability.max(1), unknown.probability.max(1)),
        _by_less(known.energy, unknown.energy), _by_less(known.strangeness, unknown.strangeness),
        float(known.named(thresholds).mean()), float(unknown.named(thresholds).mean()),
    )  # fmt: skip


def _by_less(known: Array | None, unknown: Array | None) -> Separation | None:
    return None if known is None or unknown is None else separation(-known, -unknown)


def separation(known: Array, unknown: Array) -> Separation:
    """Of numbers (N,) and (M,) that should be larger for the known; equal ones count half."""
    ranks = rankdata(np.concatenate([known, unknown]))
    wins = ranks[: len(known)].sum() - len(known) * (len(known) + 1) / 2
    threshold = np.sort(known)[::-1][int(np.ceil(KEPT * len(known))) - 1]
    return Separation(float(wins / (len(known) * len(unknown))), float((unknown >= threshold).mean()))


def parted(
    dataset: PoseDataset, clips: Sequence[PoseSequence], unknown: Sequence[str], labels: Sequence[str]
) -> tuple[list[PoseSequence], list[PoseSequence]]:
    """Clips of known classes and those of the classes named `unknown`, without their labels.

    Args:
        labels: of the model, which must not know them.
    Raises: UsageError for a class that is not there or that the model knows; InvalidPoses when a part is empty.
    """
    for name in unknown:
        if name not in dataset.classes:
            known = ", ".join(dataset.classes[:8]) or "none"
            raise UsageError(f"--unknown-classes: the poses have no class {name!r}; some of theirs are {known}")
        if name in labels:
            raise UsageError(
                f"--unknown-classes: the model knows {name!r}; train one without the clips of this class first"
            )
    numbers = {dataset.classes.index(name) for name in unknown}
    strange = [replace(clip, label=-1) for clip in clips if clip.label in numbers]
    rest = [clip for clip in clips if clip.label not in numbers]
    if not strange or not rest:
        raise InvalidPoses(
            f"{len(strange)} clips are of unknown classes and {len(rest)} of others; at least one of each is needed"
        )
    return rest, strange
