"""HigherHRNet and HRNet with associative embedding: whole pictures to heatmaps and tags. Groups no joints."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from poseact.pose.hrnet import BLOCKS, JOINTS, HRNetBackbone
from poseact.pose.residual import BasicBlock

TAGGED = 2 * JOINTS  # a heatmap per joint, then a tag map per joint


class AssociativeHRNet(HRNetBackbone):
    """Plain HRNet whose last layer gives tags beside the heatmaps (Newell et al. 2017), as MMPose publishes it."""

    def __init__(self, width: int) -> None:
        """See `HRNetBackbone`."""
        super().__init__(width)
        self.final_layer = nn.Conv2d(width, TAGGED, 1)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Read whole pictures.

        Args:
            images: (N, 3, H, W) float RGB, standardised by the ImageNet mean and deviation; H, W multiples of 32.
        Returns:
            one tensor (N, 34, H / 4, W / 4): 17 heatmaps, peaks about 1, then 17 tag maps; joints of one person have
            close tags.
        """
        return [self.final_layer(self.features(images))]


class HigherHRNet(HRNetBackbone):
    """HRNet with a second, finer set of heatmaps (Cheng et al. 2020); parameters as in the original repository."""

    def __init__(self, width: int) -> None:
        """See `HRNetBackbone`."""
        super().__init__(width)
        self.final_layers = nn.ModuleList([nn.Conv2d(width, TAGGED, 1), nn.Conv2d(width, JOINTS, 1)])
        doubled = nn.Sequential(
            nn.ConvTranspose2d(width + TAGGED, width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        blocks = (nn.Sequential(BasicBlock(width)) for _ in range(BLOCKS))
        self.deconv_layers = nn.ModuleList([nn.Sequential(doubled, *blocks)])

    def forward(self, images: Tensor) -> list[Tensor]:
        """Read whole pictures; see `AssociativeHRNet`.

        Returns:
            (N, 34, H / 4, W / 4), 17 heatmaps and 17 tag maps, then (N, 17, H / 2, W / 2), finer heatmaps without tags.
        """
        features = self.features(images)
        coarse = self.final_layers[0](features)
        finer = self.deconv_layers[0](torch.cat((features, coarse), dim=1))
        return [coarse, self.final_layers[1](finer)]


def build(*, width: int = 32) -> HigherHRNet:
    """HigherHRNet with random weights. Raises: UsageError for a width other than 32 and 48."""
    return HigherHRNet(width)


def build_plain(*, width: int = 32) -> AssociativeHRNet:
    """HRNet with associative embedding and random weights. Raises: UsageError for a width other than 32 and 48."""
    return AssociativeHRNet(width)
