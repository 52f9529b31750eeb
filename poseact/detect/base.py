"""What every person detector offers to the later stages. No detector lives here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from poseact.types import Array, Boxes


class Detector(Protocol):
    """Finds people in images.

    Attributes:
        name: identifier for provenance, "nanodet-g" for example.
    """

    @property
    def name(self) -> str: ...

    def __call__(self, images: Sequence[Array]) -> list[Boxes]:
        """Find the people of each image, on its own.

        Args:
            images: (H, W, 3) uint8 RGB each, of one common size or of different sizes.
        Returns:
            As many `Boxes` as images: px of that image, inside it, without duplicates, in descending order of score.
        """
        ...
