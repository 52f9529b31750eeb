"""`poseact extract-poses --dry-run`: what would be done, on screen or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from math import isnan
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from poseact.cli.messages import Messages
from poseact.cli.stdout import print_table, write_line
from poseact.extract.clips import Clip
from poseact.extract.estimate import Estimate, estimate
from poseact.extract.folder import standing
from poseact.extract.inputs import Inputs
from poseact.extract.open import ExtractorSettings, open_extractor
from poseact.extract.request import Request
from poseact.report.plain import one_line

SCHEMA = "poseact/extraction-plan/1"
NO_SPLIT = "no split"
NO_LABEL = "no label"
MOST_CLASSES = 60


def dry_run(
    inputs: Inputs, out: Path, request: Request, settings: ExtractorSettings, device: str, *, workers: int,
    messages: Messages, as_json: bool,
) -> int:  # fmt: skip
    """Say what `extract_folder` would do; returns the exit code. Raises: as `standing`, and opening the networks."""
    found = estimate(
        standing(inputs.clips, out, request), request.plan, partial(open_extractor, settings, device),
        workers=workers, limits=settings.limits, image_fps=settings.image_fps,
    )  # fmt: skip
    counts = Counter(
        (_class_name(clip, inputs.classes), inputs.splits.get(clip.name, NO_SPLIT)) for clip in inputs.clips
    )
    if as_json:
        write_line(json.dumps(_document(found, counts, out, workers)))
        return 0
    print_table(_table(counts))
    for line in _lines(found, out, workers):
        write_line(line)
    if found.unreadable:
        messages.warning(f"{found.unreadable} of {found.probed} clips that were probed cannot be read")
    return 0


def _class_name(clip: Clip, classes: Sequence[str]) -> str:
    if clip.label < 0:
        return NO_LABEL
    return classes[clip.label] if clip.label < len(classes) else str(clip.label)


def _table(counts: Counter[tuple[str, str]]) -> Table:
    names = sorted({name for name, _ in counts})
    splits = sorted({split for _, split in counts})
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("class")
    for title in (*map(one_line, splits), "clips"):
        table.add_column(title, justify="right")
    for name in names[:MOST_CLASSES]:
        row = [counts[name, split] for split in splits]
        table.add_row(one_line(name), *map(str, row), str(sum(row)))
    if len(names) > MOST_CLASSES:
        table.add_row(f"... {len(names) - MOST_CLASSES} more")
    row = [sum(counts[name, split] for name in names) for split in splits]
    table.add_section()
    classes = len(set(names) - {NO_LABEL})
    table.add_row(f"{classes} class{'es' * (classes != 1)}", *map(str, row), str(sum(row)))
    return table


def _lines(found: Estimate, out: Path, workers: int) -> list[str]:
    clips = "clip" if found.waiting == 1 else "clips"
    lines = [f"{found.waiting} {clips} would be done, {found.done} are, {found.failed} failed before; into {out}"]
    if found.waiting and not isnan(found.seconds):
        lines += [
            f"about {found.frames:,.0f} frames, {_time(found.seconds)} with {workers} workers (measured on a few "
            f"frames of a few clips), {_size(found.bytes)}"
        ]
    return [*lines, "nothing was done"]


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(count: float) -> str:
    """Bytes for people."""
    return f"{count / 1e3:,.0f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"


def _document(found: Estimate, counts: Counter[tuple[str, str]], out: Path, workers: int) -> dict[str, Any]:
    numbers = {"frames": found.frames, "seconds": found.seconds, "bytes": found.bytes}
    return {
        "schema": SCHEMA, "out": str(out), "workers": workers, "waiting": found.waiting, "done": found.done,
        "failed": found.failed, "probed": found.probed, "unreadable": found.unreadable,
        **{name: None if isnan(value) else round(value, 1) for name, value in numbers.items()},
        "classes": [
            {"class": name, "split": split, "clips": count} for (name, split), count in sorted(counts.items())
        ],
    }  # fmt: skip
