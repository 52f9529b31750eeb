"""Boxes to crops and back: which window of a picture a network sees, and where its pixels lie. Knows no network.

A window is (centre x, centre y, width, height) in px of the picture. Coordinates, of boxes as of joints, run from 0 at
the outer edge of the top left pixel to the picture's width and height, so that mirroring a picture mirrors its crops.
HRNet's classic pipeline maps pixel indices instead, u = (x - centre) * size / extent + size / 2; that is the same with
the window's centre moved by (1 - extent / size) / 2.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from poseact.types import Array

MOST_SAMPLES = 8


def windows(xyxy: Array, size: tuple[int, int], margin: float) -> Array:
    """Enlarge boxes about their centres by `margin`, then in one direction to the shape of the crop.

    Args:
        xyxy: (N, 4) px.
        size: (height, width) of the crop, px.
        margin: 1 keeps the box, 1.25 adds an eighth on each side.
    Returns:
        (N, 4) float64 windows.
    """
    left, top, right, bottom = np.asarray(xyxy, np.float64).reshape(-1, 4).T
    height = np.maximum((bottom - top) * margin, (right - left) * margin * size[0] / size[1])
    return np.stack([(left + right) / 2, (top + bottom) / 2, height * size[1] / size[0], height], axis=1)


def cut(image: Array, window: Array, size: tuple[int, int]) -> Array:
    """Resample one window of a picture; black outside the picture.

    Where the window is larger than the crop, the average of several samples per pixel is taken, against aliasing.

    Args:
        image: (H, W, 3) uint8.
        window: (4,).
        size: (height, width) of the crop, px.
    Returns:
        (height, width, 3) uint8.
    """
    height, width = size
    x, y, extent_x, extent_y = window
    samples = min(max(math.ceil(max(extent_x / width, extent_y / height) - 0.25), 1), MOST_SAMPLES)
    scale_x, scale_y = extent_x / width / samples, extent_y / height / samples
    # OpenCV counts from the middle of the first pixel, hence the halves.
    backward = np.array(
        [
            [scale_x, 0, x - extent_x / 2 + scale_x / 2 - 0.5],
            [0, scale_y, y - extent_y / 2 + scale_y / 2 - 0.5],
        ]
    )
    fine = cv2.warpAffine(
        image, backward, (width * samples, height * samples), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return fine if samples == 1 else cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)


def to_crop(xy: Array, window: Array, size: tuple[int, int]) -> Array:
    """Where points of the picture lie in their crops: (N, K, 2) px and windows (N, 4) -> (N, K, 2) px of the crop."""
    centre, extent, shape = _split(window, size)
    return (xy - centre) * shape / extent + shape / 2


def to_image(xy: Array, window: Array, size: tuple[int, int]) -> Array:
    """The inverse of `to_crop`."""
    centre, extent, shape = _split(window, size)
    return (xy - shape / 2) * extent / shape + centre


def _split(window: Array, size: tuple[int, int]) -> tuple[Array, Array, Array]:
    return window[:, None, :2], window[:, None, 2:], np.array([size[1], size[0]], np.float64)
