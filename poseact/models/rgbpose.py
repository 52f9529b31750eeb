"""RGBPose-Conv3D: a picture path and a pose path that inform each other, with a head each. Reads no files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poseact.errors import InvalidWeights, UsageError
from poseact.models.layers import ConvModule, Size3, check_positive
from poseact.models.slowonly import SlowOnly

SPEED_RATIO = 4  # heatmaps per picture
NARROWING = 16  # of picture features on their way to the pose path
KERNEL: Size3 = (7, 1, 1)
STRIDE: Size3 = (SPEED_RATIO, 1, 1)
PADDING: Size3 = (3, 0, 0)
# Both paths as networks of their own: arguments of the architecture "slowonly".
PICTURES: dict[str, Any] = {
    "in_channels": 3, "base_channels": 64, "blocks": (3, 4, 6, 3), "inflate": (0, 0, 1, 1),
    "spatial_strides": (1, 2, 2, 2), "temporal_strides": (1, 1, 1, 1), "stem_stride": (1, 2, 2),
    "pool_stride": (1, 2, 2),
}  # fmt: skip
POSES: dict[str, Any] = {
    "in_channels": 17, "base_channels": 32, "blocks": (4, 6, 3), "inflate": (0, 1, 1), "spatial_strides": (2, 2, 2),
    "temporal_strides": (1, 1, 1),
}  # fmt: skip


class UpsamplingModule(nn.Module):
    """Transposed convolution over time without bias -> batch norm -> ReLU, with the parameters `conv.*` and `bn.*`."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose3d(in_channels, out_channels, KERNEL, STRIDE, PADDING, bias=False)
        self.bn = nn.BatchNorm3d(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, size: Size3) -> Tensor:  # (N, C, T, H, W) -> (N, C', *size), about four times T
        return self.relu(self.bn(self.conv(x, output_size=list(size))))


