"""X3D: inverted bottlenecks with depthwise 3x3x3 convolutions; as PoseConv3D uses it, without SE and swish."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from poseact.errors import UsageError
from poseact.models.layers import ConvModule, check_positive, initialise

LEAST_SQUEEZED = 8  # channels, and what they are a multiple of


class SqueezeExcitation(nn.Module):
    """Each channel times a share in 0..1 that follows from the means of all: 1x1x1 -> ReLU -> 1x1x1 -> sigmoid.

    Source: Hu et al., "Squeeze-and-Excitation Networks", 2018, with the widths of X3D.
    """

    def __init__(self, channels: int, ratio: float) -> None:
        super().__init__()
        squeezed = squeezed_width(channels, ratio)
        self.fc1 = nn.Conv3d(channels, squeezed, 1)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv3d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, T, H, W)
        mean = x.mean((2, 3, 4), keepdim=True)
        share: Tensor = self.fc2(self.relu(self.fc1(mean))).sigmoid()
        return x * share


def squeezed_width(channels: int, ratio: float) -> int:
    """`channels * ratio` as a multiple of 8, at least 8, and never more than a tenth smaller."""
    wanted = channels * ratio
    width = max(LEAST_SQUEEZED, int(wanted + LEAST_SQUEEZED / 2) // LEAST_SQUEEZED * LEAST_SQUEEZED)
    return width if width >= 0.9 * wanted else width + LEAST_SQUEEZED


class BlockX3D(nn.Module):
    """1x1x1 to the inner width -> depthwise 3x3x3 with the stride (no ReLU) -> 1x1x1 back, plus the shortcut.

    Before the last convolution there may be squeeze and excitation, and a swish (SiLU).
    """

    def __init__(
        self, in_channels: int, inner: int, out_channels: int, spatial: int, *, se_ratio: float | None = None,
        swish: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        stride = (1, spatial, spatial)
        self.downsample = None
        if spatial != 1 or in_channels != out_channels:
            self.downsample = ConvModule(in_channels, out_channels, (1, 1, 1), stride, relu=False)
        self.conv1 = ConvModule(in_channels, inner, (1, 1, 1))
        self.conv2 = ConvModule(inner, inner, (3, 3, 3), stride, groups=inner, relu=False)
        self.se_module = None if se_ratio is None else SqueezeExcitation(inner, se_ratio)
        self.swish = nn.SiLU(inplace=True) if swish else nn.Identity()
        self.conv3 = ConvModule(inner, out_channels, (1, 1, 1), relu=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, T, H, W)
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.conv2(self.conv1(x))
        if self.se_module is not None:
            x = self.se_module(x)
        return self.relu(self.conv3(self.swish(x)) + shortcut)


class X3D(nn.Module):
    """X3D-s (depth factor 1: blocks 2, 5, 3) and X3D (depth factor 2.2: blocks 5, 11, 7).

    Args:
        in_channels: heatmap channels, 17 joints or limbs.
        base_channels: width of the stem and of the first stage; stage i has `base_channels * 2**i`.
        depth: factor on the blocks per stage, rounded up (gamma_d).
        bottleneck: inner width of a block as a factor of its output (gamma_b).
        blocks: blocks per stage at depth 1.
        spatial_strides: per stage, applied by its first block.
        se_ratio: every other block, from the first of each stage, squeezes its channels to this share (1/16 in X3D);
            None: none does.
        swish: every block has one.

    Raises: UsageError when blocks and strides differ in length, for a ratio outside 0..1, and for sizes that are
        not above 0.
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
        se_ratio: float | None = None,
        swish: bool = False,
    ) -> None:
        super().__init__()
        if len(blocks) != len(spatial_strides):
            raise UsageError(
                f"x3d: blocks {blocks} and spatial_strides {spatial_strides} must have one entry per stage"
            )
        if se_ratio is not None and not 0 < se_ratio <= 1:
            raise UsageError(f"x3d: se_ratio {se_ratio} must lie in 0..1, without 0")
        check_positive(
            "x3d", in_channels=in_channels, base_channels=base_channels, depth=depth, blocks=blocks,
            spatial_strides=spatial_strides, **{"base_channels * bottleneck": int(base_channels * bottleneck)},
        )  # fmt: skip
        self.conv1_s = ConvModule(in_channels, base_channels, (1, 3, 3), (1, 2, 2), norm=False, relu=False)
        self.conv1_t = ConvModule(base_channels, base_channels, (5, 1, 1), groups=base_channels)
        channels = base_channels
        self.stages = [f"layer{index + 1}" for index in range(len(blocks))]
        for index, (count, stride) in enumerate(zip(blocks, spatial_strides, strict=False)):
            width = base_channels * 2**index
            layer = nn.Sequential()
            for block in range(math.ceil(count * depth)):
                layer.append(
                    BlockX3D(
                        channels, int(width * bottleneck), width, stride if block == 0 else 1,
                        se_ratio=None if block % 2 else se_ratio, swish=swish,
                    )
                )  # fmt: skip
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
