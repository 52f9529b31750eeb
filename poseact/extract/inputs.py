"""What the user names -> the clips of a data set: folders, patterns, videos, lists and tables. Decodes nothing."""

from __future__ import annotations

import glob
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

from poseact.errors import InputError, UsageError
from poseact.extract.clips import VIDEO_SUFFIXES, Clip, find_videos, matching
from poseact.extract.table import Row, read_list, read_table
from poseact.files import expanded

TABLES = {".csv": ",", ".tsv": "\t"}
LISTS = (".txt", ".lst")
SPLIT_FOLDERS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inputs:
    """A data set to be extracted.

    Attributes:
        clips: in the order named, those of a folder sorted.
        root: the folder within which they are named.
        classes: names in index order; empty without labels, or where a table only numbers them.
        splits: {clip name: split}, of the clips whose table tells it.
        groups: {clip name: what it must not be separated from}, of those whose table tells it.
    """

    clips: tuple[Clip, ...]
    classes: tuple[str, ...] = ()
    splits: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    root: Path = Path()


def read_inputs(names: Sequence[str | Path]) -> Inputs:
    """The clips of folders, patterns such as `clips/**/*.mp4`, videos, `.txt` lists of paths, `.csv` or `.tsv` tables.

    Folders give labels: the first-level folders of one, if every video lies in one of them, or the folders themselves
    if there are several. Where the first-level folders are called train, val and test, they give splits, and those in
    them labels. So do the folders of files from different ones. Tables give labels by themselves, names or numbers of
    classes.
    Raises: InputError for what is not there or holds no video; UsageError for names that collide and broken tables.
    """
    found = [row for name in names for row in _rows(str(name), alone=len(names) == 1)]
    root = _root(names, found)
    short = [row.name or _name(row, root, 6) for row in found]
    times = Counter(short)
    chosen = [
        name if times[name] == 1 else row.name or _name(row, root, 12) for row, name in zip(found, short, strict=True)
    ]
    _refuse_twins(chosen)
    named = list(zip(found, chosen, strict=True))
    labels = {row.label for row in found} - {""}
    numbers = bool(labels) and all(label.isdecimal() and len(label) < 10 for label in labels)
    ordered = sorted(labels, key=lambda label: (int(label) if numbers else 0, label))
    numbered = numbers and any(expanded(name).suffix.lower() in TABLES for name in names)
    classes = () if numbered else tuple(ordered)
    index = {label: int(label) if numbered else place for place, label in enumerate(ordered)}
    return Inputs(
        tuple(Clip(row.path, name, index.get(row.label, -1), row.start, row.end) for row, name in named), classes,
        {name: row.split for row, name in named if row.split}, {name: row.group for row, name in named if row.group},
        root,
    )  # fmt: skip


def _rows(name: str, *, alone: bool) -> list[Row]:
    path = expanded(name)
    try:
        if path.is_dir():
            return _folder(path, alone=alone)
        if path.exists():
            return _file(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name!r} cannot be read: {reason}") from error
    if glob.has_magic(name):
        matches = matching(path)
        if not matches:
            raise InputError(f"nothing is called {name}; check the pattern")
        rows = [row for match in matches for row in _match(match)]
        if not rows:
            raise InputError(
                f"{name} finds no video, only others such as {matches[0]}; known suffixes are "
                f"{' '.join(sorted(VIDEO_SUFFIXES))}"
            )
        return _with_folder_labels(rows)
    raise InputError(f"{name} does not exist; name a folder, videos, a .txt list, or a .csv or .tsv table")


def _match(path: Path) -> Iterator[Row]:
    """What a pattern found: videos among other files, and folders."""
    if path.is_dir():
        yield from _folder(path, alone=False)
    elif path.suffix.lower() in VIDEO_SUFFIXES:
        yield Row(path)


def _file(path: Path) -> list[Row]:
    suffix = path.suffix.lower()
    if suffix in TABLES:
        return read_table(path, TABLES[suffix])
    if suffix in LISTS:
        return _with_folder_labels(read_list(path))
    return [Row(path)]


def _folder(folder: Path, *, alone: bool) -> list[Row]:
    paths = find_videos(folder)
    parts = [path.relative_to(folder).parts for path in paths]
    if all(len(part) > 1 and part[0].lower() in SPLIT_FOLDERS for part in parts) and max(map(len, parts)) > 2:
        stray = next((path for path, part in zip(paths, parts, strict=True) if len(part) < 3), None)
        if stray is not None:
            raise UsageError(
                f"the folders of {folder} are splits, and those in them classes, but {stray} lies in none of these; "
                "move it into one"
            )
        return [Row(path, part[1], SPLIT_FOLDERS[part[0].lower()]) for path, part in zip(paths, parts, strict=True)]
    if all(len(part) > 1 for part in parts):
        return [Row(path, part[0]) for path, part in zip(paths, parts, strict=True)]
    loose = [path for path, part in zip(paths, parts, strict=True) if len(part) < 2]
    if len(loose) < len(paths):
        logging.getLogger("poseact").warning(
            "%s: %d of %d videos lie in no folder of it, such as %s, so its folders are no labels",
            folder, len(loose), len(paths), loose[0].name,
        )  # fmt: skip
    own_name = Path(os.path.normpath(folder.absolute())).name  # of a link, not of what it leads to
    return [Row(path, "" if alone else own_name) for path in paths]


def _with_folder_labels(rows: list[Row]) -> list[Row]:
    """Rows without labels get the names of their folders, if there are several."""
    if any(row.label for row in rows) or len({row.path.parent for row in rows}) < 2:
        return rows
    return [replace(row, label=row.path.absolute().parent.name) for row in rows]


def _root(names: Sequence[str | Path], rows: Sequence[Row]) -> Path:
    """The folder within which clips are named: the only one given, or what all of them have in common."""
    if len(names) == 1 and (only := expanded(names[0])).is_dir():
        return only.absolute()
    return Path(os.path.commonpath([row.path.absolute().parent for row in rows] or [Path.cwd()]))


def _name(row: Row, root: Path, digits: int) -> str:
    """The path of a clip within the data set, and its stretch in seconds of so many digits."""
    path = row.path.absolute()
    name = path.relative_to(root).as_posix() if path != root else path.name
    if path != root and not path.is_dir():
        name = name.removesuffix(path.suffix)
    if (row.start, row.end) == (0.0, inf):
        return name
    return f"{name}@{row.start:.{digits}g}-{'' if row.end == inf else f'{row.end:.{digits}g}'}"


def _refuse_twins(names: Sequence[str]) -> None:
    twin = min((name for name, count in Counter(names).items() if count > 1), default=None)
    if twin is not None:
        raise UsageError(f"two clips are called {twin!r} but for their suffix; rename one, or name each input once")
