"""The heatmap stack that a classifier sees, as one picture: time from left to right, body parts from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from poseact.errors import UsageError
from poseact.files import atomic_path
from poseact.report.body_names import part_of
from poseact.report.lettering import Colour, font, shortened
from poseact.types import Array

COLUMNS = 10
TILE = 160  # px
_GAP, _MARGIN, _LEFT, _TOP = 4, 20, 130, 104  # px
_INK, _MUTED, _PAPER = (28, 31, 36), (104, 110, 118), (255, 255, 255)

PARTS: tuple[tuple[str, Colour], ...] = (
    ("head", (250, 204, 21)),
    ("torso", (236, 240, 244)),
    ("left arm", (255, 146, 51)),
    ("right arm", (48, 178, 255)),
    ("left leg", (244, 114, 182)),
    ("right leg", (74, 222, 128)),
)
_ROWS: tuple[tuple[str, ...], ...] = (
    tuple(part for part, _ in PARTS), ("head", "torso"), ("left arm", "right arm"), ("left leg", "right leg"),
)  # fmt: skip


def write_heatmaps(views: Any, path: str | Path, names: Sequence[str]) -> None:
    """Write a contact sheet of the first view: all parts together, then groups of parts; columns are frames.

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
    frames, height, width = clip.shape[1:]
    shown = np.unique(np.linspace(0, frames - 1, min(COLUMNS, frames)).round().astype(int))
    members = {part: [index for index, name in enumerate(names) if part_of(name) == part] for part, _ in PARTS}
    rows = [row for row in _ROWS if any(members[part] for part in row)]
    size = (_LEFT + len(shown) * (TILE + _GAP) + _MARGIN, _TOP + len(rows) * (TILE + _GAP) + _MARGIN)
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    kind = " and ".join(kind for kind, is_limb in (("joint", False), ("limb", True)) if is_limb in map(_is_limb, names))
    title = f"{len(names)} {kind} heatmaps, {frames} frames of {width}x{height} px"
    note = f"view 1 of {views}; the maximum over the channels, brightened; time goes to the right"
    for y, text, height_px, ink, bold in ((16, title, 20, _INK, True), (46, note, 13, _MUTED, False)):
        pen.text(
            (_MARGIN, y), shortened(text, size[0] - 2 * _MARGIN, height_px, bold), ink, font(height_px, bold), "lt"
        )
    for row, parts in enumerate(rows):
        _label(pen, _TOP + row * (TILE + _GAP), parts, whole=row == 0)
    for column, frame in enumerate(shown):
        x = _LEFT + column * (TILE + _GAP)
        pen.text((x + TILE / 2, _TOP - 8), f"frame {frame}", _MUTED, font(13), anchor="mb")
        for row, parts in enumerate(rows):
            tile = _coloured(clip[:, frame], [(colour, members[part]) for part, colour in PARTS if part in parts])
            sheet.paste(_enlarged(tile), (x, _TOP + row * (TILE + _GAP)))
    return sheet


def _is_limb(name: str) -> bool:
    return " - " in name


def _label(pen: ImageDraw.ImageDraw, y: int, parts: Sequence[str], *, whole: bool) -> None:
    """The names of a row's parts, each beside a patch of its colour."""
    lines = [(part, colour) for part, colour in PARTS if part in parts]
    top = y + TILE / 2 - 11 * (len(lines) + whole)
    if whole:
        pen.text((_MARGIN, top), "all together", _INK, font(14, True), anchor="lt")
        top += 22
    for line, (part, colour) in enumerate(lines):
        patch = (_MARGIN, top + 22 * line, _MARGIN + 11, top + 22 * line + 11)
        pen.rectangle(patch, fill=colour, outline=_MUTED)
        pen.text((_MARGIN + 18, top + 22 * line), part, _INK, font(13), anchor="lt")


def _coloured(maps: Array, parts: Sequence[tuple[Colour, list[int]]]) -> Array:
    """(H, W, 3) uint8: the maximum of maps (C, H, W) over each part, in its colour on a dark ground.

    The square root brightens the slopes of the Gaussians, which are narrower than two pixels; a shade of everything
    else shows where in the body a part is.
    """
    canvas = np.full((*maps.shape[1:], 3), 18, np.float32)
    canvas += 44 * np.sqrt(maps.max(0).clip(0, 1))[..., None]
    for colour, channels in parts:
        if channels:
            peak = np.sqrt(maps[channels].max(0).clip(0, 1))[..., None]
            canvas = np.maximum(canvas, peak * np.asarray(colour, np.float32))
    return canvas.round().astype(np.uint8)


def _enlarged(tile: Array) -> Image.Image:
    """The tile in a square of TILE px, its proportions kept."""
    scale = TILE / max(tile.shape[:2])
    size = (max(1, round(tile.shape[1] * scale)), max(1, round(tile.shape[0] * scale)))
    square = Image.new("RGB", (TILE, TILE), (18, 18, 18))
    picture = Image.fromarray(tile).resize(size, Image.Resampling.BICUBIC)
    square.paste(picture, ((TILE - size[0]) // 2, (TILE - size[1]) // 2))
    return square
