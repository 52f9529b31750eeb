"""What a reader of a foreign format works with: what the user told, what was assumed, how much memory is left."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from poseact.errors import InvalidPoses, UsageError
from poseact.poses.dataset import Budget
from poseact.skeleton import Layout, known_layouts, layout, register
from poseact.types import Array

ASSUMED_FPS = 30.0  # as PYSKL's own tools
MOST_JOINTS = 512


@dataclass(frozen=True, slots=True)
class PoseHints:
    """What a user says of poses whose file does not.

    Attributes:
        image_size: (height, width) px of the video.
        fps: frames/s of the video.
        layout: what the joints are, in the order of the file.
        labels: the classes of the clips are told as well, so those of the files do not matter.
    """

    image_size: tuple[int, int] | None = None
    fps: float | None = None
    layout: Layout | None = None
    labels: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """One file or folder that is being read.

    Attributes:
        source: how messages call it.
        name: of its clip, where the file names none.
        hints: what the user says.
        budget: the memory that its poses may still take.
        assumed: what neither the file nor the user told, in order of appearance; filled while reading.
    """

    source: str
    name: str
    budget: Budget
    hints: PoseHints = field(default_factory=PoseHints)
    assumed: dict[str, None] = field(default_factory=dict)

    def fps(self, of_file: float | None = None) -> float:
        """Frames/s: as the user says, else as the file says, else 30."""
        found = self.hints.fps or of_file
        if found is None:
            self.assumed[f"{ASSUMED_FPS:g} frames/s (--fps)"] = None
        return found or ASSUMED_FPS

    def size_of_shares(self, shares: str = "the coordinates") -> Array:
        """(2,) float64: width and height of the picture that coordinates are shares of, px. Raises: UsageError."""
        if self.hints.image_size is None:
            raise UsageError(f"{self.source}: {shares} are shares of the picture; tell its size by --image-size")
        height, width = self.hints.image_size
        return np.array([width, height], np.float64)

    def layout_of(self, joints: int | None, usual: Mapping[int, str]) -> str:
        """The name of the layout of so many joints: as the user says, else the format's own, else "K-joints".

        Args:
            joints: None where nobody is seen.
            usual: number of joints -> the layout that the format has for them, the most usual one first.
        Raises: InvalidPoses where the user's layout has another number of joints.
        """
        own = self.hints.layout
        if own is None:
            return next(iter(usual.values())) if joints is None else usual.get(joints, f"{joints}-joints")
        if joints is not None and len(own.keypoints) != joints:
            raise InvalidPoses(
                f"{self.source}: the poses have {joints} joints, but the layout {own.name} has {len(own.keypoints)}"
            )
        return own.name


def numbers(value: object, where: str) -> Array:
    """A list of numbers as (n,) float64; null, as some tools write for what is not seen, is NaN.

    Raises: InvalidPoses for anything else, and for infinite numbers.
    """
    if not isinstance(value, list) or len(value) > 4 * MOST_JOINTS:
        raise InvalidPoses(f"{where} must be a list of numbers")
    if not all(one is None or _is_number(one) for one in value):
        raise InvalidPoses(f"{where} must be a list of numbers")
    try:
        array = np.array([np.nan if one is None else one for one in value], np.float64)
    except OverflowError:
        raise InvalidPoses(f"{where} holds a number that is no coordinate") from None
    if np.isinf(array).any():
        raise InvalidPoses(f"{where} holds an infinite number")
    return array


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number(value: object, where: str) -> float:
    """A finite number. Raises: InvalidPoses."""
    found = float(numbers([value], where)[0]) if _is_number(value) else np.nan
    if not np.isfinite(found):
        raise InvalidPoses(f"{where} must be a number")
    return found


def whole_number(value: object, where: str) -> int:
    """A whole number from -2**53 to 2**53, be it written 3 or 3.0. Raises: InvalidPoses."""
    found = number(value, where)
    if not found.is_integer() or abs(found) > 2**53:
        raise InvalidPoses(f"{where} must be a whole number, got {found:g}")
    return int(found)


def corners_of(given: object, where: str) -> Array:
    """left, top, width, height as xyxy. Raises: InvalidPoses."""
    box = numbers(given, where)
    if box.shape != (4,):
        raise InvalidPoses(f"{where} must be left, top, width and height")
    return np.concatenate([box[:2], box[:2] + box[2:]])


def order_of(given: object) -> tuple[int, ...]:
    """Track ids, that of the first row first, as we write them into formats of others; () for anything else."""
    return tuple(given) if isinstance(given, list) and all(type(one) is int for one in given) else ()


def camera_of(given: object, frames: int) -> Array:
    """(frames, 4) float32, how the camera moved, as we write it into formats of others; no rows for anything else."""
    rows = given if isinstance(given, list) and len(given) == frames else []
    if not all(isinstance(row, list) and len(row) == 4 and all(map(_is_small, row)) for row in rows):
        rows = []
    return np.array(rows, np.float32).reshape(-1, 4)


def _is_small(value: object) -> bool:
    return isinstance(value, (int, float)) and abs(value) < 1e9  # not NaN either


def triplets(value: object, where: str) -> tuple[Array, Array]:
    """Flat x, y, score, x, ... as (K, 2) and (K,). Raises: InvalidPoses."""
    flat = numbers(value, where)
    if len(flat) % 3 or not len(flat):
        raise InvalidPoses(f"{where} must be x, y and score of every joint, got {len(flat)} numbers")
    joints = flat.reshape(-1, 3)
    return joints[:, :2], joints[:, 2]


def size_of(height: object, width: object, where: str) -> tuple[int, int] | None:
    """(height, width) px; None where the file does not tell. Raises: InvalidPoses."""
    if not height or not width:
        return None
    size = whole_number(height, f"{where}, height"), whole_number(width, f"{where}, width")
    if not all(0 < side < 2**31 for side in size):
        raise InvalidPoses(f"{where}: {size[1]}x{size[0]} is no size of a picture")
    return size


def named_layout(name: str, keypoints: list[str], limbs: list[tuple[int, int]], where: str) -> Layout:
    """The layout of joints that a file names: a known one that has these names in this order, else a new one.

    Its left and right joints are those whose names differ in "left" and "right" alone; limbs without a mirror image
    are left out. It is known from now on, and travels with the poses.

    Args:
        name: of a new layout; what a name cannot hold is replaced. Where another layout has it, a digest is added.
        limbs: (start, end) joints.
    Raises: InvalidPoses.
    """
    for known in map(layout, known_layouts()):
        if list(known.keypoints) == keypoints:
            return known
    index = {joint: number for number, joint in enumerate(keypoints)}
    pairs = [
        (joint, keypoints[index[_mirrored(joint)]])
        for joint in keypoints
        if _is_left(joint) and _mirrored(joint) in index
    ]
    mirror = {one: other for pair in pairs for one, other in (pair, pair[::-1])}
    inside = {
        frozenset((keypoints[a], keypoints[b])): (keypoints[a], keypoints[b])
        for a, b in limbs
        if a != b and min(a, b) >= 0 and max(a, b) < len(keypoints)
    }
    kept = [limb for limb in inside.values() if frozenset(mirror.get(end, end) for end in limb) in inside]
    document: dict[str, Any] = {"name": _as_name(name), "keypoints": keypoints, "pairs": pairs, "limbs": kept}
    if document["name"] in known_layouts():  # with other keypoints, or the loop above had found it
        digest = hashlib.sha256(repr((keypoints, kept)).encode(errors="backslashreplace")).hexdigest()[:8]
        document["name"] = f"{document['name'][:50]}-{digest}"
    try:
        return register(document, where)
    except UsageError as error:
        raise InvalidPoses(str(error)) from None


def _is_left(name: str) -> bool:
    return "left" in name.lower()


def _mirrored(name: str) -> str:
    for left, right in (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT")):
        if left in name:
            return name.replace(left, right)
    return ""


def _as_name(text: str) -> str:
    letters = [letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "-" for letter in text]
    name = "".join(letters).strip("-_.")[:60].strip("-_.") or "layout"
    return f"layout-{name}"[:60] if name[:1].isdigit() else name
