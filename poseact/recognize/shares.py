"""Weights that a user gives -> shares that add up to 1. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence

from poseact.errors import UsageError


def shares(weights: Sequence[float] | None, count: int, option: str, of: str) -> tuple[float, ...]:
    """Weights as shares of 1.

    Args:
        weights: one per thing, finite and at least 0, not all 0; None: all the same.
        count: of the things. option: that the weights were given by. of: the name of the things, for messages.
    Raises: UsageError.
    """
    if count < 1:
        raise UsageError(f"there are no {of} to weight; name at least one")
    if weights is None:
        return (1 / count,) * count
    given = " ".join(f"{weight:g}" for weight in weights) or "nothing"
    if len(weights) != count:
        advice = f"; write ./{weights[-1]:g} for a file of this name" if len(weights) > count else ""
        raise UsageError(f"{option} {given}: {len(weights)} numbers for {count} {of}; give one for each{advice}")
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not any(weights):
        raise UsageError(f"{option} {given}: weights are finite numbers of at least 0, and not all are 0")
    largest = max(weights)  # divided by first, so that the sum stays finite
    parts = [weight / largest for weight in weights]
    return tuple(part / sum(parts) for part in parts)
