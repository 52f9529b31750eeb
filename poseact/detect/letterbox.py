"""Fits images into network inputs and boxes back into images. Knows nothing of networks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from torch import Tensor

from poseact.types import Array


@dataclass(frozen=True, slots=True)
class Fit:
    """Where an image lies in its network input.

    Attributes:
        height, width: px of the image.
        canvas: (height, width) px of the network input.
        inner: (height, width) px of the resized image inside the canvas.
        left, top: px of black padding before it.
    """

    height: int
    width: int
    canvas: tuple[int, int]
    inner: tuple[int, int]
    left: int
    top: int


def fit(height: int, width: int, size: int, divisor: int) -> Fit:
    """Scale the longer side to `size` px and round the canvas up to multiples of `divisor`; the image is centered."""
    scale = size / max(height, width)
    inner = (max(1, round(height * scale)), max(1, round(width * scale)))
    canvas = (-(-inner[0] // divisor) * divisor, -(-inner[1] // divisor) * divisor)
    return Fit(height, width, canvas, inner, (canvas[1] - inner[1]) // 2, (canvas[0] - inner[0]) // 2)


def letterbox(image: Array, place: Fit) -> Array:
    """(H, W, 3) uint8 -> (*canvas, 3) uint8 with black borders, which cost fewer people than grey ones do."""
    shrinks = place.inner[0] < place.height
    resized = cv2.resize(image, place.inner[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    canvas = np.zeros((*place.canvas, 3), np.uint8)
    canvas[place.top : place.top + place.inner[0], place.left : place.left + place.inner[1]] = resized
    return canvas


def to_image(boxes: Tensor, place: Fit) -> Tensor:
    """(N, 4) px xyxy of the canvas -> (N, 4) px of the image, clipped to it."""
    x = (boxes[:, 0::2] - place.left) * (place.width / place.inner[1])
    y = (boxes[:, 1::2] - place.top) * (place.height / place.inner[0])
    restored = boxes.clone()
    restored[:, 0::2] = x.clamp(0, place.width)
    restored[:, 1::2] = y.clamp(0, place.height)
    return restored
