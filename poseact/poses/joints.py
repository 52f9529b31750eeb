"""Changes of (x, y, score) arrays, joint by joint. Knows no people, no files."""

from __future__ import annotations

import numpy as np

from poseact.types import Array


def without_weak_joints(xy: Array, score: Array, min_score: float) -> tuple[Array, Array]:
    """Turn joints below a score into missing ones.

    Args:
        xy: (..., K, 2) px. score: (..., K) in [0, 1].
    Returns: new arrays; score 0 and coordinate 0 where the score was below `min_score`.
    """
    kept = score >= min_score
    return np.where(kept[..., None], xy, 0), np.where(kept, score, 0)
