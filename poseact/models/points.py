"""A SlowOnly that also reads the joints' places back from their heatmaps and convolves them over time.

Few clips are not enough for 3D convolutions to learn how fast a joint moves and how it lies to the others; coordinates
say it. Input and head stay those of PoseConv3D.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    x = ((torch.arange(width, device=heatmaps.device) + 0.5) / width).to(heatmaps)
    y = ((torch.arange(height, device=heatmaps.device) + 0.5) / height).to(heatmaps)
    sums = torch.stack((x.repeat(height), y.repeat_interleave(width), torch.ones_like(x).repeat(height)))  # (3, H * W)
    pixels = heatmaps.permute(0, 2, 3, 4, 1).flatten(2, 3)  # (N, T, H * W, C), as they lie in memory: channels last
    xy, mass = (sums @ pixels).transpose(2, 3).split([2, 1], -1)
    return xy / mass.clamp(min=1e-6), pixels.amax(2)


def movements(xy: Tensor, score: Tensor, pairs: Tensor) -> Tensor:
    """What there is to say of places and how they change; 0 where unseen.

    Args:
        xy: (N, T, C, 2) shares of width and height. score: (N, T, C).
        pairs: (2, P) channels.
    Returns:
        (N, T, C * FEATURES + 2 * P): places in the square, places about the person's centre in units of the person's
        size, changes over one and three frames in the same units, scores, and in these units how the first channel of
        each pair lies to the second.
    """
    seen = (score > SEEN).to(xy)[..., None]
    count = seen.sum(2, keepdim=True).clamp(min=1)
    about = (xy - (xy * seen).sum(2, keepdim=True) / count) * seen
    size = (about.square().sum((2, 3), keepdim=True) / count).sqrt().mean(1, keepdim=True).clamp(min=1e-3)
    parts = [(2 * xy - 1) * seen, about / (2 * size)]
    for step in STEPS:
        change = (xy[:, step:] - xy[:, :-step]) * seen[:, step:] * seen[:, :-step] / size
        parts.append(F.pad(change, (0, 0, 0, 0, step // 2, step - step // 2)))
    first, second = pairs
    apart = (xy[:, :, first] - xy[:, :, second]) * seen[:, :, first] * seen[:, :, second] / size
    return torch.cat([*(part.flatten(2) for part in parts), score, apart.flatten(2)], 2)


def _float32(device: str) -> AbstractContextManager[object]:
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


class PointStream(nn.Module):
    """Movements (N, T, features) -> (N, 2 * width): residual convolutions over time, then mean and maximum.

    Args:
        features: of each frame. width: of the convolutions. blocks: residual blocks of two convolutions; each second
            one halves the frames.
    """

    def __init__(self, features: int, width: int, blocks: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm3d(features)
        self.enter = nn.Sequential(ConvModule(features, width, (1, 1, 1)), nn.Dropout(0.1))
        last = [ConvModule(width, width, (3, 1, 1), relu=False) for _ in range(blocks)]
        self.blocks = nn.ModuleList(
            nn.Sequential(ConvModule(width, width, (3, 1, 1)), nn.Dropout(0.15), one) for one in last
        )
        initialise(self, last)

    def forward(self, moved: Tensor) -> Tensor:
        x: Tensor = self.enter(self.norm(moved.transpose(1, 2)[..., None, None]))
        for number, block in enumerate(self.blocks):
            x = F.relu(x + block(x))
            if number % 2 and x.shape[2] > 1:
                x = F.max_pool3d(x, (2, 1, 1))
        return torch.cat((x.mean((2, 3, 4)), x.amax((2, 3, 4))), 1)


class SlowOnlyPoints(SlowOnly):
    """A SlowOnly and PointStreams side by side; their features, each averaged over time and space, in one vector.

    Made for one person per clip: of two in a channel, the centre of mass lies between them.

    Args:
        in_channels: heatmap channels.
        point_streams: networks alike but for their first weights, an ensemble; each has the say of the SlowOnly.
        point_width, point_blocks: of each PointStream.
        point_pairs: channels (first, second) of which it is told how they lie to each other.
        config: as for SlowOnly.
    Raises: UsageError for no stream, a negative number of blocks, or pairs that are none of channels.
    """

    pairs: Tensor

    def __init__(
        self, in_channels: int = 17, *, point_streams: int = 3, point_width: int = 128, point_blocks: int = 4,
        point_pairs: Sequence[Sequence[int]] = (), **config: Any,
    ) -> None:  # fmt: skip
        super().__init__(in_channels, **config)
        if point_streams < 1 or point_blocks < 0:
            raise UsageError(
                f"point_streams and point_blocks are numbers of networks, 1 or more, and of their blocks, 0 or more; "
                f"got {point_streams} and {point_blocks}"
            )
        pairs = [tuple(pair) for pair in point_pairs]
        if any(len(pair) != 2 or not 0 <= min(pair) <= max(pair) < in_channels for pair in pairs):
            raise UsageError(f"point_pairs are pairs of the channels 0 to {in_channels - 1}, got {str(pairs)[:80]}")
        self.register_buffer("pairs", torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T, persistent=False)
        features = FEATURES * in_channels + 2 * len(pairs)
        self.points = nn.ModuleList(PointStream(features, point_width, point_blocks) for _ in range(point_streams))
        self.out_channels += 2 * point_width * point_streams

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, T, H, W) -> (N, out_channels, 1, 1, 1).

        In training (streams * N, ...): each clip as the volumes alone show it, then as the points alone of each stream
        do, counted as often as there are streams, so that each learns to answer by itself; side by side, the quicker
        one would leave the others nothing.
        Raises: ValueError for clips of fewer than LEAST_FRAMES frames.
        """
        if x.shape[2] < LEAST_FRAMES:
            raise ValueError(f"clips of {x.shape[2]} frames are too short for their movement to be seen")
        streams = [super().forward(x).mean((2, 3, 4)).float()]
        with _float32(x.device.type):  # the differences of neighbouring frames are small
            moved = movements(*places(x.float()), self.pairs)
            streams += [stream(moved) for stream in self.points]
        features = _each_alone(streams) if self.training else torch.cat(streams, 1)
        return features[..., None, None, None]


def _each_alone(streams: Sequence[Tensor]) -> Tensor:
    """Features (N, C) of S streams, C of their own -> (S * N, sum of C): each stream S times over, the others 0."""
    widths = [one.shape[1] for one in streams]
    rows = [
        F.pad(len(streams) * one, (sum(widths[:at]), sum(widths[at + 1 :]))) for at, one in enumerate(streams)
    ]  # fmt: skip
    return torch.cat(rows)
