"""Which frames of a video to look at. Pure arithmetic; reads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from poseact.types import Array, VideoInfo

PAUSE = 0.5
"""s; a picture that stays for longer, and for longer than three usual ones, shows no movement."""


@dataclass(frozen=True, slots=True)
class FramePlan:
    """How densely a video is looked at.

    The video is cut into equal stretches of about `period` seconds, at least `stretches` of them, and in the middle of
    each a window of `seconds` is looked at with `frames` evenly spaced frames. Where the windows touch, that is in
    short videos, the frames are evenly spread over the whole video.

    Attributes:
        frames: per window. None: every frame of the video.
        seconds: length of a window, the length of the clips that the classifier was trained on.
        stretches: at least so many windows.
        period: seconds of video per window.
        whole: seconds up to which a video is looked at from end to end.
    """

    frames: int | None = None
    seconds: float = 4 / 3
    stretches: int = 1
    period: float = 4.0
    whole: float = 0.0

    @classmethod
    def middle(cls, frames: int, seconds: float = inf) -> FramePlan:
        """So many frames, evenly spread over the middle `seconds` of the video, or over all of it if it is shorter."""
        return cls(frames, seconds=seconds, stretches=1, period=inf)

    def indices(self, info: VideoInfo, times: Array | None = None) -> Array:
        """(n,) int64 ascending frame numbers.

        Args:
            times: (frame_count + 1,) s from 0 on, when each frame is shown and when the last one ends. Where a frame
                stays for longer than `PAUSE`, the rest of its time does not count. None: a constant rate.
        """
        total = max(info.frame_count, 1)
        if self.frames is None:
            return np.arange(total)
        duration = max(info.duration, total / max(info.fps, 1.0))
        moving = None if times is None or _steady(times) else _without_pauses(times)
        if moving is not None:
            duration = moving[-1]
        stretches = max(self.stretches, round(duration / self.period))
        share = 1.0 if duration <= self.whole else min(1.0, stretches * self.seconds / duration)
        within = (np.arange(self.frames) + 0.5) / self.frames - 0.5
        centres = np.arange(stretches) + 0.5
        positions = (centres[:, None] + share * within) / stretches  # shares of the whole
        if moving is None:
            numbers = np.floor(positions * total + 1e-6).astype(np.int64)  # 14.999... is frame 15
        else:
            numbers = np.searchsorted(moving[:-1], positions * duration, side="right") - 1
        return np.unique(numbers.clip(0, total - 1))


def _steady(times: Array) -> bool:
    """Whether no frame is shown a step too early or too late for a constant rate, and none stays."""
    starts = times[:-1]
    step = starts[-1] / max(len(starts) - 1, 1)
    even = np.linspace(0, starts[-1], len(starts))
    return float(np.abs(starts - even).max()) <= step and times[-1] - times[-2] <= max(PAUSE, 3 * step)


def _without_pauses(times: Array) -> Array:
    steps = np.diff(times)
    counted = np.minimum(steps, max(PAUSE, 3 * float(np.median(steps))))
    return np.concatenate([np.zeros(1), np.cumsum(counted)])


EVERY_FRAME = FramePlan()
