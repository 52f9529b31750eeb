"""How the camera moved from one looked-at picture to the next, as the background shows. Knows no poses."""

from __future__ import annotations

import cv2
import numpy as np

from poseact.types import Array, Boxes

SIDE = 320
"""px of the longer side of the pictures in which the background is followed."""
LEAST_SIDE = 32
MARGIN = 6
"""px around people, who are no background, in these pictures."""
POINTS = 200
OFF = 1.5
"""px that a point may lie off the movement of the others."""
LEAST_POINTS, LEAST_SHARE = 8, 0.25
"""So many points, and this share of those followed, must move as one; else nothing is said."""
LARGEST_ZOOM = 1.5
STILL = (1.0, 0.0, 0.0, 0.0)


class CameraMotion:
    """Follows corners of the background from picture to picture. Holds one small picture."""

    def __init__(self) -> None:
        self._before: tuple[Array, Array] | None = None

    def __call__(self, image: Array, people: Boxes) -> Array:
        """The movement since the picture before.

        Args:
            image: (H, W, 3) uint8 RGB.
            people: everybody in it; background is what lies outside their boxes.
        Returns:
            (4,) float32 (a, b, x, y): what was at (u, v) px of the picture before is at (a u - b v + x, b u + a v + y)
            now; `STILL` for the first picture, one of another size than that before, and where too little of the
            background moves as one.
        """
        factor = min(SIDE / max(image.shape[:2]), 1.0)
        size = (max(round(image.shape[1] * factor), 1), max(round(image.shape[0] * factor), 1))
        small = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        before, self._before = self._before, (small, _background(small.shape, people, factor))
        if before is None or before[0].shape != small.shape or min(small.shape) < LEAST_SIDE:
            return np.array(STILL, np.float32)
        a, b, x, y = _similarity(before[0], before[1], small)
        # From px of the small picture, whose centres are whole numbers, to those of the large one.
        return np.array((a, b, _enlarged(x, a, -b, factor), _enlarged(y, a, b, factor)), np.float32)


def _enlarged(shift: float, along: float, across: float, factor: float) -> float:
    half = 0.5 - 0.5 * factor  # what a small picture's origin is off that of the large one, px of the small one
    return (shift + half * (1 - along - across)) / factor


def _background(shape: tuple[int, ...], people: Boxes, factor: float) -> Array:
    mask = np.full(shape, 255, np.uint8)
    for left, top, right, bottom in people.xyxy * factor:
        mask[
            max(int(top) - MARGIN, 0) : max(int(bottom) + MARGIN, 0),
            max(int(left) - MARGIN, 0) : max(int(right) + MARGIN, 0),
        ] = 0
    return mask


def _similarity(before: Array, background: Array, after: Array) -> tuple[float, float, float, float]:
    corners = cv2.goodFeaturesToTrack(before, POINTS, 0.005, 5, mask=background)
    if corners is None or len(corners) < LEAST_POINTS:
        return STILL
    followed, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None, winSize=(15, 15), maxLevel=3)  # type: ignore[call-overload]
    kept = found[:, 0] == 1
    if np.count_nonzero(kept) < LEAST_POINTS:
        return STILL
    matrix, agree = cv2.estimateAffinePartial2D(corners[kept], followed[kept], ransacReprojThreshold=OFF)
    if matrix is None or not np.isfinite(matrix).all():
        return STILL
    a, b, x, y = float(matrix[0, 0]), float(matrix[1, 0]), float(matrix[0, 2]), float(matrix[1, 2])
    together = np.count_nonzero(agree)
    certain = together >= LEAST_POINTS and together >= LEAST_SHARE * np.count_nonzero(kept)
    return (a, b, x, y) if certain and 1 / LARGEST_ZOOM < np.hypot(a, b) < LARGEST_ZOOM else STILL
