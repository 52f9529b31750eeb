"""MoveNet single pose as a plain module: MobileNetV2, feature pyramid, four heads. Decoding and weights live elsewhere.

The architecture is read from Google's published TensorFlow.js graphs (singlepose thunder and lightning, version 4),
with batch normalisation folded into the convolutions as it is there.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from poseact.errors import UsageError

JOINTS = 17
STRIDE = 4
MULTIPLE = 32
TOP_CHANNELS = 1280
HEAD_CHANNELS = 96
LATERAL_CHANNELS = (64, 64, 32, 24)
MERGED_CHANNELS = (32, 24, 24)
WIDEST = 4.0

# MobileNetV2 (arXiv:1801.04381, table 2): expansion, channels at width 1, repetitions, stride of the first repetition.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
TAPPED_BLOCKS = (9, 5, 2)


class Heads(NamedTuple):
    """What the network says of each crop, at a quarter of its resolution; h = H / 4 and w = W / 4.

    Attributes:
        heatmap: (N, K, h, w) in [0, 1], how likely each joint is at each place, for anybody in the crop.
        center: (N, 1, h, w) in [0, 1], how likely the centre of a person is there.
        regress: (N, K, 2, h, w), displacement (y, x) in heatmap pixels from a centre there to each of its joints.
        offset: (N, K, 2, h, w), displacement (y, x) in heatmap pixels from a joint's peak to its exact place.
    """

    heatmap: Tensor
    center: Tensor
    regress: Tensor
    offset: Tensor


class EndPaddedConv(nn.Conv2d):
    """A 3x3 convolution of stride 2 whose padding lies at the right and bottom only, as TensorFlow's "SAME" has it."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (0, 1, 0, 1)))


def _conv(
    inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1, groups: int = 1, bias: bool = True
) -> nn.Conv2d:
    if stride == 2:
        return EndPaddedConv(inputs, outputs, kernel, 2, groups=groups, bias=bias)
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=bias)


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand, filter each channel, project; added to its input where the shapes agree."""

    def __init__(self, inputs: int, hidden: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.expand = _conv(inputs, hidden) if hidden != inputs else None
        self.depthwise = _conv(hidden, hidden, 3, stride=stride, groups=hidden)
        self.project = _conv(hidden, outputs)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        y = self.project(F.relu6(self.depthwise(y), inplace=True))
        return x + y if self.residual else y


class SeparableConv(nn.Module):
    """A 3x3 filter per channel, then a mix of the channels and a ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise = _conv(inputs, inputs, 3, groups=inputs, bias=False)
        self.pointwise = _conv(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.pointwise(self.depthwise(x)), inplace=True)


class Head(nn.Module):
    """From pyramid features to one kind of map."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.separable = SeparableConv(inputs, HEAD_CHANNELS)
        self.output = _conv(HEAD_CHANNELS, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.separable(x))


class MoveNet(nn.Module):
    """The network; fully convolutional, so that any input whose sides are multiples of 32 works."""

    def __init__(self, width: float) -> None:
        super().__init__()
        stem, shapes = _backbone(width)
        self.stem = _conv(3, stem, 3, stride=2)
        self.blocks = nn.ModuleList(InvertedResidual(*shape) for shape in shapes)
        self.top = _conv(shapes[-1][2], TOP_CHANNELS)
        sources = (TOP_CHANNELS, *(shapes[block][2] for block in TAPPED_BLOCKS))
        self.laterals = nn.ModuleList(_conv(*pair) for pair in zip(sources, LATERAL_CHANNELS, strict=True))
        above = (LATERAL_CHANNELS[0], *MERGED_CHANNELS)
        self.merges = nn.ModuleList(SeparableConv(*pair) for pair in zip(above[:-1], MERGED_CHANNELS, strict=True))
        self.heatmap = Head(MERGED_CHANNELS[-1], JOINTS)
        self.center = Head(MERGED_CHANNELS[-1], 1)
        self.regress = Head(MERGED_CHANNELS[-1], 2 * JOINTS)
        self.offset = Head(MERGED_CHANNELS[-1], 2 * JOINTS)

    @property
    def coarse(self) -> tuple[nn.ModuleList, range]:
        """Where bfloat16 will do: all blocks but the first, which alone costs 0.05 of OKS there, the others 0.01."""
        return self.blocks, range(1, len(self.blocks))

    def features(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in 0..255 -> (N, 24, H / 4, W / 4)."""
        x = F.relu6(self.stem(images * (2 / 255) - 1), inplace=True)
        tapped = {}
        for index, block in enumerate(self.blocks):
            x = block(x)
            tapped[index] = x
        y = self.laterals[0](F.relu6(self.top(x), inplace=True))
        for tap, lateral, merge in zip(TAPPED_BLOCKS, self.laterals[1:], self.merges, strict=True):
            upper = F.interpolate(y, scale_factor=2.0, mode="bilinear", align_corners=False)
            y = merge(upper + lateral(tapped[tap]))
        return y

    def forward(self, images: Tensor) -> Heads:
        """Read crops of people.

        Args:
            images: (N, 3, H, W) float RGB in 0..255; H and W are multiples of 32.
        """
        features = self.features(images)
        return Heads(
            heatmap=self.heatmap(features).sigmoid(),
            center=self.center(features).sigmoid(),
            regress=self.regress(features).unflatten(1, (JOINTS, 2)),
            offset=self.offset(features).unflatten(1, (JOINTS, 2)),
        )


def _backbone(width: float) -> tuple[int, list[tuple[int, int, int, int]]]:
    """Channels of the stem, and (inputs, hidden, outputs, stride) of each block."""
    stem = channels = _scaled(32, width)
    shapes = []
    for expansion, base, repetitions, stride in STAGES:
        for repetition in range(repetitions):
            outputs = _scaled(base, width)
            shapes.append((channels, expansion * channels, outputs, stride if repetition == 0 else 1))
            channels = outputs
    return stem, shapes


def _scaled(channels: int, width: float) -> int:
    """MobileNetV2's rounding: to a multiple of 8, never down by more than a tenth."""
    rounded = max(8, int(channels * width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels * width else rounded


def build(*, width: float) -> MoveNet:
    """MoveNet of a MobileNetV2 width: 1.75 is Thunder, 1.0 Lightning. Raises: UsageError for an impossible width."""
    if not 0 < width <= WIDEST:
        raise UsageError(f"MoveNet's width must be above 0 and at most {WIDEST}, got {width}")
    return MoveNet(width)
