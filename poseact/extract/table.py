"""Tables and lists of clips: paths with labels, splits, stretches and groups. Opens no video."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path

from poseact.errors import LimitExceeded, UsageError
from poseact.files import expanded, read_regular

COLUMNS = ("path", "label", "split", "start", "end", "group", "name")
LARGEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One clip as it is named.

    Attributes:
        path: of the video. label: class name or number, "" for none. split: "" for none.
        start, end: s. group: clips of one group stay in one split; "" for none. name: of the clip, "" for its path.
    """

    path: Path
    label: str = ""
    split: str = ""
    start: float = 0.0
    end: float = inf
    group: str = ""
    name: str = ""


def read_table(path: Path, delimiter: str = ",") -> list[Row]:
    """Rows of a file whose first line names its columns: `path`, and any of label, split, start, end, group, name.

    Paths are relative to the folder of the table. Other columns are left alone. Raises: UsageError with the line.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    try:
        columns = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        if "path" not in columns:
            raise UsageError(f"{path}: its first line must name the columns, path and any of {', '.join(COLUMNS[1:])}")
        if repeated := {name for name in columns if name in COLUMNS and columns.count(name) > 1}:
            raise UsageError(f"{path}: the column {repeated.pop()} is there twice")
        reader.fieldnames = columns
        rows += [_row(record, path, reader.line_num) for record in reader]
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num + 1}: {error}") from error
    if not rows:
        raise UsageError(f"{path} names no clip")
    return rows


def read_list(path: Path) -> list[Row]:
    """One path per line, relative to the folder of the list; empty lines and lines that begin with # say nothing.

    Raises: UsageError.
    """
    lines = (line.strip() for line in read_text(path).splitlines())
    rows = [Row(path.parent / expanded(line)) for line in lines if line and not line.startswith("#")]
    if broken := next((row for row in rows if "\0" in str(row.path)), None):
        raise UsageError(f"{path}: {broken.path.name!r} is no path")
    if not rows:
        raise UsageError(f"{path} names no video")
    return rows


def read_text(path: Path) -> str:
    """A small text file in UTF-8. Raises: UsageError."""
    try:
        return read_regular(path, LARGEST).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, LimitExceeded) as error:
        raise UsageError(f"{path} cannot be read as text: {getattr(error, 'strerror', None) or error}") from error


def _row(record: dict[str, str | None], path: Path, line: int) -> Row:
    cells = {name: (record.get(name) or "").strip() for name in COLUMNS}
    if not cells["path"] or "\0" in cells["path"]:
        raise UsageError(f"{path}, line {line}: no path")
    start, end = (_seconds(cells[name], default, path, line) for name, default in (("start", 0.0), ("end", inf)))
    if not start < end:
        raise UsageError(f"{path}, line {line}: the clip ends at {end:g} s, not after its start at {start:g} s")
    return Row(
        path.parent / expanded(cells["path"]), cells["label"], cells["split"], start, end, cells["group"],
        cells["name"],
    )  # fmt: skip


def _seconds(text: str, default: float, path: Path, line: int) -> float:
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not isfinite(seconds) or seconds < 0:
        raise UsageError(f"{path}, line {line}: {text!r} is no time; write seconds such as 12.5")
    return seconds
