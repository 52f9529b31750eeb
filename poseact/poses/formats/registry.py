"""All formats of poses by name: which one a path holds, how it is read, how it is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from poseact.errors import InvalidPoses, UsageError
from poseact.files import write_text
from poseact.poses.dataset import Budget, PoseDataset
from poseact.poses.formats import (
    alphapose,
    coco,
    coco_writer,
    deeplabcut,
    mediapipe,
    mmpose,
    openpose,
    ultralytics_json,
)
from poseact.poses.formats.clip_files import write_clips
from poseact.poses.formats.openpose_folder import write_openpose
from poseact.poses.formats.reading import PoseHints, Reading
from poseact.poses.formats.table import rows_of
from poseact.poses.formats.writers import WRITERS
from poseact.poses.json_reader import parse_json, read_bytes
from poseact.poses.merge import Part, united
from poseact.poses.npz import is_npz_folder
from poseact.poses.store import read_poses, write_poses
from poseact.poses.tree import as_json
from poseact.texts import natural_order
from poseact.types import PoseSequence

OWN = {"pyskl": (".pkl", ".pickle"), "parquet": (".parquet",), "npz": ("", ".npz")}
_DOCUMENTS: dict[str, tuple[Callable[[object], bool], Callable[[object, Reading], PoseSequence | PoseDataset]]] = {
    "coco": (coco.fits, coco.parse),
    "mmpose": (mmpose.fits, mmpose.parse),
    "ultralytics": (ultralytics_json.fits, ultralytics_json.parse),
    "alphapose": (alphapose.fits, alphapose.parse),
}
_FRAMES = {
    "openpose": (openpose.fits, openpose.parse),
    "mmpose": (mmpose.fits_frame, mmpose.parse_frames),
    "ultralytics": (ultralytics_json.fits_frame, ultralytics_json.parse_frames),
}
_TABLES = {"deeplabcut": (deeplabcut.fits, deeplabcut.parse), "mediapipe": (mediapipe.fits, mediapipe.parse)}
READ = (*OWN, *dict.fromkeys((*_DOCUMENTS, *_FRAMES, *_TABLES)))
WRITTEN = (*OWN, "coco", "openpose", *WRITERS)
_LINES = (".jsonl", ".ndjson")
_SUFFIXES = (".json", ".csv", *_LINES)
_MOST_FILES = 2_000_000
_EMPTY_FIRST = 10_000  # files of frames without a person before the first that tells what they are

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Found:
    """What was read.

    Attributes:
        dataset: the clips.
        format: one of `READ`.
        assumed: what neither the file nor the user told.
        nobody: names of the clips that were left out: where nobody is in a file, it does not tell how long the clip is.
    """

    dataset: PoseDataset
    format: str
    assumed: tuple[str, ...] = ()
    nobody: tuple[str, ...] = ()


def read(
    path: Path,
    form: str | None = None,
    hints: PoseHints | None = None,
    progress: Progress | None = None,
) -> Found:
    """Read poses of any known format.

    A folder holds one clip per file, or, where the files are frames, one clip per folder; folders in it are looked
    through, and clips are named by their path. Classes of several files are united by name, and splits too.

    Args:
        form: one of `READ`; by suffix and content when None.
        hints: what the user says of the poses.
        progress: called with (done, total) files.
    Raises: InvalidPoses, LimitExceeded; UsageError for an unknown format, and for what nobody told.
    """
    path, hints = Path(path), hints or PoseHints()
    if form is not None and form not in READ:
        raise UsageError(f"unknown format {form!r}; known are {', '.join(READ)}")
    own = _own(path)
    if form in OWN or (form is None and own is not None):
        return Found(read_poses(path), own or form or "")
    files = (
        sorted(_files(path), key=lambda file: natural_order(file.relative_to(path).as_posix())) if path.is_dir() else []
    )
    if path.is_dir() and not files:
        raise InvalidPoses(f"{path} holds no files of poses: neither {', '.join(_SUFFIXES)} nor a manifest.json")
    return _read_files(path, files, form, hints, progress or _silent)


def _silent(done: int, total: int | None) -> None:
    del done, total


def _own(path: Path) -> str | None:
    if path.is_dir():
        return "npz" if is_npz_folder(path) else None
    return next((form for form, suffixes in OWN.items() if path.suffix and path.suffix.lower() in suffixes), None)


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in _SUFFIXES:
                count += 1
                if count > _MOST_FILES:
                    raise InvalidPoses(f"{folder} holds more than {_MOST_FILES} files; convert parts of it")
                yield Path(root) / name


def _read_files(path: Path, files: list[Path], form: str | None, hints: PoseHints, progress: Progress) -> Found:
    """One file, or all files of a folder."""
    assumed: dict[str, None] = {}
    total = sum(file.stat().st_size for file in files or [path] if file.is_file())
    budget = Budget.of(str(path), total)
    parts: list[Part] = []
    nobody: list[str] = []
    used = ""
    groups: dict[Path, list[Path]] = {}
    for file in files:
        groups.setdefault(file.parent, []).append(file)
    done = 0
    for folder, members in groups.items() if files else [(path.parent, [path])]:
        frames = _frames_form(members, form) if files else ""
        if frames:
            used = frames
            name = "" if folder == path else folder.relative_to(path).as_posix()
            reading = Reading(str(folder), name or path.resolve().name, budget, hints, assumed)
            loaded = _loaded(members, done, len(files), progress)
            parts.append(Part(str(folder), PoseDataset([_FRAMES[used][1](loaded, reading)])))
            done += len(members)
            continue
        for member in members:
            name = member.relative_to(path).with_suffix("").as_posix() if files else member.stem
            found = _read_file(member, form, Reading(str(member), name, budget, hints, assumed))
            if found is None:
                nobody.append(name)
            else:
                dataset, used = found
                parts.append(Part(str(member), dataset))
            done += 1
            progress(done, len(files) or 1)
    if not parts:
        raise InvalidPoses(f"{path}: nobody is in it, so nobody knows how long it is")
    whole = parts[0].dataset if len(parts) == 1 else _united(parts, told=hints.labels)
    return Found(replace(whole, annotations=_agreeing(whole.annotations)), used, tuple(assumed), tuple(nobody))


def _united(parts: list[Part], *, told: bool) -> PoseDataset:
    """All clips; where the classes are told anyway, those of files that do not go together mean nothing."""
    try:
        return united(parts)
    except (UsageError, InvalidPoses):
        if not told:
            raise
        return PoseDataset([clip for part in parts for clip in part.dataset.annotations])


def _agreeing(clips: Sequence[PoseSequence]) -> Sequence[PoseSequence]:
    """Clips in which nobody is seen have the joints of the others: no file tells their own."""
    layouts = {(clip.layout, clip.keypoint.shape[2]) for clip in clips if len(clip)}
    if len(layouts) != 1:
        return clips
    layout, joints = layouts.pop()
    return [
        clip
        if len(clip)
        else replace(
            clip,
            layout=layout,
            keypoint=np.zeros((0, len(clip.pts), joints, 2), np.float32),
            keypoint_score=np.zeros((0, len(clip.pts), joints), np.float32),
        )
        for clip in clips
    ]


def _loaded(members: list[Path], done: int, total: int, progress: Progress) -> Iterator[tuple[str, object]]:
    for number, member in enumerate(members, start=1):
        yield member.name, parse_json(read_bytes(member), str(member))
        progress(done + number, total)


def _frames_form(members: list[Path], form: str | None) -> str:
    """The format of a folder in which every file is a frame, judged by its first file with people; "" for others."""
    if members[0].suffix.lower() != ".json" or (form is not None and form not in _FRAMES):
        return ""
    for member in members[:_EMPTY_FIRST]:
        document = parse_json(read_bytes(member), str(member))
        if not _is_empty(document):
            break
    fitting = [name for name, (fits, _) in _FRAMES.items() if fits(document) and form in (None, name)]
    return fitting[0] if fitting else "openpose" if form == "openpose" else ""


def _is_empty(document: object) -> bool:
    """Whether this is what ultralytics or MMPose writes for a picture without a person, which is alike for others."""
    return document in ([], {}) or (isinstance(document, dict) and document.get("instance_info") == [])


def _read_file(path: Path, form: str | None, reading: Reading) -> tuple[PoseDataset, str] | None:
    """The clips of a file and their format; None where nobody is seen, so that it does not tell how long a clip is."""
    content = read_bytes(path)
    suffix = path.suffix.lower()
    if form in _TABLES or (form is None and suffix == ".csv"):
        form = form or next(
            (name for name, (fits, _) in _TABLES.items() if fits(rows_of(content, str(path))[:4])), None
        )
        if form is None:
            raise InvalidPoses(f"{path} is no table of DeepLabCut and none of MediaPipe's landmarks; see --from")
        return PoseDataset([_TABLES[form][1](content, reading)]), form
    if suffix not in (".json", *_LINES) and form is None:
        raise UsageError(f"{path} has no suffix of poses: {', '.join((*OWN['pyskl'], '.parquet', *_SUFFIXES))}")
    document = _document(content, suffix, str(path))
    if _shows_nobody(document, form):
        return None
    if form == "openpose" or (form is None and openpose.fits(document)):
        return PoseDataset([openpose.parse([(path.name, document)], reading)]), "openpose"
    form = form or next((name for name, (fits, _) in _DOCUMENTS.items() if fits(document)), None)
    if form is None:
        raise InvalidPoses(f"{path} is JSON, but no poses in a known format; see --from")
    found = _DOCUMENTS[form][1](document, reading)
    return found if isinstance(found, PoseDataset) else PoseDataset([found]), form


def _shows_nobody(document: object, form: str | None) -> bool:
    """Whether this is an empty list, as most formats have it, or AlphaPose's object without a picture or a person."""
    if form == "alphapose":
        return alphapose.shows_nobody(document)
    return (document == [] and form != "openpose") or (document == {} and form is None)


