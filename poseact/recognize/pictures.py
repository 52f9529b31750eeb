"""The pictures behind a stretch of poses: decoded where they are needed, kept as small crops. Knows no networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from poseact.errors import InvalidVideo, LimitExceeded
from poseact.heatmap.crop import Box, ImageSize
from poseact.types import Array, Frame, VideoInfo
from poseact.zoo import Rgb

MAX_BYTES = 1 << 30
"""Of the crops of one stretch; 10 clips of 8 frames of 256 x 256 px take 16 MB."""
LARGEST_CUT = 1 << 27
"""px of a box that `cut` lays out with its black edges, over 11000 px square; a stray joint asks for far more."""


class Reader(Protocol):
    """What is needed of `poseact.video.VideoReader`."""

    info: VideoInfo

    def frames(self, indices: Sequence[int] | Array | None = None) -> Iterator[Frame]:
        """The frames with these numbers in presentation order; damaged ones are left out."""


@dataclass(frozen=True, slots=True)
class Crops:
    """The same box of several frames.

    Attributes:
        index: (U,) int64, ascending frame numbers.
        images: (U, size, size, 3) uint8 RGB.
    """

    index: Array
    images: Array

    def at(self, indices: Array) -> Array:
        """(..., size, size, 3): the crops of frames; a frame that could not be decoded is shown as its neighbour."""
        after = np.searchsorted(self.index, indices).clip(max=len(self.index) - 1)
        before = (after - 1).clip(min=0)
        nearer = np.abs(self.index[before] - indices) < np.abs(self.index[after] - indices)
        found: Array = self.images[np.where(nearer, before, after)]
        return found


class Shown(Protocol):
    """Pictures of a video: `Pictures` of an open one, or whatever opens it when they are wanted.

    Attributes:
        image_size: (height, width) px, upright.
    """

    @property
    def image_size(self) -> ImageSize: ...

    def crops(self, indices: Array, box: Box, size: int) -> Crops:
        """As `Pictures.crops`."""
        ...


class Pictures:
    """The pictures of one video, for a classifier that looks at them.

    Attributes:
        image_size: (height, width) px, upright.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.image_size: ImageSize = (reader.info.height, reader.info.width)

    def crops(self, indices: Array, box: Box, size: int) -> Crops:
        """Cut one box out of frames, each decoded once and forgotten as soon as it is cut.

        Args:
            indices: frame numbers, any shape, in any order and more than once.
            box: left, top, right, bottom, px of the upright picture; may leave it.
            size: side of the crops, px.
        Raises: InvalidVideo when none of the frames can be decoded; LimitExceeded above `MAX_BYTES`.
        """
        return self._each(indices, size, partial(cut, box=box, size=size))

    def warped(self, indices: Array, matrix: Array, size: int) -> Crops:
        """Move frames by an affine map, as training changes a clip; for the rest as `crops`.

        Args:
            matrix: (2, 3), see `warp`.
        """
        return self._each(indices, size, partial(warp, matrix=matrix, size=size))

    def _each(self, indices: Array, size: int, made: Callable[[Array], Array]) -> Crops:
        wanted = np.unique(indices)
        if len(wanted) * size * size * 3 > MAX_BYTES:
            raise LimitExceeded(
                f"{self._reader.info.path}: {len(wanted)} pictures of {size}x{size} px at once are more than "
                f"{MAX_BYTES} bytes; use --speed fast, which looks at fewer clips"
            )
        images = np.empty((len(wanted), size, size, 3), np.uint8)
        found = np.empty(len(wanted), np.int64)
        count = 0
        for frame in self._reader.frames(wanted):
            found[count], images[count] = frame.index, made(frame.image)
            count += 1
        if count == 0:
            raise InvalidVideo(
                f"{self._reader.info.path}: none of the frames {wanted[0]} to {wanted[-1]} can be decoded, and the "
                f"model looks at pictures; repair the video, or choose a model that reads poses only"
            )
        return Crops(found[:count], images[:count])


def cut(image: Array, box: Box, size: int) -> Array:
    """The box of a picture (H, W, 3), black beyond its edges, stretched bilinearly to (size, size, 3)."""
    left, top, right, bottom = box
    height, width = image.shape[:2]
    if (right - left) * (bottom - top) > LARGEST_CUT:
        across, down = size / (right - left), size / (bottom - top)
        return warp(image, np.array([[across, 0, -left * across], [0, down, -top * down]]), size)
    x0, x1 = max(left, 0), min(right, width)
    y0, y1 = max(top, 0), min(bottom, height)
    if (x0, y0, x1, y1) == box:
        inside = image[top:bottom, left:right]
    else:
        inside = np.zeros((bottom - top, right - left, 3), np.uint8)
        if x0 < x1 and y0 < y1:
            inside[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return cv2.resize(inside, (size, size), interpolation=cv2.INTER_LINEAR)


def warp(image: Array, matrix: Array, size: int) -> Array:
    """A picture (H, W, 3) turned, scaled and moved bilinearly into (size, size, 3), black where there is none.

    Args:
        matrix: (2, 3) float64; a point (x, y) of the picture comes to lie at matrix @ (x, y, 1). Both are measured from
            the corner of the first pixel, whose middle is (0.5, 0.5), as `cut` and the joints of a crop have it.
    """
    centred = matrix.copy()
    centred[:, 2] += matrix[:, :2].sum(1) / 2 - 0.5  # OpenCV measures from the middle of the first pixel
    return cv2.warpAffine(image, centred, (size, size), flags=cv2.INTER_LINEAR)


def standardised(clips: Array, rgb: Rgb, device: str | torch.device = "cpu") -> Tensor:
    """Clips (V, T, H, W, 3) uint8 -> (V, 3, T, H, W) float32, by the mean and deviation of a model card."""
    values = torch.from_numpy(clips).to(device).float()
    mean, deviation = (torch.tensor(three, device=device) for three in (rgb.mean, rgb.std))
    return ((values - mean) / deviation).permute(0, 4, 1, 2, 3)
