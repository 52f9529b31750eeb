"""A dataset with fewer clips: those of some splits or classes, or in which somebody is seen long enough. No files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from poseact.errors import UsageError
from poseact.poses.dataset import PoseDataset
from poseact.texts import first_few
from poseact.types import PoseSequence


def kept_clips(dataset: PoseDataset, keep: Callable[[PoseSequence], bool]) -> PoseDataset:
    """The clips that `keep` accepts. Splits lose the names of the others, and those that lose all of them are left out.

    Names of clips that the dataset lacks stay in the splits: official lists name more than one file holds.
    """
    kept = [sequence for sequence in dataset.annotations if keep(sequence)]
    names = {sequence.name for sequence in kept}
    gone = {sequence.name for sequence in dataset.annotations} - names
    splits = {split: [name for name in members if name not in gone] for split, members in dataset.splits.items()}
    return PoseDataset(
        kept, {split: left for split, left in splits.items() if left or not dataset.splits[split]}, dataset.classes
    )


def of_splits(dataset: PoseDataset, wanted: Sequence[str]) -> PoseDataset:
    """The clips of some splits, and these splits alone. Raises: as `PoseDataset.clips`."""
    names = {clip.name for clip in dataset.clips(wanted)}
    own = PoseDataset(dataset.annotations, {split: dataset.splits[split] for split in wanted}, dataset.classes)
    return kept_clips(own, lambda sequence: sequence.name in names)


def of_labels(dataset: PoseDataset, wanted: Sequence[str]) -> PoseDataset:
    """The clips of some classes, by name or by number; class numbers stay as they are.

    Raises: UsageError for a class that is not there.
    """
    numbers = {_label(dataset, name) for name in wanted}
    return kept_clips(dataset, lambda sequence: sequence.label in numbers)


def _label(dataset: PoseDataset, name: str) -> int:
    if name in dataset.classes:
        return dataset.classes.index(name)
    used = {sequence.label for sequence in dataset.annotations}
    if name.isdecimal() and (int(name) in used or int(name) < len(dataset.classes)):
        return int(name)
    known = first_few(dataset.classes, 20) or ", ".join(str(label) for label in sorted(used)[:20]) or "none"
    raise UsageError(f"there is no class {name[:60]!r}; the file has {known}")


def frames_seen(sequence: PoseSequence) -> int:
    """In how many frames the first of the chosen people is seen, without those that were filled in; 0 for nobody."""
    if not len(sequence):
        return 0
    return int(np.count_nonzero((sequence.box_score[0] > 0) & ~sequence.interpolated[0]))
