"""MoveNet as a top-down estimator: crops of all boxes of a batch, joints back in the picture. Finds no boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from poseact.pose.crop import cut, to_crop, to_image, windows
from poseact.pose.decode import average_flipped, decode
from poseact.pose.movenet import MULTIPLE, STRIDE
from poseact.pose.people import checked_size, estimate_people
from poseact.skeleton import COCO17, Layout
from poseact.types import Array, Boxes, Keypoints


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
        size = (input_size, input_size) if isinstance(input_size, int) else input_size
        self._size = checked_size(size, MULTIPLE, margin, batch_size)
        self._margin = margin
        self._flip = flip
        self._batch_size = batch_size
        self._device = torch.device(device)
        self._network = network.eval().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, images: Sequence[Array], boxes: Sequence[Boxes]) -> list[Keypoints]:
        """See `PoseEstimator`. A joint outside the picture has score 0, as has every joint of a box outside it."""
        joints = len(self.layout.keypoints)
        return estimate_people(images, boxes, self._estimate, joints=joints, batch_size=self._batch_size)

    def _estimate(self, images: list[Array], xyxy: Array) -> tuple[Array, Array, Array]:
        """See `people.Estimate`."""
        window = windows(xyxy, self._size, self._margin)
        crops = np.stack([cut(image, row, self._size) for image, row in zip(images, window, strict=True)])
        corners = to_crop(xyxy.reshape(-1, 2, 2), window, self._size)
        in_crop, score = self._find(crops, corners.reshape(-1, 4))
        slack = window[:, 2:] * STRIDE / np.array(self._size[::-1])  # what one heatmap pixel covers
        # From px counted from the picture's edge to pixel indices, in which COCO and its networks give joints.
        return to_image(in_crop, window, self._size) - 0.5, score, slack

    @torch.inference_mode()
    def _find(self, crops: Array, boxes: Array) -> tuple[Array, Array]:
        """(n, H, W, 3) uint8 and boxes (n, 4) in px of the crop -> joints (n, K, 2), likewise, and scores (n, K)."""
        pixels = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2)  # channels last already
        heads = self._network(pixels.float())
        if self._flip:
            heads = average_flipped(heads, self._network(pixels.flip(3).float()), self.layout.flip_joints)
        xy, score = decode(heads, torch.from_numpy(boxes / STRIDE).to(heads.heatmap))
        return (xy * STRIDE).double().cpu().numpy(), score.float().cpu().numpy()
