"""What every pose estimator offers: keypoints of people in boxes, or of everybody in a picture. No networks here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class PictureEstimator(Protocol):
    """Finds people and their joints at once, in whole pictures; it needs no detector.

    Attributes:
        name: short identifier, kept with the poses.
        layout: the keypoints it finds, in index order.
    """

    name: str
    layout: Layout

    def everybody(self, images: Sequence[Array]) -> list[tuple[Boxes, Keypoints]]:
        """Find everybody in each picture, looking at it once.

        Args:
            images: (H, W, 3) uint8 RGB each; sizes may differ.
        Returns:
            One pair per picture, its rows the people in descending order of the boxes' scores. Boxes lie inside the
            picture and have an area; a joint that is not seen has score 0 and lies at 0, 0.
        """
        ...
