"""From a name or file to a network in eval mode: card, tensors, builder, strict loading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from poseact.errors import InvalidWeights, WeightsNotFound
from poseact.files import expanded
from poseact.models import TWO_STREAMS
from poseact.zoo.build import build, differences
from poseact.zoo.card import Card, read_card
from poseact.zoo.fetch import fetch
from poseact.zoo.inventory import check_recorded
from poseact.zoo.manifest import find_record, weights_folder
from poseact.zoo.store import KNOWN_TYPES, RUN_FILE, UNFINISHED, read


@dataclass(frozen=True)
class Loaded:
    """A network with what is known of it: `sha256` identifies the weight file."""

    network: nn.Module
    card: Card
    sha256: str


def find(name: str) -> Path:
    """The weight file that `name` means.

    In this order: a model that comes with poseact, by name or alias; a `.safetensors` file or the folder of a training
    run; a model of the cache; a published one, which is fetched (see `fetch`).

    Raises: WeightsNotFound, with names that would work; InvalidWeights and OutputError as `fetch`.
    """
    record = find_record(name)
    if record is not None and record.embedded:
        return weights_folder() / record.file
    file = own_file(name)
    if file is not None:
        return file
    try:
        return fetch(name)
    except WeightsNotFound as error:
        raise _unfinished(name) or error from None


def own_file(name: str) -> Path | None:
    """The file that `name` is, or the weight file in the folder of a training run that it is."""
    try:
        path = expanded(name)
        if path.is_dir() and (path / RUN_FILE).is_file():
            return path / RUN_FILE
        return path if path.is_file() else None
    except (OSError, RuntimeError, ValueError):
        return None  # too long for a path, or of a user whom nobody knows


def _unfinished(name: str) -> WeightsNotFound | None:
    try:
        begun = (expanded(name) / UNFINISHED).is_file()
    except (OSError, RuntimeError, ValueError):
        begun = False
    if not begun:
        return None
    return WeightsNotFound(f"{name} holds a run that is not finished; give the same `poseact train` command again")


def load(name: str, *, device: str | torch.device = "cpu") -> nn.Module:
    """The network that `name` (a known model, a file, a run folder; see `find`) means, float32, in eval mode.

    Raises: WeightsNotFound, InvalidWeights.
    """
    return load_with_card(name, device=device).network


def load_with_card(name: str, *, device: str | torch.device = "cpu") -> Loaded:
    """Like `load`, together with the model card and the sha256 of the weight file."""
    path = find(name)
    tensors, sha256 = read(path)
    card = read_card(path.with_suffix(".json"))
    check_recorded(path, card, sha256)
    _check_streams(card)
    network = build(card)
    _load_strictly(network, tensors, str(path))
    return Loaded(network.float().eval().to(device), card, sha256)


def _check_streams(card: Card) -> None:
    """Raises: InvalidWeights when a card feeds a network of both streams pictures and heatmaps that do not fit."""
    from poseact.models.rgbpose import SPEED_RATIO

    inputs = card.preprocessing
    if card.architecture != TWO_STREAMS or inputs is None or inputs.rgb is None:
        return
    heatmaps, pictures = (inputs.clip_len, inputs.size), (inputs.rgb.clip_len, inputs.rgb.size)
    if heatmaps[0] != SPEED_RATIO * pictures[0] or SPEED_RATIO * heatmaps[1] != pictures[1]:
        raise InvalidWeights(
            f"{card.name}: {TWO_STREAMS} takes {SPEED_RATIO} heatmaps per picture, each a quarter as wide, but "
            f"its card says {heatmaps[0]} heatmaps of {heatmaps[1]} px and {pictures[0]} pictures of {pictures[1]} px"
        )


def _load_strictly(network: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    problems = differences(network, tensors)
    if problems:
        raise InvalidWeights(f"{source} does not fit its model card: {'; '.join(problems)}")
    strange = next((key for key, tensor in tensors.items() if tensor.dtype not in KNOWN_TYPES), None)
    if strange is not None:
        kind = tensors[strange].dtype
        raise InvalidWeights(f"{source}: {strange!r} is of type {kind}, which no network of poseact has")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values() if tensor.is_floating_point()):
        raise InvalidWeights(f"{source} holds numbers that are not finite")
    network.load_state_dict(dict(tensors), strict=False)
