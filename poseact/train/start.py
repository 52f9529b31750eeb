"""The first weights of a run: random, or those of a trained model, with its head where the classes are the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from poseact.errors import UsageError
from poseact.zoo import load_with_card
from poseact.zoo.load import Loaded

HEAD = "cls_head."
Say = Callable[[str], None]


def take_weights(network: nn.Module, start: str, architecture: str, classes: Sequence[str], say: Say) -> None:
    """Load the weights of a trained model; its head only as far as the classes are the same.

    The classes may stand in another order. With other classes the head stays random, which is said, with the classes.

    Args:
        say: called with one line when the classes are not the same, before anything is trained.
    Raises: UsageError for another architecture or backbone; ModelError.
    """
    loaded = load_with_card(start)
    if loaded.card.architecture != architecture:
        raise UsageError(
            f"{start} is a {loaded.card.architecture}, not a {architecture}; leave --set architecture away to train it"
        )
    own, theirs = network.state_dict(), loaded.network.state_dict()
    wrong = sorted(
        key for key in own.keys() | theirs.keys()
        if not key.startswith(HEAD) and (key not in own or key not in theirs or own[key].shape != theirs[key].shape)
    )  # fmt: skip
    if wrong:
        raise UsageError(f"{start} has another backbone (such as {wrong[0]}); its config must be the run's")
    network.load_state_dict({**theirs, **_head(own, theirs, loaded, start, classes, say)})


def _head(
    own: dict[str, Tensor], theirs: dict[str, Tensor], loaded: Loaded, start: str, classes: Sequence[str], say: Say
) -> dict[str, Tensor]:
    labels = loaded.card.labels
    heads = {key: tensor for key, tensor in own.items() if key.startswith(HEAD)}
    if set(labels) == set(classes) and len(labels) == len(classes):
        order = torch.tensor([labels.index(name) for name in classes])
        return {key: theirs[key][order] for key in heads}
    both = [name for name in classes if name in labels]
    say(
        f"{start} knows other classes ({len(labels)}, such as {labels[0]}) than the poses have ({len(classes)}, such "
        f"as {classes[0]}; {len(both)} in both): its head is left out and a new one is trained"
    )
    return heads
