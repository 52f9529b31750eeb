"""The published rules of joint and limb heatmaps restated in plain numpy: loops over frames, people and joints."""

from collections.abc import Sequence

import numpy as np


def window(low: float, high: float, sigma: float, side: int) -> np.ndarray:
    """The pixels from int(low - 3 sigma) to int(high + 3 sigma) that are in the picture."""
    first, stop = int(float(low) - 3 * sigma), int(float(high) + 3 * sigma) + 1
    return np.arange(min(max(first, 0), side), min(max(stop, 0), side))


def add_joint(plane: np.ndarray, joint: np.ndarray, peak: float, sigma: float, eps: float) -> None:
    if peak < eps:
        return
    columns = window(joint[0], joint[0], sigma, plane.shape[1])
    rows = window(joint[1], joint[1], sigma, plane.shape[0])
    if not (len(columns) and len(rows)):
        return
    patch = peak * np.exp(-((columns - joint[0]) ** 2 + (rows[:, None] - joint[1]) ** 2) / (2 * sigma**2))
    place = plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    np.maximum(place, patch, out=place, casting="same_kind")


def add_limb(
    plane: np.ndarray, ends: tuple[np.ndarray, np.ndarray], peaks: tuple[float, float], sigma: float, eps: float
) -> None:
    (a, b), peak = ends, min(peaks)
    if peak < eps:
        return
    columns = window(min(a[0], b[0]), max(a[0], b[0]), sigma, plane.shape[1])
    rows = window(min(a[1], b[1]), max(a[1], b[1]), sigma, plane.shape[0])
    if not (len(columns) and len(rows)):
        return
    from_a = (columns - a[0]) ** 2 + (rows[:, None] - a[1]) ** 2
    from_b = (columns - b[0]) ** 2 + (rows[:, None] - b[1]) ** 2
    length = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2
    if length < 1:
        add_joint(plane, a, peaks[0], sigma, eps)
        return
    t = (from_a - from_b + length) / (2 * length)
    across = (columns - a[0] - t * (b[0] - a[0])) ** 2 + (rows[:, None] - a[1] - t * (b[1] - a[1])) ** 2
    distance = np.where(t <= 0, from_a, np.where(t >= 1, from_b, across))
    place = plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    np.maximum(place, peak * np.exp(-distance / (2 * sigma**2)), out=place, casting="same_kind")


def plain_heatmaps(
    xy: np.ndarray,
    score: np.ndarray,
    size: tuple[int, int],
    sigma: float,
    eps: float = 1e-3,
    limbs: Sequence[tuple[int, int]] | None = None,
) -> np.ndarray:
    """xy (T, M, K, 2), score (T, M, K) -> (channels, T, H, W) float32; joints, or limbs when they are given."""
    frames, people, joints = score.shape
    volume = np.zeros((joints if limbs is None else len(limbs), frames, *size), np.float32)
    for frame in range(frames):
        for person in range(people):
            where, peaks = xy[frame, person], score[frame, person]
            if limbs is None:
                for joint in range(joints):
                    add_joint(volume[joint, frame], where[joint], peaks[joint], sigma, eps)
            else:
                for channel, (a, b) in enumerate(limbs):
                    add_limb(volume[channel, frame], (where[a], where[b]), (peaks[a], peaks[b]), sigma, eps)
    return volume
