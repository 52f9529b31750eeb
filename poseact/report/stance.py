"""Where a person is at any time, from the frames that were looked at. Draws nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poseact.types import Array, PoseSequence

MAX_APART = 0.5
"""s; frames that were looked at further apart say nothing of what lies between them."""

HOLD = 0.1
"""s; so long before the first and after the last sighting a pose is kept, because a clip rarely begins on one."""


@dataclass(frozen=True, slots=True)
class Stance:
    """One person at one time.

    Attributes:
        box: (4,) px xyxy.
        xy: (K, 2) px. score: (K,) in [0, 1]; 0 where not seen.
        certain: seen here, or between two near sightings; False where the tracker filled it in, or it is held.
    """

    box: Array
    xy: Array
    score: Array
    certain: bool


def stance_at(poses: PoseSequence, row: int, pts: float) -> Stance | None:
    """Person `row` at `pts` s: as looked at, or linearly between two sightings at most MAX_APART apart, or None."""
    if not len(poses.pts):
        return None
    after = int(np.searchsorted(poses.pts, pts, side="left"))
    before = after - 1
    for near in (after, before):
        if 0 <= near < len(poses.pts) and abs(poses.pts[near] - pts) < 1e-4:
            return _at(poses, row, near, True)
    if before < 0 or after >= len(poses.pts):
        near = min(max(before, 0), len(poses.pts) - 1)
        return _at(poses, row, near, False) if abs(poses.pts[near] - pts) <= HOLD else None
    first, second = _at(poses, row, before, True), _at(poses, row, after, True)
    apart = float(poses.pts[after] - poses.pts[before])
    if first is None or second is None or apart > MAX_APART:
        return None
    return _blend(first, second, (pts - float(poses.pts[before])) / apart)


def _at(poses: PoseSequence, row: int, frame: int, certain: bool) -> Stance | None:
    if poses.box_score[row, frame] <= 0:
        return None
    return Stance(
        poses.boxes[row, frame], poses.keypoint[row, frame], poses.keypoint_score[row, frame],
        certain and not bool(poses.interpolated[row, frame]),
    )  # fmt: skip


def _blend(first: Stance, second: Stance, share: float) -> Stance:
    """Between two stances; a joint that is missing in one of them is missing."""
    seen = (first.score > 0) & (second.score > 0)
    return Stance(
        box=first.box + share * (second.box - first.box),
        xy=first.xy + share * (second.xy - first.xy),
        score=np.where(seen, first.score + share * (second.score - first.score), 0),
        certain=first.certain and second.certain,
    )
