"""Several datasets as one: shards of one extraction, or collections of different people. Reads and writes no file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from poseact.errors import InvalidPoses, UsageError
from poseact.poses.dataset import PoseDataset
from poseact.types import PoseSequence


@dataclass(frozen=True, slots=True)
class Part:
    """One of the datasets that are merged; `name` is how messages call it, its path for example."""

    name: str
    dataset: PoseDataset


@dataclass(frozen=True, slots=True)
class Merged:
    """One dataset out of several.

    Attributes:
        dataset: all clips, each once.
        twice: how many identical clips were left out.
    """

    dataset: PoseDataset
    twice: int


def merge(parts: Sequence[Part]) -> Merged:
    """Unite datasets of one keypoint layout.

    Clips are in the order of `place`, as those that are extracted, so that the parts of one extraction give what a
    single run gives, in whatever order they are named. Classes are united by name, those of the first part first, and
    labels renumbered; splits are united by name. A clip that is in several parts is kept once if it is the same
    everywhere.

    Raises: UsageError for different layouts, labels without class names beside class names, and clips of one name that
        differ; InvalidPoses for labels outside the classes.
    """
    _check_layouts(parts)
    classes = _united_classes(parts)
    clips: dict[str, tuple[str, PoseSequence]] = {}
    twice = 0
    for source, clip in _relabelled(parts, classes):
        where, known = clips.setdefault(clip.name, (source, clip))
        if known is clip:
            continue
        if not same_poses(known, clip):
            places = f"in {where} and in {source}" if where != source else f"twice in {where}"
            raise UsageError(f"different clips are called {clip.name!r} {places}; use --prefix, or rename one")
        twice += 1
    ordered = sorted((clip for _, clip in clips.values()), key=place)
    return Merged(PoseDataset(ordered, _united_splits(parts, ordered), classes), twice)


def united(parts: Sequence[Part]) -> PoseDataset:
    """Every clip of some datasets in their order, whatever its layout, with classes and splits united as `merge` does.

    Raises: UsageError for labels without class names beside class names; InvalidPoses for labels outside the classes.
    """
    classes = _united_classes(parts)
    clips = [clip for _, clip in _relabelled(parts, classes)]
    return PoseDataset(clips, _united_splits(parts, clips), classes)


def place(clip: PoseSequence) -> tuple[list[str], int, list[str]]:
    """Clips in a file of ours are in this order: by the path of the video, then by the first frame, then by name."""
    start = int(clip.frame_index[0]) if len(clip.frame_index) else 0
    return clip.provenance.source.split("/"), start, clip.name.split("/")


def prefixed(dataset: PoseDataset, prefix: str) -> PoseDataset:
    """The same clips under names that begin with `prefix` and a slash, in the splits as well."""
    return PoseDataset(
        [replace(sequence, name=f"{prefix}/{sequence.name}") for sequence in dataset.annotations],
        {split: [f"{prefix}/{name}" for name in names] for split, names in dataset.splits.items()},
        dataset.classes,
    )


def same_poses(one: PoseSequence, other: PoseSequence) -> bool:
    """Whether two sequences agree in every field, the people who were not chosen included."""
    for field in fields(PoseSequence):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if isinstance(first, np.ndarray):
            same = first.shape == second.shape and bool((first == second).all())
        elif isinstance(first, PoseSequence) and isinstance(second, PoseSequence):
            same = same_poses(replace(first, name="", label=-1), replace(second, name="", label=-1))
        else:
            same = first == second
        if not same:
            return False
    return True


def _check_layouts(parts: Sequence[Part]) -> None:
    first: tuple[str, str] | None = None
    for part in parts:
        for sequence in part.dataset.annotations:
            first = first or (sequence.layout, part.name)
            if sequence.layout != first[0]:
                raise UsageError(
                    f"{first[1]} holds {first[0]} poses, {part.name} {sequence.layout} poses; make them agree with "
                    f"`poseact convert --to-layout {first[0]}`"
                )


def _united_classes(parts: Sequence[Part]) -> tuple[str, ...]:
    named = [part for part in parts if part.dataset.classes]
    bare = next((part for part in parts if not part.dataset.classes and _has_labels(part.dataset)), None)
    if named and bare:
        raise UsageError(
            f"{bare.name} numbers its classes without naming them, {named[0].name} names them; write {bare.name} with "
            "names (`poseact convert --labels`)"
        )
    lists = {part.dataset.classes for part in named}
    if len(lists) < 2:
        return next(iter(lists), ())
    return tuple(dict.fromkeys(name for part in named for name in part.dataset.classes))


def _has_labels(dataset: PoseDataset) -> bool:
    return any(sequence.label >= 0 for sequence in dataset.annotations)


def _relabelled(parts: Sequence[Part], classes: tuple[str, ...]) -> Iterator[tuple[str, PoseSequence]]:
    """Every clip, a new object each, with its label among the united classes, and the name of its part before it."""
    for part in parts:
        for sequence in part.dataset.annotations:
            yield part.name, replace(sequence, label=_label(sequence, part, classes))


def _label(sequence: PoseSequence, part: Part, classes: tuple[str, ...]) -> int:
    own = part.dataset.classes
    if sequence.label < 0 or not classes:
        return sequence.label
    if sequence.label >= len(own):
        raise InvalidPoses(
            f"{part.name}: {sequence.name!r} has the label {sequence.label}, but there are {len(own)} classes"
        )
    return classes.index(own[sequence.label])


def _united_splits(parts: Sequence[Part], ordered: Sequence[PoseSequence]) -> dict[str, list[str]]:
    """Splits in the order in which the clips meet them; names without a clip, and empty splits, come last."""
    members: dict[str, dict[str, None]] = {}
    for part in parts:
        for split, listed in part.dataset.splits.items():
            members.setdefault(split, {}).update(dict.fromkeys(listed))
    of_clip: dict[str, list[str]] = {}
    for split, names in members.items():
        for name in names:
            of_clip.setdefault(name, []).append(split)
    united: dict[str, list[str]] = {}
    for clip in ordered:
        for split in of_clip.pop(clip.name, []):
            united.setdefault(split, []).append(clip.name)
    for split, names in members.items():
        united.setdefault(split, []).extend(name for name in names if name in of_clip)
    return united
