"""Networks that turn heatmap volumes, pictures or both into logits: pure modules with published parameter names."""

from poseact.models.c3d import C3D
from poseact.models.classifier import (
    ARCHITECTURES,
    TWO_STREAM_ARCHITECTURES,
    TWO_STREAMS,
    PoseConv3D,
    build,
    slowonly_arguments,
)  # fmt: skip
from poseact.models.head import I3DHead
from poseact.models.rgbpose import RGBPoseConv3D, merged, two_losses
from poseact.models.slowonly import SlowOnly
from poseact.models.x3d import X3D

__all__ = [
    "ARCHITECTURES",
    "C3D",
    "TWO_STREAMS",
    "TWO_STREAM_ARCHITECTURES",
    "X3D",
    "I3DHead",
    "PoseConv3D",
    "RGBPoseConv3D",
    "SlowOnly",
    "build",
    "merged",
    "slowonly_arguments",
    "two_losses",
]
