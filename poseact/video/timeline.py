"""When each picture is shown and where decoding may start, as arrays. Knows nothing of files or decoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise

import numpy as np

from poseact.errors import UsageError
from poseact.types import Array, Gap

SEEK_MARGIN = 8
"""Fewer frames than this are decoded rather than jumped over: a seek empties the decoder's pipeline."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The pictures of one stream in presentation order, as its packets announce them.

    Attributes:
        ticks: (N,) int64, ascending presentation times in units of `unit`, not shifted to start at 0.
        keyframes: int64, ascending positions in `ticks` from which decoding may start.
        unit: s per tick.
        exact: every picture carries its own unique tick, so a decoded picture is identified by its tick.
        seekable: keyframes are trustworthy; never without `exact`.
        end: tick at which the last picture ends.
        constant_rate: the ticks say nothing about single pictures, which are taken to be evenly spaced.
        open_gop: some pictures are shown before the keyframe that precedes them in the file.
        timed: every tick is when a picture is shown, even where some share one or some are missing, so not `exact`.
    """

    ticks: Array
    keyframes: Array
    unit: Fraction
    exact: bool
    seekable: bool
    end: int
    constant_rate: bool = False
    open_gop: bool = False
    timed: bool = False

    def __len__(self) -> int:
        return len(self.ticks)

    def seconds(self, index: int) -> float:
        """Time of picture `index` from the first one, s; one past the last picture is the end of the stream."""
        tick = self.ticks[index] if index < len(self.ticks) else self.end
        return float((int(tick) - int(self.ticks[0])) * self.unit)

    def times(self, indices: Array, fps: float) -> Array:
        """(n,) float64: when pictures are announced to be shown, s from the first one, ascending.

        One that shares its time comes a frame later, as decoders hand it out. Where ticks tell nothing, and beyond the
        last one, it is `fps`.
        """
        if not (self.exact or self.timed):
            return indices / fps
        seconds = (self.ticks - self.ticks[0]) * float(self.unit)
        if not self.exact:
            seconds = np.array([*accumulate(seconds.tolist(), lambda now, own: own if own > now else now + 1 / fps)])
        last = len(seconds) - 1
        return seconds[np.minimum(indices, last)] + np.maximum(indices - last, 0) / fps

    def index_of(self, tick: int | None) -> int | None:
        """Position of the picture with exactly this tick, or None."""
        if tick is None:
            return None
        index = int(np.searchsorted(self.ticks, tick))
        return index if index < len(self.ticks) and self.ticks[index] == tick else None

    def missing(self, first: int, after: int, reason: str) -> Gap:
        """The gap of the pictures [first, after)."""
        return Gap(self.seconds(first), self.seconds(after), after - first, reason)

    def trimmed(self, first: int) -> Timeline:
        """Without the pictures before `first`, which never come out of a decoder."""
        keyframes = self.keyframes[self.keyframes >= first] - first
        return replace(self, ticks=self.ticks[first:], keyframes=keyframes)


def wanted_indices(indices: Sequence[int] | Array | None) -> Array | None:
    """Ascending unique int64 indices, or None for all frames. Raises: UsageError for negative indices."""
    if indices is None:
        return None
    wanted = np.unique(np.asarray(indices, dtype=np.int64))
    if len(wanted) and wanted[0] < 0:
        raise UsageError(f"frame index {wanted[0]} is negative; frames are counted from 0")
    return wanted


def plan_runs(wanted: Array, timeline: Timeline) -> list[tuple[int | None, Array]]:
    """Split the wanted frames into stretches that are decoded in one go.

    Returns: (keyframe, indices) pairs in order: seek to `keyframe` (None: begin where the stream begins) and decode up
    to the last of `indices`. A new stretch begins only where the jump skips at least SEEK_MARGIN frames.
    """
    if not len(wanted):
        return []
    if not timeline.seekable or not len(timeline.keyframes):
        return [(None, wanted)]
    latest = np.searchsorted(timeline.keyframes, wanted, side="right") - 1
    keyframe = np.where(latest >= 0, timeline.keyframes[np.maximum(latest, 0)], 0)  # (wanted,)
    before = np.concatenate(([-1], wanted[:-1]))
    jumps = keyframe - before > SEEK_MARGIN
    starts = np.flatnonzero(jumps)
    bounds = np.unique(np.concatenate(([0], starts, [len(wanted)])))
    return [(int(keyframe[first]) if jumps[first] else None, wanted[first:last]) for first, last in pairwise(bounds)]
