"""How a network is fed whose file does not say so: the published settings of its architecture. Reads no file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from poseact.errors import InvalidWeights, UsageError
from poseact.zoo.card import Estimation, Preprocessing, Rgb

Kind = Literal["joint", "limb"]
JOINTS = 17
PICTURES = 3  # input channels of a network that looks at pictures
TWO_STREAMS = "rgbpose-conv3d"
WHOLE_PICTURES = ("higher-hrnet", "hrnet-ae")
CLIP_LENGTHS = {"slowonly-pose-only": 32, "slowonly-base16": 12}
SIDES = {"slowonly-base16": 56}
SIZE_IN_NAME = re.compile(r"(?<!\d)(\d{2,4})x(\d{2,4})(?!\d)")
MULTIPLE = 32


def preprocessing(
    architecture: str, config: Mapping[str, Any], kind: Kind | None
) -> tuple[Preprocessing, tuple[str, ...]]:
    """The input of a classifier as published with its architecture, and sentences about what had to be taken for true.

    Args:
        kind: what the user says its channels show; None where nobody said it.
    Raises:
        UsageError: `kind` cannot be. InvalidWeights: as many input channels as neither poses nor pictures have.
    """
    if architecture == TWO_STREAMS:
        _refuse_kind(kind, "joint", f"{TWO_STREAMS} looks at pictures and joints")
        return Preprocessing(clip_len=32, size=64, sigma=0.7, flip=False, rgb=Rgb()), ()
    channels = config.get("in_channels", JOINTS)
    if channels == PICTURES:
        _refuse_kind(kind, None, "it looks at pictures")
        return Preprocessing(clip_len=32, sigma=0.7, flip=False, rgb=Rgb(size=224)), ()
    length, side = CLIP_LENGTHS.get(architecture, 48), SIDES.get(architecture, 64)
    if channels == 2 * JOINTS:
        _refuse_kind(kind, None, f"its {channels} channels show joints and limbs")
        return Preprocessing(kind="joint+limb", clip_len=length, size=side), ()
    if channels != JOINTS:
        raise InvalidWeights(
            f"it reads {channels} channels; poseact feeds {JOINTS} joints or limbs, {2 * JOINTS} of both, or pictures"
        )
    note = () if kind else ("its file does not tell joints from limbs: taken as joints; --kind limb says otherwise",)
    return Preprocessing(kind=kind or "joint", clip_len=length, size=side), note


def _refuse_kind(kind: Kind | None, allowed: Kind | None, reason: str) -> None:
    if kind not in (None, allowed):
        raise UsageError(f"--kind {kind} cannot be: {reason}; leave it out")


def estimation(architecture: str, file: str) -> tuple[Estimation, tuple[str, ...]]:
    """The settings of a pose estimator as its file's name tells them, in the way of MMPose and HRNet.

    Returns: with what was taken for true, as sentences.
    """
    name = file.lower()
    found = SIZE_IN_NAME.search(name)
    size = (int(found[1]), int(found[2])) if found else None
    if size is None or any(side % MULTIPLE or not MULTIPLE <= side <= 2048 for side in size):
        size = (512, 512) if architecture in WHOLE_PICTURES else (256, 192)
    udp, dark = "udp" in name, "dark" in name
    refinement: Literal["udp", "dark", "quarter"] = "udp" if udp else "dark" if dark else "quarter"
    settings = Estimation(size=size, codec="udp" if udp else "classic", refinement=refinement)
    told = "UDP" if udp else "DARK" if dark else "the classic decoding"
    return settings, (
        f"its file does not say how it was trained: taken as {size[0]}x{size[1]} px (height x width) and {told}, by "
        "the file's name; rename it, such as to pose_384x288_udp.pth, and import it again if that is wrong",
    )
