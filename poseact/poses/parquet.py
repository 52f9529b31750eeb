"""Poses as one Parquet file: a row per video and track, zstd, with what belongs to all videos in the file's metadata.

Who reads it with pandas, DuckDB or Spark finds flat lists of numbers and their shape; what has no column of its own is
in `about`, a line of JSON. `chosen` tells the people of a sequence from the others who were tracked. A video in which
nobody was seen is a row without a track. Needs pyarrow, the extra `[parquet]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from poseact.errors import InvalidPoses, LimitExceeded, UsageError
from poseact.files import atomic_path, open_regular
from poseact.poses.annotation import annotation, sequence_of
from poseact.poses.dataset import Budget, PoseDataset, classes_of, splits_of
from poseact.poses.json_reader import parse_json
from poseact.poses.tree import FORMAT, as_json, learn_layouts, manifest, parted, whole
from poseact.texts import escape_surrogates
from poseact.types import Array, PoseSequence

_METADATA = b"poseact"
_GROUP = 32 * 2**20  # bytes of poses in a row group: what a reader holds beside the result
_MOST_GROUPS = 1_000_000
_LONGEST_METADATA = 256 * 2**20
_LONGEST_ABOUT = 16 * 2**20  # characters, beside what is told of each frame
_ABOUT_A_FRAME = 256
# The arrays of people and of frames that have a column: name in an annotation -> shape of one row behind (people,).
_OF_TRACKS = {
    "keypoint": "TK2", "keypoint_score": "TK", "bbox": "T4", "bbox_score": "T", "interpolated": "T", "track_id": "",
}  # fmt: skip
_OF_FRAMES = ("pts", "frame_index")
_SIZES = ("frames", "joints")


def write_parquet(
    path: Path,
    sequences: Sequence[PoseSequence],
    splits: Mapping[str, Iterable[str]] | None = None,
    float16: bool = False,
    classes: Sequence[str] = (),
) -> None:
    """Write one file of poses. Args: as `write_pyskl`. Raises: OutputError; UsageError without pyarrow."""
    _, parquet = _pyarrow()
    dtype = np.float16 if float16 else np.float32
    schema = _schema(dtype)
    # An open file, not its name: pyarrow takes no name that is not UTF-8.
    with atomic_path(Path(path)) as temporary, temporary.open("wb") as file, parquet.ParquetWriter(
        file, schema, compression="zstd", use_dictionary=False, write_page_checksum=True, store_schema=False
    ) as writer:  # fmt: skip
        writer.add_key_value_metadata({_METADATA: as_json(manifest(sequences, splits or {}, classes)).encode()})
        rows: list[dict[str, Any]] = []
        size = 0
        for number, sequence in enumerate(sequences):
            for row in _rows(number, annotation(sequence, dtype)):
                rows.append(row)
                size += sum(value.nbytes for value in row.values() if isinstance(value, np.ndarray))
                if size > _GROUP:
                    writer.write_table(_table(rows, schema))
                    rows, size = [], 0
        if rows:
            writer.write_table(_table(rows, schema))


@cache
def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("Parquet needs the pyarrow package; run `pip install 'poseact[parquet]'`") from error
    return pyarrow, pyarrow.parquet


def check_pyarrow() -> None:
    """Raises: UsageError without pyarrow."""
    _pyarrow()


def _schema(dtype: type[np.floating[Any]]) -> Any:
    arrow, _ = _pyarrow()
    number = arrow.from_numpy_dtype(dtype)
    return arrow.schema(
        [
            ("video", arrow.int64()),
            ("name", arrow.string()),
            ("label", arrow.int64()),
            ("layout", arrow.string()),
            ("height", arrow.int64()),
            ("width", arrow.int64()),
            ("fps", arrow.float64()),
            ("frames", arrow.int64()),
            ("joints", arrow.int64()),
            ("chosen", arrow.bool_()),
            ("track_id", arrow.int64()),
            ("keypoint", arrow.list_(number)),
            ("keypoint_score", arrow.list_(number)),
            ("bbox", arrow.list_(arrow.float32())),
            ("bbox_score", arrow.list_(arrow.float32())),
            ("interpolated", arrow.list_(arrow.bool_())),
            ("pts", arrow.list_(arrow.float64())),
            ("frame_index", arrow.list_(arrow.int64())),
            ("about", arrow.string()),
        ]
    )


def _rows(number: int, anno: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of one video: the chosen people, then the others; one without a track where there is nobody."""
    arrays, rest = parted(anno)
    others: dict[str, Any] = {key: arrays.pop(f"others.{key}", None) for key in _OF_TRACKS}
    people = {key: arrays.pop(key) for key in _OF_TRACKS}
    _, frames, joints, _ = people["keypoint"].shape
    common = {
        "video": number,
        "name": escape_surrogates(anno["frame_dir"]),
        "label": anno["label"],
        "layout": anno["layout"],
        "height": anno["img_shape"][0],
        "width": anno["img_shape"][1],
        "fps": anno["fps"],
        "frames": frames,
        "joints": joints,
        **{key: arrays.pop(key) for key in _OF_FRAMES},
    }
    about = as_json({"rest": rest, "arrays": {name: _as_list(array) for name, array in arrays.items()}})
    tracks: list[dict[str, Any]] = [
        {"chosen": chosen, **{key: part[key][row] for key in _OF_TRACKS}}
        for chosen, part in ((True, people), (False, others))
        for row in range(0 if part["keypoint"] is None else len(part["keypoint"]))
    ]
    for position, track in enumerate(tracks or [{"chosen": None, **dict.fromkeys(_OF_TRACKS)}]):
        yield {**common, **track, "about": about if position == 0 else None}


