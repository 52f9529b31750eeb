"""How unlike the clips that a classifier was trained on an input is to it. Pure arithmetic.

Source of the energy: Liu et al., "Energy-based Out-of-distribution Detection", 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor


def strangeness(logits: Tensor, temperature: float = 1.0, typical: Tensor | None = None) -> Tensor:
    """(streams, views, classes) logits -> (streams, views) float64: how far they are from what the network has learnt.

    It is the distance to the typical logits of the nearest class, which tells clips that excite a class weakly, and
    those that excite classes together that do not go together. Where nothing is known to be typical it is the energy.

    Args:
        typical: (streams, rows, classes), as `centred`: the mean logits of the training clips of each class.
    """
    if typical is None:
        return energy(logits, temperature)
    return torch.cdist(centred(logits), typical.double()).amin(-1)


def energy(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """(..., classes) logits -> (...): -T log sum exp(logits / T), low for what looks like the training clips.

    Unlike the largest probability it keeps the size of the logits: a clip that excites no class has a high energy even
    where one class is ahead of the others.
    """
    return -temperature * (logits.double() / temperature).logsumexp(-1)


def centred(logits: Tensor) -> Tensor:
    """(..., classes) -> the same in float64, less their mean, which says nothing of which class it is."""
    exact = logits.double()
    return exact - exact.mean(-1, keepdim=True)
