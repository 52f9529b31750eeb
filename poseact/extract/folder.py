"""A folder of videos -> one pose file: class folders become labels, finished videos are never done twice."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from poseact.errors import InputError, OutputError, PoseactError, UsageError
from poseact.extract.extractor import Extraction, Extractor
from poseact.extract.plan import EVERY_FRAME, FramePlan
from poseact.files import write_text
from poseact.poses import choose, read_pyskl, write_pyskl
from poseact.types import PoseSequence

# fmt: off
VIDEO_SUFFIXES = frozenset((
    ".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts",
    ".webm", ".wmv",
))
# fmt: on

OpenExtractor = Callable[[], Extractor]
"""Makes an extractor in whichever process runs it; must be picklable."""


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one clip: `error` is None, or one line."""

    clip: Clip
    error: str | None


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


def extract_folder(
    clips: Sequence[Clip],
    out: Path,
    open_extractor: OpenExtractor,
    *,
    settings: Mapping[str, object],
    classes: Sequence[str] = (),
    splits: Mapping[str, str] | None = None,
    plan: FramePlan = EVERY_FRAME,
    person: str = "auto",
    max_persons: int = 2,
    workers: int = 1,
) -> Iterator[Outcome]:
    """Extract every clip and write `out` at the end; yields as clips finish.

    Each finished clip is one whole file in the journal folder beside `out`, so that the same call goes on after it was
    killed. The journal is removed when `out` stands.

    Args:
        settings: what the poses depend on; a journal with other settings is refused.
        plan: which frames of each video to look at.
        person: the rule by which the rows of each clip are ordered, the person of interest first.
        workers: processes.
    Raises: OutputError; UsageError for a journal with other settings.
    """
    journal = Journal.open(out, {**settings, "person": person, "max_persons": max_persons})
    waiting = [clip for clip in clips if not journal.path(clip).exists()]
    yield from (Outcome(clip, None) for clip in clips if journal.path(clip).exists())
    task = _Task(plan, person, max_persons)
    for clip, result in _extract_all(waiting, open_extractor, task, workers):
        if isinstance(result, PoseactError):
            yield Outcome(clip, str(result))
        else:
            write_pyskl(journal.path(clip), [result])
            yield Outcome(clip, None)
    done = [clip for clip in clips if journal.path(clip).exists()]
    sequences = [read_pyskl(journal.path(clip)).annotations[0] for clip in done]
    parts: dict[str, list[str]] = {}
    for clip in done:
        if splits is not None and clip.name in splits:
            parts.setdefault(splits[clip.name], []).append(clip.name)
    if sequences:
        write_pyskl(out, sequences, splits=parts, classes=classes)
        journal.remove()


@dataclass(frozen=True)
class Journal:
    """The finished clips of an unfinished extraction: one file each, in a folder beside the target."""

    folder: Path

    @classmethod
    def open(cls, out: Path, settings: Mapping[str, object]) -> Journal:
        folder = out.with_name(f"{out.name}.journal")
        note, text = folder / "settings.json", json.dumps(dict(settings), sort_keys=True, indent=1) + "\n"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write beside {out}: {error.strerror}; choose another --out") from error
        if note.exists() and note.read_text() != text:
            raise UsageError(
                f"{folder} was begun with other settings; delete it to start anew, or choose another --out"
            )
        write_text(note, text)
        return cls(folder)

    def path(self, clip: Clip) -> Path:
        return self.folder / f"{hashlib.sha256(clip.name.encode()).hexdigest()[:24]}.pkl"

    def remove(self) -> None:
        shutil.rmtree(self.folder)


@dataclass(frozen=True, slots=True)
class _Task:
    """What every worker does with every clip."""

    plan: FramePlan
    person: str
    max_persons: int

    def __call__(self, extractor: Extractor, clip: Clip) -> PoseSequence | PoseactError:
        try:
            extraction = extractor(clip.path, self.plan, person=self.person)
        except InputError as error:
            return error
        return replace(best_people(extraction, self.max_persons), name=clip.name, label=clip.label)


def best_people(extraction: Extraction, max_persons: int) -> PoseSequence:
    """The poses of the best people under the rule of the extraction, best first; no rows when nobody is seen."""
    if extraction.selection is None:
        return choose(extraction.poses, ())
    scores = extraction.selection.scores
    return choose(extraction.poses, sorted(scores, key=lambda number: (-scores[number], number))[:max_persons])


def _extract_all(
    clips: Sequence[Clip], open_extractor: OpenExtractor, task: _Task, workers: int
) -> Iterator[tuple[Clip, PoseSequence | PoseactError]]:
    if workers <= 1 or len(clips) < 2:
        extractor = open_extractor()
        for clip in clips:
            yield clip, task(extractor, clip)
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_begin_worker, initargs=(open_extractor,)) as pool:
        running = {pool.submit(_extract_in_worker, task, clip): clip for clip in clips}
        for future in as_completed(running):
            yield running[future], future.result()


_worker: list[Extractor] = []


def _begin_worker(open_extractor: OpenExtractor) -> None:
    import torch

    torch.set_num_threads(1)
    _worker.append(open_extractor())


def _extract_in_worker(task: _Task, clip: Clip) -> PoseSequence | PoseactError:
    return task(_worker[0], clip)
