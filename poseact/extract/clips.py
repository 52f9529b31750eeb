"""The clips of a data set: what they are, and which videos a folder holds. Decodes nothing."""

from __future__ import annotations

import fnmatch
import glob
import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

from poseact.errors import InputError
from poseact.texts import first_few
from poseact.video import holds_images
from poseact.video.images import SUFFIXES as IMAGE_SUFFIXES

# fmt: off
VIDEO_SUFFIXES = frozenset((
    ".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts",
    ".webm", ".wmv",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Clip:
    """One video of a data set, or a stretch of one.

    Attributes:
        path: of the file, or of a folder of numbered images.
        name: unique; its path within the data set, with forward slashes and without suffix, and the stretch.
        label: class index, -1 without a label.
        start, end: s from the first frame; only what is shown between them belongs to the clip.
    """

    path: Path
    name: str
    label: int
    start: float = 0.0
    end: float = inf


def find_videos(folder: Path) -> list[Path]:
    """Every video file below a folder, or every folder of images where there is no video, sorted.

    Hidden files and folders are left out. Links to folders are followed, but never into a folder that is read anyway.
    What else is left out is logged. Raises: InputError if there is none.
    """
    videos: list[Path] = []
    images: list[Path] = []
    for here, names in _walk(folder):
        videos += [here / name for name in names if Path(name).suffix.lower() in VIDEO_SUFFIXES]
        if sum(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in names) > 1 and holds_images(here):
            images.append(here)
    found = sorted(path for path in videos if path.is_file())
    if len(found) < len(videos):
        gone = sorted(set(videos) - set(found))
        _warn("links that lead to no video are left out", gone)
    if found and images:
        _warn("folders of images are left out because there are videos too; name them to take them", sorted(images))
    if not found and not images:
        raise InputError(
            f"{folder} holds no video and no folder of images; known suffixes are {' '.join(sorted(VIDEO_SUFFIXES))}"
        )
    return found or sorted(images)


def matching(pattern: Path) -> list[Path]:
    """What a pattern finds, sorted. `**` stands for any folders, links to folders as in `find_videos`.

    A folder in which something else is found is left out.
    """
    parts = pattern.parts
    if "**" not in parts:
        return sorted(map(Path, glob.glob(str(pattern))))  # noqa: PTH207 (Path.glob refuses absolute patterns)
    fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    top = Path(*parts[:fixed])
    wanted = re.compile("".join(_expression(part) for part in parts[fixed:]))
    found: list[Path] = []
    for here, names in _walk(top):
        candidates = [here, *(here / name for name in names)]
        found += [path for path in candidates if wanted.fullmatch(f"/{path.relative_to(top).as_posix()}")]
    around = {folder for path in found for folder in path.parents}
    return sorted(path for path in found if path not in around)


def _expression(part: str) -> str:
    """A part of a pattern as a regular expression for that part of a path, with the slash before it."""
    if part == "**":
        return "(?:/[^/]+)*"
    within = fnmatch.translate(part.replace("?", "[!/]")).removeprefix("(?s:").removesuffix(r")\Z")
    return "/" + within.replace(".*", "[^/]*")


def _walk(top: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder that is not hidden, the first one too, with the names of its files that are not."""
    taken = {os.path.realpath(top)}
    above = set(map(str, Path(*taken).parents))

    def is_new(path: str) -> bool:
        if not os.path.islink(path):  # noqa: PTH114 (many paths)
            return True
        real = Path(os.path.realpath(path))
        parents = set(map(str, real.parents))
        if str(real) in above or taken & {str(real), *parents}:
            return False
        taken.add(str(real))
        above.update(parents)
        return True

    def unreadable(error: OSError) -> None:
        _warn(f"folders cannot be read ({error.strerror}) and are left out", [Path(error.filename)])

    for here, folders, names in os.walk(top, onerror=unreadable, followlinks=True):
        folders[:] = [name for name in sorted(folders) if name[0] != "." and is_new(f"{here}/{name}")]
        yield Path(here), [name for name in names if name[0] != "."]


def _warn(what: str, paths: Sequence[Path]) -> None:
    logging.getLogger("poseact").warning("%s: %s", what, first_few([str(path) for path in paths], 1))