def _as_list(array: Array) -> dict[str, Any]:
    return {"dtype": array.dtype.str, "shape": list(array.shape), "values": array.ravel().tolist()}


def _table(rows: list[dict[str, Any]], schema: Any) -> Any:
    arrow, _ = _pyarrow()
    columns = []
    for field in schema:
        values = [row[field.name] for row in rows]
        if not arrow.types.is_list(field.type):
            values = [value.item() if isinstance(value, np.generic) else value for value in values]
            columns.append(arrow.array(values, field.type))
            continue
        parts = [np.zeros(0) if value is None else value.ravel() for value in values]
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int32)
        flat = arrow.array(np.concatenate(parts).astype(field.type.value_type.to_pandas_dtype()), field.type.value_type)
        missing = arrow.array([value is None for value in values])
        columns.append(arrow.ListArray.from_arrays(arrow.array(offsets), flat, mask=missing))
    return arrow.Table.from_arrays(columns, schema=schema)


def read_parquet(path: Path) -> PoseDataset:
    """Read a file of poses whose author need not be trusted.

    Raises: InvalidPoses; LimitExceeded when it claims far more than it holds; UsageError without pyarrow.
    """
    path = Path(path)
    arrow, parquet = _pyarrow()
    try:
        size = path.stat().st_size
        with open_regular(path) as opened, parquet.ParquetFile(
            opened, thrift_string_size_limit=_LONGEST_METADATA, thrift_container_size_limit=_MOST_GROUPS * 20,
            page_checksum_verification=True,
        ) as file:  # fmt: skip
            return _read(file, str(path), Budget.of(str(path), size))
    except (OSError, arrow.ArrowException, OverflowError, UnicodeDecodeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise InvalidPoses(f"{path} is damaged or no Parquet file of poses: {reason}") from None


def _read(file: Any, source: str, budget: Budget) -> PoseDataset:
    document = parse_json((file.metadata.metadata or {}).get(_METADATA, b"null"), f"{source}, metadata")
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InvalidPoses(f"{source} is a Parquet file, but not of poses: its metadata lack {FORMAT!r}")
    if not any(file.schema_arrow.equals(_schema(dtype)) for dtype in (np.float32, np.float16)):
        raise InvalidPoses(f"{source} has other columns than poses have; write it with poseact")
    _check_claims(file.metadata, budget)
    splits, classes = splits_of(document.get("split"), budget), classes_of(document.get("classes"), budget)
    learn_layouts(document.get("layouts"), source)
    videos: list[PoseSequence] = []
    waiting: list[dict[str, Any]] = []
    for row in _stored_rows(file):
        if waiting and row["video"] != waiting[0]["video"]:
            videos.append(_video(waiting, f"{source}, video {len(videos)}", budget))
            waiting = []
        waiting.append(row)
    if waiting:
        videos.append(_video(waiting, f"{source}, video {len(videos)}", budget))
    return PoseDataset(videos, splits, classes)


def _check_claims(metadata: Any, budget: Budget) -> None:
    """Spend what the file says that it expands to, before anything is expanded."""
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column in range(group.num_columns):
            chunk = group.column(column)
            budget.spend(max(chunk.total_uncompressed_size, 8 * chunk.num_values, 0))


def _stored_rows(file: Any) -> Iterator[dict[str, Any]]:
    """Rows with lists as arrays that view the memory of their row group."""
    for number in range(file.metadata.num_row_groups):
        table = file.read_row_group(number, use_threads=False)
        table.validate(full=True)
        columns = {name: _column(table.column(name)) for name in table.column_names}
        for row in range(len(table)):
            yield {name: column[row] for name, column in columns.items()}


def _column(chunked: Any) -> list[Any]:
    """The values of each row: None, a plain value, or an array."""
    column = chunked.combine_chunks()
    if not hasattr(column, "offsets"):
        return list(column.to_pylist())
    offsets, missing = column.offsets.to_pylist(), column.is_null().to_pylist()
    values = column.values.to_numpy(zero_copy_only=False)
    return [None if missing[row] else values[offsets[row] : offsets[row + 1]] for row in range(len(column))]


def _video(rows: list[dict[str, Any]], where: str, budget: Budget) -> PoseSequence:
    first = rows[0]
    frames, joints = (_count(first, key, where) for key in _SIZES)
    arrays = {key: _shaped(first[key], (frames,), where) for key in _OF_FRAMES}
    text, longest = first["about"] or "null", _LONGEST_ABOUT + _ABOUT_A_FRAME * frames
    if len(text) > longest:
        raise LimitExceeded(f"{where}: 'about' has {len(text)} characters, more than {longest}")
    about = parse_json(text, where)
    if not isinstance(about, dict) or not isinstance(about.get("rest"), dict):
        raise InvalidPoses(f"{where} does not say what its rows are; the column 'about' is empty")
    listed_arrays = about.get("arrays") or {}
    if not isinstance(listed_arrays, dict):
        raise InvalidPoses(f"{where}: 'arrays' in 'about' must be arrays by name")
    for name, listed in listed_arrays.items():
        arrays[str(name)] = _from_list(listed, where)
    tracks = [row for row in rows if row["chosen"] is not None]
    rest = about["rest"]
    for chosen, prefix in ((True, ""), (False, "others.")):
        part = [row for row in tracks if row["chosen"] == chosen]
        if chosen or part or rest.get("others") is not None:
            arrays |= {f"{prefix}{key}": array for key, array in _people(part, frames, joints, where, budget).items()}
    for key in ("label", "layout", "fps"):
        rest[key] = first[key]
    rest["img_shape"] = [first["height"], first["width"]]
    return sequence_of(whole(arrays, rest, where), where, budget)


def _people(rows: list[dict[str, Any]], frames: int, joints: int, where: str, budget: Budget) -> dict[str, Array]:
    sides = {"T": frames, "K": joints, "2": 2, "4": 4}
    arrays = {}
    for key, letters in _OF_TRACKS.items():
        shape = tuple(sides[letter] for letter in letters)
        if not rows:
            arrays[key] = np.zeros((0, *shape), np.int64 if key == "track_id" else np.float32)
            continue
        budget.spend(8 * len(rows) * prod(shape))
        arrays[key] = np.stack([_shaped(row[key], shape, where) for row in rows])
    return arrays


def _count(row: dict[str, Any], key: str, where: str) -> int:
    value = row[key]
    if not isinstance(value, int) or not 0 < value < 2**31:
        raise InvalidPoses(f"{where}: {key!r} must be a number above 0, got {value}")
    return value


def _shaped(value: Any, shape: tuple[int, ...], where: str) -> Array:
    array = np.asarray(value)
    if value is None or array.size != prod(shape) or array.dtype.kind not in "biuf":
        raise InvalidPoses(f"{where}: a row has {array.size} numbers where {prod(shape)} belong")
    return array.reshape(shape)


def _from_list(listed: object, where: str) -> Array:
    try:
        assert isinstance(listed, dict)
        dtype = np.dtype(str(listed["dtype"])[:4])
        if dtype.kind not in "biuf":
            raise ValueError(f"an array of {dtype}")
        return np.array(listed["values"], dtype).reshape([int(side) for side in listed["shape"]])
    except (AssertionError, KeyError, ValueError, TypeError, OverflowError, SyntaxError) as error:
        raise InvalidPoses(f"{where}: an array in 'about' is damaged: {str(error)[:80]}") from None
