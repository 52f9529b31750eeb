"""How long the clips are that a network is trained on, so that it is later shown stretches of about that length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poseact.types import PoseSequence
from poseact.zoo import Preprocessing

SHARE = 0.9


def with_measured_seconds(settings: Preprocessing, clips: Sequence[PoseSequence]) -> Preprocessing:
    """The same with `seconds` at the length that nine of ten clips stay below: whole clips were trained on.

    Recognition and evaluation cut what is much longer into windows of about that length. Clips are trained on from the
    first to the last frame in which somebody is seen, and measured so; those that show nobody do not count.
    """
    lengths = [seconds_of(clip, settings.people) for clip in clips]
    seconds = float(np.quantile([length for length in lengths if length] or [0.0], SHARE))
    return settings.model_copy(update={"seconds": seconds}) if 0 < seconds < np.inf else settings


def seconds_of(clip: PoseSequence, people: int | None = None) -> float:
    """From the beginning of the first frame to the end of the last one, at the median distance of frames.

    Args:
        people: the first so many are looked at, or all of them; frames before they are seen and after do not count.
    """
    seen = np.flatnonzero((clip.keypoint_score[:people] > 0).any((0, 2)))
    pts = clip.pts[seen[0] : seen[-1] + 1] if len(seen) else clip.pts[:0]
    if len(pts) < 2:
        return len(pts) / clip.fps if clip.fps > 0 else 0.0
    return float(pts[-1] - pts[0] + np.median(np.diff(pts)))
