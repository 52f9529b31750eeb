"""The heatmap stack that a classifier sees, as one picture: time from left to right, body parts from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from poseact.errors import UsageError
from poseact.files import atomic_path
from poseact.report.lettering import Colour, font, shortened
from poseact.types import Array

COLUMNS = 12
TILE = 128  # px
_GAP, _MARGIN, _LEFT, _TOP = 4, 20, 150, 76  # px
_INK, _MUTED, _PAPER = (28, 31, 36), (104, 110, 118), (255, 255, 255)

PARTS: tuple[tuple[str, Colour], ...] = (
    ("head", (250, 204, 21)),
    ("torso", (236, 240, 244)),
    ("left arm", (255, 146, 51)),
    ("right arm", (48, 178, 255)),
    ("left leg", (244, 114, 182)),
    ("right leg", (74, 222, 128)),
)
_WORDS = {"arm": ("elbow", "wrist"), "leg": ("knee", "ankle")}
_HEAD_WORDS = ("nose", "eye", "ear", "head", "face")


def write_heatmaps(views: Any, path: str | Path, names: Sequence[str]) -> None:
    """Write a contact sheet of the first view: all parts together, then each part; columns are frames of the clip.

    Args:
        views: (V, C, T, H, W) tensor or array, peaks in [0, 1].
        path: of the PNG file; whole or absent.
        names: of the C channels: keypoints, or limbs as "left_hip - left_knee".
    Raises: UsageError for another shape, OutputError.
    """
    stack = np.asarray(views, np.float32)
    if stack.ndim != 5 or stack.shape[1] != len(names) or 0 in stack.shape:
        raise UsageError(f"a heatmap stack must be (views, {len(names)}, frames, height, width), got {stack.shape}")
    with atomic_path(Path(path)) as temporary:
        contact_sheet(stack[0], names, views=len(stack)).save(temporary, format="PNG")


def contact_sheet(clip: Array, names: Sequence[str], views: int = 1) -> Image.Image:
    """The sheet of one clip (C, T, H, W); `views` is told in the title."""
    frames, size = clip.shape[1], clip.shape[2:]
    shown = np.unique(np.linspace(0, frames - 1, min(COLUMNS, frames)).round().astype(int))
    parts = [(part, colour, _channels(part, names)) for part, colour in PARTS]
    parts = [entry for entry in parts if entry[2]]
    rows = 1 + len(parts)
    sheet = Image.new("RGB", (_LEFT + len(shown) * (TILE + _GAP) + _MARGIN, _TOP + rows * (TILE + _GAP) + 24), _PAPER)
    pen = ImageDraw.Draw(sheet)
    kind = "limb" if any(" - " in name for name in names) else "joint"
    title = f"{len(names)} {kind} heatmaps, {frames} frames of {size[1]}x{size[0]} px"
    pen.text((_MARGIN, 16), title, _INK, font(20, True), anchor="lt")
    pen.text((_MARGIN, 46), f"view 1 of {views}; maximum over the channels of a row", _MUTED, font(14), anchor="lt")
    for column, frame in enumerate(shown):
        x = _LEFT + column * (TILE + _GAP)
        pen.text((x + TILE / 2, _TOP - 8), f"frame {frame}", _MUTED, font(13), anchor="mb")
        for row in range(rows):
            entries = parts if row == 0 else parts[row - 1 : row]
            tile = _coloured(clip[:, frame], entries)
            sheet.paste(_enlarged(tile), (x, _TOP + row * (TILE + _GAP)))
    for row, (part, _, channels) in enumerate([("all", _INK, list(range(len(names)))), *parts]):
        _label(pen, _TOP + row * (TILE + _GAP), part, [names[channel] for channel in channels])
    return sheet


def _label(pen: ImageDraw.ImageDraw, y: int, part: str, members: Sequence[str]) -> None:
    middle = y + TILE / 2
    pen.text((_MARGIN, middle - 2), part, _INK, font(16, True), anchor="lb")
    told = members if len(members) <= 3 else [f"{len(members)} channels"]
    for line, name in enumerate(told):
        text = shortened(name.replace("_", " "), _LEFT - _MARGIN - 8, 11)
        pen.text((_MARGIN, middle + 4 + 14 * line), text, _MUTED, font(11), anchor="lt")


def part_of(name: str) -> str:
    """The body part that a keypoint or limb belongs to; what names none of them counts as torso."""
    for part, words in _WORDS.items():
        if any(word in name for word in words):
            return f"{'left' if 'left' in name else 'right'} {part}"
    return "head" if any(word in name for word in _HEAD_WORDS) else "torso"


def _channels(part: str, names: Sequence[str]) -> list[int]:
    return [index for index, name in enumerate(names) if part_of(name) == part]


def _coloured(maps: Array, entries: Sequence[tuple[str, Colour, list[int]]]) -> Array:
    """(H, W, 3) uint8: the maximum over each part of maps (C, H, W), in the part's colour on black."""
    canvas = np.zeros((*maps.shape[1:], 3), np.float32)
    for _, colour, channels in entries:
        peak = maps[channels].max(0)[..., None].clip(0, 1)
        canvas = np.maximum(canvas, peak * np.asarray(colour, np.float32))
    return (canvas + 18 * (1 - canvas / 255)).round().astype(np.uint8)


def _enlarged(tile: Array) -> Image.Image:
    """The tile in a square of TILE px, its proportions kept."""
    scale = TILE / max(tile.shape[:2])
    size = (max(1, round(tile.shape[1] * scale)), max(1, round(tile.shape[0] * scale)))
    square = Image.new("RGB", (TILE, TILE), (18, 18, 18))
    picture = Image.fromarray(tile).resize(size, Image.Resampling.BICUBIC)
    square.paste(picture, ((TILE - size[0]) // 2, (TILE - size[1]) // 2))
    return square
