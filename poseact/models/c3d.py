"""C3D as PoseConv3D uses it: 3x3x3 convolutions with batch norm and average pools, no fully connected layers."""

from __future__ import annotations

from torch import Tensor, nn

from poseact.errors import UsageError
from poseact.models.layers import ConvModule, check_positive, initialise

KERNEL = (3, 3, 3)


class C3D(nn.Module):
    """C3D (4 stages) and C3D-s (3 stages). The classic C3D with max pools and three fully connected layers is another.

    Args:
        in_channels: heatmap channels, 17 joints or limbs.
        base_channels: channels of the first convolution.
        num_stages: 3 ends with conv4b; 4 adds a pool, conv5a and conv5b.
        temporal_downsample: whether the pools after the first one halve the time as well.

    Raises: UsageError for another number of stages, and for channels that are not above 0.
    """

    def __init__(
        self,
        in_channels: int = 17,
        base_channels: int = 32,
        *,
        num_stages: int = 3,
        temporal_downsample: bool = False,
    ) -> None:
        super().__init__()
        if num_stages not in (3, 4):
            raise UsageError(f"c3d: num_stages must be 3 or 4, got {num_stages}")
        check_positive("c3d", in_channels=in_channels, base_channels=base_channels)
        base, wide = base_channels, base_channels * 8
        stride = 2 if temporal_downsample else 1
        self.conv1a = ConvModule(in_channels, base, KERNEL)
        self.pool1 = nn.AvgPool3d((1, 2, 2))
        self.conv2a = ConvModule(base, base * 2, KERNEL)
        self.pool2 = nn.AvgPool3d((stride, 2, 2))
        self.conv3a = ConvModule(base * 2, base * 4, KERNEL)
        self.conv3b = ConvModule(base * 4, base * 4, KERNEL)
        self.pool3 = nn.AvgPool3d((stride, 2, 2))
        self.conv4a = ConvModule(base * 4, wide, KERNEL)
        self.conv4b = ConvModule(wide, wide, KERNEL)
        self.num_stages = num_stages
        if num_stages == 4:
            self.pool4 = nn.AvgPool3d((stride, 2, 2))
            self.conv5a = ConvModule(wide, wide, KERNEL)
            self.conv5b = ConvModule(wide, wide, KERNEL)
        self.out_channels = wide
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, T, H, W) -> (N, out_channels, T', H', W')."""
        x = self.pool1(self.conv1a(x))
        x = self.pool2(self.conv2a(x))
        x = self.pool3(self.conv3b(self.conv3a(x)))
        x = self.conv4b(self.conv4a(x))
        return self.conv5b(self.conv5a(self.pool4(x))) if self.num_stages == 4 else x
