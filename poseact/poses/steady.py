"""Poses as a camera that stands still would have seen them. Reads no picture.

A camera that follows a runner takes the run out of the poses; how the background moved between the looked-at pictures
puts it back. The classifier then sees movement over the ground, and not that of the camera's hand.
"""

from __future__ import annotations

import numpy as np

from poseact.types import Array, still_camera


def steadied(keypoint: Array, camera: Array) -> Array:
    """Keypoints of all frames in px of the middle one's picture, as if the camera had not moved.

    Args:
        keypoint: (M, T, K, 2) px. A coordinate pair of exact zeros is missing and stays.
        camera: (T, 4), see `PoseSequence.camera`.
    Returns: (M, T, K, 2) in the type of `keypoint`; the keypoints as they are where the camera stood still, or where
        its movements, one after the other, lead to a point or beyond all numbers.
    """
    turn, shift = _since_first(np.asarray(camera, np.float64))
    middle = len(turn) // 2
    if (turn == 1).all() and (shift == 0).all():
        return keypoint
    place = np.asarray(keypoint, np.float64) @ np.array([1, 1j])  # (M, T, K), x + iy
    with np.errstate(all="ignore"):
        there = (place - shift[:, None]) / turn[:, None] * turn[middle] + shift[middle]
        moved = np.stack((there.real, there.imag), -1).astype(keypoint.dtype)
    if not np.isfinite(moved).all():
        return keypoint
    return np.where((keypoint != 0).any(-1, keepdims=True), moved, keypoint)


def shared_out(camera: Array, at: Array, pts: Array) -> Array:
    """The movement between some frames, shared out over those between them by the time that passes.

    Args:
        camera: (k, 4) between frames that lie at (k,) ascending positions among all of them.
        pts: (T,) s, when all of them are shown.
    Returns: (T, 4) float32; still before the first and after the last.
    """
    shared = still_camera(len(pts)).astype(np.float64)
    turn, shift = _complex(np.asarray(camera, np.float64))
    steps = np.diff(at, prepend=at[:1])
    for row in np.flatnonzero(steps > 0):
        between = slice(at[row] - steps[row], at[row] + 1)
        passed = np.diff(pts[between])
        share = passed / passed.sum() if (passed > 0).all() else np.full(len(passed), 1 / len(passed))
        part = turn[row] ** share
        # Where z -> turn z + shift is one motion about a fixed point, its share s is z -> turn^s z + b, and the
        # b of a share is shift (1 - turn^s) / (1 - turn), or shift s without a turn.
        b = shift[row] * (share if abs(turn[row] - 1) < 1e-9 else (1 - part) / (1 - turn[row]))
        shared[at[row] - steps[row] + 1 : at[row] + 1] = np.stack((part.real, part.imag, b.real, b.imag), 1)
    return shared.astype(np.float32)


def _complex(camera: Array) -> tuple[Array, Array]:
    """(T, 4) -> factors and shifts (T,) of z -> factor z + shift, where z = x + iy."""
    return camera[:, 0] + 1j * camera[:, 1], camera[:, 2] + 1j * camera[:, 3]


def _since_first(camera: Array) -> tuple[Array, Array]:
    """(T,) factors and (T,) shifts that take the first frame's px to each frame's."""
    turns, shifts = _complex(camera)
    with np.errstate(all="ignore"):  # what overflows is noticed by who asks
        turn = np.concatenate([turns[:1] * 0 + 1, turns[1:]]).cumprod()
        shift = turn * np.concatenate([shifts[:1] * 0, (shifts / turn)[1:]]).cumsum()
    return turn, shift
