"""Keypoint layouts as data: names, left/right pairs, limbs. Knows nothing of images or networks."""

from poseact.skeleton.builtin import COCO17, COCO17_OKS_SIGMAS, NAMES
from poseact.skeleton.correspondence import correspondence
from poseact.skeleton.definition import Layout
from poseact.skeleton.known import declaration, known_layouts, layout, load_layout, own_keypoints, register, unnamed
from poseact.skeleton.parts import Part, body_parts

__all__ = [
    "COCO17",
    "COCO17_OKS_SIGMAS",
    "NAMES",
    "Layout",
    "Part",
    "body_parts",
    "correspondence",
    "declaration",
    "known_layouts",
    "layout",
    "load_layout",
    "own_keypoints",
    "register",
    "unnamed",
]