class TwoPaths(nn.Module):
    """Two 3D ResNets side by side (paper, section 3.3): stage k of the poses runs beside stage k + 1 of the pictures.

    After each of these but the last, each path gets the other's features, computed before anything is joined: those of
    poses go to the pictures by a convolution of stride 4 over time, those of pictures to the poses by a transposed one.

    Args:
        rgb, pose: what differs from `PICTURES` and `POSES`.
        rgb_detach, pose_detach: the picture path, or the pose path, gets the other's features without a gradient.
        rgb_drop_path, pose_drop_path: in training, how likely the picture path, or the pose path, gets zeros instead;
            drawn anew for each step and each place.
    Raises: UsageError for probabilities outside 0..1, and where pictures do not have one stage more than poses.
    """

    def __init__(
        self,
        rgb: Mapping[str, Any],
        pose: Mapping[str, Any],
        *,
        rgb_detach: bool = False,
        pose_detach: bool = False,
        rgb_drop_path: float = 0.0,
        pose_drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        rgb, pose = {**PICTURES, **rgb}, {**POSES, **pose}
        stages = len(pose["blocks"])
        if len(rgb["blocks"]) != stages + 1 or not (0 <= rgb_drop_path <= 1 and 0 <= pose_drop_path <= 1):
            raise UsageError(
                f"rgbpose-conv3d: blocks {rgb['blocks']} of pictures need one stage more than {pose['blocks']} of "
                f"poses, and rgb_drop_path {rgb_drop_path} and pose_drop_path {pose_drop_path} lie in 0..1"
            )
        rgb_out = [4 * rgb["base_channels"] * 2**index for index in range(1, stages)]  # after layer2, layer3, ...
        pose_out = [4 * pose["base_channels"] * 2**index for index in range(stages - 1)]  # after layer1, layer2, ...
        narrow = [max(channels // NARROWING, 1) for channels in rgb_out]
        self.rgb_path = SlowOnly(**rgb, joined_channels=(0, 0, *pose_out))
        self.pose_path = SlowOnly(**pose, joined_channels=(0, *narrow))
        for index in range(stages - 1):
            to_rgb = ConvModule(pose_out[index], pose_out[index], KERNEL, STRIDE, norm=False, relu=False)
            nn.init.kaiming_normal_(to_rgb.conv.weight, mode="fan_out", nonlinearity="relu")
            self.rgb_path.add_module(f"layer{index + 2}_lateral", to_rgb)
            self.pose_path.add_module(f"layer{index + 1}_lateral", UpsamplingModule(rgb_out[index], narrow[index]))
        self.stages = stages
        self.detach = (rgb_detach, pose_detach)
        self.drop_path = (rgb_drop_path, pose_drop_path)

    def forward(self, frames: Tensor, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Features of both paths, (N, C, T, h, w) each; see `RGBPoseConv3D.forward`."""
        rgb = self.rgb_path.get_submodule("layer1")(self.rgb_path.stem(frames))
        pose = self.pose_path.stem(heatmaps)
        for stage in range(1, self.stages + 1):
            rgb = self.rgb_path.get_submodule(f"layer{stage + 1}")(rgb)
            pose = self.pose_path.get_submodule(f"layer{stage}")(pose)
            if stage < self.stages:
                _check_sizes(rgb, pose)
                to_rgb = self.rgb_path.get_submodule(f"layer{stage + 1}_lateral")(self._given(pose, 0))
                size = (pose.shape[2], pose.shape[3], pose.shape[4])
                to_pose = self.pose_path.get_submodule(f"layer{stage}_lateral")(self._given(rgb, 1), size)
                rgb = torch.cat((rgb, self._kept(to_rgb, 0)), dim=1)
                pose = torch.cat((pose, self._kept(to_pose, 1)), dim=1)
        return rgb, pose

    def parts(self) -> list[nn.ModuleList]:
        """What runs side by side, from the inputs on: both stems, then each stage with the laterals after it."""
        rgb, pose = (dict(path.named_children()) for path in (self.rgb_path, self.pose_path))
        found = [nn.ModuleList([rgb["conv1"], pose["conv1"]])]
        for stage in range(self.stages + 1):
            names = [(rgb, f"layer{stage + 1}"), (pose, f"layer{stage}")]
            names += [(path, f"{name}_lateral") for path, name in names]
            found.append(nn.ModuleList([path[name] for path, name in names if name in path]))
        return found

    def _given(self, x: Tensor, to: int) -> Tensor:
        return x.detach() if self.detach[to] else x

    def _kept(self, lateral: Tensor, to: int) -> Tensor:
        """The lateral, or in training sometimes zeros, which keep every parameter in the graph."""
        dropped = self.training and self.drop_path[to] > 0 and float(torch.rand(())) < self.drop_path[to]
        return lateral * 0 if dropped else lateral


def _check_sizes(rgb: Tensor, pose: Tensor) -> None:
    """Raises: UsageError unless there are four heatmaps per picture, and both have the same height and width by now."""
    if pose.shape[2] != SPEED_RATIO * rgb.shape[2] or pose.shape[3:] != rgb.shape[3:]:
        raise UsageError(
            f"rgbpose-conv3d takes {SPEED_RATIO} heatmaps per picture, each with a quarter of its height and width; "
            f"here features are {tuple(rgb.shape[2:])} of pictures and {tuple(pose.shape[2:])} of poses (T, H, W)"
        )


class TwoHeads(nn.Module):
    """Per path: mean over time and space -> dropout -> linear, `fc_rgb` and `fc_pose`; N(0, 0.01) with bias 0."""

    def __init__(self, rgb_channels: int, pose_channels: int, num_classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        check_positive("rgbpose-conv3d", num_classes=num_classes)
        self.avg_pool = nn.AdaptiveAvgPool3d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc_rgb = nn.Linear(rgb_channels, num_classes)
        self.fc_pose = nn.Linear(pose_channels, num_classes)
        for layer in (self.fc_rgb, self.fc_pose):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(self, rgb: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, T, H, W) twice -> (N, num_classes) logits twice."""
        pooled = [self.dropout(self.avg_pool(features).flatten(1)) for features in (rgb, pose)]
        return self.fc_rgb(pooled[0]), self.fc_pose(pooled[1])


class RGBPoseConv3D(nn.Module):
    """Pictures and heatmaps -> two answers. Parameters are `backbone.*` and `cls_head.*`, as in published checkpoints.

    Args:
        num_classes: logits of each head. dropout: share of features that training drops before each head.
        others: see `TwoPaths`.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        dropout: float = 0.5,
        rgb: Mapping[str, Any] | None = None,
        pose: Mapping[str, Any] | None = None,
        rgb_detach: bool = False,
        pose_detach: bool = False,
        rgb_drop_path: float = 0.0,
        pose_drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.backbone = TwoPaths(
            rgb or {}, pose or {}, rgb_detach=rgb_detach, pose_detach=pose_detach, rgb_drop_path=rgb_drop_path,
            pose_drop_path=pose_drop_path,
        )  # fmt: skip
        channels = (self.backbone.rgb_path.out_channels, self.backbone.pose_path.out_channels)
        self.cls_head = TwoHeads(*channels, num_classes, dropout)

    def forward(self, frames: Tensor, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Classify clips.

        Args:
            frames: (N, 3, T, H, W) standardised RGB. heatmaps: (N, 17, 4 T, H / 4, W / 4), peaks in [0, 1].
        Returns:
            logits of the pictures and of the poses, (N, num_classes) each; their mean probability is the answer.
        Raises: UsageError for sizes that do not belong together.
        """
        return self.cls_head(*self.backbone(frames, heatmaps))


def two_losses(logits: tuple[Tensor, Tensor], labels: Tensor, label_smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each head. Training adds them: one loss of both answers over-fits (paper, section 3.3).

    Args:
        logits: of pictures and of poses, (N, classes) each. labels: (N,) int64, or (N, classes) that add up to 1.
        label_smoothing: as of `torch.nn.functional.cross_entropy`.
    """
    rgb, pose = (F.cross_entropy(one, labels, label_smoothing=label_smoothing) for one in logits)
    return rgb, pose


def merged(
    rgb_only: Mapping[str, Tensor], pose_only: Mapping[str, Tensor], fresh: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Where training of RGBPose-Conv3D starts: two networks that were trained alone, side by side.

    The weights that read the other path's features begin with zeros there, so that each head gives what its network
    gave; the laterals themselves stay as they are in `fresh`.

    Args:
        rgb_only, pose_only: state dicts of "slowonly" with `PICTURES` and with `POSES`, the latter being
            "slowonly-pose-only".
        fresh: of a newly built "rgbpose-conv3d" of the same classes.
    Returns: a state dict for the network of `fresh`; nothing in it shares memory with the arguments.
    Raises: InvalidWeights when the networks do not go together, with the key.
    """
    start = {key: tensor.clone() for key, tensor in fresh.items()}
    for state, path, head in ((rgb_only, "rgb_path", "fc_rgb"), (pose_only, "pose_path", "fc_pose")):
        names = {key: _within(key, path, head) for key in state}
        wanted = {key for key in fresh if (f".{path}." in key and "_lateral." not in key) or f".{head}." in key}
        for key in sorted(wanted.symmetric_difference(names.values())):
            if not key.endswith("num_batches_tracked"):
                raise InvalidWeights(f"the two networks are no {path} of rgbpose-conv3d: {key} is in one of them only")
        for key, name in names.items():
            if name in start:
                start[name] = _padded(state[key], start[name], name)
    return start


def _within(key: str, path: str, head: str) -> str:
    """The name of a parameter of a network of its own, within RGBPose-Conv3D."""
    if key.startswith("backbone."):
        return f"backbone.{path}.{key.removeprefix('backbone.')}"
    return key.replace("fc_cls", head)


def _padded(tensor: Tensor, like: Tensor, name: str) -> Tensor:
    """A copy with as many input channels as `like`, the added ones 0. Raises: InvalidWeights for any other shape."""
    if tensor.shape == like.shape:
        return tensor.clone()
    if tensor.ndim != 5 or tensor.shape[:1] + tensor.shape[2:] != like.shape[:1] + like.shape[2:]:
        raise InvalidWeights(f"{name} is {tuple(tensor.shape)} where rgbpose-conv3d has {tuple(like.shape)}")
    if tensor.shape[1] > like.shape[1]:
        raise InvalidWeights(f"{name} reads {tensor.shape[1]} channels where rgbpose-conv3d has {like.shape[1]}")
    wide = tensor.new_zeros(like.shape)
    wide[:, : tensor.shape[1]] = tensor
    return wide
