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


def parts(
    dataset: PoseDataset, train: Sequence[str], validation: Sequence[str], share: float, seed: int = 0
) -> tuple[PoseDataset, list[str], list[str]]:
    """The splits to train on and to validate on, for `train`, and the data set that has them.

    Args:
        train: as asked for; none: the split "train" if there is one, else all clips but those of `validation` and of
            the split "test".
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
    others = [*validation, TEST] if TEST in splits else validation
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
        groups[sequence.provenance.source or sequence.name].append(sequence)
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
