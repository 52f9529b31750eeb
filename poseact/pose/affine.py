"""Boxes to crops and back as HRNet ("classic") and UDP networks were trained on them. Knows no network.

Unlike in `crop`, coordinates are pixel indices here: whole numbers lie in the middle of pixels, as OpenCV's
`warpAffine` has it and COCO gives joints. Boxes are used as they are, in px without "+ 1". A window is that of
`crop.windows`: centre x, centre y, width, height, in px of the picture.

A window is as wide as W pixels of a crop or heatmap in the classic codec, and as W - 1 in UDP (arXiv:1911.07524), where
its edges are the middles of the outermost pixels. So the classic codec puts the window's centre half a pixel right of
the crop's, a mirrored crop is not the crop of the mirrored picture, and flip tests must shift; UDP's need not.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from poseact.types import Array

Codec = Literal["classic", "udp"]
CODECS: tuple[Codec, ...] = ("classic", "udp")


def to_crop(xy: Array, window: Array, size: tuple[int, int], codec: Codec) -> Array:
    """Where points of the picture lie in their crops, or in the heatmaps of these.

    Classic: u = (x - centre) * W / extent + W / 2; UDP: u = (x - centre + extent / 2) * (W - 1) / extent.

    Args:
        xy: (N, K, 2) px of the picture.
        window: (N, 4) px.
        size: (height, width) of the crop or heatmap, px.
    Returns:
        (N, K, 2) px of the crop or heatmap.
    """
    left_top, extent = _corner(window)
    return (xy - left_top) * _span(size, codec) / extent


def to_image(xy: Array, window: Array, size: tuple[int, int], codec: Codec) -> Array:
    """The inverse of `to_crop`: (N, K, 2) px of a crop or heatmap of that size -> (N, K, 2) px of the picture."""
    left_top, extent = _corner(window)
    return xy * extent / _span(size, codec) + left_top


def cut(image: Array, window: Array, size: tuple[int, int], codec: Codec) -> Array:
    """Resample one window of a picture as the networks were trained: bilinear, not smoothed, black outside.

    Args:
        image: (H, W, 3) uint8.
        window: (4,) px.
        size: (height, width) of the crop, px.
    Returns:
        (height, width, 3) uint8.
    """
    left_top, extent = _corner(window[None])
    scale = (_span(size, codec) / extent)[0, 0]
    move = -left_top[0, 0] * scale
    forward = np.array([[scale[0], 0, move[0]], [0, scale[1], move[1]]])
    return cv2.warpAffine(image, forward, (size[1], size[0]), flags=cv2.INTER_LINEAR)


def _corner(window: Array) -> tuple[Array, Array]:
    """(N, 4) -> left and top (N, 1, 2), width and height (N, 1, 2)."""
    return window[:, None, :2] - window[:, None, 2:] / 2, window[:, None, 2:]


def _span(size: tuple[int, int], codec: Codec) -> Array:
    """(2,): how many px of a crop or heatmap, x and y, the window's width and height are."""
    return np.array([size[1], size[0]], np.float64) - (codec == "udp")
