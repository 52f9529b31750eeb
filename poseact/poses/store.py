"""Poses in files: the suffix decides on the format. Knows nothing of the formats of others (see `formats`)."""

from __future__ import annotations

from pathlib import Path

from poseact.errors import InvalidPoses, OutputError, UsageError
from poseact.poses.dataset import PoseDataset
from poseact.poses.kinetics import Kinetics
from poseact.poses.npz import check_npz_place, is_npz_folder, read_npz, write_npz
from poseact.poses.parquet import check_pyarrow, read_parquet, write_parquet
from poseact.poses.pyskl import read_pyskl, write_pyskl

SUFFIXES = (".pkl", ".pickle", ".parquet", ".npz")
_WRITERS = {".pkl": write_pyskl, ".pickle": write_pyskl, ".parquet": write_parquet, ".npz": write_npz, "": write_npz}


def holds_poses(path: Path) -> bool:
    """Whether a name is that of stored poses: a file by its suffix, a folder by its manifest."""
    return is_npz_folder(path) if path.is_dir() else path.suffix.lower() in SUFFIXES


def read_poses(path: Path, kinetics: Kinetics | None = None) -> PoseDataset:
    """Read stored poses, from people who need not be trusted.

    Args:
        path: a PYSKL pickle (.pkl), a .parquet file, or a folder of .npz files.
        kinetics: how compressed Kinetics poses in a pickle are expanded.
    Raises:
        InvalidPoses: not such a file, damaged, hostile, or contradictory. LimitExceeded: it expands beyond reason.
        UsageError: another suffix, or Parquet without pyarrow.
    """
    path = Path(path)
    if path.is_dir():
        if not is_npz_folder(path):
            raise InvalidPoses(
                f"{path} is no folder of poses: it has no manifest.json; `poseact convert` reads those of other tools"
            )
        return read_npz(path)
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return read_parquet(path)
    if suffix == ".npz":
        raise UsageError(f"{path} is the file of one video, or does not exist; name the folder with its manifest.json")
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{path} has no suffix of poses; they are .pkl, .parquet, or a folder of .npz, and `poseact convert` reads "
            "the files of other tools"
        )
    return read_pyskl(path, kinetics)


def write_poses(path: Path, dataset: PoseDataset, *, float16: bool = False) -> None:
    """Write poses so that `read_poses` gives them back; the file appears whole or not at all.

    Args:
        path: its suffix decides: .pkl is PYSKL's pickle, .parquet Parquet, .npz or none a folder of .npz files.
        float16: half the size for coordinates and scores; from x = 1024 on in steps of 1 px, of 2 px from 2048.
    Raises: OutputError; UsageError for another suffix, or for Parquet without pyarrow.
    """
    path = Path(path)
    check_target(path)
    write = _WRITERS[path.suffix.lower()]
    write(path, dataset.annotations, dataset.splits or None, float16, dataset.classes)


def check_target(path: Path) -> None:
    """Refuse early what `write_poses` could not write. Raises: UsageError."""
    path = Path(path)
    suffix = path.suffix.lower()
    if path.name in ("", ".."):
        raise UsageError(f"{path} has no name of its own; name a file, or a folder by its name")
    if suffix not in _WRITERS:
        raise UsageError(f"{path}: poses are written as .pkl, .parquet, or a folder (no suffix or .npz), not {suffix}")
    if suffix == ".parquet":
        check_pyarrow()


def check_place(path: Path) -> None:
    """Refuse early to write where something stands that new poses cannot take the place of. Raises: OutputError."""
    path = Path(path)
    if _WRITERS[path.suffix.lower()] is write_npz:
        check_npz_place(path)
    elif path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file in it, or a folder without this suffix")
