"""How alike two people in two frames are: boxes, keypoints and postures. Pure geometry; nothing here knows of time."""

from __future__ import annotations

import numpy as np

from poseact.skeleton import COCO17_OKS_SIGMAS
from poseact.types import Array, Boxes, Keypoints

_OTHER_SIGMA = 0.07  # layouts without published sigmas: about the mean of COCO's
_UNSEEN = 1e-6
INSIDE = 0.8
"""Share of a box that lies in a better one, above which the two may show one person."""
ALIKE = 0.6
"""Similarity of keypoints above which they do."""


def area(xyxy: Array) -> Array:
    """Area in px² of boxes (..., 4); empty and inverted boxes count as 0."""
    return np.clip(xyxy[..., 2] - xyxy[..., 0], 0, None) * np.clip(xyxy[..., 3] - xyxy[..., 1], 0, None)


def intersection(a: Array, b: Array) -> Array:
    """Common area in px² of every pair of boxes: (N, 4), (M, 4) -> (N, M)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.clip(high - low, 0, None).prod(-1)


def iou(a: Array, b: Array) -> Array:
    """Intersection over union of every pair of boxes: (N, 4), (M, 4) -> (N, M) in [0, 1]."""
    common = intersection(a, b)
    union = area(a)[:, None] + area(b)[None] - common
    return common / np.maximum(union, 1e-9)


def sigmas(joints: int) -> Array:
    """Per-keypoint tolerance (K,) as a share of the person's scale (COCO keypoint evaluation)."""
    if joints == len(COCO17_OKS_SIGMAS):
        return np.asarray(COCO17_OKS_SIGMAS)
    return np.full(joints, _OTHER_SIGMA)


def keypoint_similarity(a: Keypoints, b: Keypoints, scale: Array, looseness: Array) -> Array:
    """Object keypoint similarity (COCO) of every pair of people, weighted by what both show.

    Args:
        a: N people. b: M people.
        scale: (N, M) px, square root of the person's area.
        looseness: (N, 1) or (N, M), factor on COCO's tolerances: COCO compares annotators on one picture, tracking
            compares two moments.
    Returns:
        (N, M) in [0, 1]; 0 where no joint is seen in both.
    """
    tolerance = 2 * sigmas(a.xy.shape[1]) * np.maximum(scale * looseness, 1e-6)[..., None]  # (N, M, K)
    distance2 = ((a.xy[:, None] - b.xy[None]) ** 2).sum(-1)
    weight = np.minimum(a.score[:, None], b.score[None])
    total = weight.sum(-1)
    alike = (weight * np.exp(-distance2 / (2 * tolerance**2))).sum(-1)
    return np.where(total > _UNSEEN, alike / np.maximum(total, _UNSEEN), 0.0)


def posture_distance(xy_a: Array, score_a: Array, xy_b: Array, score_b: Array, height: float) -> float:
    """Mean joint distance of two people, each about its own centre, as a share of `height` px; inf if none is shared.

    Args:
        xy_a, xy_b: (K, 2) px. score_a, score_b: (K,).
    """
    weight = np.minimum(score_a, score_b)
    if weight.sum() <= _UNSEEN:
        return float("inf")
    weight = weight / weight.sum()
    centred_a = xy_a - weight @ xy_a
    centred_b = xy_b - weight @ xy_b
    return float(weight @ np.linalg.norm(centred_a - centred_b, axis=-1)) / max(height, 1e-6)


def suppress_duplicates(boxes: Boxes, keypoints: Keypoints) -> Array:
    """Rows to keep when one person was found twice: (kept,) int, best score first.

    A box goes when more than `INSIDE` of it lies in a better one (or the other way round) and the keypoints of the two
    agree by more than `ALIKE`: a child before its parent overlaps as much but has keypoints of its own.
    """
    order = np.argsort(-boxes.score, kind="stable")
    if len(order) < 2:
        return order
    xyxy, people = boxes.xyxy[order], keypoints[order]
    size = np.maximum(area(xyxy), 1e-9)
    share = intersection(xyxy, xyxy) / np.minimum(size[:, None], size[None])
    scale = np.sqrt(np.maximum(size[:, None], size[None]))
    twin = (share > INSIDE) & (keypoint_similarity(people, people, scale, np.ones_like(scale)) > ALIKE)
    kept: list[int] = []
    for row in range(len(order)):
        if not twin[row, kept].any():
            kept.append(row)
    return order[kept]
