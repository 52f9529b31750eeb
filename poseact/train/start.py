"""The first weights of a run: random, or those of trained models, with their heads where the classes are the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from poseact.errors import InvalidWeights, UsageError
from poseact.models import merged
from poseact.recognize.inputs import check_joints, streams
from poseact.zoo import Card, load_with_card
from poseact.zoo.label_lists import told_apart
from poseact.zoo.load import Loaded

HEAD = "cls_head."
Say = Callable[[str], None]


def take_weights(network: nn.Module, start: str, card: Card, say: Say) -> None:
    """Load the weights of a trained model; its head only as far as the classes are the same.

    The classes may stand in another order. With other classes the head stays random, which is said, with the classes.

    Args:
        card: of the network. say: called with one line when the classes are not the same, before anything is trained.
    Raises: UsageError for another architecture, layout or backbone; ModelError.
    """
    loaded = load_with_card(start)
    if loaded.card.architecture != card.architecture:
        raise UsageError(
            f"{start} is a {loaded.card.architecture}, not a {card.architecture}; leave --set architecture away to "
            "train it"
        )
    if "pose" in streams(loaded.card):
        _check_layout(loaded, start, card)
    own, theirs = network.state_dict(), loaded.network.state_dict()
    wrong = sorted(
        key for key in own.keys() | theirs.keys()
        if not key.startswith(HEAD) and (key not in own or key not in theirs or own[key].shape != theirs[key].shape)
    )  # fmt: skip
    if wrong:
        raise UsageError(f"{start} has another backbone (such as {wrong[0]}); its config must be the run's")
    network.load_state_dict({**theirs, **_head(own, theirs, loaded, start, card.labels, say)})


def merge_streams(network: nn.Module, starts: tuple[str, str], card: Card, say: Say) -> None:
    """Put two networks that were trained alone, of pictures and of poses, side by side into an RGBPose-Conv3D.

    It starts by answering what they answer: the laterals are random, but what reads their channels is 0. Heads as for
    `take_weights`.

    Args:
        starts: the model of pictures and the one of poses. card: of the network.
    Raises: UsageError when the two are no paths of this network; ModelError.
    """
    fresh = network.state_dict()
    states = []
    for start, path in zip(starts, ("rgb", "pose"), strict=True):
        loaded = load_with_card(start)
        if path == "pose":
            _check_layout(loaded, start, card)
        state = loaded.network.state_dict()
        own = {key.replace(f"fc_{path}", "fc_cls"): tensor for key, tensor in fresh.items() if f"fc_{path}" in key}
        states.append({**state, **_head(own, state, loaded, start, card.labels, say)})
    try:
        network.load_state_dict(merged(states[0], states[1], fresh))
    except InvalidWeights as error:
        raise UsageError(f"{starts[0]} and {starts[1]} do not go together: {error}") from error


def _check_layout(loaded: Loaded, start: str, card: Card) -> None:
    if loaded.card.layout != card.layout:
        raise UsageError(f"the poses are {card.layout}, but {start} reads {loaded.card.layout}")
    check_joints(loaded.card, streams(loaded.card))


def _head(
    own: Mapping[str, Tensor], theirs: Mapping[str, Tensor], loaded: Loaded, start: str, classes: Sequence[str],
    say: Say,
) -> dict[str, Tensor]:  # fmt: skip
    labels = loaded.card.labels
    heads = {key: tensor for key, tensor in own.items() if key.startswith(HEAD)}
    theirs_in_order, wanted = told_apart(labels), told_apart(classes)
    if sorted(theirs_in_order) == sorted(wanted):
        order = torch.tensor([theirs_in_order.index(name) for name in wanted])
        return {key: theirs[key][order] for key in heads}
    both = [name for name in classes if name in labels]
    say(
        f"{start} knows other classes ({len(labels)}, such as {labels[0]}) than the poses have ({len(classes)}, such "
        f"as {classes[0]}; {len(both)} in both): its head is left out and a new one is trained"
    )
    return heads
