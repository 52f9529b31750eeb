"""Where the subject is in the picture: subject-centred crop, resize and centre crop of keypoints. No random numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from poseact.errors import UsageError

ImageSize = tuple[int, int]  # (height, width) px
Box = tuple[int, int, int, int]  # left, top, right, bottom, px; right and bottom are outside
NARROW = 10.0
"""px: a subject that spans less in x or y is not cut out."""


def subject_crop(
    xy: Tensor,
    image_size: ImageSize,
    *,
    padding: float = 0.25,
    threshold: float = NARROW,
    hw_ratio: float | None = 1.0,
    beyond_image: bool = True,
) -> tuple[Tensor, ImageSize]:
    """Cut the picture to one box around all people in all frames (PoseCompact of the reference).

    A coordinate that is exactly 0 is missing: it neither widens the box nor moves, x and y each by itself. Scores are
    not asked. A subject that spans less than `threshold` in x or y leaves everything as it is.

    Args:
        xy: (..., 2) px, finite.
        image_size: (height, width) px.
        padding: the box is this share wider and higher than the subject.
        threshold: px.
        hw_ratio: height over width that the box grows to; None keeps the subject's.
        beyond_image: whether the box may leave the picture, as in all published configurations.
    Returns:
        xy relative to the box, and the (height, width) of the box. Corners are truncated towards zero.
    """
    left, top, right, bottom = subject_box(
        xy, image_size, padding=padding, threshold=threshold, hw_ratio=hw_ratio, beyond_image=beyond_image
    )
    corner = torch.tensor([float(left), float(top)], dtype=xy.dtype, device=xy.device)
    return torch.where(xy != 0, xy - corner, xy), (bottom - top, right - left)


def subject_box(
    xy: Tensor,
    image_size: ImageSize,
    *,
    padding: float = 0.25,
    threshold: float = NARROW,
    hw_ratio: float | None = 1.0,
    beyond_image: bool = True,
) -> Box:
    """The box that `subject_crop` cuts out, for cutting pictures in the same way; the whole picture when it cuts none.

    Args: as there.
    """
    extent = _extent(xy)
    whole = (0, 0, image_size[1], image_size[0])
    if extent is None:
        return whole
    (low_x, low_y), (high_x, high_y) = extent
    if high_x - low_x < threshold or high_y - low_y < threshold:
        return whole
    centre_x, centre_y = (high_x + low_x) / 2, (high_y + low_y) / 2
    half_width, half_height = (high_x - low_x) / 2 * (1 + padding), (high_y - low_y) / 2 * (1 + padding)
    if hw_ratio is not None:
        half_height = max(hw_ratio * half_width, half_height)
        half_width = max(half_height / hw_ratio, half_width)
    left, right, top, bottom = (
        centre_x - half_width, centre_x + half_width, centre_y - half_height, centre_y + half_height,
    )  # fmt: skip
    if not beyond_image:
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, image_size[1]), min(bottom, image_size[0])
    return int(left), int(top), int(right), int(bottom)


def _extent(xy: Tensor) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Lowest and highest (x, y) of the coordinates that are not 0; None when there are none in x or in y."""
    flat = xy.reshape(-1, 2)
    seen = flat != 0
    if not bool(seen.any(0).all()):
        return None
    low = torch.where(seen, flat, torch.inf).amin(0).tolist()
    high = torch.where(seen, flat, -torch.inf).amax(0).tolist()
    return (low[0], low[1]), (high[0], high[1])


def resize(xy: Tensor, image_size: ImageSize, size: ImageSize) -> Tensor:
    """Resize keypoints (..., 2) from a picture of `image_size` to one of `size`, whatever the aspect. Zeros stay 0.

    Raises: UsageError for a picture without area.
    """
    if min(image_size) < 1:
        raise UsageError(f"the picture size must be (height, width) of at least 1 px, got {image_size}")
    return xy * torch.tensor([size[1] / image_size[1], size[0] / image_size[0]], dtype=xy.dtype, device=xy.device)


def resize_short_side(xy: Tensor, image_size: ImageSize, short: int) -> tuple[Tensor, ImageSize]:
    """Resize keypoints (..., 2) so that the short side of the picture is `short` px, and the other is rounded.

    Returns: the keypoints, and the new (height, width).
    Raises: UsageError for a picture without area.
    """
    if min(image_size) < 1:
        raise UsageError(f"the picture size must be (height, width) of at least 1 px, got {image_size}")
    factor = short / min(image_size)
    size = (int(image_size[0] * factor + 0.5), int(image_size[1] * factor + 0.5))
    return resize(xy, image_size, size), size


def centre_crop(xy: Tensor, image_size: ImageSize, size: ImageSize) -> Tensor:
    """Cut the middle of `size` out of a picture; all keypoints (..., 2) move, missing ones too, as in the reference."""
    corner = [(image_size[1] - size[1]) // 2, (image_size[0] - size[0]) // 2]
    return xy - torch.tensor(corner, dtype=xy.dtype, device=xy.device)
