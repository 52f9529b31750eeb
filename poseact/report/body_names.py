"""What the names of keypoints and limbs say of the body, in whatever way they are written. Knows no layouts."""

from __future__ import annotations

import re

_WORD = re.compile(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+")
_SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}
_WORDS = {
    "leg": {"knee", "ankle", "foot", "heel", "toe", "leg"},
    "arm": {"elbow", "wrist", "arm", "forearm", "hand", "thumb", "pinky", "index", "finger"},
    "head": {"nose", "eye", "ear", "head", "face", "mouth"},
}  # fmt: skip


def side_of(name: str) -> str:
    """ "left" or "right", as the first word says that names a side, of `left_knee`, `leftknee` or `LKnee`; or ""."""
    told = next((_SIDES[word] for word in _words(name) if word in _SIDES), "")
    return told or next((side for side in ("left", "right") if name.lower().startswith(side)), "")


def part_of(name: str) -> str:
    """The body part that a keypoint or limb belongs to; what names none of them counts as torso."""
    words, text = set(_words(name)), name.lower()
    known = next((part for part, own in _WORDS.items() if words & own), None)
    part = known or next((part for part, own in _WORDS.items() if any(word in text for word in own)), "torso")
    return part if part in ("head", "torso") else f"{side_of(name) or 'right'} {part}"


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]
