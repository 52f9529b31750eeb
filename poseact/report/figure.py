"""Drawing people into pictures, in place: skeletons, boxes, sprites. Knows nothing of video or answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from poseact.report.body_names import side_of
from poseact.report.lettering import Colour
from poseact.report.stance import Stance
from poseact.skeleton import layout
from poseact.types import Array

LEFT: Colour = (255, 146, 51)
RIGHT: Colour = (48, 178, 255)
CENTRE: Colour = (240, 242, 245)
GREY: Colour = (168, 172, 178)
_EDGE: Colour = (20, 22, 26)

_SHIFT = 4  # cv2 takes coordinates in sixteenths of a pixel
_FAINT = 0.45  # opacity of what was filled in
# From this score on a joint is drawn with this opacity; chosen by eye on single and crowded videos.
_OPACITIES = ((0.35, 1.0), (0.2, 0.65), (0.12, 0.35))
_FACE = ("eye", "ear")


@dataclass(frozen=True, slots=True)
class Bone:
    """A line of the figure: keypoint indices, colour, and thickness relative to the limbs."""

    start: int
    end: int
    colour: Colour
    weight: float


@cache
def bones(layout_name: str) -> tuple[Bone, ...]:
    """The lines of a readable figure: the layout's limbs with a shoulder line, without nose-to-shoulder lines."""
    names = layout(layout_name).keypoints
    pairs = [pair for pair in layout(layout_name).limbs if not _is_neck(names[pair[0]], names[pair[1]])]
    if {"left_shoulder", "right_shoulder"} <= set(names):
        pairs.append((names.index("left_shoulder"), names.index("right_shoulder")))
    return tuple(Bone(start, end, _side(names[start], names[end]), _weight(names[end])) for start, end in pairs)


def _is_neck(one: str, other: str) -> bool:
    return any(one == "nose" and other.endswith("_shoulder") for one, other in ((one, other), (other, one)))


def _weight(name: str) -> float:
    return 0.5 if name.endswith(_FACE) else 1.0


def _side(*names: str) -> Colour:
    sides = {side_of(name) for name in names if name != "nose"}
    return LEFT if sides == {"left"} else RIGHT if sides == {"right"} else CENTRE


def draw_figure(image: Array, stance: Stance, layout_name: str, *, thickness: float, grey: bool = False) -> None:
    """Draw the skeleton of one person into `image` (H, W, 3) uint8 RGB, in place.

    Args:
        stance: in px of the image.
        thickness: of a limb, px.
        grey: somebody who is not classified: thin, grey and half transparent.
    """
    names = layout(layout_name).keypoints
    general = (1.0 if stance.certain else _FAINT) * (0.5 if grey else 1.0)
    opacity = np.array([_opacity(float(score)) for score in stance.score])
    if grey:
        thickness *= 0.6
    for level in sorted({value for value in opacity.tolist() if value > 0}):  # the clearest on top
        region = _region(image, stance.xy[opacity >= level], 3 * thickness)
        if region is None:
            continue
        rows, columns = region
        canvas = image[rows, columns].copy()
        origin = np.array([columns.start, rows.start])
        for bone in bones(layout_name):
            if min(opacity[bone.start], opacity[bone.end]) == level:
                colour = GREY if grey else bone.colour
                _line(canvas, stance.xy[[bone.start, bone.end]] - origin, colour, thickness * bone.weight)
        for index in np.flatnonzero(opacity == level):
            weight = 0.55 if names[index].endswith((*_FACE, "nose")) else 0.95
            _dot(canvas, stance.xy[index] - origin, GREY if grey else _side(names[index]), thickness * weight)
        share = level * general
        image[rows, columns] = cv2.addWeighted(canvas, share, image[rows, columns], 1 - share, 0)


def draw_box(image: Array, box: Array, colour: Colour, *, thickness: float, opacity: float = 1.0) -> None:
    """Draw a box with marked corners into `image`, in place: box (4,) px xyxy."""
    region = _region(image, box.reshape(2, 2), 2 * thickness)
    if region is None:
        return
    rows, columns = region
    left, top, right, bottom = (box - np.array([columns.start, rows.start] * 2)).tolist()
    canvas = image[rows, columns].copy()
    thin = max(1, round(thickness * 0.5))
    cv2.rectangle(canvas, _fixed((left, top)), _fixed((right, bottom)), colour, thin, cv2.LINE_AA, _SHIFT)
    image[rows, columns] = cv2.addWeighted(canvas, 0.4 * opacity, image[rows, columns], 1 - 0.4 * opacity, 0)
    canvas = image[rows, columns].copy()
    reach = 0.18 * min(right - left, bottom - top)
    for x, inward in ((left, 1), (right, -1)):
        for y, downward in ((top, 1), (bottom, -1)):
            corner = np.array([[x, y + downward * reach], [x, y], [x + inward * reach, y]])
            points = np.round(corner * 2**_SHIFT).astype(np.int32)
            cv2.polylines(canvas, [points], False, colour, max(1, round(thickness)), cv2.LINE_AA, _SHIFT)
    image[rows, columns] = cv2.addWeighted(canvas, opacity, image[rows, columns], 1 - opacity, 0)


def paste(image: Array, sprite: Array, x: int, y: int, opacity: float = 1.0) -> None:
    """Lay an RGBA sprite (h, w, 4) over `image` with its top left at (x, y), in place; what lies outside is cut off."""
    height, width = image.shape[:2]
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + sprite.shape[1], width), min(y + sprite.shape[0], height)
    if right <= left or bottom <= top:
        return
    part = sprite[top - y : bottom - y, left - x : right - x].astype(np.float32)
    below = image[top:bottom, left:right]
    alpha = part[..., 3:] * (opacity / 255)
    image[top:bottom, left:right] = np.round(below + alpha * (part[..., :3] - below)).astype(np.uint8)


def _opacity(score: float) -> float:
    return next((opacity for least, opacity in _OPACITIES if score >= least), 0.0)


def _line(canvas: Array, ends: Array, colour: Colour, thickness: float) -> None:
    start, end = _fixed(ends[0]), _fixed(ends[1])
    cv2.line(canvas, start, end, _EDGE, max(1, round(thickness * 1.55)), cv2.LINE_AA, _SHIFT)
    cv2.line(canvas, start, end, colour, max(1, round(thickness)), cv2.LINE_AA, _SHIFT)


def _dot(canvas: Array, centre: Array, colour: Colour, radius: float) -> None:
    for size, paint in ((radius * 1.35, _EDGE), (radius, CENTRE), (radius * 0.68, colour)):
        cv2.circle(canvas, _fixed(centre), max(1, round(size * 2**_SHIFT)), paint, -1, cv2.LINE_AA, _SHIFT)


def _fixed(point: Iterable[float]) -> tuple[int, int]:
    """Fixed-point coordinates, kept in the range that cv2 can take."""
    x, y = (int(np.clip(round(float(value) * 2**_SHIFT), -(2**24), 2**24)) for value in point)
    return x, y


def _region(image: Array, points: Array, margin: float) -> tuple[slice, slice] | None:
    """Rows and columns of the picture that hold the points and a margin, or None outside of it."""
    if not len(points):
        return None
    height, width = image.shape[:2]
    left, top = np.floor(points.min(0) - margin).astype(int)
    right, bottom = np.ceil(points.max(0) + margin).astype(int)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    return (slice(top, bottom), slice(left, right)) if right > left and bottom > top else None
