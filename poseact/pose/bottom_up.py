"""Bottom-up estimation: a network of heatmaps and tags over whole pictures, its joints grouped into people.

The sizes and the averaging are those of MMPose 0.x, which the published accuracies of HigherHRNet rest on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import ceil

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poseact.errors import InvalidWeights, UsageError
from poseact.pose.affine import cut, to_image
from poseact.pose.grouping import group
from poseact.pose.heatmap_topdown import IMAGENET_MEAN, IMAGENET_STD
from poseact.pose.people import within_picture
from poseact.skeleton import COCO17, Layout
from poseact.types import Array, Boxes, Keypoints

MULTIPLE = 64
LONGEST = 4  # times the shorter side; a narrower picture is looked at in less detail
MARGIN = 0.1  # of the extent of the joints, added to each side of a box: heads, hands and feet go on beyond them


class BottomUp:
    """HigherHRNet, or HRNet with associative embedding, behind the `PictureEstimator` protocol.

    Attributes:
        name: of the network, kept with the poses.
        layout: COCO-17.
    """

    def __init__(
        self, network: nn.Module, *, name: str, size: int = 512, flip: bool = True, device: str | torch.device = "cpu",
        batch_size: int = 2,
    ) -> None:  # fmt: skip
        """Take a network with weights; see `higher_hrnet` for what it reads and gives.

        Args:
            size: the shorter side of the pictures that the network sees, px; a multiple of 64.
            flip: average with the mirrored picture; doubles the cost.
            batch_size: pictures of one size per forward pass.
        Raises: UsageError for a setting that cannot work.
        """
        if size < MULTIPLE or size % MULTIPLE or batch_size < 1:
            raise UsageError(f"the size must be a positive multiple of {MULTIPLE}, got {size}, and batches positive")
        self.name = name
        self.layout: Layout = COCO17
        self._size = size
        self._flip = flip
        self._batch_size = batch_size
        self._device = torch.device(device)
        self._network = network.eval().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._mean, self._std = (
            torch.tensor(values, dtype=torch.float32, device=self._device).view(1, 3, 1, 1)
            for values in (IMAGENET_MEAN, IMAGENET_STD)
        )

    def everybody(self, images: Sequence[Array]) -> list[tuple[Boxes, Keypoints]]:
        """See `PictureEstimator`. A box holds its person's joints and a tenth more; its score is their mean score.

        Raises: InvalidWeights when the network does not give heatmaps and tags.
        """
        found = []
        for shape, alike in groupby(images, lambda image: image.shape[:2]):
            same = list(alike)
            window, size = input_window(shape, self._size)
            for start in range(0, len(same), self._batch_size):
                batch = same[start : start + self._batch_size]
                found += [self._people(*maps, window, shape) for maps in self._look(batch, window, size)]
        return found

    @torch.inference_mode()
    def _look(self, images: Sequence[Array], window: Array, size: tuple[int, int]) -> list[tuple[Tensor, Tensor]]:
        """Of each picture the heatmaps (17, *size) and tags (17, *size, 1 or 2)."""
        pixels = np.stack([cut(image, window, size, "classic") for image in images])
        tensor = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2)
        standardised = (tensor.float() - self._mean) / self._std
        heatmaps, tags = self._maps(standardised, size)
        every_tag = [tags]
        if self._flip:
            order = list(self.layout.flip_joints)
            mirrored, mirrored_tags = (maps.flip(3)[:, order] for maps in self._maps(standardised.flip(3), size))
            heatmaps = (heatmaps + mirrored) / 2
            every_tag.append(mirrored_tags)
        return list(zip(heatmaps, torch.stack(every_tag, 4), strict=True))

    def _maps(self, pixels: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """(N, 17, *size) twice: heatmaps, the mean of all stages, and the tags of the first."""
        stages = self._network(pixels)
        joints = len(self.layout.keypoints)
        channels = [one.shape[1] for one in stages] if isinstance(stages, list) else []
        if not channels or channels[0] != 2 * joints or any(count != joints for count in channels[1:]):
            raise InvalidWeights(f"{self.name} gives {channels} maps, not heatmaps and tags of {joints} joints")
        full = [F.interpolate(one, size=size, mode="bilinear", align_corners=False) for one in stages]
        heatmaps = torch.stack([one[:, :joints] for one in full]).mean(0)
        return heatmaps, full[0][:, joints:]

    def _people(self, heatmaps: Tensor, tags: Tensor, window: Array, shape: tuple[int, int]) -> tuple[Boxes, Keypoints]:
        size = (heatmaps.shape[1], heatmaps.shape[2])
        xy, score, confidence = group(heatmaps, tags)
        frame = np.tile(np.array(shape[::-1], np.float64), (len(xy), 1))
        slack = np.tile(window[2:] / np.array(size[::-1]), (len(xy), 1))
        place = to_image(xy, window[None], size, "classic")
        joints, seen = within_picture(place, score.clip(0, 1), frame, slack)
        order = [row for row in np.argsort(-confidence, kind="stable") if seen[row].any()]
        return (
            Boxes(_boxes(joints[order], seen[order], shape), confidence[order].clip(0, 1).astype(np.float32)),
            Keypoints(joints[order], seen[order]),
        )


def input_window(shape: tuple[int, int], size: int) -> tuple[Array, tuple[int, int]]:
    """Which part of a picture the network sees, and how large.

    Args:
        shape: (height, width) of the picture, px.
        size: of the shorter side, px.
    Returns:
        the window (4,), centre x, centre y, width, height in px of the picture, and (height, width) of the input, px.
        The window is that of the picture, made longer so that the input's sides are multiples of 64.
    """
    height, width = shape
    short, long = min(shape), max(shape)
    if long > LONGEST * short:
        sides = (max(ceil(LONGEST * size * short / long / MULTIPLE), 1) * MULTIPLE, LONGEST * size)
        extent = (sides[0] / sides[1] * long, float(long))  # wider than the picture, black beyond it
    else:
        sides = (size, ceil(size * long / short / MULTIPLE) * MULTIPLE)
        extent = (float(short), sides[1] / sides[0] * short)
    (h, w), (tall, wide) = (sides, extent) if height <= width else (sides[::-1], extent[::-1])
    return np.array([round(width / 2), round(height / 2), wide, tall], np.float64), (h, w)


def _boxes(xy: Array, score: Array, shape: tuple[int, int]) -> Array:
    """(N, 4) float32 px around the seen joints (N, K, 2), a tenth larger to each side, within the picture."""
    seen = (score > 0)[..., None]
    low = np.where(seen, xy, np.inf).min(1)
    high = np.where(seen, xy, -np.inf).max(1)
    margin = np.maximum(MARGIN * (high - low), 0.5)
    limit = np.array(shape[::-1])
    return np.hstack([np.maximum(low - margin, 0), np.minimum(high + margin, limit)]).astype(np.float32).reshape(-1, 4)
