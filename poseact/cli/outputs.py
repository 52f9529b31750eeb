"""Where results are written: names, and the check before any long work that they can be. Writes no results."""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from poseact.cli.sources import Source
from poseact.errors import OutputError, UsageError
from poseact.files import expanded, remove_leftovers

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi")
PICTURE_SUFFIXES = (".png",)
LONGEST_STEM = 200
"""Bytes of a file's name that leave room for a number and a suffix."""


class Distinct:
    """Makes names different: the second `walk` becomes `walk-2`."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: Counter[str] = Counter()

    def __call__(self, name: str) -> str:
        """The name, or the first of `name-2`, `name-3`, ... that was not given out yet."""
        self._counts[name] += 1
        made = name if self._counts[name] == 1 else f"{name}-{self._counts[name]}"
        while made in self._taken:
            self._counts[name] += 1
            made = f"{name}-{self._counts[name]}"
        self._taken.add(made)
        return made


class Target:
    """The place that one output option names: a file for one source, a folder for several.

    Args:
        option: its name, for messages.
        path: as given.
        suffixes: that a file may have; the first is used inside a folder.
        several: there is more than one source, so `path` must be a folder.
        inputs: files that must not be overwritten.
    Raises: UsageError for a wrong suffix or a file where a folder is needed; OutputError where nothing can be written.
    """

    def __init__(
        self, option: str, path: str, suffixes: Sequence[str], *, several: bool, inputs: Iterable[Path]
    ) -> None:
        self.option = option
        self.path = expanded(path)
        self._suffixes = suffixes
        self._inputs = list(inputs)
        self._distinct = Distinct()
        named_as_file = self.path.suffix.lower() in suffixes and not self.path.is_dir()
        if several and named_as_file:
            raise UsageError(f"{option} {path} names one file, but there are several sources; give a folder")
        if not several and not named_as_file and not self.path.is_dir() and self.path.suffix:
            raise UsageError(f"{option} {path}: the suffix must be {' or '.join(suffixes)}")
        self.is_folder = not named_as_file
        check_writable(self.path, folder=self.is_folder)
        if not self.is_folder:
            refuse_inputs(option, self.path, self._inputs)

    def claim(self, stem: str) -> Path:
        """The file for a source of this stem; each call gives another one. Raises: OutputError for an input."""
        if not self.is_folder:
            return self.path
        stem = re.sub(r"[\x00-\x1f\x7f/\\]", "-", stem).lstrip(".")
        if len(os.fsencode(stem)) > LONGEST_STEM:
            stem = stem.encode(errors="ignore")[:LONGEST_STEM].decode(errors="ignore")
        stem = stem or "unnamed"
        path = self.path / f"{self._distinct(stem)}{self._suffixes[0]}"
        refuse_inputs(self.option, path, self._inputs)
        return path


def check_writable(path: Path, *, folder: bool = False) -> None:
    """Try out that `path`, a file or else a folder to be filled, can be made. Raises: OutputError."""
    if not folder and path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file in it")
    if folder and path.exists() and not path.is_dir():
        raise OutputError(f"cannot write into {path}: it is a file; name a folder")
    place = path if folder else path.parent
    try:
        while not place.exists():
            place = place.parent
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; choose another place") from error


def refuse_inputs(option: str, path: Path, inputs: Iterable[Path]) -> None:
    """Raises: OutputError when `path` is one of the inputs, by whatever name."""
    for source in inputs:
        try:
            same = path.samefile(source)
        except OSError:
            same = False
        if same:
            raise OutputError(f"{option} would overwrite the input {source}; choose another place")


@dataclass(frozen=True)
class Outputs:
    """Everything that is to be written beside the answers.

    Attributes:
        overlays: source name -> annotated video; empty when none is wanted.
        poses: the pose file of all sources.
        heatmaps: where contact sheets go.
    """

    overlays: dict[str, Path]
    poses: Path | None
    heatmaps: Target | None

    @classmethod
    def plan(
        cls, sources: Sequence[Source], *, overlay: str | None, poses: str | None, heatmaps: str | None
    ) -> Outputs:
        """Name and check every output before any long work. Raises: UsageError, OutputError."""
        inputs = [source.path for source in sources]
        several = len(sources) > 1
        overlays: dict[str, Path] = {}
        if overlay is not None:
            stored = next((source.name for source in sources if source.holds_poses), None)
            if stored is not None:
                raise UsageError(f"--overlay needs videos to draw on, and {stored} holds poses only; leave one out")
            videos = Target("--overlay", overlay, VIDEO_SUFFIXES, several=several, inputs=inputs)
            overlays = {source.name: videos.claim(source.path.stem) for source in sources if source.error is None}
            for target in overlays.values():
                remove_leftovers(target)
        pictures = None
        if heatmaps is not None:
            stored_too = any(source.holds_poses for source in sources)
            pictures = Target(
                "--save-heatmaps", heatmaps, PICTURE_SUFFIXES, several=several or stored_too, inputs=inputs
            )
        stored_in = poses_target("--save-poses", Path(poses), inputs) if poses is not None else None
        if stored_in is not None:
            for option, place in (("--overlay", overlay), ("--save-heatmaps", heatmaps)):
                _refuse_inside(stored_in, option, place)
        return cls(overlays, stored_in, pictures)


def _refuse_inside(poses: Path, option: str, place: str | None) -> None:
    """Raises: UsageError where another output would lie in the folder of the poses, which holds nothing else."""
    if place is None:
        return
    other = expanded(place).absolute()
    if poses.absolute() in (other, *other.parents):
        raise UsageError(
            f"{option} {place} lies in --save-poses {poses}, which holds poses alone; choose another place"
        )


def file_target(option: str, path: Path, suffixes: Sequence[str], inputs: Iterable[Path]) -> Path:
    """The file that an option names, checked before any long work. Raises: UsageError for its suffix, OutputError."""
    path = expanded(path)
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{option} {path}: the suffix must be {' or '.join(suffixes)}")
    check_writable(path)
    refuse_inputs(option, path, inputs)
    remove_leftovers(path)
    return path


def poses_target(option: str, path: Path, inputs: Sequence[Path]) -> Path:
    """The file or folder of poses that an option names, checked. Raises: UsageError for its suffix, OutputError."""
    from poseact.poses import check_place, check_target

    path = expanded(path)
    check_target(path)
    check_writable(path, folder=path.suffix.lower() in ("", ".npz"))
    check_place(path)
    refuse_inputs(option, path, inputs)
    remove_leftovers(path)
    return path
