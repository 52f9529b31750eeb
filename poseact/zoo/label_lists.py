"""The class names of the data sets that published classifiers were trained on, in index order. Knows no networks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from poseact.errors import UsageError

FOLDER = Path(__file__).parent / "labels"


@cache
def label_lists() -> tuple[str, ...]:
    """The names of all lists."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.txt")))


@cache
def labels(name: str) -> tuple[str, ...]:
    """The class names of a data set, such as "ntu60"; class i of a classifier is the i-th of them.

    All names of a list differ, but for FineGYM-99, which calls its classes 58 and 70 "(BB) salto backward tucked".

    Raises: UsageError for an unknown list.
    """
    if name not in label_lists():
        raise UsageError(f"unknown label list {name!r}; known are {', '.join(label_lists())}")
    return tuple((FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines())
