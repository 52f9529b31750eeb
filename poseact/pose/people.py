"""Boxes of a batch of pictures to keypoints, whatever looks at them: which boxes and joints count. Knows no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from poseact.errors import UsageError
from poseact.types import Array, Boxes, Keypoints

NEAREST_TO_ZERO = 0.25

Estimate = Callable[[list[Array], Array], tuple[Array, Array, Array]]
"""Pictures, one per box, and boxes (n, 4) px -> joints (n, K, 2) as pixel indices of the pictures, their scores (n, K),
and the slack (n, 2) px of `within_picture`."""


def checked_size(size: tuple[int, int], multiple: int, margin: float, batch_size: int) -> tuple[int, int]:
    """The crop's (height, width), px. Raises: UsageError when it, the margin or the batch size is impossible."""
    if min(size) < multiple or any(side % multiple for side in size):
        raise UsageError(f"the crop's sides must be positive multiples of {multiple}, got {size}")
    if margin <= 0 or batch_size < 1:
        raise UsageError(f"margin and batch size must be positive, got {margin} and {batch_size}")
    return size


def estimate_people(
    images: Sequence[Array], boxes: Sequence[Boxes], estimate: Estimate, *, joints: int, batch_size: int
) -> list[Keypoints]:
    """Estimate everybody in a batch of pictures, `batch_size` boxes at a time, across pictures.

    Args:
        images: (H, W, 3) uint8 RGB each; sizes may differ.
        boxes: the people of each picture.
        estimate: finds the joints in some boxes; it never sees a box that `overlaps` refuses.
        joints: K.
    Returns:
        One `Keypoints` per picture, its rows in the order of the boxes. A joint outside the picture has score 0, as
        has every joint of a box outside it.
    Raises: UsageError when there are not as many lists of boxes as pictures.
    """
    if len(images) != len(boxes):
        raise UsageError(f"{len(images)} pictures, but {len(boxes)} lists of boxes")
    owner = [index for index, people in enumerate(boxes) for _ in range(len(people))]
    xyxy = np.concatenate([np.zeros((0, 4)), *(people.xyxy for people in boxes)])
    frame = np.array([images[index].shape[1::-1] for index in owner], np.float64).reshape(-1, 2)
    xy, slack = np.zeros((len(owner), joints, 2)), np.zeros((len(owner), 2))
    score = np.zeros(xy.shape[:2], np.float32)
    rows = np.flatnonzero(overlaps(xyxy, frame))
    for start in range(0, len(rows), batch_size):
        chosen = rows[start : start + batch_size]
        xy[chosen], score[chosen], slack[chosen] = estimate([images[owner[row]] for row in chosen], xyxy[chosen])
    return list(_split(*within_picture(xy, score, frame, slack), [len(people) for people in boxes]))


def overlaps(xyxy: Array, frame: Array) -> Array:
    """(N,) bool: the box (N, 4) is finite, has an area and meets its picture, whose width and height are (N, 2)."""
    left_top, right_bottom = np.maximum(xyxy[:, :2], 0), np.minimum(xyxy[:, 2:], frame)
    return np.asarray(np.isfinite(xyxy).all(1) & (right_bottom > left_top).all(1))


def within_picture(xy: Array, score: Array, frame: Array, slack: Array) -> tuple[Array, Array]:
    """Blank the joints outside of their pictures, and draw those that are just outside to the border.

    Args:
        xy: (N, K, 2) px. score: (N, K). frame: (N, 2) width and height of each picture, px.
        slack: (N, 2) px, how far outside still counts as the border.
    Returns:
        xy and score, float32. An unseen joint has score 0 and lies at 0, 0; a seen one never has a coordinate of 0,
        which readers of stored poses take for "not seen" (PYSKL does).
    """
    beyond = np.maximum(-xy, xy - (frame[:, None] - 1))
    seen = (beyond <= slack[:, None] + 0.5).all(2) & (score > 0)
    drawn = np.clip(xy, NEAREST_TO_ZERO, np.maximum(frame[:, None] - 1, NEAREST_TO_ZERO))
    return np.where(seen[..., None], drawn, 0).astype(np.float32), np.where(seen, score, 0).astype(np.float32)


def _split(xy: Array, score: Array, counts: Sequence[int]) -> Iterator[Keypoints]:
    for end, count in zip(np.cumsum(counts), counts, strict=True):
        yield Keypoints(xy[end - count : end], score[end - count : end])
