"""What a plan means in one video: its frames, by the times at which they are shown. Decodes nothing."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np

from poseact.errors import InvalidVideo
from poseact.extract.plan import FramePlan
from poseact.types import Array
from poseact.video import VideoReader


def shown_between(reader: VideoReader, start: float, end: float) -> range:
    """The numbers of the frames of one stretch of a video. Raises: InvalidVideo when it shows none."""
    info = reader.info
    if (start, end) == (0.0, inf):
        return range(info.frame_count)
    shown = reader.between(start, end)
    if not shown:
        raise InvalidVideo(f"{info.path} lasts {info.duration:.2f} s and shows nothing between {start:g} and {end:g} s")
    return shown


def planned_frames(reader: VideoReader, plan: FramePlan, shown: range) -> Array:
    """(n,) int64: the frames of a plan for the stretch of a video in which these are shown."""
    part = info = reader.info
    if len(shown) < info.frame_count:
        lasts = float(_times_of(reader, shown)[-1])
        part = replace(info, frame_count=len(shown), duration=lasts, fps=len(shown) / lasts)
    if plan.frames is None:
        return shown.start + plan.indices(part)
    return shown.start + plan.indices(part, _times_of(reader, shown))


def _times_of(reader: VideoReader, shown: range) -> Array:
    """(n + 1,) s from 0 on: when each frame of a stretch is shown, and when the last one ends."""
    info = reader.info
    times = reader.times(np.arange(shown.start, shown.stop))
    last = reader.times(np.array([shown.stop]))[0] if shown.stop < info.frame_count else info.duration
    ended: Array = np.append(times, max(last, times[-1] + 1 / max(info.fps, 1.0))) - times[0]
    return ended
