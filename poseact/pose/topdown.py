"""The top-down estimator: crops of all boxes of a batch, one network, joints back in the picture. Finds no boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from poseact.errors import UsageError
from poseact.pose.crop import cut, to_crop, to_image, windows
from poseact.pose.decode import average_flipped, decode
from poseact.pose.movenet import MULTIPLE, STRIDE
from poseact.skeleton import COCO17, Layout
from poseact.types import Array, Boxes, Keypoints

NEAREST_TO_ZERO = 0.25


class TopDown:
    """MoveNet in person boxes, behind the `PoseEstimator` protocol.

    Attributes:
        name: of the network, kept with the poses.
        layout: COCO-17.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str = "movenet",
        device: str | torch.device = "cpu",
        input_size: int | tuple[int, int] = 256,
        margin: float = 1.25,
        flip: bool = True,
        batch_size: int = 16,
    ) -> None:
        """Take a network with weights.

        Args:
            input_size: side of the crop, or (height, width), px; multiples of 32.
            margin: by which boxes are enlarged.
            flip: average with the mirrored crop; doubles the cost.
            batch_size: crops per forward pass.
        Raises: UsageError for an impossible size, margin or batch size.
        """
        self.name = name
        self.layout: Layout = COCO17
        self._size = (input_size, input_size) if isinstance(input_size, int) else input_size
        if min(self._size) < MULTIPLE or any(side % MULTIPLE for side in self._size):
            raise UsageError(f"the crop's sides must be positive multiples of {MULTIPLE}, got {self._size}")
        if margin <= 0 or batch_size < 1:
            raise UsageError(f"margin and batch size must be positive, got {margin} and {batch_size}")
        self._margin = margin
        self._flip = flip
        self._batch_size = batch_size
        self._device = torch.device(device)
        self._network = network.eval().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, images: Sequence[Array], boxes: Sequence[Boxes]) -> list[Keypoints]:
        """See `PoseEstimator`. A joint outside the picture has score 0, as has every joint of a box outside it."""
        if len(images) != len(boxes):
            raise UsageError(f"{len(images)} pictures, but {len(boxes)} lists of boxes")
        owner = [index for index, people in enumerate(boxes) for _ in range(len(people))]
        xyxy = np.concatenate([np.zeros((0, 4)), *(people.xyxy for people in boxes)])
        frame = np.array([images[index].shape[1::-1] for index in owner], np.float64).reshape(-1, 2)
        window = windows(xyxy, self._size, self._margin)
        xy = np.zeros((len(owner), len(self.layout.keypoints), 2))
        score = np.zeros(xy.shape[:2], np.float32)
        rows = np.flatnonzero(overlaps(xyxy, frame))
        for start in range(0, len(rows), self._batch_size):
            chosen = rows[start : start + self._batch_size]
            crops = np.stack([cut(images[owner[row]], window[row], self._size) for row in chosen])
            corners = to_crop(xyxy[chosen].reshape(-1, 2, 2), window[chosen], self._size)
            in_crop, score[chosen] = self._estimate(crops, corners.reshape(-1, 4))
            # From px counted from the picture's edge to pixel indices, in which COCO and its networks give joints.
            xy[chosen] = to_image(in_crop, window[chosen], self._size) - 0.5
        slack = window[:, 2:] * STRIDE / np.array(self._size[::-1])  # what one heatmap pixel covers
        return list(_split(*within_picture(xy, score, frame, slack), [len(people) for people in boxes]))

    @torch.inference_mode()
    def _estimate(self, crops: Array, boxes: Array) -> tuple[Array, Array]:
        """(n, H, W, 3) uint8 and boxes (n, 4) in px of the crop -> joints (n, K, 2), likewise, and scores (n, K)."""
        pixels = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2)  # channels last already
        heads = self._network(pixels.float())
        if self._flip:
            heads = average_flipped(heads, self._network(pixels.flip(3).float()), self.layout.flip_joints)
        xy, score = decode(heads, torch.from_numpy(boxes / STRIDE).to(heads.heatmap))
        return (xy * STRIDE).double().cpu().numpy(), score.float().cpu().numpy()


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
