"""The quality of stored poses: a table for the screen, and a page with a picture of every clip. Judges nothing."""

from __future__ import annotations

import base64
import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from poseact.errors import PoseactError
from poseact.extract.quality import CHECK, GOOD, POOR, VERDICTS, Quality, verdict
from poseact.files import write_text
from poseact.report.figure import draw_box, draw_figure
from poseact.report.plain import one_line, valid_unicode
from poseact.report.stance import stance_at
from poseact.types import Array, PoseSequence
from poseact.video import open_video

PICTURE_HEIGHT = 180
WIDEST = 4
MOST_PICTURES = 300
STYLES = {GOOD: "green", CHECK: "yellow", POOR: "red"}
ACCENT = (74, 222, 128)

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #1c1f24; }}
.clips {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem; }}
figure {{ margin: 0; border: 1px solid #d8dce2; border-radius: 6px; overflow: hidden; }}
figure img {{ display: block; width: 100%; height: 11rem; object-fit: contain; background: #14161a; }}
figcaption {{ padding: .5rem .7rem; overflow-wrap: anywhere; }}
.good b {{ color: #15803d; }} .check b {{ color: #b45309; }} .poor b {{ color: #b91c1c; }}
small {{ color: #5b626b; }}
</style></head><body><h1>{title}</h1><p>{summary}</p><div class="clips">
{clips}
</div></body></html>
"""


def summary(qualities: Iterable[Quality]) -> str:
    """How many clips are good, to be checked and poor, in one line."""
    counts = Counter(verdict(quality)[0] for quality in qualities)
    return ", ".join(f"{counts[one]} {one}" for one in reversed(VERDICTS) if counts[one])


def worst_first(qualities: Mapping[str, Quality]) -> list[str]:
    """Clip names, those that need a look first."""

    def order(name: str) -> tuple[int, float, str]:
        quality = qualities[name]
        return VERDICTS.index(verdict(quality)[0]), quality.present * quality.score, name

    return sorted(qualities, key=order)


def quality_table(qualities: Mapping[str, Quality], names: Sequence[str]) -> Table:
    """The figures of some clips, and what is wrong with them; what all of them are free of has no column."""
    shown = [qualities[name] for name in names]
    columns: dict[str, list[str]] = {
        "frames": [f"{one.decoded}/{one.nominal}" if one.nominal else str(one.decoded) for one in shown],
        "gaps": [str(one.gaps) for one in shown] if any(one.gaps for one in shown) else [],
        "cuts": [str(max(one.shots - 1, 0)) for one in shown] if any(one.shots > 1 for one in shown) else [],
        "seen": [f"{one.present:.0%}" for one in shown],
        "filled": [f"{one.interpolated:.0%}" for one in shown] if any(one.interpolated for one in shown) else [],
        "score": [f"{one.score:.2f}" for one in shown],
        "px": [f"{one.height:.0f}" for one in shown],
    }
    columns = {title: cells for title, cells in columns.items() if cells}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("clip", min_width=12, overflow="fold")
    for title in columns:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", min_width=18, overflow="fold")
    for name, *cells in zip(names, *columns.values(), strict=True):
        word, why = verdict(qualities[name])
        told = Text.assemble((word, STYLES[word]), f": {why}" if why else "")
        table.add_row(Text(one_line(name)), *cells, told)
    return table


def figures(quality: Quality) -> str:
    """All of them, in one line; what is not known is left out."""
    announced = f" of {quality.nominal}" if quality.nominal else ""
    told = [
        f"{quality.decoded}{announced} frames", f"person in {quality.present:.0%}",
        f"{quality.interpolated:.0%} filled in", f"score {quality.score:.2f}", f"{quality.height:.0f} px high",
        f"people {quality.people}", f"gaps {quality.gaps}",
    ]  # fmt: skip
    return ", ".join([*told, f"shot cuts {quality.shots - 1}"] if quality.shots else told)


def write_page(path: Path, title: str, clips: Sequence[PoseSequence], qualities: Mapping[str, Quality]) -> None:
    """A page by itself, the worst clips first, with at most `MOST_PICTURES` pictures. Raises: OutputError."""
    by_name = {clip.name: clip for clip in clips}
    cards = []
    for number, name in enumerate(worst_first(qualities)):
        word, why = verdict(qualities[name])
        picture = thumbnail(by_name[name]) if number < MOST_PICTURES else None
        shown = f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}">' if picture else ""
        cards.append(
            f'<figure class="{word}">{shown}<figcaption>{html.escape(one_line(name))}<br><b>{word}</b> '
            f"{html.escape(why)}<br><small>{figures(qualities[name])}</small></figcaption></figure>"
        )
    text = PAGE.format(title=html.escape(title), summary=summary(qualities.values()), clips="\n".join(cards))
    write_text(path, valid_unicode(text))


def thumbnail(clip: PoseSequence) -> bytes | None:
    """A JPEG of the middle frame in which the first person is there, with its figure; None without the video."""
    there = np.flatnonzero(clip.box_score[0] > 0) if len(clip) else np.arange(len(clip.pts))
    if not clip.provenance.source or not len(there):
        return None
    row = int(there[len(there) // 2])
    try:
        with open_video(clip.provenance.source) as reader:
            frame = next(reader.frames([int(clip.frame_index[row])]), None)
    except (PoseactError, OSError):
        return None
    if frame is None or frame.image.shape[:2] != tuple(clip.image_size):
        return None
    return _drawn(np.array(frame.image), clip, float(clip.pts[row]))


def _drawn(image: Array, clip: PoseSequence, pts: float) -> bytes | None:
    scale = min(PICTURE_HEIGHT / image.shape[0], WIDEST * PICTURE_HEIGHT / image.shape[1])
    height, width = (max(round(side * scale), 1) for side in image.shape[:2])
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    stance = stance_at(clip, 0, pts) if len(clip) else None
    if stance is not None:
        fitted = replace(stance, box=stance.box * scale, xy=stance.xy * scale)
        draw_box(small, fitted.box, ACCENT, thickness=2)
        draw_figure(small, fitted, clip.layout, thickness=2)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    return data.tobytes() if done else None
