"""What a state dict looks like that belongs to no network of poseact, for the message that refuses it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from poseact.texts import first_few

KNOWN = (
    "PoseConv3D (SlowOnly, C3D-s, X3D-s) and RGBPose-Conv3D of PYSKL and MMAction2, HRNet, SimpleBaseline and "
    "HigherHRNet of MMPose and their original repositories"
)
SHOWN = 3
# The first pattern that some key matches; more telling ones first.
LOOKS = (
    (r"backbone\.fc6\.", "the classic C3D with max pools and fully connected layers"),
    (r"backbone\.slow_path\.", "SlowFast"),
    (r"(^|\.)(rpn_head|roi_head|bbox_head)\.", "a detector of MMDetection"),
    (r"(^|\.)head\.(cls_x|mlp|gau)\b", "RTMPose, whose head gives coordinates instead of heatmaps"),
    (r"\.(gcn|gcn_networks)\.|(^|\.)data_bn\.", "a graph network of the ST-GCN family"),
    (r"(^|\.)(blocks|layers)\.\d+\.(attn|self_attn)\.|(^|\.)patch_embed\.", "a vision transformer"),
    (r"^model\.\d+\.(conv|cv1|m)\b", "a YOLO of ultralytics; give the .pt file to --detector or --pose"),
    (r"(^|\.)(incre_modules|downsamp_modules)\.", "an HRNet that classifies pictures"),
    (r"(^|\.)features\.\d+\.", "a picture classifier of torchvision"),
)
CLASSIFIER_HEADS = ("fc.weight", "classifier.weight", "head.fc.weight", "cls_head.fc_cls.weight")


def looks_like(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """A few words for what the keys show, with the first keys as evidence."""
    keys = list(shapes)
    evidence = first_few([key[:60] for key in keys], SHOWN)
    for pattern, words in LOOKS:
        if any(re.search(pattern, key) for key in keys):
            return f"{words} ({evidence})"
    classes = next((shapes[head][0] for head in CLASSIFIER_HEADS if len(shapes.get(head, ())) == 2), None)
    stem = next((shapes[key] for key in ("conv1.weight", "backbone.conv1.weight") if key in shapes), ())
    if classes is not None and len(stem) == 4 and any("layer1.0.conv1" in key for key in keys):
        return f"a ResNet that classifies pictures into {classes} classes ({evidence})"
    if any(key.startswith("backbone.") for key in keys):
        return f"another network of OpenMMLab ({evidence})"
    return f"no network that poseact knows ({evidence})"
