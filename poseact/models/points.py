"""A SlowOnly that also reads the joints' places back from their heatmaps and convolves them over time.

Few clips are not enough for 3D convolutions to learn how fast a joint moves and how it lies to the others; coordinates
say it. Nor are they enough to learn that a waving arm waves whatever the legs do: each part of the body is looked at by
itself. Input and head stay those of PoseConv3D.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from poseact.errors import UsageError
from poseact.models.layers import ConvModule, check_positive, initialise
from poseact.models.slowonly import SlowOnly

SEEN = 0.02
STEPS = (1, 3)
Channel = Annotated[int, Field(ge=0)]
LEAST_FRAMES = 4


class PointPart(BaseModel):
    """Channels that tell of one part of the body; see `poseact.skeleton.Part`.

    Attributes:
        channels: whose places are looked at.
        origin: channels from whose middle they are measured.
        pairs: channels (of, from) of which it matters how they lie to each other.
        place: it matters where in the square the part is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    origin: Annotated[tuple[Channel, ...], Field(min_length=1)]
    pairs: tuple[tuple[Channel, Channel], ...] = ()
    place: bool = False

    @property
    def features(self) -> int:
        """Numbers that `movements` gives for each frame."""
        return (2 * (1 + self.place + len(STEPS)) + 1) * len(self.channels) + 2 * (1 + len(STEPS)) * len(self.pairs)

    @property
    def last(self) -> int:
        """The highest channel that it names."""
        return max(*self.channels, *self.origin, *(channel for pair in self.pairs for channel in pair))


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


def figure_size(xy: Tensor, score: Tensor) -> Tensor:
    """(N, 1, 1, 1): the mean over time of the root mean square distance of what is seen from its middle.

    Args: as for `movements`.
    """
    seen = _seen(score)
    count = seen.sum(2, keepdim=True).clamp(min=1)
    about = (xy - (xy * seen).sum(2, keepdim=True) / count) * seen
    return (about.square().sum((2, 3), keepdim=True) / count).sqrt().mean(1, keepdim=True).clamp(min=1e-3)


def movements(xy: Tensor, score: Tensor, size: Tensor, part: PointPart) -> Tensor:
    """What there is to say of a part of the body and how it changes; 0 where unseen.

    Args:
        xy: (N, T, C, 2) shares of width and height. score: (N, T, C).
        size: (N, 1, 1, 1), the unit of everything but the places in the square.
    Returns: (N, T, part.features): scores; places about the origin, and in the square where the part has a `place`;
        changes over one and three frames; how the first channel of each pair lies to the second, and changes of this.
    """
    seen = _seen(score)
    origin = list(part.origin)
    count = seen[:, :, origin].sum(2, keepdim=True).clamp(min=1)
    middle = (xy[:, :, origin] * seen[:, :, origin]).sum(2, keepdim=True) / count
    here, there = list(part.channels), seen[:, :, list(part.channels)]
    said = [(xy[:, :, here] - middle) * there / (2 * size)]
    if part.place:
        said.append((2 * xy[:, :, here] - 1) * there)
    said += [_change(xy[:, :, here], there, step) / size for step in STEPS]
    first, second = [pair[0] for pair in part.pairs], [pair[1] for pair in part.pairs]
    both = seen[:, :, first] * seen[:, :, second]
    apart = (xy[:, :, first] - xy[:, :, second]) * both / size
    said += [apart, *(_change(apart, both, step) for step in STEPS)]
    return torch.cat([score[:, :, here], *(one.flatten(2) for one in said)], 2)


def _seen(score: Tensor) -> Tensor:
    return (score > SEEN).to(score)[..., None]


