"""Changes of (x, y, score) arrays, joint by joint. Knows no people, no files."""

from __future__ import annotations

import numpy as np

from poseact.types import Array


def without_weak_joints(xy: Array, score: Array, min_score: float) -> tuple[Array, Array]:
    """Turn joints below a score into missing ones, which have the score 0 and lie at (0, 0).

    So become those that have only one of both, such as joints that a data set marks as invisible but gives a place: a
    box around the subject would reach to them.

    Args:
        xy: (..., K, 2) px. score: (..., K) in [0, 1].
    Returns: new arrays.
    """
    kept = (score >= min_score) & (score > 0) & (xy != 0).any(-1)
    return np.where(kept[..., None], xy, 0), np.where(kept, score, 0)
