"""The parts of a body that move on their own, by the names of their keypoints. Knows nothing of images or networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from poseact.skeleton.definition import Layout, Pairs

_HEADS = ("nose", "puppet_face", "head_middle", "head_top")


@dataclass(frozen=True)
class Part:
    """Keypoints that tell of one part of the body.

    Attributes:
        keypoints: indices.
        origin: indices of keypoints from whose middle the part is measured.
        pairs: indices (of, from) of keypoints of which it matters how they lie to each other.
        place: it matters where in the picture it is, not only how it moves and lies to the others.
    """

    keypoints: tuple[int, ...]
    origin: tuple[int, ...]
    pairs: Pairs
    place: bool


@dataclass(frozen=True)
class _Named:
    """A part in names of COCO-17, and the head as a layout has it. The pairs name most keypoints, `more` the others."""

    pairs: tuple[str, ...]
    origin: str
    more: str = ""
    place: bool = False


_ARM = _Named(
    (
        "left_wrist left_shoulder", "left_wrist head", "left_wrist left_elbow", "left_elbow left_shoulder",
        "left_wrist left_hip", "left_wrist right_shoulder", "left_shoulder right_shoulder",
    ),
    origin="left_shoulder right_shoulder", more="right_hip",
)  # fmt: skip
_LEG = _Named(
    (
        "left_ankle left_hip", "left_knee left_hip", "left_ankle left_knee", "left_ankle left_shoulder",
        "left_ankle right_hip", "left_knee right_hip", "left_hip right_hip",
    ),
    origin="left_hip right_hip", more="head",
)  # fmt: skip
_TRUNK = _Named(
    (
        "head left_shoulder", "head right_shoulder", "left_shoulder left_hip", "right_shoulder right_hip",
        "left_shoulder right_shoulder", "left_hip right_hip",
    ),
    origin="left_shoulder right_shoulder", more="left_knee right_knee", place=True,
)  # fmt: skip
_HANDS = _Named(
    (
        "left_wrist right_wrist", "left_elbow right_elbow", "left_wrist right_elbow", "right_wrist left_elbow",
        "left_wrist head", "right_wrist head",
    ),
    origin="left_shoulder right_shoulder",
)  # fmt: skip
_FEET = _Named(
    (
        "left_ankle right_ankle", "left_knee right_knee", "left_ankle right_knee", "right_ankle left_knee",
        "left_ankle left_hip", "right_ankle right_hip",
    ),
    origin="left_hip right_hip",
)  # fmt: skip


def body_parts(layout: Layout) -> tuple[Part, ...]:
    """The left arm, the left leg, the trunk, both hands, both feet: those of which the layout has the keypoints.

    Empty for a layout that names no shoulders, elbows, wrists, hips, knees and ankles as COCO-17 does.
    """
    index = {place: row for row, place in enumerate(layout.place)}
    heads = [index[name] for name in _HEADS if name in index]
    index |= {"head": heads[0]} if heads else {}
    parts = (_part(named, index) for named in (_ARM, _LEG, _TRUNK, _HANDS, _FEET))
    return tuple(part for part in parts if part.pairs and part.origin)


def _part(named: _Named, index: Mapping[str, int]) -> Part:
    def of(names: str) -> tuple[int, ...]:
        return tuple(index[name] for name in names.split() if name in index)

    return Part(
        keypoints=tuple(dict.fromkeys(of(" ".join((*named.pairs, named.more))))),
        origin=of(named.origin),
        pairs=tuple((pair[0], pair[1]) for pair in map(of, named.pairs) if len(pair) == 2),
        place=named.place,
    )
