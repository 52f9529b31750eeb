"""A SlowOnly that also reads the joints' places back from their heatmaps and convolves them over time.

Few clips are not enough for 3D convolutions to learn how fast a joint moves and how it lies to the others; coordinates
say it. Input and head stay those of PoseConv3D.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poseact.errors import UsageError
from poseact.models.layers import ConvModule, initialise
from poseact.models.slowonly import SlowOnly

SEEN = 0.02
STEPS = (1, 3)
FEATURES = 2 * (2 + len(STEPS)) + 1
LEAST_FRAMES = 4


def places(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Where each channel's centre of mass is: of a joint its place, of a limb its middle.

    Args:
        heatmaps: (N, C, T, H, W).
    Returns: xy (N, T, C, 2) as shares of width and height in [0, 1], and the peaks (N, T, C).
    """
    height, width = heatmaps.shape[3:]
    columns, rows = heatmaps.sum(3), heatmaps.sum(4)
    mass = rows.sum(3).clamp(min=1e-6)
    x = columns @ ((torch.arange(width, device=heatmaps.device) + 0.5) / width).to(heatmaps)
    y = rows @ ((torch.arange(height, device=heatmaps.device) + 0.5) / height).to(heatmaps)
    return (torch.stack((x, y), -1) / mass[..., None]).transpose(1, 2), heatmaps.amax((3, 4)).transpose(1, 2)


def movements(xy: Tensor, score: Tensor) -> Tensor:
    """(N, T, C, 2) and (N, T, C) -> (N, T, C * FEATURES): places in the square, places about the person's centre in
    units of the person's size, changes over one and three frames in the same units, and scores. 0 where unseen."""
    seen = (score > SEEN).to(xy)[..., None]
    count = seen.sum(2, keepdim=True).clamp(min=1)
    about = (xy - (xy * seen).sum(2, keepdim=True) / count) * seen
    size = (about.square().sum((2, 3), keepdim=True) / count).sqrt().mean(1, keepdim=True).clamp(min=1e-3)
    parts = [(2 * xy - 1) * seen, about / (2 * size)]
    for step in STEPS:
        change = (xy[:, step:] - xy[:, :-step]) * seen[:, step:] * seen[:, :-step] / size
        parts.append(F.pad(change, (0, 0, 0, 0, step // 2, step - step // 2)))
    return torch.cat([*(part.flatten(2) for part in parts), score], 2)


def _float32(device: str) -> AbstractContextManager[object]:
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


class PointStream(nn.Module):
    """Heatmaps (N, channels, T, H, W) -> (N, 2 * width): residual convolutions over time, then mean and maximum.

    Always computed in float32: the differences of neighbouring frames are small.

    Args:
        channels: of the heatmaps. width: features. blocks: residual blocks of two convolutions; each second one halves
            the frames.
    Raises: UsageError for a negative number of blocks, ValueError for clips of fewer than LEAST_FRAMES frames.
    """

    def __init__(self, channels: int, width: int = 128, blocks: int = 4) -> None:
        super().__init__()
        if blocks < 0:
            raise UsageError(f"point_blocks is a number of blocks, got {blocks}")
        self.norm = nn.BatchNorm3d(channels * FEATURES)
        self.enter = nn.Sequential(ConvModule(channels * FEATURES, width, (1, 1, 1)), nn.Dropout(0.1))
        last = [ConvModule(width, width, (3, 1, 1), relu=False) for _ in range(blocks)]
        self.blocks = nn.ModuleList(
            nn.Sequential(ConvModule(width, width, (3, 1, 1)), nn.Dropout(0.15), one) for one in last
        )
        self.out_channels = 2 * width
        initialise(self, last)

    def forward(self, heatmaps: Tensor) -> Tensor:
        if heatmaps.shape[2] < LEAST_FRAMES:
            raise ValueError(f"clips of {heatmaps.shape[2]} frames are too short for their movement to be seen")
        with _float32(heatmaps.device.type):
            moved = movements(*places(heatmaps.float()))
            x: Tensor = self.enter(self.norm(moved.transpose(1, 2)[..., None, None]))
            for number, block in enumerate(self.blocks):
                x = F.relu(x + block(x))
                if number % 2 and x.shape[2] > 1:
                    x = F.max_pool3d(x, (2, 1, 1))
            return torch.cat((x.mean((2, 3, 4)), x.amax((2, 3, 4))), 1)


class SlowOnlyPoints(SlowOnly):
    """A SlowOnly and a PointStream side by side; their features, each averaged over time and space, in one vector.

    Made for one person per clip: of two in a channel, the centre of mass lies between them.

    Args:
        in_channels: heatmap channels.
        point_width, point_blocks: of the PointStream.
        config: as for SlowOnly.
    """

    def __init__(
        self, in_channels: int = 17, *, point_width: int = 128, point_blocks: int = 4, **config: Any
    ) -> None:  # fmt: skip
        super().__init__(in_channels, **config)
        self.points = PointStream(in_channels, point_width, point_blocks)
        self.out_channels += self.points.out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, T, H, W) -> (N, out_channels, 1, 1, 1).

        In training (2 * N, ...): each clip as the volumes alone show it, then each as the points alone do, counted
        twice, so that both learn to answer by themselves; side by side, the quicker one would leave the other nothing.
        """
        volumes, points = super().forward(x).mean((2, 3, 4)).float(), self.points(x)
        if self.training:
            nothing = torch.zeros_like(volumes), torch.zeros_like(points)
            volumes, points = torch.cat((2 * volumes, nothing[0])), torch.cat((nothing[1], 2 * points))
        return torch.cat((volumes, points), 1)[..., None, None, None]
