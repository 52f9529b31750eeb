"""How far an input is from what a classifier was trained on. Pure arithmetic.

Source: Liu et al., "Energy-based Out-of-distribution Detection", 2020.
"""

from __future__ import annotations

from torch import Tensor


def energy(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """(..., classes) logits -> (...): -T log sum exp(logits / T), low for what looks like the training clips.

    Unlike the largest probability it keeps the size of the logits: a clip that excites no class has a high energy even
    where one class is ahead of the others.
    """
    return -temperature * (logits.double() / temperature).logsumexp(-1)
