"""Tables as CSV, from people who need not be trusted. What the columns mean is not judged."""

from __future__ import annotations

import csv
from io import StringIO

import numpy as np

from poseact.errors import InvalidPoses
from poseact.types import Array

_MOST_COLUMNS = 20_000


def rows_of(content: bytes | str, source: str) -> list[list[str]]:
    """The cells of every line that is not blank; a line of empty cells is a frame without a person.

    Raises: InvalidPoses.
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        rows = [row for row in csv.reader(StringIO(text, newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidPoses(f"{source} is damaged or no CSV: {str(error)[:120]}") from None
    if not rows:
        raise InvalidPoses(f"{source} is empty; get it again")
    if len(rows[0]) > _MOST_COLUMNS:
        raise InvalidPoses(f"{source} has {len(rows[0])} columns; poses have fewer")
    return rows


def cell(text: str, where: str) -> float:
    """A number; an empty cell and NaN are NaN. Raises: InvalidPoses."""
    stripped = text.strip()
    try:
        value = float(stripped) if stripped else np.nan
    except ValueError:
        raise InvalidPoses(f"{where}: {stripped[:40]!r} is no number") from None
    if np.isinf(value):
        raise InvalidPoses(f"{where}: {stripped[:40]!r} is no coordinate")
    return float(value)


def number_rows(rows: list[list[str]], columns: list[int], source: str, first_line: int) -> Array:
    """(rows, columns) float64 of some columns. Raises: InvalidPoses for lines of another length and for words."""
    width = max(columns, default=-1) + 1
    numbers = np.empty((len(rows), len(columns)), np.float64)
    for place, row in enumerate(rows):
        where = f"{source}, line {first_line + place}"
        if len(row) < width:
            raise InvalidPoses(f"{where} has {len(row)} cells, the table has {width}; is it cut off?")
        numbers[place] = [cell(row[column], where) for column in columns]
    return numbers


def whole(text: str, where: str) -> int:
    """A cell that counts something. Raises: InvalidPoses."""
    value = cell(text, where)
    if not value.is_integer() or abs(value) > 2**53:
        raise InvalidPoses(f"{where}: {text[:40]!r} is no whole number")
    return int(value)
