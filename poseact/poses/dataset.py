"""The poses of many videos, with their splits and classes, and how much memory a file of them may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from poseact.errors import InvalidPoses, LimitExceeded, UsageError
from poseact.machine import memory
from poseact.types import PoseSequence

_SPARE_COMPRESSED = 2**30  # bytes that any compressed file may expand to, on machines with little memory
_EXPANSION_COMPRESSED = 32


@dataclass(frozen=True, slots=True)
class PoseDataset:
    """The poses of many videos.

    Attributes:
        annotations: one sequence per video, in the order of the file; a list, or what reads each when asked for it.
        splits: name of a split -> names of its videos; empty for a bare list.
        classes: names of the labels in index order; empty when the file does not tell.
    """

    annotations: Sequence[PoseSequence]
    splits: dict[str, list[str]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.annotations)

    def clips(self, splits: Sequence[str] = ()) -> list[PoseSequence]:
        """The sequences of some splits in the order of the file, or all of them for no split.

        Raises: UsageError for a split that is not there, InvalidPoses when there is no clip.
        """
        unknown = next((split for split in splits if split not in self.splits), None)
        if unknown is not None:
            raise UsageError(f"there is no split {unknown!r}; the file has {', '.join(self.splits) or 'none'}")
        names = {name for split in splits for name in self.splits[split]}
        chosen = [clip for clip in self.annotations if not splits or clip.name in names]
        if not chosen:
            which = f"split {', '.join(splits)} names no clip of the file" if splits else "the file holds no clips"
            raise InvalidPoses(f"{which}, so there is nothing to look at")
        return chosen


@dataclass(slots=True)
class Budget:
    """Bytes of memory that the rest of a file may still take: one array can stand in a file once and be used often."""

    source: str
    left: int

    @classmethod
    def of(cls, source: str, size: int) -> Budget:
        """For a compressed file of `size` bytes; rows of zeros compress without bound.

        What fits into half of the machine's memory does no harm, so whatever of that size was written can be read.
        """
        return cls(source, max(_SPARE_COMPRESSED, memory() // 2) + _EXPANSION_COMPRESSED * size)

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise LimitExceeded(
                f"{self.source} expands to far more poses than a file of its size can hold; do not use it"
            )


def splits_of(given: object, budget: Budget) -> dict[str, list[str]]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidPoses(f"{budget.source}: 'split' must be a dict of names, not {type(given).__name__}")
    splits = {}
    for name, videos in given.items():
        if not isinstance(videos, (list, tuple)) or not all(isinstance(video, (str, int)) for video in videos):
            raise InvalidPoses(f"{budget.source}: split {str(name)[:60]!r} must be a list of video names")
        named = [str(video) for video in videos]
        budget.spend(sum(8 + len(video) for video in named))
        splits[str(name)] = named
    return splits


def classes_of(given: object, budget: Budget) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, (list, tuple)) or not all(isinstance(name, str) for name in given):
        raise InvalidPoses(f"{budget.source}: 'classes' must be a list of names")
    budget.spend(sum(8 + len(name) for name in given))
    return tuple(given)
