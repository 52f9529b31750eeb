"""The classification head of PoseConv3D: global average, dropout, one linear layer. No backbone."""

from __future__ import annotations

from torch import Tensor, nn

from poseact.models.layers import check_positive


class I3DHead(nn.Module):
    """Mean over time and space -> dropout -> linear `fc_cls`, which starts as N(0, 0.01) with bias 0.

    Args:
        in_channels: feature channels of the backbone.
        num_classes: logits.
        dropout: share of features that training drops.
    Raises: UsageError without a feature or a class.
    """

    def __init__(self, in_channels: int, num_classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        check_positive("the classification head", in_channels=in_channels, num_classes=num_classes)
        self.avg_pool = nn.AdaptiveAvgPool3d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc_cls = nn.Linear(in_channels, num_classes)
        nn.init.normal_(self.fc_cls.weight, std=0.01)
        nn.init.zeros_(self.fc_cls.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, num_classes) logits."""
        return self.fc_cls(self.dropout(self.avg_pool(x).flatten(1)))
