"""Embeddings on disk: `.npz` for numpy, `.parquet` and `.csv` for tables. They are written as they come, row by row."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from poseact.errors import UsageError
from poseact.files import atomic_path
from poseact.texts import escape_surrogates
from poseact.types import Array, PoseSequence

SUFFIXES = (".npz", ".parquet", ".csv")
_ROW_GROUP = 1024


@dataclass(frozen=True)
class Rows:
    """What a file of embeddings says beside the vectors, one entry per row.

    Attributes:
        name: of the clip. label: class number, -1 unlabelled; label_name: its name, "" where nobody tells.
        split: the splits that the clip is in, joined by commas. view: of the clip, from 0; None: the mean of all.
        classes: of the data set. model, sha256: of the network.
    """

    name: tuple[str, ...]
    label: tuple[int, ...]
    label_name: tuple[str, ...]
    split: tuple[str, ...]
    view: tuple[int, ...] | None
    classes: tuple[str, ...]
    model: str
    sha256: str

    def __len__(self) -> int:
        return len(self.name)

    @property
    def columns(self) -> dict[str, tuple[Any, ...]]:
        """The columns of a table, without the vectors."""
        columns: dict[str, tuple[Any, ...]] = {
            "name": self.name, "label": self.label, "class": self.label_name, "split": self.split,
        }  # fmt: skip
        return columns if self.view is None else {**columns, "view": self.view}


def rows_of(
    clips: Sequence[PoseSequence], splits: dict[str, list[str]], classes: Sequence[str], model: str, sha256: str,
    views: Sequence[int] | None = None,
) -> Rows:  # fmt: skip
    """The rows of some clips: one each, or with `views` as many as it says of each."""
    members = [(split, set(names)) for split, names in splits.items()]
    count = [1] * len(clips) if views is None else views
    each = [clip for clip, times in zip(clips, count, strict=True) for _ in range(times)]
    within = {clip.name: ",".join(split for split, names in members if clip.name in names) for clip in clips}
    return Rows(
        name=tuple(escape_surrogates(clip.name) for clip in each), label=tuple(clip.label for clip in each),
        label_name=tuple(classes[clip.label] if 0 <= clip.label < len(classes) else "" for clip in each),
        split=tuple(escape_surrogates(within[clip.name]) for clip in each),
        view=None if views is None else tuple(view for times in views for view in range(times)),
        classes=tuple(classes), model=model, sha256=sha256,
    )  # fmt: skip


def check_suffix(path: Path) -> None:
    """Raises: UsageError for a name that is no file of embeddings, or a format whose library is not installed."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: embeddings go into {', '.join(SUFFIXES)}; choose one of these suffixes")
    if path.suffix.lower() == ".parquet":
        _arrow()


def write_embeddings(path: Path, rows: Rows, vectors: Iterable[Array]) -> tuple[int, int]:
    """Write a file, whole or not at all; its suffix decides on the format.

    `.npz` holds "embedding" (R, D) float32, "name", "label" (R,) int64, "split", with views "view", and of the whole
    "classes", "model", "sha256"; nothing in it is pickled. `.parquet` has a column per field and the vectors as lists,
    `.csv` a column per feature.

    Args:
        vectors: (n, D) float32 pieces, R rows in all, taken one by one.
    Returns: (R, D).
    Raises: UsageError for another suffix; OutputError.
    """
    check_suffix(path)
    write: dict[str, Callable[[Path, Rows, Iterable[Array]], int]] = {
        ".npz": _write_npz, ".parquet": _write_parquet, ".csv": _write_csv,
    }  # fmt: skip
    with atomic_path(path) as temporary:
        return len(rows), write[path.suffix.lower()](temporary, rows, vectors)


def _write_npz(path: Path, rows: Rows, vectors: Iterable[Array]) -> int:
    width = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("embedding.npy", "w", force_zip64=True) as member:
            for part in vectors:
                if not width:
                    width = part.shape[1]
                    shape = (len(rows), width)
                    npy.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": shape})
                member.write(np.ascontiguousarray(part, "<f4").tobytes())
        whole = {"classes": rows.classes, "model": rows.model, "sha256": rows.sha256}
        for name, values in {**rows.columns, **whole}.items():
            if name != "class":  # the number and `classes` say it
                with archive.open(f"{name}.npy", "w") as member:
                    npy.write_array(member, np.array(values, np.int64 if name in ("label", "view") else np.str_))
    return width


def _write_parquet(path: Path, rows: Rows, vectors: Iterable[Array]) -> int:
    arrow = _arrow()
    width, begin = 0, 0
    with ExitStack() as block:
        file = block.enter_context(path.open("wb"))  # not its name: pyarrow takes none that is not UTF-8
        writer = None
        for part in _grouped(vectors):
            width, stop = part.shape[1], begin + len(part)
            columns = {name: arrow.array(values[begin:stop]) for name, values in rows.columns.items()}
            flat = arrow.array(part.reshape(-1), arrow.float32())
            columns["embedding"] = arrow.FixedSizeListArray.from_arrays(flat, width)
            table = arrow.table(columns).replace_schema_metadata({"model": rows.model, "sha256": rows.sha256})
            if writer is None:
                writer = block.enter_context(arrow.parquet.ParquetWriter(file, table.schema, compression="zstd"))
            writer.write_table(table)
            begin = stop
    return width


def _grouped(vectors: Iterable[Array]) -> Iterable[Array]:
    """The same rows in pieces of about `_ROW_GROUP`."""
    waiting: list[Array] = []
    for part in vectors:
        waiting.append(part)
        if sum(map(len, waiting)) >= _ROW_GROUP:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _write_csv(path: Path, rows: Rows, vectors: Iterable[Array]) -> int:
    width, row = 0, 0
    columns = rows.columns
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for part in vectors:
            if not width:
                width = part.shape[1]
                writer.writerow([*columns, *(f"e{number}" for number in range(width))])
            for vector in part:
                writer.writerow([*(column[row] for column in columns.values()), *(f"{value:.7g}" for value in vector)])
                row += 1
    return width


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(
            "Parquet needs the pyarrow package; run `pip install 'poseact[parquet]'`, or write .npz"
        ) from error
    return pyarrow
