"""From a name or file to a network in eval mode: card, tensors, builder, strict loading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from poseact.errors import InvalidWeights, ModelError
from poseact.models import TWO_STREAMS
from poseact.zoo.card import Card, read_card
from poseact.zoo.shelf import check_recorded
from poseact.zoo.store import find, read

SHOWN_KEYS = 3


@dataclass(frozen=True)
class Loaded:
    """A network with what is known of it: `sha256` identifies the weight file."""

    network: nn.Module
    card: Card
    sha256: str


def builders() -> Mapping[str, Callable[..., nn.Module]]:
    """Every architecture that a card may name."""
    from poseact.detect import nanodet
    from poseact.models import ARCHITECTURES, TWO_STREAM_ARCHITECTURES
    from poseact.pose import higher_hrnet, hrnet, movenet, simple_baseline

    return {
        "nanodet-g": nanodet.build,
        "movenet": movenet.build,
        "hrnet": hrnet.build,
        "hrnet-ae": higher_hrnet.build_plain,
        "higher-hrnet": higher_hrnet.build,
        "simple-baseline-resnet50": simple_baseline.build_resnet50,
        "simple-baseline-mobilenetv2": simple_baseline.build_mobilenetv2,
        **ARCHITECTURES,
        **TWO_STREAM_ARCHITECTURES,
    }


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


def build(card: Card) -> nn.Module:
    """A freshly initialised network for a card. Raises: InvalidWeights for an unknown architecture or configuration."""
    known = builders()
    if card.architecture not in known:
        raise InvalidWeights(f"{card.name}: unknown architecture {card.architecture!r}; known are {', '.join(known)}")
    try:
        return known[card.architecture](**card.config)
    except (TypeError, ValueError, RuntimeError, ModelError) as error:
        raise InvalidWeights(f"{card.name}: {card.architecture} cannot be built from {card.config}: {error}") from error


def _load_strictly(network: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    problems = differences(network, tensors)
    if problems:
        raise InvalidWeights(f"{source} does not fit its model card: {'; '.join(problems)}")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values() if tensor.is_floating_point()):
        raise InvalidWeights(f"{source} holds numbers that are not finite")
    network.load_state_dict(dict(tensors), strict=False)


def differences(network: nn.Module, tensors: Mapping[str, Tensor]) -> list[str]:
    """What keeps tensors from being the parameters and buffers of a network, in words; empty when they fit.

    Keys that are missing, unexpected or of another shape, the first few of each by name. Only the counters of batch
    norms, `num_batches_tracked`, may be missing.
    """
    wanted = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    optional = {key for key in wanted if key.endswith("num_batches_tracked")}
    return (
        _some("missing", sorted(wanted.keys() - found.keys() - optional))
        + _some("unexpected", sorted(found.keys() - wanted.keys()))
        + _some(
            "of another shape",
            [
                f"{key} {found[key]} instead of {wanted[key]}"
                for key in sorted(wanted.keys() & found.keys())
                if wanted[key] != found[key]
            ],
        )
    )


def _some(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - SHOWN_KEYS} more" if len(names) > SHOWN_KEYS else ""
    return [f"{len(names)} keys {what} ({', '.join(names[:SHOWN_KEYS])}{more})"]
