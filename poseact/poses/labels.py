"""The classes of a dataset, told afterwards: by hand, by a list of names, or by folders. Reads no poses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from poseact.errors import InvalidPoses, UsageError
from poseact.poses.dataset import PoseDataset
from poseact.poses.json_reader import read_bytes

_MOST_NAMES = 100_000


def labelled(dataset: PoseDataset, name: str) -> PoseDataset:
    """Every clip is of the class `name`, a new one where the dataset has no such class.

    Raises: UsageError for clips whose classes have numbers and no names.
    """
    if not name.strip():
        raise UsageError("the name of a class is empty")
    if not dataset.classes and any(clip.label >= 0 for clip in dataset.annotations):
        raise UsageError("the clips have numbers of classes without names; tell these first")
    classes = dataset.classes if name in dataset.classes else (*dataset.classes, name)
    clips = [replace(clip, label=classes.index(name)) for clip in dataset.annotations]
    return PoseDataset(clips, dataset.splits, classes)


def with_names(dataset: PoseDataset, names: tuple[str, ...]) -> PoseDataset:
    """The classes get these names, in the order of their numbers; no label changes.

    Raises: UsageError for fewer names than classes.
    """
    largest = max((clip.label for clip in dataset.annotations), default=-1)
    if largest >= len(names):
        raise UsageError(f"there are clips of the class number {largest}, but {len(names)} names; they count from 0")
    return PoseDataset(dataset.annotations, dataset.splits, names)


def by_folder(dataset: PoseDataset) -> PoseDataset:
    """The first folder in the name of a clip is its class; classes are in alphabetical order.

    Raises: UsageError for clips that are in no folder.
    """
    outside = next((clip.name for clip in dataset.annotations if not clip.name.rpartition("/")[0]), None)
    if outside is not None:
        raise UsageError(f"the clip {outside[:60]!r} is in no folder that could tell its class")
    folders = [clip.name.split("/", maxsplit=1)[0] for clip in dataset.annotations]
    classes = tuple(sorted(set(folders)))
    clips = [
        replace(clip, label=classes.index(folder)) for clip, folder in zip(dataset.annotations, folders, strict=True)
    ]
    return PoseDataset(clips, dataset.splits, classes)


def named_alike(dataset: PoseDataset, names: tuple[str, ...], source: str) -> tuple[str, ...]:
    """Names for the classes of a data set that only numbers them. Raises: UsageError where it calls them otherwise."""
    if dataset.classes not in ((), names) and not all(map(str.isdecimal, dataset.classes)):
        raise UsageError(
            f"--labels {source} calls the classes {', '.join(names[:3])}..., but the poses name them themselves, "
            f"{', '.join(dataset.classes[:3])}...; leave --labels away"
        )
    return names


def read_names(path: Path) -> tuple[str, ...]:
    """The names of classes in a file of text, one per line, blank lines left out.

    Raises: InvalidPoses; UsageError for names that are there twice.
    """
    try:
        lines = [line.strip() for line in read_bytes(path, 2**24).decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise InvalidPoses(f"{path} is no text in UTF-8; write one name of a class per line") from None
    names = tuple(line for line in lines if line)
    if len(names) > _MOST_NAMES:
        raise InvalidPoses(f"{path} holds {len(names)} lines; that is no list of classes")
    seen: set[str] = set()
    for name in names:
        if name in seen or not name.isprintable():
            raise UsageError(f"{path}: the class {name[:60]!r} is there twice, or is no name")
        seen.add(name)
    return names
