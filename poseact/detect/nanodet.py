"""NanoDet-g, the embedded person detector, as modules of tensors; opening weights and images is done elsewhere.

Architecture: RangiLyu/nanodet, config `nanodet-g.yml`, Apache-2.0; batch norm is folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDES = (8, 16, 32)
DIVISOR = 32  # height and width of the input are multiples of it
BINS = 11  # a box side is a distribution over the distances 0..10 strides (Generalized Focal Loss)

# The statistics that the network was trained with, here for red, green, blue in 0..255.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


class ConvAct(nn.Module):
    """3x3 convolution with "same" padding, then leaky ReLU with the slope of the original."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 3, stride, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.conv(x), 0.1, inplace=True)


class TinyBlock(nn.Module):
    """Two narrow convolutions whose outputs are concatenated: (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvAct(channels, channels // 2)
        self.second = ConvAct(channels // 2, channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        return torch.cat([self.second(first), first], 1)


class CspStage(nn.Module):
    """Cross-stage-partial stage: (N, C, H, W) -> (N, 2 C, H / stride, W / stride), half of it past the blocks."""

    def __init__(self, channels: int, depth: int, stride: int) -> None:
        super().__init__()
        self.enter = ConvAct(channels, channels, stride=stride)
        self.blocks = nn.Sequential(*(TinyBlock(channels) for _ in range(depth)))
        self.leave = ConvAct(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        return torch.cat([self.leave(self.blocks(x)), x], 1)


class Pan(nn.Module):
    """Path aggregation without convolutions: laterals, top-down and bottom-up sums of bilinear resizes."""

    def __init__(self, channels: Sequence[int], out: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(width, out, 1) for width in channels)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Features of strides 8, 16, 32 -> as many of `out` channels."""
        levels = [lateral(feature) for lateral, feature in zip(self.lateral, features, strict=True)]
        for fine in range(len(levels) - 2, -1, -1):
            levels[fine] = levels[fine] + _resize_to(levels[fine + 1], levels[fine])
        for coarse in range(1, len(levels)):
            levels[coarse] = levels[coarse] + _resize_to(levels[coarse - 1], levels[coarse])
        return levels


def _resize_to(x: Tensor, target: Tensor) -> Tensor:
    return F.interpolate(x, target.shape[2:], mode="bilinear", align_corners=False)


class Head(nn.Module):
    """One level's head: class logits and box distribution from one shared convolution."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.shared = ConvAct(channels, channels)
        self.out = nn.Conv2d(channels, classes + 4 * BINS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, H W, classes + 44)."""
        return self.out(self.shared(x)).flatten(2).transpose(1, 2)


class NanoDet(nn.Module):
    """Fully convolutional one-stage detector, free of anchors.

    Attributes:
        width: channels that enter the first stage; each stage hands on twice as many.
        depths: blocks of each of the four stages.
        neck: channels of the fused features.
        classes: 1 for persons only.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        width: int = 32,
        depths: Sequence[int] = (1, 2, 2, 3),
        neck: int = 128,
        classes: int = 1,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        self.stem = ConvAct(3, width, stride=2)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.stages = nn.ModuleList(
            CspStage(width << index, depth, stride=2 if index else 1) for index, depth in enumerate(depths)
        )
        self.neck = Pan([width << index + 1 for index in range(1, len(depths))], neck)
        self.heads = nn.ModuleList(Head(neck, classes) for _ in STRIDES)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Look at images.

        Args:
            images: (N, 3, H, W) float, RGB in 0..255; H and W multiples of 32.
        Returns:
            Class logits (N, A, classes) and box logits (N, A, 4, 11): for each of the A grid points, in the order of
            `grid_points`, the distribution of the distances to the left, top, right and bottom side.
        """
        x = self.pool(self.stem((images - self.mean) / self.std))
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        levels = zip(self.heads, self.neck(features[1:]), strict=True)
        out = torch.cat([head(level) for head, level in levels], 1)  # (N, A, classes + 44)
        return out[..., : self.classes], out[..., self.classes :].unflatten(2, (4, BINS))


def build(
    width: int = 32,
    depths: Sequence[int] = (1, 2, 2, 3),
    neck: int = 128,
    classes: int = 1,
) -> NanoDet:
    """The network of the published weights by default; see `NanoDet` for the arguments."""
    return NanoDet(width, depths, neck, classes)


def grid_points(height: int, width: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Centers (A, 2) as x, y in px of the input and strides (A,) of all grid points, finest level first."""
    centers, strides = [], []
    for stride in STRIDES:
        y = (torch.arange(height // stride, device=device) + 0.5) * stride
        x = (torch.arange(width // stride, device=device) + 0.5) * stride
        level = torch.cartesian_prod(y, x).flip(1)  # row by row
        centers.append(level)
        strides.append(level.new_full((len(level),), stride))
    return torch.cat(centers), torch.cat(strides)


def decode_boxes(box_logits: Tensor, centers: Tensor, strides: Tensor) -> Tensor:
    """Turn the distributions of distances into boxes.

    Args:
        box_logits: (..., A, 4, 11). centers: (A, 2) px. strides: (A,) px.
    Returns:
        (..., A, 4) px xyxy: each side lies at the mean of its distribution (Generalized Focal Loss, eq. 5).
    """
    bins = torch.arange(box_logits.shape[-1], device=box_logits.device, dtype=box_logits.dtype)
    distance = (box_logits.softmax(-1) @ bins) * strides[:, None]  # (..., A, 4)
    return torch.cat([centers - distance[..., :2], centers + distance[..., 2:]], -1)
