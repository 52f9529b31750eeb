"""Keypoint layouts as data: names, left/right pairs, limbs. Knows nothing of images or networks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from poseact.errors import UsageError


@dataclass(frozen=True)
class Layout:
    """A named set of keypoints.

    Attributes:
        name: the identifier that is stored with poses.
        keypoints: K names in index order.
        pairs: (left, right) keypoint indices.
        limbs: (start, end) keypoint indices in channel order.
        limb_pairs: (left, right) limb indices.
    """

    name: str
    keypoints: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]
    limbs: tuple[tuple[int, int], ...]
    limb_pairs: tuple[tuple[int, int], ...]

    @cached_property
    def flip_joints(self) -> tuple[int, ...]:
        """Permutation (K,) that exchanges left and right keypoints."""
        return _swapped(len(self.keypoints), self.pairs)

    @cached_property
    def flip_limbs(self) -> tuple[int, ...]:
        """Permutation (limbs,) that exchanges left and right limbs."""
        return _swapped(len(self.limbs), self.limb_pairs)


def _swapped(count: int, pairs: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    order = list(range(count))
    for left, right in pairs:
        order[left], order[right] = right, left
    return tuple(order)


COCO17 = Layout(
    name="coco17",
    keypoints=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
        "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
        "right_ankle",
    ),
    pairs=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
    # The order that every published limb checkpoint was trained with, not the default of the original transform.
    limbs=(
        (0, 5), (0, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (11, 13), (13, 15), (6, 12), (12, 14), (14, 16),
        (0, 1), (0, 2), (1, 3), (2, 4), (11, 12),
    ),
    limb_pairs=((0, 1), (2, 4), (3, 5), (6, 9), (7, 10), (8, 11), (12, 13), (14, 15)),
)  # fmt: skip

# Per-keypoint standard deviations of the COCO annotators, as a share of the object's scale (COCO keypoint evaluation).
COCO17_OKS_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089,
    0.089,
)  # fmt: skip

LAYOUTS = {layout.name: layout for layout in (COCO17,)}


def layout(name: str) -> Layout:
    """Look a layout up by name. Raises: UsageError for an unknown name."""
    try:
        return LAYOUTS[name]
    except KeyError:
        raise UsageError(f"unknown keypoint layout {name!r}; known are {', '.join(LAYOUTS)}") from None
