"""SlowOnly, the 3D ResNet of PoseConv3D: spatial bottlenecks first, temporal convolutions in the later stages only."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from poseact.errors import UsageError
from poseact.models.layers import ConvModule, Size3, check_positive, initialise

EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1x1 (or 3x1x1 when inflated) -> 1x3x3 with the strides -> 1x1x1 to four times the planes, plus the shortcut."""

    def __init__(self, in_channels: int, planes: int, temporal: int, spatial: int, inflate: bool) -> None:
        super().__init__()
        stride = (temporal, spatial, spatial)
        out_channels = planes * EXPANSION
        self.conv1 = ConvModule(in_channels, planes, (3 if inflate else 1, 1, 1))
        self.conv2 = ConvModule(planes, planes, (1, 3, 3), stride)
        self.conv3 = ConvModule(planes, out_channels, (1, 1, 1), relu=False)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != (1, 1, 1) or in_channels != out_channels:
            self.downsample = ConvModule(in_channels, out_channels, (1, 1, 1), stride, relu=False)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, T, H, W)
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(self.conv3(self.conv2(self.conv1(x))) + shortcut)


class SlowOnly(nn.Module):
    """ResNet3dSlowOnly (PoseConv3D, table 2). Stage i has `base_channels * 2**i` planes and four times as many outputs.

    Args:
        in_channels: heatmap channels, 17 joints or limbs.
        base_channels: channels of the stem, and planes of the first stage.
        blocks: bottlenecks per stage.
        inflate: per stage, whether the first convolution of each block is 3x1x1.
        spatial_strides, temporal_strides: per stage, applied by its first block.
        stem_kernel, stem_stride: (t, h, w) of the first convolution.
        pool_kernel, pool_stride: (t, h, w) of the max pool after it; the reference keeps a 1x3x3 pool of stride 1.
            A kernel of (1, 1, 1) with stride (1, 1, 1) leaves the pool out.
        joined_channels: per stage, how many channels of another path are joined to its input; None: none.

    Raises: UsageError when the per-stage sequences differ in length, and for sizes that are not above 0.
    """

    def __init__(
        self,
        in_channels: int = 17,
        base_channels: int = 32,
        blocks: Sequence[int] = (4, 6, 3),
        *,
        inflate: Sequence[int] = (0, 1, 1),
        spatial_strides: Sequence[int] = (2, 2, 2),
        temporal_strides: Sequence[int] = (1, 1, 2),
        stem_kernel: Sequence[int] = (1, 7, 7),
        stem_stride: Sequence[int] = (1, 1, 1),
        pool_kernel: Sequence[int] = (1, 3, 3),
        pool_stride: Sequence[int] = (1, 1, 1),
        joined_channels: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        joined = (0,) * len(blocks) if joined_channels is None else joined_channels
        stages = list(zip(blocks, inflate, spatial_strides, temporal_strides, joined, strict=False))
        lengths = {len(one) for one in (stages, blocks, inflate, spatial_strides, temporal_strides, joined)}
        if len(lengths) > 1:
            raise UsageError(
                f"slowonly: blocks {blocks}, inflate {inflate}, spatial_strides {spatial_strides} and temporal_strides "
                f"{temporal_strides} must have one entry per stage"
            )
        stem = size3(stem_kernel), size3(stem_stride)
        kernel, stride = size3(pool_kernel), size3(pool_stride)
        check_positive(
            "slowonly", in_channels=in_channels, base_channels=base_channels, blocks=blocks,
            spatial_strides=spatial_strides, temporal_strides=temporal_strides, stem_kernel=stem[0],
            stem_stride=stem[1], pool_kernel=kernel, pool_stride=stride,
        )  # fmt: skip
        self.conv1 = ConvModule(in_channels, base_channels, *stem)
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        keep = kernel == stride == (1, 1, 1)
        self.maxpool = nn.Identity() if keep else nn.MaxPool3d(kernel, stride, padding)
        channels = base_channels
        self.stages = [f"layer{index + 1}" for index in range(len(stages))]
        for index, (depth, inflated, spatial, temporal, more) in enumerate(stages):
            planes = base_channels * 2**index
            channels += more
            layer = nn.Sequential()
            for block in range(depth):
                strides = (temporal, spatial) if block == 0 else (1, 1)
                layer.append(Bottleneck(channels, planes, *strides, bool(inflated)))
                channels = planes * EXPANSION
            self.add_module(self.stages[index], layer)
        self.out_channels = channels
        initialise(self, (block.conv3 for block in self.modules() if isinstance(block, Bottleneck)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, T, H, W) -> (N, out_channels, T', H', W')."""
        x = self.stem(x)
        for stage in self.stages:
            x = getattr(self, stage)(x)
        return x

    def stem(self, x: Tensor) -> Tensor:
        """What the first stage reads: (N, in_channels, T, H, W) -> (N, base_channels, T', H', W')."""
        return self.maxpool(self.conv1(x))


def size3(values: Sequence[int]) -> Size3:
    """A (t, h, w) tuple from any sequence, such as a list of a JSON file. Raises: UsageError for another length."""
    if len(values) != 3:
        raise UsageError(f"a kernel or stride is (t, h, w), got {tuple(values)}")
    return (int(values[0]), int(values[1]), int(values[2]))
