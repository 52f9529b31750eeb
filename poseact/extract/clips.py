"""The clips of a data set: which videos a folder holds, what they are called, labels and splits. Decodes nothing."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from poseact.errors import InputError, UsageError

# fmt: off
VIDEO_SUFFIXES = frozenset((
    ".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts",
    ".webm", ".wmv",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Clip:
    """One video of a data set.

    Attributes:
        path: of the file. name: its path within the folder, with forward slashes and without suffix; unique.
        label: class index, -1 without class folders.
    """

    path: Path
    name: str
    label: int


def find_videos(folder: Path) -> list[Path]:
    """Every video file below a folder, sorted; hidden files and folders are left out. Raises: InputError if none."""
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not found:
        raise InputError(f"{folder} holds no video; known suffixes are {' '.join(sorted(VIDEO_SUFFIXES))}")
    return found


def find_clips(folder: Path) -> tuple[list[Clip], tuple[str, ...]]:
    """The clips below a folder and the class names: the first-level folders, if every video lies in one.

    Raises: InputError when the folder is missing or holds no video; UsageError when two names collide.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    paths = find_videos(folder)
    parts = [path.relative_to(folder).parts for path in paths]
    classes = tuple(sorted({part[0] for part in parts})) if all(len(part) > 1 for part in parts) else ()
    number = {name: index for index, name in enumerate(classes)}
    clips = [
        Clip(path, path.relative_to(folder).with_suffix("").as_posix(), number.get(part[0], -1))
        for path, part in zip(paths, parts, strict=True)
    ]
    names = [clip.name for clip in clips]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise UsageError(f"two videos are called {twice[0]!r} but for their suffix; rename one")
    return clips, classes


def read_splits(path: Path) -> dict[str, str]:
    """A CSV file with the columns `path` and `split` -> {clip name: split name}. Raises: UsageError."""
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as a CSV file with the columns path,split: {error}") from error
    if not rows or not {"path", "split"} <= rows[0].keys():
        raise UsageError(f"{path} needs a first line with the columns path,split")
    return {str(Path(row["path"]).with_suffix("").as_posix()): row["split"] for row in rows}
