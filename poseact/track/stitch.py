"""Joins tracklets of one person that were torn by a short gap, looking at the whole video. Fills nothing."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from poseact.track.similarity import posture_distance
from poseact.track.tracklet import Scene, Tracklet

_FORBIDDEN = 1e6
_FADE = 2.0  # s after which what was seen before says no less about the person than much later


def stitch(tracklets: list[Tracklet], scene: Scene, max_gap: float = 1.0) -> list[Tracklet]:
    """Join the end of one tracklet with the start of another where place, size, posture and motion agree.

    Args:
        max_gap: s between the last sighting of one and the first of the other, counting what was looked at.
    Returns:
        New tracklets in order of appearance; the given ones are not changed.
    """
    ordered = sorted(tracklets, key=lambda tracklet: tracklet.frames[0])
    if len(ordered) < 2:
        return ordered
    cost = np.full((len(ordered), len(ordered)), _FORBIDDEN)
    for row, earlier in enumerate(ordered):
        for column, later in enumerate(ordered):
            if earlier.frames[-1] < later.frames[0]:
                cost[row, column] = _cost(earlier, later, scene, max_gap)
    successor = {row: column for row, column in zip(*linear_sum_assignment(cost), strict=True)
                 if cost[row, column] < _FORBIDDEN}  # fmt: skip
    heads = [row for row in range(len(ordered)) if row not in successor.values()]
    return [_chain(head, successor, ordered) for head in heads]


def _chain(head: int, successor: dict[int, int], tracklets: list[Tracklet]) -> Tracklet:
    joined = Tracklet(list(tracklets[head].frames), list(tracklets[head].rows))
    while head in successor:
        head = successor[head]
        joined.frames.extend(tracklets[head].frames)
        joined.rows.extend(tracklets[head].rows)
    return joined


def _cost(earlier: Tracklet, later: Tracklet, scene: Scene, max_gap: float) -> float:
    """Disagreement of two tracklets, smaller is better; _FORBIDDEN when they cannot be the same person."""
    if scene.watched(earlier.frames[-1], later.frames[0]) > max_gap:
        return _FORBIDDEN
    gap = min(float(scene.pts[later.frames[0]] - scene.pts[earlier.frames[-1]]), _FADE)
    before, after = earlier.box(scene, -1), later.box(scene, 0)
    size = np.array([before[2:] - before[:2], after[2:] - after[:2]])  # (2, 2) px
    height = float(np.sqrt(np.maximum(size.prod(-1), 1e-9)).mean())
    growth = float(np.abs(np.log(np.maximum(size[1], 1.0) / np.maximum(size[0], 1.0))).max())
    step = (after[:2] + after[2:] - before[:2] - before[2:]) / 2
    speed = (earlier.velocity(scene, -1) + later.velocity(scene, 0)) / 2
    missed = min(float(np.linalg.norm(step - speed * gap)), float(np.linalg.norm(step))) / height
    posture = posture_distance(*earlier.joints(scene, -1), *later.joints(scene, 0), height)
    # Away from view a person moves and turns: the longer the gap, the more may differ. Shares of the person's size.
    if missed > 0.3 + 0.7 * gap or growth > 0.4 + 0.4 * gap or posture > 0.2 + 0.3 * gap:
        return _FORBIDDEN
    return missed + growth + posture + 0.2 * gap
