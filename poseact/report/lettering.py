"""Text, captions and bar charts as RGBA sprites, drawn once and pasted into many frames. Knows nothing of video."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

from poseact.report.plain import one_line
from poseact.types import Array

Colour = tuple[int, int, int]

INK: Colour = (245, 246, 248)
MUTED: Colour = (176, 182, 190)
PAPER = (18, 20, 24, 205)
TRACK = (74, 79, 88, 225)

_OVERSAMPLING = 4  # rounded corners are drawn larger and reduced, because PIL draws them without smoothing


_OF_MANY_SCRIPTS = (
    "notosanscjk", "notosanssc", "sourcehansans", "wqy", "droidsansfallback", "pingfang", "arial unicode", "arialuni",
    "hiragino", "stheiti", "applesdgothic", "msyh", "yugoth", "msgothic", "malgun", "simhei", "nirmala", "leelaw",
    "notosans", "freesans", "unifont",
)  # fmt: skip
"""How files of fonts begin that have letters which DejaVu Sans has not, on Linux, macOS and Windows."""


def font(size: int, bold: bool = False, text: str = "") -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib, `size` px high; a font of the system for a text that needs one.

    Where none has all letters of the text, it is DejaVu Sans all the same, which draws a box for each that it lacks.
    """
    own = str(Path(mpl.get_data_path()) / "fonts" / "ttf" / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"))
    wanted = {ord(letter) for letter in text}
    if wanted <= _letters(own):
        return _opened(own, size)
    return _opened(next((path for path in _fonts_of_the_system() if wanted <= _letters(path)), own), size)


@cache
def _opened(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


@cache
def _letters(path: str) -> frozenset[int]:
    """The code points that a font draws, of a collection its first font; none where it cannot be read."""
    with suppress(RuntimeError, OSError):
        return frozenset(FT2Font(path).get_charmap())
    return frozenset()


@cache
def _fonts_of_the_system() -> list[str]:
    """Those of many scripts, in the order of `_OF_MANY_SCRIPTS`."""
    from matplotlib.font_manager import findSystemFonts  # which indexes all fonts when it is first imported

    found = sorted(findSystemFonts(), key=lambda path: ("regular" not in path.lower(), path))
    return [path for start in _OF_MANY_SCRIPTS for path in found if Path(path).name.lower().startswith(start)]


def text_width(text: str, size: int, bold: bool = False) -> int:
    """Width of a line of text, px."""
    return round(font(size, bold, text).getlength(text))


def shortened(text: str, width: int, size: int, bold: bool = False) -> str:
    """The text, or as much of its beginning as fits into `width` px, with an ellipsis."""
    text = one_line(text)
    if text_width(text, size, bold) <= width:
        return text
    while text and text_width(f"{text}…", size, bold) > width:
        text = text[:-1]
    return f"{text.rstrip()}…" if text else ""


def caption(parts: Sequence[tuple[str, Colour, bool]], size: int, accent: Colour) -> Array:
    """A line of text on a dark plate with a stripe in the accent colour at its left.

    Args:
        parts: (text, colour, bold), set one after the other.
        size: of the font, px.
    Returns: (h, w, 4) uint8 RGBA.
    """
    pad, stripe = round(size * 0.45), max(3, round(size * 0.22))
    widths = [text_width(text, size, bold) for text, _, bold in parts]
    height = round(size * 1.65)
    plate = _plate(sum(widths) + 2 * pad + stripe, height, round(size * 0.3))
    pen = ImageDraw.Draw(plate)
    pen.rectangle((0, 0, stripe - 1, height), fill=(*accent, 255))
    x = stripe + pad
    for (text, colour, bold), width in zip(parts, widths, strict=True):
        pen.text((x, height / 2), text, (*colour, 255), font(size, bold, text), anchor="lm")
        x += width
    return np.asarray(plate)


def bar_chart(
    title: str,
    rows: Sequence[tuple[str, float]],
    size: int,
    width: int,
    accent: Colour | None,
    notes: Sequence[str] = (),
) -> Array:
    """Names with slim probability bars on a dark plate.

    Args:
        title: a line above the bars; may be empty.
        rows: (name, probability), most probable first.
        size: of the font, px. width: of the plate, px.
        accent: colour of the first row; None when none of the rows is the answer.
        notes: lines of small print below the bars.
    Returns: (h, w, 4) uint8 RGBA.
    """
    pad, step, small = round(size * 0.7), round(size * 1.85), max(9, round(size * 0.8))
    top = pad + (round(small * 1.5) if title else 0)
    bottom = top + step * len(rows)
    plate = _plate(width, bottom + round(small * 1.5) * len(notes) + round(pad * 0.5), round(size * 0.4))
    pen = ImageDraw.Draw(plate)
    if title:
        _write(pen, (pad, pad), shortened(title, width - 2 * pad, small), MUTED, small)
    for line, note in enumerate(notes):
        place = (pad, bottom + line * round(small * 1.5))
        _write(pen, place, shortened(note, width - 2 * pad, small), MUTED, small)
    thick = max(3, round(size * 0.24))
    for row, (name, probability) in enumerate(rows):
        chosen = accent is not None and row == 0
        ink = INK if chosen else MUTED
        y = top + row * step
        percent = f"{probability:.0%}"
        room = width - 2 * pad - text_width("100%", size, True) - pad // 2
        _write(pen, (pad, y), shortened(name, room, size, chosen), ink, size, chosen)
        pen.text((width - pad, y), percent, (*ink, 255), font(size, chosen), anchor="rt")
        left, right, below = pad, width - pad, y + round(size * 1.18)
        pen.rectangle((left, below, right, below + thick - 1), fill=TRACK)
        end = left + max(1, round((right - left) * min(max(probability, 0.0), 1.0)))
        pen.rectangle(
            (left, below, end, below + thick - 1), fill=(*(accent or MUTED), 255) if chosen else (*MUTED, 230)
        )
    return np.asarray(plate)


def _write(
    pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, colour: Colour, size: int, bold: bool = False
) -> None:
    """A line of text whose top left corner lies there."""
    pen.text(place, text, (*colour, 255), font(size, bold, text), anchor="lt")


def _plate(width: int, height: int, radius: int) -> Image.Image:
    scale = _OVERSAMPLING
    large = Image.new("L", (width * scale, height * scale), 0)
    ImageDraw.Draw(large).rounded_rectangle((0, 0, width * scale - 1, height * scale - 1), radius * scale, fill=255)
    mask = np.asarray(large.resize((width, height), Image.Resampling.BOX), np.float32) / 255
    plate = np.empty((height, width, 4), np.uint8)
    plate[..., :3] = PAPER[:3]
    plate[..., 3] = np.round(mask * PAPER[3])
    return Image.fromarray(plate, "RGBA")
