"""What a model names, and beyond which doubts it says "unknown". Runs no network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poseact.types import Array


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Of a model, from its validation part.

    Attributes:
        below: a top probability below it is not named.
        above: a strangeness above it is not named; None: the strangeness decides nothing.
    """

    below: float = 0.0
    above: float | None = None

    def improbable(self, probability: float | Array) -> Array:
        """() or (N,) bool: the top probability of a clip is too low."""
        return np.asarray(probability < self.below)

    def strange(self, strangeness: float | Array | None) -> Array:
        """() or (N,) bool: a movement is too unlike the training clips; False where that was not measured."""
        return np.asarray(self.above is not None and strangeness is not None and strangeness > self.above)

    def named(self, probability: float | Array, strangeness: float | Array | None) -> Array:
        """() or (N,) bool: whether a clip of this top probability and strangeness gets an answer."""
        named: Array = ~(self.improbable(probability) | self.strange(strangeness))
        return named
