"""Which part of a data set each clip belongs to: by tables, by the official lists of UCF and HMDB, or by chance."""

from __future__ import annotations

import csv
import glob
import hashlib
import io
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from poseact.errors import UsageError
from poseact.extract.clips import matching
from poseact.extract.inputs import Inputs
from poseact.extract.table import read_text
from poseact.files import expanded

HMDB = re.compile(r"(?P<action>.+)_test_split(?P<number>\d+)$")
HMDB_PARTS = {"0": "", "1": "train", "2": "test"}
PARTS = ("train", "val", "test")


def chosen_splits(
    inputs: Inputs, paths: Sequence[Path], *, share: float | None = None, group_by: str | None = None, seed: int = 0
) -> dict[str, str]:
    """{clip name: split} by files, else by chance, else as the table of the inputs says.

    Args:
        paths: files for `read_splits`; patterns among them are expanded. share, seed: of `random_split`; None: no
            chance. group_by: for `groups_by`; None: the groups of the inputs.
    Raises: UsageError.
    """
    names = [clip.name for clip in inputs.clips]
    if paths and share is not None:
        raise UsageError("--splits reads splits and --split draws them; give one of the two")
    if group_by is not None and share is None:
        raise UsageError("--group-by says what --split may not separate; give --split too")
    if paths:
        return read_splits([file for path in paths for file in _expanded(path)], names)
    if share is not None:
        groups = groups_by(group_by, names) if group_by is not None else inputs.groups
        return random_split({clip.name: clip.label for clip in inputs.clips}, share, groups=groups, seed=seed)
    return dict(inputs.splits)


def _expanded(path: Path) -> list[Path]:
    path = expanded(path)
    if path.exists() or not glob.has_magic(str(path)):
        return [path]
    found = matching(path)
    if not found:
        raise UsageError(f"no list of splits is called {path}; check the pattern")
    return found


def read_splits(paths: Sequence[Path], names: Sequence[str]) -> dict[str, str]:
    """{clip name: split} from files.

    A `.csv` has the columns path and split. Official lists are told by their names: `trainlist01.txt`, `testlist01.txt`
    (UCF101: one path per line, perhaps with a class number) and `wave_test_split1.txt` (HMDB51 and JHMDB: a video and
    0, 1 or 2 for unused, training and test). Their paths mean the clip of that name, or the only one whose name ends in
    it.
    Args:
        names: of the clips there are.
    Raises: UsageError for a file of another form, and for files that name none of the clips.
    """
    known = _Names(names)
    found: dict[str, str] = {}
    strange: list[str] = []
    for path in paths:
        for listed, split in _listed(path):
            name = known.find(listed)
            strange += [listed] if name is None else []
            if name is not None and split and found.setdefault(name, split) != split:
                raise UsageError(f"{path}: {name} is in the splits {found[name]} and {split}")
    if paths and not found:
        raise UsageError(f"{paths[0]} names none of the {len(names)} clips, such as {names[0] if names else ''!r}")
    if paths and strange:
        logging.getLogger("poseact").warning(
            "%d lines of the lists of splits name no clip, such as %s", len(strange), strange[0]
        )
    if paths and (left := [name for name in names if name not in found]):
        logging.getLogger("poseact").warning("%d clips are in no split, such as %s", len(left), left[0])
    return found


