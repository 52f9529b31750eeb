"""What is wrong or odd about the data of a run, found before its first step. Trains nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

from poseact.errors import InvalidPoses
from poseact.texts import first_few
from poseact.train.clips import Clips
from poseact.train.footage import short_videos
from poseact.types import PoseSequence

FEW_CLIPS = 5
NAMED = 5


def check(train: Clips, validation: Clips | None) -> None:
    """Raises: InvalidPoses for parts from which nothing can be learned, or nothing can be told."""
    seen = {train.classes[label] for label in train.label.tolist()}
    if len(train.classes) < 2:
        raise InvalidPoses(f"training needs at least two classes, the poses have {len(train.classes)}")
    if len(seen) < 2:
        raise InvalidPoses(
            f"training needs at least two classes, all {len(train)} training clips are {min(seen)!r}; add clips of "
            f"another class, or choose another --train-split"
        )
    both = set(train.names) & set(validation.names) if validation else set()
    if both:
        raise InvalidPoses(f"{len(both)} clips are in the training and the validation part, such as {min(both)!r}")
    if validation and validation.layout != train.layout:
        raise InvalidPoses(f"the training part is {train.layout}, the validation part {validation.layout}; convert one")


def oddities(train: Clips, validation: Clips | None, sequences: Sequence[PoseSequence]) -> list[str]:
    """One line for each thing that makes a model worse than its figures say, or its figures better than the model.

    Args:
        train, validation: the parts of the run. sequences: of both, for where they come from.
    """
    count = Counter(train.label.tolist())
    rare = [f"{name} ({count[index]})" for index, name in enumerate(train.classes) if 0 < count[index] < FEW_CLIPS]
    absent = [name for index, name in enumerate(train.classes) if not count[index]]
    lines = []
    unseen = len(sequences) - len(train) - len(validation or ())
    if unseen:
        lines.append(
            f"clips in which nobody is seen are left out of training and validation: {unseen} of {len(sequences)}"
        )
    if absent:
        lines.append(f"{len(absent)} classes have no clip in the training part and cannot be learned: {_some(absent)}")
    if rare:
        lines.append(f"{len(rare)} classes have less than {FEW_CLIPS} training clips: {_some(rare)}")
    short = [name for part in (train, validation) if part for name in short_videos(part)]
    if short:
        lines.append(f"{len(short)} videos end before their poses, whose last picture is shown instead: {_some(short)}")
    leaks = _repeated(train, validation) + _shared_sources(train, validation, sequences)
    return lines + leaks + _mixed_extractors(sequences)


def _repeated(train: Clips, validation: Clips | None) -> list[str]:
    """Clips whose poses are the same under two names, one in each part."""
    if validation is None:
        return []
    known = {_poses(train, row): name for row, name in enumerate(train.names)}
    both = [
        f"{name} is {known[poses]}"
        for row, name in enumerate(validation.names) if (poses := _poses(validation, row)) in known
    ]  # fmt: skip
    if not both:
        return []
    return [f"{len(both)} clips of the validation part have the poses of training clips: a leak ({_some(both)})"]


def _poses(clips: Clips, row: int) -> bytes:
    return sha256(clips.xy[row].numpy().tobytes() + clips.score[row].numpy().tobytes()).digest()


def _shared_sources(train: Clips, validation: Clips | None, sequences: Sequence[PoseSequence]) -> list[str]:
    if validation is None:
        return []
    source = {one.name: one.provenance.source for one in sequences if one.provenance.source}
    both = {source[name] for name in train.names if name in source} & {
        source[name] for name in validation.names if name in source
    }
    if not both:
        return []
    return [f"clips of the same video are in the training and the validation part, such as {min(both)}: a leak"]


def _mixed_extractors(sequences: Sequence[PoseSequence]) -> list[str]:
    used = Counter((one.provenance.detector, one.provenance.estimator) for one in sequences)
    if len(used) < 2:
        return []
    named = [
        f"{detector or 'unknown'} with {estimator or 'unknown'} ({count})"
        for (detector, estimator), count in used.items()
    ]
    return [f"the poses were made by different networks: {_some(named)}; scores and errors differ between them"]


def _some(names: Sequence[str]) -> str:
    return first_few(names, NAMED)
