"""PoseConv3D (a backbone and its head), and every architecture by name. Nothing here downloads or reads a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from typing import Any

from torch import Tensor, nn

from poseact.errors import UsageError
from poseact.models.c3d import C3D
from poseact.models.head import I3DHead
from poseact.models.points import SlowOnlyPoints
from poseact.models.rgbpose import RGBPoseConv3D
from poseact.models.slowonly import SlowOnly
from poseact.models.x3d import X3D


class PoseConv3D(nn.Module):
    """Heatmap volumes -> logits. Parameters are `backbone.*` and `cls_head.fc_cls.*`, as in published checkpoints."""

    def __init__(self, backbone: nn.Module, head: I3DHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.cls_head = head

    def forward(self, heatmaps: Tensor) -> Tensor:
        """(N, C, T, H, W), peaks in [0, 1] -> (N, classes) logits."""
        return self.cls_head(self.backbone(heatmaps))

    def embed(self, heatmaps: Tensor) -> Tensor:
        """(N, C, T, H, W) -> (N, features): what the last linear layer reads, the mean over time and space."""
        return self.cls_head.avg_pool(self.backbone(heatmaps)).flatten(1)


def _classifier(
    backbone: Callable[..., SlowOnly | C3D | X3D], *, num_classes: int, dropout: float = 0.5, **config: Any
) -> PoseConv3D:
    features = backbone(**config)
    return PoseConv3D(features, I3DHead(features.out_channels, num_classes, dropout))


# name -> builder(num_classes=..., dropout=0.5, in_channels=17, and any other argument of the backbone as an override)
ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "slowonly": partial(_classifier, SlowOnly, blocks=(4, 6, 3)),  # NTU, GYM, Diving48
    "slowonly-346": partial(_classifier, SlowOnly, blocks=(3, 4, 6)),  # Kinetics, UCF101, HMDB51
    "slowonly-wd": partial(_classifier, SlowOnly, base_channels=64),
    "slowonly-pose-only": partial(_classifier, SlowOnly, temporal_strides=(1, 1, 1)),  # RGBPose-Conv3D's initialisation
    "slowonly-base16": partial(_classifier, SlowOnly, base_channels=16),  # Volleyball, 12 frames
    "slowonly-points": partial(_classifier, SlowOnlyPoints, blocks=(4, 6, 3), dropout=0.0),  # and joints' places
    "c3d-s": partial(_classifier, C3D, num_stages=3),
    "c3d": partial(_classifier, C3D, num_stages=4),
    "x3d-s": partial(_classifier, X3D, depth=1.0),
    "x3d": partial(_classifier, X3D, depth=2.2),
}

# name -> builder(num_classes=..., dropout=0.5, and others); takes pictures beside heatmaps and gives two answers
TWO_STREAMS = "rgbpose-conv3d"
TWO_STREAM_ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {TWO_STREAMS: RGBPoseConv3D}


def slowonly_arguments(name: str, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Every argument of the SlowOnly that a classifier is built on, given or by default; None for other backbones."""
    builder = ARCHITECTURES.get(name)
    if not isinstance(builder, partial) or builder.args != (SlowOnly,):
        return None
    known = {one.name: one.default for one in signature(SlowOnly).parameters.values() if one.name != "joined_channels"}
    return {**known, **builder.keywords, **{key: value for key, value in config.items() if key in known}}


def build(name: str, **config: Any) -> nn.Module:
    """Build an architecture of either kind with random weights; `num_classes` is required.

    Raises: UsageError for an unknown name or an argument that the architecture does not have.
    """
    known = {**ARCHITECTURES, **TWO_STREAM_ARCHITECTURES}
    if name not in known:
        raise UsageError(f"unknown architecture {name!r}; known are {', '.join(known)}")
    try:
        return known[name](**config)
    except TypeError as error:
        raise UsageError(f"architecture {name!r} cannot be built with {_briefly(config)}: {error}") from error


def _briefly(config: Mapping[str, Any]) -> str:
    """Its arguments, without what is long."""
    return ", ".join(f"{key}={value!r}" if len(repr(value)) < 40 else f"{key}=..." for key, value in config.items())
