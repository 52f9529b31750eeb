"""What an extraction would do, how long it would take and how much it would write, from a few videos."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import nan

import numpy as np

from poseact.errors import InputError, LimitExceeded
from poseact.extract.clips import Clip
from poseact.extract.folder import Standing
from poseact.extract.plan import FramePlan
from poseact.extract.planned import planned_frames, shown_between
from poseact.extract.work import OpenExtractor
from poseact.types import PoseSequence
from poseact.video import DEFAULT_LIMITS, IMAGE_FPS, Limits, open_video

PROBED = 24
TIMED = 4
TIMED_FRAMES = 16


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is left to do.

    Attributes:
        done, failed: clips that an earlier call finished.
        waiting: clips that would be done.
        probed: of those, whose headers were read. unreadable: of the probed, those that cannot be.
        frames: that would be looked at, of all waiting clips; extrapolated from the probed ones.
        seconds: of all workers together, on this machine; nan when no clip could be timed.
        bytes: of the poses in memory, about those of the file; nan likewise.
    """

    done: int
    failed: int
    waiting: int
    probed: int
    unreadable: int
    frames: float
    seconds: float
    bytes: float


def estimate(
    left: Standing, plan: FramePlan, open_extractor: OpenExtractor, *, workers: int = 1,
    limits: Limits = DEFAULT_LIMITS, image_fps: float = IMAGE_FPS,
) -> Estimate:  # fmt: skip
    """Look at the headers of some clips that are left to do, and at a few frames of some.

    Raises: what `open_extractor` raises.
    """
    waiting = left.waiting
    probed = [waiting[at] for at in np.unique(np.linspace(0, len(waiting) - 1, PROBED).astype(int))] if waiting else []
    counts = [(clip, _frames(clip, plan, limits, image_fps)) for clip in probed]
    readable = [(clip, count) for clip, count in counts if count is not None]
    frames = float(np.mean([count for _, count in readable]) * len(waiting)) if readable else 0.0
    seconds, size = _pace([clip for clip, _ in readable], open_extractor) if readable else (nan, nan)
    return Estimate(
        len(left.done), len(left.failed), len(waiting), len(probed), len(probed) - len(readable), frames,
        seconds * frames / max(min(workers, len(waiting)), 1), size * frames,
    )  # fmt: skip


def _frames(clip: Clip, plan: FramePlan, limits: Limits, image_fps: float) -> int | None:
    try:
        with open_video(clip.path, "auto", limits, image_fps) as reader:
            return len(planned_frames(reader, plan, shown_between(reader, clip.start, clip.end)))
    except (InputError, LimitExceeded):
        return None


def _pace(clips: Sequence[Clip], open_extractor: OpenExtractor) -> tuple[float, float]:
    """Seconds and bytes per frame, measured on a few frames of some clips; nan when none of them can be decoded."""
    extractor = open_extractor()
    seconds, size, frames = 0.0, 0, 0
    for at in np.unique(np.linspace(0, len(clips) - 1, TIMED).astype(int)):
        clip = clips[at]
        started = time.monotonic()
        try:
            seen = extractor(clip.path, FramePlan.middle(TIMED_FRAMES), start=clip.start, end=clip.end, refined=2)
        except (InputError, LimitExceeded):
            continue
        seconds += time.monotonic() - started
        size += _bytes(seen.poses)
        frames += len(seen.poses.pts)
    return (seconds / frames, size / frames) if frames else (nan, nan)


def _bytes(poses: PoseSequence) -> int:
    arrays = [getattr(poses, one.name) for one in fields(poses)]
    return sum(one.nbytes for one in arrays if isinstance(one, np.ndarray))
