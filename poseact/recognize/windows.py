"""The stretches of a person's track that are classified one by one. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poseact.types import Array

MAX_STEP = 0.5
"""Seconds between two looked-at frames above which the motion between them is unknown."""
LONGEST = 10.0
"""Seconds of a window where the model names none: the clips of the data sets of the papers are hardly longer."""
WHOLE = 1.5
"""Times the length asked for up to which a stretch stays whole."""

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Window:
    """Frames [first, last] of a sequence (positions in its T axis), both included."""

    first: int
    last: int


def windows(pts: Array, present: Array, seconds: float | None) -> list[Window]:
    """Cut a person's presence into windows of about `seconds`.

    A stretch ends where the person leaves, where the video was not looked at for more than `MAX_STEP`, or at the end.
    Each stretch is cut into windows that last equally long; one up to `WHOLE` times as long as asked for stays whole.

    Args:
        pts: (T,) s. present: (T,) bool.
        seconds: None: one window from the first to the last frame in which the person is present, as in the papers;
            where that is longer than the clips there, windows of `LONGEST`.
    Returns: in order of time; empty when the person is never present.
    """
    seen = np.flatnonzero(present)
    if len(seen) == 0:
        return []
    if seconds is None:
        if pts[seen[-1]] - pts[seen[0]] <= WHOLE * LONGEST:
            return [Window(int(seen[0]), int(seen[-1]))]
        seconds = LONGEST
    typical = float(np.median(np.diff(pts))) if len(pts) > 1 else 0.0
    breaks = np.flatnonzero(np.diff(pts[seen]) > max(MAX_STEP, 3 * typical))
    found = []
    for stretch in np.split(seen, breaks + 1):
        found += [Window(int(part[0]), int(part[-1])) for part in _equal(stretch, pts[stretch], typical, seconds)]
    lasting = [pts[window.last] - pts[window.first] for window in found]
    return [window for window, length in zip(found, lasting, strict=True) if length >= max(lasting) / 4]


def _equal(stretch: Array, times: Array, last: float, seconds: float) -> list[Array]:
    """A stretch of frames, shown at `times` and the last one for `last`, in parts that all last about `seconds`."""
    duration = times[-1] - times[0] + last
    count = max(1, round(duration / seconds))
    if count == 1:
        return [stretch]
    number = np.floor((times - times[0]) / duration * count + _ROUNDING)
    return np.split(stretch, np.flatnonzero(np.diff(number)) + 1)
