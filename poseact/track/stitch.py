"""Joins tracklets of one person that were torn by a short gap, looking at the whole video. Fills nothing."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from poseact.track.similarity import posture_distance
from poseact.track.tracklet import Scene, Tracklet

_FORBIDDEN = float("inf")
_FADE = 2.0  # s after which what was seen before says no less about the person than much later


def stitch(tracklets: list[Tracklet], scene: Scene, max_gap: float) -> list[Tracklet]:
    """Join the end of one tracklet with the start of another where place, size, posture and motion agree.

    Args:
        max_gap: s between the last sighting of one and the first of the other, counting what was looked at.
    Returns:
        New tracklets in order of appearance; the given ones are not changed.
    """
    ordered = sorted(tracklets, key=lambda tracklet: tracklet.frames[0])
    starts = [tracklet.frames[0] for tracklet in ordered]
    costs: dict[tuple[int, int], float] = {}
    for row, earlier in enumerate(ordered):
        for column in range(bisect_right(starts, earlier.frames[-1]), len(ordered)):
            if scene.watched(earlier.frames[-1], starts[column]) > max_gap:
                break
            cost = _cost(earlier, ordered[column], scene)
            if cost < _FORBIDDEN:
                costs[row, column] = cost
    successor = _cheapest(costs, len(ordered))
    continued = set(successor.values())
    heads = [row for row in range(len(ordered)) if row not in continued]
    return [_chain(head, successor, ordered) for head in heads]


def _cheapest(costs: dict[tuple[int, int], float], count: int) -> dict[int, int]:
    """The joins of least cost with one successor at most for each and one predecessor at most for each.

    Args:
        costs: (earlier, later) -> cost, only for pairs that may be joined. count: tracklets.
    """
    if not costs:
        return {}
    pairs, values = np.array(list(costs)), np.array(list(costs.values()))
    # Every tracklet may also have no successor: a column of its own that costs more than any join.
    everyone = np.arange(count)
    rows, columns = np.append(pairs[:, 0], everyone), np.append(pairs[:, 1], count + everyone)
    weights = np.append(1.0 + values, np.full(count, 2.0 + values.max()))  # the solver takes 0 for "no edge"
    chosen = min_weight_full_bipartite_matching(csr_array((weights, (rows, columns)), shape=(count, 2 * count)))
    return {int(row): int(column) for row, column in zip(*chosen, strict=True) if column < count}


def _chain(head: int, successor: dict[int, int], tracklets: list[Tracklet]) -> Tracklet:
    joined = Tracklet(list(tracklets[head].frames), list(tracklets[head].rows))
    while head in successor:
        head = successor[head]
        joined.frames.extend(tracklets[head].frames)
        joined.rows.extend(tracklets[head].rows)
    return joined


def _cost(earlier: Tracklet, later: Tracklet, scene: Scene) -> float:
    """Disagreement of two tracklets, smaller is better; _FORBIDDEN when they cannot be the same person."""
    gap = min(float(scene.pts[later.frames[0]] - scene.pts[earlier.frames[-1]]), _FADE)
    before, after = earlier.box(scene, -1), later.box(scene, 0)
    size = np.array([before[2:] - before[:2], after[2:] - after[:2]])  # (2, 2) px
    height = float(np.sqrt(np.maximum(size.prod(-1), 1e-9)).mean())
    # Away from view a person moves and turns: the longer the gap, the more may differ. Shares of the person's size.
    growth = float(np.abs(np.log(np.maximum(size[1], 1.0) / np.maximum(size[0], 1.0))).max())
    if growth > 0.4 + 0.4 * gap:
        return _FORBIDDEN
    step = (after[:2] + after[2:] - before[:2] - before[2:]) / 2
    speed = (earlier.velocity(scene, -1) + later.velocity(scene, 0)) / 2
    missed = min(float(np.linalg.norm(step - speed * gap)), float(np.linalg.norm(step))) / height
    if missed > 0.3 + 0.7 * gap:
        return _FORBIDDEN
    posture = posture_distance(*earlier.joints(scene, -1), *later.joints(scene, 0), height)
    if posture > 0.2 + 0.3 * gap:
        return _FORBIDDEN
    return missed + growth + posture + 0.2 * gap
