"""X3D as PoseConv3D uses it: inverted bottlenecks with depthwise 3x3x3 convolutions, without SE and swish."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from poseact.errors import UsageError
from poseact.models.layers import ConvModule, initialise


class BlockX3D(nn.Module):
    """1x1x1 to the inner width -> depthwise 3x3x3 with the stride (no ReLU) -> 1x1x1 back, plus the shortcut."""

    def __init__(self, in_channels: int, inner: int, out_channels: int, spatial: int) -> None:
        super().__init__()
        stride = (1, spatial, spatial)
        self.downsample = None
        if spatial != 1 or in_channels != out_channels:
            self.downsample = ConvModule(in_channels, out_channels, (1, 1, 1), stride, relu=False)
        self.conv1 = ConvModule(in_channels, inner, (1, 1, 1))
        self.conv2 = ConvModule(inner, inner, (3, 3, 3), stride, groups=inner, relu=False)
        self.conv3 = ConvModule(inner, out_channels, (1, 1, 1), relu=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, T, H, W)
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(self.conv3(self.conv2(self.conv1(x))) + shortcut)


class X3D(nn.Module):
    """X3D-s (depth factor 1: blocks 2, 5, 3) and X3D (depth factor 2.2: blocks 5, 11, 7).

    Args:
        in_channels: heatmap channels, 17 joints or limbs.
        base_channels: width of the stem and of the first stage; stage i has `base_channels * 2**i`.
        depth: factor on the blocks per stage, rounded up (gamma_d).
        bottleneck: inner width of a block as a factor of its output (gamma_b).
        blocks: blocks per stage at depth 1.
        spatial_strides: per stage, applied by its first block.

    Raises: UsageError when blocks and strides differ in length.
    """

    def __init__(
        self,
        in_channels: int = 17,
        base_channels: int = 24,
        *,
        depth: float = 1.0,
        bottleneck: float = 2.25,
        blocks: Sequence[int] = (2, 5, 3),
        spatial_strides: Sequence[int] = (2, 2, 2),
    ) -> None:
        super().__init__()
        if len(blocks) != len(spatial_strides):
            raise UsageError(
                f"x3d: blocks {blocks} and spatial_strides {spatial_strides} must have one entry per stage"
            )
        self.conv1_s = ConvModule(in_channels, base_channels, (1, 3, 3), (1, 2, 2), norm=False, relu=False)
        self.conv1_t = ConvModule(base_channels, base_channels, (5, 1, 1), groups=base_channels)
        channels = base_channels
        self.stages = [f"layer{index + 1}" for index in range(len(blocks))]
        for index, (count, stride) in enumerate(zip(blocks, spatial_strides, strict=False)):
            width = base_channels * 2**index
            layer = nn.Sequential()
            for block in range(math.ceil(count * depth)):
                layer.append(BlockX3D(channels, int(width * bottleneck), width, stride if block == 0 else 1))
                channels = width
            self.add_module(self.stages[index], layer)
        self.out_channels = int(channels * bottleneck)
        self.conv5 = ConvModule(channels, self.out_channels, (1, 1, 1))
        initialise(self, (block.conv3 for block in self.modules() if isinstance(block, BlockX3D)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, T, H, W) -> (N, out_channels, T, H', W')."""
        x = self.conv1_t(self.conv1_s(x))
        for stage in self.stages:
            x = getattr(self, stage)(x)
        return self.conv5(x)
