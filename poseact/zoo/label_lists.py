"""Class names in index order: of the data sets that published classifiers were trained on, or of a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from poseact.errors import InvalidPoses, UsageError
from poseact.files import expanded
from poseact.poses.labels import read_names

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


def told_apart(names: Sequence[str]) -> list[tuple[str, int]]:
    """Each name with the number of equal ones before it, so that all differ, such as two classes of FineGYM-99."""
    before: Counter[str] = Counter()
    numbered = []
    for name in names:
        numbered.append((name, before[name]))
        before[name] += 1
    return numbered


def class_names(source: str) -> tuple[str, ...]:
    """What `--labels` means: the names of a list, or of a file with one per line. Raises: UsageError."""
    if source in label_lists():
        return labels(source)
    try:
        return read_names(expanded(source))
    except InvalidPoses as error:
        raise UsageError(
            f"--labels {source} is neither a file with one name per line ({error}), nor {', '.join(label_lists())}"
        ) from error
