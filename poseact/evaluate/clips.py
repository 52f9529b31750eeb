"""Which clips of a data set are evaluated, with the class numbers of a model. Runs no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from poseact.errors import InvalidPoses, UsageError
from poseact.poses import PoseDataset
from poseact.texts import first_few
from poseact.types import PoseSequence
from poseact.zoo.label_lists import told_apart

DEFAULT_SPLITS = ("test", "val")
SHOWN = 5


def chosen_splits(dataset: PoseDataset, asked: Sequence[str]) -> list[str]:
    """The splits to evaluate: as asked for; else "test", or "val", where there is one; none where there are none.

    Raises: UsageError when none can be chosen.
    """
    if asked or not dataset.splits:
        return list(asked)
    found = [split for split in DEFAULT_SPLITS if split in dataset.splits]
    if not found:
        raise UsageError(
            f"the file has no split called test or val; choose with --split: {', '.join(dataset.splits) or 'none'}"
        )
    return found[:1]


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
    number = {name: index for index, name in enumerate(told_apart(labels))}
    own = told_apart(classes)
    used = sorted({clip.label for clip in clips})
    strange = [classes[label] for label in used if own[label] not in number]
    if strange:
        raise InvalidPoses(
            f"{len(strange)} classes of the clips are not among the model's {len(labels)}: "
            f"{first_few(strange, SHOWN)}; evaluate a model of this data set"
        )
    return [replace(clip, label=number[own[clip.label]]) for clip in clips]
