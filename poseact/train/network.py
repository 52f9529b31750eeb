"""The network of a run before its first step: built for the data, tried, with its first weights. Trains nothing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from poseact.errors import UsageError
from poseact.heatmap import channel_names
from poseact.models import ARCHITECTURES, TWO_STREAM_ARCHITECTURES, build
from poseact.processes import out_of_memory
from poseact.skeleton import Layout, body_parts, layout
from poseact.train.clips import Clips
from poseact.train.settings import TrainSettings
from poseact.train.start import Say, merge_streams, take_weights
from poseact.zoo import Card

Start = str | tuple[str, str] | None
"""A model, or one of pictures and one of poses, or nothing."""

COLOURS = 3
WITH_POINTS = "slowonly-points"


def network_config(settings: TrainSettings, clips: Clips) -> dict[str, Any]:
    """The arguments of the builder: those of the settings, with the channels and classes of the data."""
    config = {**settings.config, "num_classes": len(clips.classes)}
    channels = _heatmaps(settings, clips.layout)
    if settings.streams == ("rgb", "pose"):
        poses = config.get("pose") or {}
        return {**config, "pose": {**poses, "in_channels": channels} if isinstance(poses, dict) else poses}
    if settings.architecture == WITH_POINTS:
        config = {**_parts(settings.preprocessing.kind, layout(clips.layout)), **config}
    return {**config, "in_channels": COLOURS if "rgb" in settings.streams else channels}


def _parts(kind: str, body: Layout) -> dict[str, Any]:
    """The parts of the body that are looked at by themselves, as arguments of the builder; none without joints."""
    parts = body_parts(body) if kind.startswith("joint") else ()
    described = [
        {
            "channels": list(part.keypoints), "origin": list(part.origin), "pairs": [list(pair) for pair in part.pairs],
            "place": part.place,
        }
        for part in parts
    ]  # fmt: skip
    return {"point_parts": described, "point_mirror": list(body.flip_joints) if parts else []}


def first_network(settings: TrainSettings, card: Card, start: Start, say: Say) -> nn.Module:
    """The network with its first weights, tried on an empty clip.

    Args:
        card: of the run, with the config of the network. say: called with what is worth knowing, line by line.
    Raises: UsageError for an unknown architecture, a config that it cannot be built from, or clips that it cannot see.
    """
    known = {**ARCHITECTURES, **TWO_STREAM_ARCHITECTURES}
    if settings.architecture not in known:
        raise UsageError(f"unknown architecture {settings.architecture!r}; known are {', '.join(known)}")
    torch.manual_seed(settings.seed)
    empty = _empty_clip(settings, card)
    try:
        network = build(settings.architecture, **card.config)
        with torch.inference_mode():
            network.eval()(*empty)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        if out_of_memory(error):
            raise
        size = " and ".join("x".join(str(side) for side in one.shape[2:]) for one in empty)
        raise UsageError(
            f"a {settings.architecture} of {settings.config!r:.200} cannot look at clips of {size}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    if isinstance(start, tuple):
        merge_streams(network, start, card, say)
    elif start is not None:
        take_weights(network, start, card, say)
    return network


def _empty_clip(settings: TrainSettings, card: Card) -> tuple[Tensor, ...]:
    """The smallest inputs that the network will see."""
    inputs, rgb = settings.preprocessing, settings.preprocessing.rgb
    side = min(settings.drawn_size, inputs.size)
    found = []
    if rgb is not None:
        shown = min(settings.shown_size, rgb.size)
        found.append(torch.zeros(1, COLOURS, rgb.clip_len, shown, shown))
    if "pose" in settings.streams:
        found.append(torch.zeros(1, _heatmaps(settings, card.layout), inputs.clip_len, side, side))
    return tuple(found)


def _heatmaps(settings: TrainSettings, body: str) -> int:
    """Channels of the heatmaps of poses in some layout."""
    return len(channel_names(settings.preprocessing.kind, layout(body)))