def _document(content: bytes, suffix: str, source: str) -> object:
    """A document of JSON, or the list of those of its lines."""
    if suffix not in _LINES:
        return parse_json(content, source)
    return [
        parse_json(line, f"{source}, line {number}")
        for number, line in enumerate(content.splitlines(), start=1)
        if line.strip()
    ]


def written_form(path: Path, form: str | None) -> str:
    """The format that poses are written in: as asked for, else by the suffix.

    Raises: UsageError for formats that are not written, and for a name that does not fit.
    """
    if form is not None and form not in WRITTEN:
        raise UsageError(f"{form} is not written; {', '.join(WRITTEN)} are")
    suffix = Path(path).suffix.lower()
    named = next((name for name, suffixes in OWN.items() if suffix in suffixes), "coco" if suffix == ".json" else None)
    if form is None and suffix == ".csv":
        raise UsageError(f"{path}: choose a table by --to mediapipe or --to deeplabcut")
    if form is None and named is None:
        raise UsageError(f"{path}: poses are written as .pkl, .parquet, .json or a folder, not {suffix}")
    if form is not None and form in WRITERS and suffix not in ("", WRITERS[form][0]):
        raise UsageError(f"{path} is no name for {form}; it ends in {WRITERS[form][0]}, or in no suffix for a folder")
    if form in OWN and form != named:
        raise UsageError(f"{path} is no name for {form}; it ends in {OWN[form][0] or 'no suffix, being a folder'}")
    if form == "openpose" and path.suffix in (".json", ".pkl", ".parquet"):
        raise UsageError(f"{path}: OpenPose's frames are written into a folder; name one")
    return form or str(named)


def write(path: Path, dataset: PoseDataset, form: str | None = None, *, float16: bool = False) -> None:
    """Write poses; the file or folder appears whole or not at all.

    Formats of others have no place for the people who were not chosen, and but for COCO none for frame rates, labels
    and sizes; there, several clips are files in a folder, of OpenPose folders in a folder.

    Args:
        form: one of `WRITTEN`; by the suffix when None: .json is COCO.
        float16: for `poseact.poses.write_poses`.
    Raises: OutputError, UsageError.
    """
    path, form = Path(path), written_form(path, form)
    if form in OWN:
        write_poses(path, dataset, float16=float16)
    elif form == "coco":
        write_text(path, as_json(coco_writer.document(dataset)) + "\n")
    elif form == "openpose":
        write_openpose(path, dataset)
    else:
        write_clips(path, dataset, form)
