"""Which network a state dict belongs to, told by the names and shapes of its tensors. Reads no files, builds nothing.

Published checkpoints name their parameters alike, whoever trained them: `backbone.*` and `cls_head.*` in PYSKL and
MMAction2 (0.x and 1.x), `backbone.*` and `keypoint_head.*` in MMPose 0.x, `backbone.*` and `head.*` in MMPose 1.x, the
bare names in the original repositories of HRNet, SimpleBaseline and HigherHRNet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

from poseact.errors import InvalidWeights
from poseact.models import TWO_STREAMS
from poseact.zoo.unidentified import KNOWN, looks_like

Shapes = Mapping[str, tuple[int, ...]]

DROPPED = ("data_preprocessor.",)  # MMAction2 and MMPose 1.x keep mean and deviation of pictures there
MMACTION2 = "MMAction2 1.x"
POSE_PREFIXES = ("backbone.", "keypoint_head.", "head.")
JOINTS = 17
# (base channels, blocks) of the usual networks: 17 channels in, stem (1, 7, 7), inflated after stage 1
SLOWONLY: dict[tuple[int, tuple[int, ...]], str] = {
    (32, (4, 6, 3)): "slowonly",
    (32, (3, 4, 6)): "slowonly-346",
    (64, (4, 6, 3)): "slowonly-wd",
    (16, (4, 6, 3)): "slowonly-base16",
}
X3D = {(2, 5, 3): "x3d-s", (5, 11, 7): "x3d"}
SQUEEZE = 1 / 16
RESNETS: dict[tuple[int, ...], int] = {(3, 4, 6, 3): 50, (3, 4, 23, 3): 101, (3, 8, 36, 3): 152, (2, 2, 2, 2): 18}
TAG_MAPS, OFFSET_MAPS = 2 * JOINTS, 3 * JOINTS


@dataclass(frozen=True)
class Identified:
    """A state dict whose network is known.

    Attributes:
        publisher: whose naming it follows.
        task, architecture, config: as on a model card; `config` without what equals the architecture's defaults.
        names: of the tensors, in the file -> in the network of poseact; what is not in it is no part of the network.
        classes: of a classifier; None for estimators.
        notes: what shapes cannot tell, and how it was taken.
    """

    publisher: str
    task: Literal["pose", "classify"]
    architecture: str
    config: dict[str, Any]
    names: dict[str, str]
    classes: int | None = None
    notes: tuple[str, ...] = field(default=())


def identify(state: Mapping[str, Tensor]) -> Identified:
    """Find the architecture and configuration of published weights; only shapes are looked at.

    Raises: InvalidWeights for a network that poseact does not have, with what it looks like.
    """
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items() if not key.startswith(DROPPED)}
    if any(key.startswith("cls_head.") for key in shapes):
        return _classifier(shapes, MMACTION2 if len(shapes) < len(state) else "PYSKL or MMAction2")
    names = {key: _bare(key) for key in shapes}
    bare = {names[key]: shape for key, shape in shapes.items()}
    for mark, tell in _ESTIMATORS.items():
        if mark in bare:
            architecture, config = tell(bare)
            return Identified(_pose_publisher(shapes), "pose", architecture, config, names)
    raise _unknown(shapes)


def _bare(key: str) -> str:
    return next((key.removeprefix(prefix) for prefix in POSE_PREFIXES if key.startswith(prefix)), key)


def _pose_publisher(shapes: Shapes) -> str:
    if any(key.startswith("keypoint_head.") for key in shapes):
        return "MMPose 0.x"
    if any(key.startswith("head.") for key in shapes):
        return "MMPose 1.x"
    return "the original repository"


def _unknown(shapes: Shapes) -> InvalidWeights:
    return InvalidWeights(f"it looks like {looks_like(shapes)}; poseact imports {KNOWN}")


def _classifier(shapes: Shapes, publisher: str) -> Identified:
    """PoseConv3D and RGBPose-Conv3D."""
    for mark, tell in _CLASSIFIERS.items():
        if mark in shapes and len(shapes[mark]) == 5:
            head = "fc_rgb" if "rgb_path" in mark else "fc_cls"
            logits = shapes.get(f"cls_head.{head}.weight", ())
            if len(logits) != 2:
                raise InvalidWeights(f"it has no classification head, cls_head.{head}.weight; give the whole network")
            architecture, config, notes = tell(shapes)
            return Identified(
                publisher, "classify", architecture, {**config, "num_classes": logits[0]},
                {key: key for key in shapes}, logits[0], notes,
            )  # fmt: skip
    raise _unknown(shapes)


Description = tuple[str, dict[str, Any], tuple[str, ...]]
"""Architecture, config and notes, as in `Identified`."""


def _slowonly(shapes: Shapes) -> Description:
    base, channels, *kernel = shapes["backbone.conv1.conv.weight"]
    blocks = _blocks(shapes, "backbone.")
    inflate = [int(_inflated(shapes, f"backbone.layer{stage}.", depth)) for stage, depth in _stages(blocks)]
    if (channels, kernel, inflate) == (JOINTS, [1, 7, 7], [0, 1, 1]) and (base, blocks) in SLOWONLY:
        architecture = SLOWONLY[base, blocks]
        note = (
            f"strides are not in the file: taken as those of {architecture}; for the start of RGBPose-Conv3D, whose "
            "temporal strides are 1, 1, 1, choose the architecture slowonly-pose-only"
        )
        return architecture, {}, (note,)
    config: dict[str, Any] = {
        "in_channels": channels, "base_channels": base, "blocks": list(blocks), "inflate": inflate,
    }  # fmt: skip
    if kernel != [1, 7, 7]:
        config["stem_kernel"] = kernel
    if len(blocks) != 3:  # as the picture networks of both projects
        config["spatial_strides"] = [1] + [2] * (len(blocks) - 1)
        config["temporal_strides"] = [1] * len(blocks)
        config["stem_stride"] = config["pool_stride"] = [1, 2, 2]
    return "slowonly", config, ("strides are not in the file: taken as those of the published networks of this depth",)


def _inflated(shapes: Shapes, prefix: str, depth: int) -> bool:
    """Whether the first convolutions of a stage see three frames; one block tells, as others may be missing."""
    return any(shapes.get(f"{prefix}{block}.conv1.conv.weight", ())[2:3] == (3,) for block in range(depth))


def _c3d(shapes: Shapes) -> Description:
    if "backbone.fc6.weight" in shapes:
        raise _unknown(shapes)
    base, channels = shapes["backbone.conv1a.conv.weight"][:2]
    config = _unusual(in_channels=(channels, JOINTS), base_channels=(base, 32))
    if "backbone.conv5a.conv.weight" not in shapes:
        return "c3d-s", config, ("pools are not in the file: taken as keeping the time",)
    return "c3d", config, ("pools are not in the file: taken as keeping the time, with a fourth one before conv5a",)


def _x3d(shapes: Shapes) -> Description:
    base, channels = shapes["backbone.conv1_s.conv.weight"][:2]
    blocks = _blocks(shapes, "backbone.")
    inner = shapes.get(f"backbone.layer{len(blocks)}.0.conv1.conv.weight", (0,))[0]
    bottleneck = inner / (base * 2 ** (len(blocks) - 1)) if blocks else 0
    config = _unusual(in_channels=(channels, JOINTS), base_channels=(base, 24), bottleneck=(bottleneck, 2.25))
    notes: tuple[str, ...] = ()
    if "backbone.layer1.0.se_module.fc1.weight" in shapes:
        config |= {"se_ratio": SQUEEZE, "swish": True}
        notes = ("whether blocks have a swish is not in the file: taken as having one, as X3D with SE has",)
    if blocks in X3D:
        return X3D[blocks], config, notes
    if len(blocks) != 3:
        config["spatial_strides"] = [2] * len(blocks)
    return "x3d-s", {**config, "blocks": list(blocks)}, notes


def _rgbpose(shapes: Shapes) -> Description:
    config: dict[str, Any] = {}
    for path, channels, base, blocks in (("rgb", 3, 64, [3, 4, 6, 3]), ("pose", JOINTS, 32, [4, 6, 3])):
        prefix = f"backbone.{path}_path."
        found = list(_blocks(shapes, prefix))
        width, depth, *_ = shapes.get(f"{prefix}conv1.conv.weight", (base, channels))
        unusual = _unusual(in_channels=(depth, channels), base_channels=(width, base), blocks=(found, blocks))
        config |= {path: unusual} if unusual else {}
    return TWO_STREAMS, config, ()


def _hrnet(bare: Shapes) -> tuple[str, dict[str, Any]]:
    config: dict[str, Any] = {"width": bare["stage2.0.branches.0.0.conv1.weight"][0]}
    if "final_layers.0.weight" in bare:
        return "higher-hrnet", config
    maps = bare.get("final_layer.weight", (0,))[0]
    if maps in (JOINTS, TAG_MAPS):
        return ("hrnet" if maps == JOINTS else "hrnet-ae"), config
    if maps == OFFSET_MAPS:
        return "hrnet", {**config, "offsets": True}
    if maps == 0:
        raise InvalidWeights(
            "it is an HRNet without a head for joints, such as ImageNet weights; poseact imports those for COCO "
            "keypoints"
        )
    raise InvalidWeights(
        f"it is an HRNet of other joints: it gives {maps} maps, not one for each of the {JOINTS} COCO joints"
    )


def _simple_baseline(bare: Shapes) -> tuple[str, dict[str, Any]]:
    if "layer1.0.conv.0.conv.weight" in bare:
        return "simple-baseline-mobilenetv2", {}
    blocks = _blocks(bare, "")
    bottlenecks = "layer1.0.conv3.weight" in bare
    if blocks == (3, 4, 6, 3) and bottlenecks:
        return "simple-baseline-resnet50", {}
    depth = 34 if not bottlenecks and blocks == (3, 4, 6, 3) else RESNETS.get(blocks, "of another kind")
    raise InvalidWeights(
        f"it is a SimpleBaseline with ResNet {depth}; poseact has those with ResNet-50 and MobileNetV2"
    )


_CLASSIFIERS: dict[str, Callable[[Shapes], Description]] = {
    "backbone.rgb_path.conv1.conv.weight": _rgbpose,
    "backbone.conv1_s.conv.weight": _x3d,
    "backbone.conv1a.conv.weight": _c3d,
    "backbone.conv1.conv.weight": _slowonly,
}
_ESTIMATORS: dict[str, Callable[[Shapes], tuple[str, dict[str, Any]]]] = {
    "stage2.0.branches.0.0.conv1.weight": _hrnet,
    "deconv_layers.0.weight": _simple_baseline,
}


def _blocks(shapes: Shapes, prefix: str) -> tuple[int, ...]:
    """How many blocks each of layer1, layer2, ... has."""
    found: dict[int, set[int]] = {}
    pattern = re.compile(re.escape(prefix) + r"layer(\d{1,2})\.(\d{1,3})\.")
    for key in shapes:
        if match := pattern.match(key):
            found.setdefault(int(match[1]), set()).add(int(match[2]))
    return tuple(len(found[stage]) for stage in sorted(found))


def _stages(blocks: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(enumerate(blocks, 1))


def _unusual(**values: tuple[Any, Any]) -> dict[str, Any]:
    """The values that differ from their defaults."""
    return {name: value for name, (value, default) in values.items() if value != default}