class _Names:
    """Clip names, and the only clip that each ending of a name belongs to."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = set(names)
        self._endings: dict[str, str | None] = {}
        for name in names:
            parts = PurePosixPath(name).parts
            for first in range(1, len(parts)):
                ending = "/".join(parts[first:])
                self._endings[ending] = None if ending in self._endings else name

    def find(self, path: str) -> str | None:
        bare = PurePosixPath(path).with_suffix("").as_posix() if PurePosixPath(path).name else path
        known = next((one for one in (path, bare) if one in self._names), None)
        return known or self._endings.get(path) or self._endings.get(bare)


def _listed(path: Path) -> list[tuple[str, str]]:
    """(path, split) of every line of a file."""
    if path.suffix.lower() in {".csv", ".tsv"}:
        return _from_table(path)
    lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if match := HMDB.fullmatch(path.stem):
        return [_hmdb(line, match["action"], path) for line in lines]
    stem = path.stem.lower()
    named = [part for part in PARTS if re.search(f"(?<![a-z]){part}", stem)] or [part for part in PARTS if part in stem]
    if len(named) != 1:
        raise UsageError(
            f"{path} is no list of one split: name it trainlist01.txt, testlist01.txt or wave_test_split1.txt, or "
            "write a .csv with the columns path,split"
        )
    return [(re.sub(r"\s+\d+$", "", line), named[0]) for line in lines]


def _from_table(path: Path) -> list[tuple[str, str]]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise UsageError(f"{path} cannot be read as a table with the columns path,split: {error}") from error
    if not rows or not {"path", "split"} <= rows[0].keys():
        raise UsageError(f"{path} needs a first line with the columns path,split")
    return [((row["path"] or "").strip(), (row["split"] or "").strip()) for row in rows]


def _hmdb(line: str, action: str, path: Path) -> tuple[str, str]:
    video, _, part = line.rpartition(" ")
    if part not in HMDB_PARTS or not video:
        raise UsageError(f"{path}: {line!r} is not a video and 0, 1 or 2")
    return f"{action}/{video.strip()}", HMDB_PARTS[part]


def random_split(
    labels: Mapping[str, int], share: float, *, groups: Mapping[str, str] | None = None, seed: int = 0
) -> dict[str, str]:
    """{clip name: "train" or "val"}, so that every class has about `share` of its clips in "train".

    Clips of one group stay together. Where groups allow it, each class differs from its share by less than one clip;
    a class of two clips or more is in both parts. The same for any order of the clips.

    Args:
        labels: class index by clip name. groups: by clip name; clips that are not in it are alone.
        share: of the training part, in (0, 1).
    Raises: UsageError for another share.
    """
    if not 0 < share < 1:
        raise UsageError(f"--split {share:g} must lie between 0 and 1: the share of the training part")
    members: dict[tuple[bool, str], list[str]] = defaultdict(list)
    for name in sorted(labels):
        group = (groups or {}).get(name, "")
        members[bool(group), group or name].append(name)
    wanted = {
        label: min(max(round(count * (1 - share)), 1), count - 1) for label, count in Counter(labels.values()).items()
    }
    order = sorted(members, key=lambda group: (-len(members[group]), _draw(group[1], seed)))
    taken: Counter[int] = Counter()
    chosen: dict[str, str] = {}
    for together in order:
        mine = Counter(labels[name] for name in members[together])
        gain = sum((wanted[label] - taken[label]) ** 2 - (wanted[label] - taken[label] - count) ** 2
                   for label, count in mine.items())  # fmt: skip
        whole = taken.total() + mine.total() <= sum(wanted.values())
        held_out = gain > 0 or (gain == 0 and whole)
        if held_out:
            taken += mine
        chosen |= dict.fromkeys(members[together], "val" if held_out else "train")
    return {name: chosen[name] for name in labels}


def groups_by(pattern: str, names: Sequence[str]) -> dict[str, str]:
    """{clip name: group}: what the pattern finds in the name, its first bracket if it has one.

    Raises: UsageError for a pattern that is none, or that finds nothing in some name.
    """
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"--group-by {pattern!r} is no regular expression: {error}") from error
    found = {name: match for name in names if (match := compiled.search(name))}
    if missing := [name for name in names if name not in found]:
        raise UsageError(f"--group-by {pattern!r} finds nothing in {len(missing)} names, such as {missing[0]!r}")
    return {name: match[1] or "" if compiled.groups else match[0] for name, match in found.items()}


def _draw(text: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{text}".encode("utf-8", "surrogateescape")).digest()
