"""Which clips are trained on and which are looked at, also for data sets that come without splits. Trains nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from poseact.errors import InvalidPoses
from poseact.poses import PoseDataset
from poseact.types import PoseSequence

TRAIN, VALIDATION, TEST = "train", "val", "test"


def training_splits(
    dataset: PoseDataset, train: Sequence[str], validation: Sequence[str], share: float, seed: int = 0
) -> tuple[PoseDataset, list[str], list[str]]:
    """The splits to train on and to validate on, for `train`, and the data set that has them.

    Args:
        train: as asked for; none: the split "train" if there is one, else all clips but those of `validation` and of
            the splits "val" and "test".
        validation: as asked for; none: the split "val", if there is one that is not trained on, else `share` of the
            training clips are held out.
    Raises: InvalidPoses for a data set without clips.
    """
    if not dataset.annotations:
        raise InvalidPoses("there are no clips in the poses; see `poseact extract-poses --help` for how to make some")
    splits = dict(dataset.splits)
    chosen = list(train) or ([TRAIN] if TRAIN in splits else [])
    if not validation and VALIDATION in splits and VALIDATION not in chosen:
        validation = [VALIDATION]
    others = [*validation, *(split for split in (VALIDATION, TEST) if split in splits)]
    if not chosen and others:
        out = {name for split in others for name in splits.get(split, ())}
        chosen = [f"all but {', '.join(dict.fromkeys(others))}"]
        splits[chosen[0]] = [one.name for one in dataset.annotations if one.name not in out]
    if validation:
        return replace(dataset, splits=splits), chosen, list(validation)
    if not share or any(split not in splits for split in chosen):
        return replace(dataset, splits=splits), chosen, []
    names = {name for split in chosen for name in splits[split]}
    sequences = [one for one in dataset.annotations if not chosen or one.name in names]
    splits["kept"], splits["held out"] = hold_out(sequences, share, seed)
    return replace(dataset, splits=splits), ["kept"], ["held out"] if splits["held out"] else []


def hold_out(sequences: Sequence[PoseSequence], share: float, seed: int = 0) -> tuple[list[str], list[str]]:
    """Names of the training and of the validation clips.

    Clips of one source video stay together. Of each class about `share` of the clips are held out, but never its last
    training clip, and the same for the same arguments.

    Args:
        share: in [0, 1).
    """
    groups: dict[str, list[PoseSequence]] = defaultdict(list)
    for sequence in sequences:
        groups[_source(sequence)].append(sequence)
    total = Counter(sequence.label for sequence in sequences)
    held: Counter[int] = Counter()
    order = np.random.default_rng(seed).permutation(sorted(groups))
    validation: set[str] = set()
    for name in order:
        group = Counter(sequence.label for sequence in groups[name])
        if all(held[label] + count <= share * total[label] + 0.5 and held[label] + count < total[label]
               for label, count in group.items()):  # fmt: skip
            held += group
            validation |= {sequence.name for sequence in groups[name]}
    names = [sequence.name for sequence in sequences]
    return [name for name in names if name not in validation], [name for name in names if name in validation]


def folds(sequences: Sequence[PoseSequence], names: Sequence[str], most: int) -> list[int]:
    """The parts of a cross-validation, by number, of the clips called `names`; none where there cannot be two.

    Clips of one source video stay together, and every class has clips in two parts at least.

    Args:
        most: parts there may be.
    """
    known = {sequence.name: sequence for sequence in sequences}
    groups: dict[str, Counter[int]] = defaultdict(Counter)
    for name in names:
        groups[_source(known[name])][known[name].label] += 1
    of_label = Counter(label for group in groups.values() for label in group)
    count = min(most, *of_label.values()) if of_label else 0
    if count < 2:
        return []
    held = [Counter[int]() for _ in range(count)]
    part: dict[str, int] = {}
    for source in sorted(groups, key=lambda one: (-groups[one].total(), one)):
        emptiest = [(sum(one[label] for label in groups[source]), one.total()) for one in held]
        part[source] = emptiest.index(min(emptiest))
        held[part[source]] += groups[source]
    return [part[_source(known[name])] for name in names]


def _source(sequence: PoseSequence) -> str:
    """What a clip is cut from; itself where nobody knows."""
    return sequence.provenance.source or sequence.name
