"""Which clips of a data set are evaluated, with the class numbers of a model. Runs no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from poseact.errors import InvalidPoses, UsageError
from poseact.poses import PoseDataset
from poseact.types import PoseSequence

DEFAULT_SPLITS = ("test", "val")
SHOWN = 5


def chosen_splits(dataset: PoseDataset, asked: Sequence[str]) -> list[str]:
    """The splits to evaluate: as asked for; else "test", or "val", where there is one; none where there are none.

    Raises: UsageError for a split that is not there, or when none can be chosen.
    """
    if asked or not dataset.splits:
        return known_splits(dataset, asked)
    found = [split for split in DEFAULT_SPLITS if split in dataset.splits]
    if not found:
        raise UsageError(
            f"the file has no split called test or val; choose with --split: {', '.join(dataset.splits) or 'none'}"
        )
    return found[:1]


def known_splits(dataset: PoseDataset, asked: Sequence[str]) -> list[str]:
    """What was asked for, all of it in the file. Raises: UsageError for a split that is not there."""
    unknown = [split for split in asked if split not in dataset.splits]
    if unknown:
        raise UsageError(f"there is no split {unknown[0]!r}; the file has {', '.join(dataset.splits) or 'none'}")
    return list(asked)


def clips_of(dataset: PoseDataset, splits: Sequence[str]) -> list[PoseSequence]:
    """The clips of some splits in the order of the file, or all of them for no split. Raises: InvalidPoses for none."""
    names = {name for split in splits for name in dataset.splits[split]}
    chosen = [clip for clip in dataset.annotations if not splits or clip.name in names]
    if not chosen:
        which = f"split {', '.join(splits)} names no clip of the file" if splits else "the file holds no clips"
        raise InvalidPoses(f"{which}, so there is nothing to look at")
    return chosen


def with_model_labels(
    clips: Sequence[PoseSequence], classes: Sequence[str], labels: Sequence[str]
) -> list[PoseSequence]:
    """The clips with the class numbers of a model.

    Where the data set names its classes, in whatever order, each is looked up by name among the model's; numbers
    without names are taken as they are.

    Args:
        classes: of the data set; empty when it does not tell. labels: of the model.
    Raises: InvalidPoses for a clip without a label, or with a class that the model does not have.
    """
    without = [clip for clip in clips if clip.label < 0]
    if without:
        raise InvalidPoses(
            f"{len(without)} of {len(clips)} clips have no label, such as {without[0].name!r}; evaluation needs all"
        )
    count = len(classes) or len(labels)
    outside = next((clip for clip in clips if clip.label >= count), None)
    if outside is not None:
        owner = "the file names" if classes else "the model has"
        raise InvalidPoses(f"{outside.name}: label {outside.label} lies outside the {count} classes that {owner}")
    if not classes or tuple(classes) == tuple(labels):
        return list(clips)
    number = {name: index for index, name in enumerate(labels)}
    used = sorted({clip.label for clip in clips})
    strange = [classes[label] for label in used if classes[label] not in number]
    if strange:
        more = f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
        raise InvalidPoses(
            f"{len(strange)} classes of the clips are not among the model's {len(labels)}: "
            f"{', '.join(strange[:SHOWN])}{more}; evaluate a model of this data set"
        )
    return [replace(clip, label=number[classes[clip.label]]) for clip in clips]
