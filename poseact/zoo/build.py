"""From a model card to a fresh network, and whether tensors fit it. Reads no file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from poseact.errors import InvalidWeights, ModelError, UsageError
from poseact.texts import first_few
from poseact.zoo.card import Card

SHOWN_KEYS = 3
MOST_TOLD = 300  # letters of a reason


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


def build(card: Card) -> nn.Module:
    """A freshly initialised network for a card. Raises: InvalidWeights for an unknown architecture or configuration."""
    known = builders()
    if card.architecture not in known:
        raise InvalidWeights(f"{card.name}: unknown architecture {card.architecture!r}; known are {', '.join(known)}")
    try:
        return known[card.architecture](**card.config)
    except (TypeError, ValueError, RuntimeError, ModelError, UsageError) as error:
        reason = str(error)[:MOST_TOLD]
        raise InvalidWeights(
            f"{card.name}: {card.architecture} cannot be built from the 'config' of its card: {reason}"
        ) from error


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
    return [f"{len(names)} keys {what} ({first_few(names, SHOWN_KEYS)})"] if names else []
