"""What every pose estimator offers: pictures and person boxes in, keypoints out. No network lives here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from poseact.skeleton import Layout
from poseact.types import Array, Boxes, Keypoints


class PoseEstimator(Protocol):
    """Finds the joints of people whose boxes are known.

    Attributes:
        name: short identifier, kept with the poses.
        layout: the keypoints it finds, in index order.
    """

    name: str
    layout: Layout

    def __call__(self, images: Sequence[Array], boxes: Sequence[Boxes]) -> list[Keypoints]:
        """Estimate everybody in a batch of pictures.

        Args:
            images: (H, W, 3) uint8 RGB each; sizes may differ.
            boxes: the people of each picture.
        Returns:
            One `Keypoints` per picture, its rows in the order of the boxes.
        """
        ...
