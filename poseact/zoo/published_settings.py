"""How a network is fed whose file does not say so: the published settings of its architecture. Reads no file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from poseact.errors import InvalidWeights, UsageError
from poseact.models import TWO_STREAMS
from poseact.skeleton import COCO17, Layout
from poseact.zoo.card import Estimation, Preprocessing, Rgb

Kind = Literal["joint", "limb"]
PICTURES = 3  # input channels of a network that looks at pictures
WHOLE_PICTURES = ("higher-hrnet", "hrnet-ae")
CLIP_LENGTHS = {"slowonly-pose-only": 32, "slowonly-base16": 12}
SIDES = {"slowonly-base16": 56}
SIZE_IN_NAME = re.compile(r"(?<!\d)(\d{2,4})x(\d{2,4})(?!\d)")
MULTIPLE = 32
LARGE_CROP, LARGE_BLUR = 384, 17  # height from which networks are trained with Gaussians of 3 px, and their kernel


def preprocessing(
    architecture: str, config: Mapping[str, Any], kind: Kind | None, skeleton: Layout = COCO17, file: str = ""
) -> tuple[Preprocessing, tuple[str, ...]]:
    """The input of a classifier as published with its architecture, and sentences about what had to be taken for true.

    Args:
        kind: what the user says its channels show; None where nobody said it.
        skeleton: whose joints or limbs they are.
        file: its name, which decides where nothing else does.
    Raises:
        UsageError: `kind` cannot be. InvalidWeights: as many input channels as neither its poses nor pictures have.
    """
    if architecture == TWO_STREAMS:
        _refuse_kind(kind, "joint", f"{TWO_STREAMS} looks at pictures and joints")
        return Preprocessing(clip_len=32, size=64, sigma=0.7, flip=False, rgb=Rgb()), ()
    joints, limbs = len(skeleton.keypoints), len(skeleton.limbs)
    channels = config.get("in_channels", len(COCO17.keypoints))
    if channels == PICTURES:
        _refuse_kind(kind, None, "it looks at pictures")
        return Preprocessing(clip_len=32, sigma=0.7, flip=False, rgb=Rgb(size=224)), ()
    length, side = CLIP_LENGTHS.get(architecture, 48), SIDES.get(architecture, 64)
    if channels == joints + limbs:
        _refuse_kind(kind, None, f"its {channels} channels show joints and limbs")
        return Preprocessing(kind="joint+limb", clip_len=length, size=side), ()
    shown: dict[Kind, int] = {"joint": joints, "limb": limbs}
    possible = [one for one, count in shown.items() if count == channels]
    if not possible:
        raise InvalidWeights(
            f"it reads {channels} channels; of {skeleton.name}, poseact feeds {joints} joints, {limbs} limbs or "
            f"{joints + limbs} of both, or pictures; --layout names another layout"
        )
    if kind is not None and kind not in possible:
        raise UsageError(f"--kind {kind} cannot be: its {channels} channels show {possible[0]}s of {skeleton.name}")
    note: tuple[str, ...] = ()
    if kind is None and len(possible) > 1:
        kind, other = ("limb", "joint") if "limb" in file.lower() else ("joint", "limb")
        note = (
            f"its file does not tell joints from limbs: taken as {kind}s by its name; --kind {other} says otherwise",
        )
    return Preprocessing(kind=kind or possible[0], clip_len=length, size=side), note


def _refuse_kind(kind: Kind | None, allowed: Kind | None, reason: str) -> None:
    if kind not in (None, allowed):
        raise UsageError(f"--kind {kind} cannot be: {reason}; leave it out")


def estimation(
    architecture: str, file: str, config: Mapping[str, Any] | None = None, publisher: str = ""
) -> tuple[Estimation, tuple[str, ...]]:
    """The settings of a pose estimator as its file's name tells them, in the way of MMPose and HRNet.

    Args:
        config: of the network. publisher: whose names its tensors have; MMPose 1.x smooths the heatmaps of every size
            with one kernel, all others those of larger inputs with a larger one.
    Returns: with what was taken for true, as sentences.
    """
    name = file.lower()
    found = SIZE_IN_NAME.search(name)
    size = (int(found[1]), int(found[2])) if found else None
    if size is None or any(side % MULTIPLE or not MULTIPLE <= side <= 2048 for side in size):
        size = (512, 512) if architecture in WHOLE_PICTURES else (256, 192)
    offsets = bool((config or {}).get("offsets"))
    udp, dark = offsets or "udp" in name, "dark" in name
    refinement: Literal["offsets", "udp", "dark", "quarter"]
    refinement = "offsets" if offsets else "udp" if udp else "dark" if dark else "quarter"
    large = refinement in ("udp", "dark") and size[0] >= LARGE_CROP and publisher != "MMPose 1.x"
    blur = LARGE_BLUR if large else Estimation().blur
    settings = Estimation(size=size, codec="udp" if udp else "classic", refinement=refinement, blur=blur)
    told = "UDP" if udp else "DARK" if dark else "the classic decoding"
    smoothing = f", smoothed by {blur} px" if large else ""
    return settings, (
        f"its file does not say how it was trained: taken as {size[0]}x{size[1]} px (height x width) and {told}"
        f"{smoothing}, by the file's name; rename it, such as to pose_384x288_udp.pth, and import it again if that is "
        "wrong",
    )
