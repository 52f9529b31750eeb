"""A folder of poses: one .npz per video and a manifest. NumPy alone reads it, and nothing in it is ever executed."""

from __future__ import annotations

import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from poseact.errors import InvalidPoses
from poseact.files import atomic_folder, check_folder, open_regular
from poseact.poses.annotation import annotation, sequence_of
from poseact.poses.dataset import Budget, PoseDataset, classes_of, splits_of
from poseact.poses.json_reader import parse_json, read_json
from poseact.poses.tree import FORMAT, as_json, learn_layouts, manifest, parted, whole
from poseact.types import Array, PoseSequence

MANIFEST = "manifest.json"
_ABOUT = "about"  # the member that holds what is no array, as a line of JSON
_MOST_ARRAYS = 64
_LONGEST_HEADER = 4096
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError, TypeError, KeyError,
    OSError, struct.error, SyntaxError, OverflowError, MemoryError, SystemError, tokenize.TokenError,
)  # fmt: skip


def is_npz_folder(path: Path) -> bool:
    """Whether a folder says that it holds poses."""
    return (path / MANIFEST).is_file()


def _is_nothing_else(folder: Path) -> bool:
    return is_npz_folder(folder) and all(path.name == MANIFEST or path.suffix == ".npz" for path in folder.iterdir())


def check_npz_place(folder: Path) -> None:
    """Refuse early to write where something else stands. Raises: OutputError."""
    check_folder(folder, _is_nothing_else)


def write_npz(
    folder: Path,
    sequences: Sequence[PoseSequence],
    splits: Mapping[str, Iterable[str]] | None = None,
    float16: bool = False,
    classes: Sequence[str] = (),
) -> None:
    """Write one .npz per video and a manifest; the folder appears whole, and takes the place of an older one of poses.

    Args: as `write_pyskl`.
    Raises: OutputError, also for a folder that holds something else.
    """
    document = manifest(sequences, splits or {}, classes)
    names = [sequence.name for sequence in sequences]
    files = [f"{number:06d}-{_safe(name)}.npz" for number, name in enumerate(names)]
    document["videos"] = [{"file": file, "name": name} for file, name in zip(files, names, strict=True)]
    with atomic_folder(Path(folder), _is_nothing_else) as temporary:
        for file, sequence in zip(files, sequences, strict=True):
            _write_video(temporary / file, annotation(sequence, np.float16 if float16 else np.float32))
        (temporary / MANIFEST).write_text(as_json(document) + "\n", encoding="ascii")


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-80:].strip("._-") or "video"


def _write_video(path: Path, anno: dict[str, Any]) -> None:
    arrays, rest = parted(anno)
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in ((_ABOUT, np.array(as_json(rest))), *arrays.items()):
            info = zipfile.ZipInfo(f"{name}.npy")  # without a date: the same poses are the same bytes
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), version=(1, 0), allow_pickle=False)


def read_npz(folder: Path) -> PoseDataset:
    """Read a folder of poses whose author need not be trusted.

    Raises: InvalidPoses; LimitExceeded when the files claim far more than they hold.
    """
    folder = Path(folder)
    document = read_json(folder / MANIFEST)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InvalidPoses(f"{folder / MANIFEST} is no manifest of poses: its 'format' is not {FORMAT!r}")
    paths = _paths(folder, document.get("videos"))
    try:
        size = sum(path.stat().st_size for path in paths)
    except OSError as error:
        raise InvalidPoses(f"{folder}: a file of the manifest cannot be read: {error.filename}") from None
    budget = Budget.of(str(folder), size)
    splits, classes = splits_of(document.get("split"), budget), classes_of(document.get("classes"), budget)
    learn_layouts(document.get("layouts"), str(folder))
    return PoseDataset([_read_video(path, budget) for path in paths], splits, classes)


def _paths(folder: Path, videos: object) -> list[Path]:
    if not isinstance(videos, list):
        raise InvalidPoses(f"{folder / MANIFEST}: 'videos' must be a list")
    names = [video.get("file") if isinstance(video, dict) else None for video in videos]
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9._-]{1,200}\.npz", name):
            raise InvalidPoses(f"{folder / MANIFEST}: {str(name)[:60]!r} is no name of a file of poses")
    return [folder / str(name) for name in names]


def _read_video(path: Path, budget: Budget) -> PoseSequence:
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            arrays = _arrays(archive, budget)
        about = arrays.pop(_ABOUT, None)
        told = str(about)
    except _DAMAGE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise InvalidPoses(f"{path} is damaged or no file of poses: {reason}") from None
    if about is None or about.shape != () or about.dtype.kind != "U":
        raise InvalidPoses(f"{path} does not say what its arrays are; the member {_ABOUT!r} is missing")
    if any(array.dtype.kind == "U" for array in arrays.values()):
        raise InvalidPoses(f"{path} holds an array of text; poses are numbers")
    return sequence_of(whole(arrays, parse_json(told, str(path)), str(path)), str(path), budget)


def _arrays(archive: zipfile.ZipFile, budget: Budget) -> dict[str, Array]:
    members = archive.infolist()
    if len(members) > _MOST_ARRAYS:
        raise ValueError(f"it holds {len(members)} arrays")
    arrays: dict[str, Array] = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if not re.fullmatch(r"[a-z0-9_]{1,40}(\.[a-z0-9_]{1,40})?", name) or name in arrays:
            raise ValueError(f"{member.filename[:60]!r} is an unexpected member")
        budget.spend(member.file_size)
        with archive.open(member) as stream:
            arrays[name] = read_npy(stream, member.file_size)
    return arrays


def read_npy(stream: IO[bytes], size: int) -> Array:
    """One array of numbers or text of exactly `size` bytes with its header; nothing is reserved that is not there.

    Raises: ValueError and what NumPy raises for damaged headers.
    """
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array of version {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream, max_header_size=_LONGEST_HEADER)
    if dtype.kind not in "biufU" or dtype.subdtype is not None or len(shape) > 8:
        raise ValueError(f"an array of {dtype} with {len(shape)} axes")
    content = stream.read(size)
    if not all(isinstance(side, int) and side >= 0 for side in shape) or prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"an array that claims the shape {str(shape)[:60]} but brings {len(content)} bytes")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