def _change(values: Tensor, seen: Tensor, step: int) -> Tensor:
    """(N, T, C, 2): the difference of frames `step` apart where both are seen, at the middle of the two."""
    change = (values[:, step:] - values[:, :-step]) * seen[:, step:] * seen[:, :-step]
    return F.pad(change, (0, 0, 0, 0, step // 2, step - step // 2))


def _float32(device: str) -> AbstractContextManager[object]:
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


class PartStream(nn.Module):
    """Movements of a part (N, T, features) -> (N, 2 * width): residual convolutions over time, then mean and maximum.

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
        # Contiguous, as torch's batch norm has wrong gradients on a CPU where those that come back lie otherwise.
        x: Tensor = self.enter(self.norm(moved.transpose(1, 2).contiguous()[..., None, None]))
        for number, block in enumerate(self.blocks):
            x = F.relu(x + block(x))
            if number % 2 and x.shape[2] > 1:
                x = F.max_pool3d(x, (2, 1, 1))
        return torch.cat((x.mean((2, 3, 4)), x.amax((2, 3, 4))), 1)


class PointStream(nn.Module):
    """The movements of all parts -> (N, out_channels): each part by a PartStream of its own.

    A part and the same part of the mirror image, the left arm and the right one, are looked at by the same PartStream;
    what is kept is the maximum and the mean of both, so that it does not matter which arm waves.

    Args:
        sides: 2, or 1 where there is no mirror image.
        width, blocks: of each PartStream.
    """

    def __init__(self, parts: Sequence[PointPart], sides: int, width: int, blocks: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(PartStream(part.features, width, blocks) for part in parts)
        self.out_channels = 2 * width * sides * len(parts)

    def forward(self, moved: Sequence[Tensor]) -> Tensor:
        """Takes (sides, N, T, features) of each part."""
        found = []
        for stream, one in zip(self.parts, moved, strict=True):
            of_sides = stream(one.flatten(0, 1)).unflatten(0, one.shape[:2])
            found += [of_sides.amax(0), of_sides.mean(0)] if len(one) > 1 else [of_sides[0]]
        return torch.cat(found, 1)


class SlowOnlyPoints(SlowOnly):
    """A SlowOnly and PointStreams side by side; their features, each averaged over time and space, in one vector.

    Made for one person per clip: of two in a channel, the centre of mass lies between them.

    Args:
        in_channels: heatmap channels.
        point_streams: networks alike but for their first weights, an ensemble; each has the say of the SlowOnly.
        point_width, point_blocks: of each PartStream.
        point_parts: the fields of a PointPart for each part that is looked at by itself; none: all channels as one.
        point_mirror: each channel's mirror image, of the first ones, which parts are made of; none: parts are looked at
            from one side only.
        volume_dropout: of the SlowOnly's features in training; the networks of points do without.
        config: as for SlowOnly.
    Raises: UsageError for no stream or width, a negative number of blocks, or parts that are none of channels.
    """

    def __init__(
        self, in_channels: int = 17, *, point_streams: int = 3, point_width: int = 64, point_blocks: int = 4,
        point_parts: Sequence[Mapping[str, Any]] = (), point_mirror: Sequence[int] = (), volume_dropout: float = 0.5,
        **config: Any,
    ) -> None:  # fmt: skip
        super().__init__(in_channels, **config)
        check_positive("slowonly-points", point_width=point_width)
        if point_streams < 1 or point_blocks < 0:
            raise UsageError(
                f"point_streams and point_blocks are numbers of networks, 1 or more, and of their blocks, 0 or more; "
                f"got {point_streams} and {point_blocks}"
            )
        self.mirror = list(point_mirror)
        whole = all(isinstance(one, int) for one in self.mirror) and sorted(self.mirror) == [*range(len(self.mirror))]
        if len(self.mirror) > in_channels or not whole:
            raise UsageError(
                f"point_mirror is an order of the first of {in_channels} channels, got {str(point_mirror)[:80]}"
            )
        self.parts = _parts(point_parts, len(self.mirror) or in_channels)
        self.dropout = nn.Dropout(volume_dropout)
        self.points = nn.ModuleList(
            PointStream(self.parts, 1 + bool(self.mirror), point_width, point_blocks) for _ in range(point_streams)
        )
        self.out_channels += sum(stream.out_channels for stream in self.points)  # type: ignore[misc]

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, T, H, W) -> (N, out_channels, 1, 1, 1).

        In training (streams * N, ...): each clip as the volumes alone show it, then as the points alone of each stream
        do, counted as often as there are streams, so that each learns to answer by itself; side by side, the quicker
        one would leave the others nothing.
        Raises: ValueError for clips of fewer than LEAST_FRAMES frames.
        """
        if x.shape[2] < LEAST_FRAMES:
            raise ValueError(f"clips of {x.shape[2]} frames are too short for their movement to be seen")
        streams = [self.dropout(super().forward(x).mean((2, 3, 4)).float())]
        with _float32(x.device.type):  # the differences of neighbouring frames are small
            moved = self.moved(x.float())
            streams += [stream(moved) for stream in self.points]
        features = _each_alone(streams) if self.training else torch.cat(streams, 1)
        return features[..., None, None, None]

    def moved(self, heatmaps: Tensor) -> list[Tensor]:
        """(sides, N, T, features) of each part: its movements, and those of the same part of the mirror image."""
        xy, score = places(heatmaps)
        size = figure_size(xy, score)
        sides = [(xy, score)]
        if self.mirror:
            x, y = xy[:, :, self.mirror].unbind(-1)
            sides.append((torch.stack((1 - x, y), -1), score[:, :, self.mirror]))
        return [torch.stack([movements(*side, size, part) for side in sides]) for part in self.parts]


def _parts(fields: Sequence[Mapping[str, Any]], channels: int) -> list[PointPart]:
    """Parts from plain values; all channels as one where there are none. Raises: UsageError."""
    everything = {"channels": range(channels), "origin": range(channels), "place": True}
    try:
        parts = [PointPart.model_validate(one) for one in fields or [everything]]
    except ValidationError as error:
        raise UsageError(f"point_parts: {error.errors()[0]['msg']}, got {str(fields)[:80]}") from error
    last = max(part.last for part in parts)
    if last >= channels:
        raise UsageError(f"point_parts: {last} is none of the channels 0 to {channels - 1}")
    return parts


def _each_alone(streams: Sequence[Tensor]) -> Tensor:
    """Features (N, C) of S streams, C of their own -> (S * N, sum of C): each stream S times over, the others 0."""
    widths = [one.shape[1] for one in streams]
    rows = [
        F.pad(len(streams) * one, (sum(widths[:at]), sum(widths[at + 1 :]))) for at, one in enumerate(streams)
    ]  # fmt: skip
    return torch.cat(rows)
