"""The layouts that come with poseact, read from the TOML files beside this module."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from poseact.skeleton.definition import Layout, from_document

FOLDER = Path(__file__).parent / "layouts"
NAMES = (
    "coco17", "coco18", "body25", "mediapipe33", "halpe26", "h36m17", "mpii16", "jhmdb15", "penn13",
)  # fmt: skip

# Per-keypoint standard deviations of the COCO annotators, as a share of the object's scale (COCO keypoint evaluation).
COCO17_OKS_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089,
    0.089,
)  # fmt: skip


@cache
def builtin(name: str) -> Layout:
    """One of `NAMES`."""
    document = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    names = document["keypoints"] if name == "coco17" else COCO17.keypoints
    return from_document(document, name, tuple(names))


COCO17 = builtin("coco17")
