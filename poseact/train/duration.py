"""How long the clips are that a network is trained on, so that it is later shown stretches of about that length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poseact.types import PoseSequence
from poseact.zoo import Preprocessing

SHARE = 0.9


def with_measured_seconds(settings: Preprocessing, clips: Sequence[PoseSequence]) -> Preprocessing:
    """The same with `seconds` at the length that nine of ten clips stay below: whole clips were trained on.

    Recognition and evaluation cut what is much longer into windows of about that length.
    """
    seconds = float(np.quantile([seconds_of(clip) for clip in clips], SHARE))
    return settings.model_copy(update={"seconds": seconds}) if 0 < seconds < np.inf else settings


def seconds_of(clip: PoseSequence) -> float:
    """From the beginning of the first frame to the end of the last one, at the median distance of frames."""
    if len(clip.pts) < 2:
        return len(clip.pts) / clip.fps if clip.fps > 0 else 0.0
    return float(clip.pts[-1] - clip.pts[0] + np.median(np.diff(clip.pts)))
