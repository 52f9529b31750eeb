"""Files of scores for late fusion, in the forms of MMAction2 and PYSKL: what they hold, read and written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from poseact.errors import InvalidPoses, LimitExceeded
from poseact.evaluate.score_pickle import read_score_pickle
from poseact.evaluate.scores import UNLABELLED, Scores
from poseact.files import atomic_path, read_regular
from poseact.poses.pickle_writer import Called, dump
from poseact.types import Array

Form = Literal["mmaction2", "pyskl"]
PROBABILITY_KEYS = ("pred_score", "pred_scores")
LABEL_KEYS = ("gt_label", "gt_labels")
NAME_KEYS = ("frame_dir", "filename")
LARGEST_FILE = 2 << 30
MOST_CLASSES = 100_000
_SPARE, _EXPANSION = 64 << 20, 8  # bytes that the probabilities of a file may take, beside its own size
_SUMS_TO_ONE = 0.02  # half precision loses that much over some hundred classes


def write_scores(path: Path, scores: Scores, form: Form = "mmaction2") -> None:
    """Write scores as a pickle; equal scores give equal files.

    "mmaction2" is what MMAction2 1.x dumps and its tools read: a list of dicts with tensors "pred_score" (C,) and
    "gt_label" (1,), here also the name, "frame_dir". "pyskl" is the list of arrays (C,) of PYSKL and MMAction2 0.x,
    in the order of the data set, without labels.
    Raises: OutputError.
    """
    rows = [np.ascontiguousarray(row, np.float32) for row in scores.probability]
    content: list[Any] = rows
    if form == "mmaction2":
        names = scores.names or ("",) * len(rows)
        content = [
            {
                "frame_dir": name, "pred_score": _tensor(row),
                "gt_label": _tensor(np.array([label], np.int64)),
                "pred_label": _tensor(np.array([row.argmax()], np.int64)),
            }
            for name, row, label in zip(names, rows, scores.label, strict=True)
        ]  # fmt: skip
    with atomic_path(Path(path)) as temporary, temporary.open("wb") as file:
        dump(content, file)


def _tensor(array: Array) -> Called:
    return Called("torch", "from_numpy", array)


def read_scores(path: Path) -> tuple[Scores, bool]:
    """Scores from a file of MMAction2, PYSKL or poseact, from people who need not be trusted.

    Rows that are no probabilities are taken for logits, and get a softmax.

    Returns: the scores, and whether they were logits.
    Raises: InvalidPoses for any other file, LimitExceeded for one that expands beyond reason.
    """
    try:
        content = read_regular(path, LARGEST_FILE)
    except OSError as error:
        raise InvalidPoses(f"cannot read {path}: {error.strerror or error}; check the path") from None
    tree = read_score_pickle(content, str(path))
    if isinstance(tree, np.ndarray) and tree.ndim == 2:
        tree = list(tree)
    if not isinstance(tree, list) or not tree:
        raise InvalidPoses(f"{path} holds no scores: expected a list with an entry per clip")
    entries = [_entry(one, f"{path}, entry {number}") for number, one in enumerate(tree)]
    classes = len(entries[0][0])
    odd = next((number for number, (row, _, _) in enumerate(entries) if len(row) != classes), None)
    if odd is not None:
        raise InvalidPoses(f"{path}, entry {odd}: {len(entries[odd][0])} classes, but entry 0 has {classes}")
    if not 2 <= classes <= MOST_CLASSES:
        raise InvalidPoses(f"{path}: scores of {classes} classes; there must be 2 to {MOST_CLASSES}")
    if 4 * len(entries) * classes > _SPARE + _EXPANSION * len(content):
        raise LimitExceeded(f"{path} expands to far more scores than a file of its size can hold; do not use it")
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit becomes infinite, and is refused
        rows = np.stack([row.astype(np.float32) for row, _, _ in entries])
    probability, logits = _probabilities(rows, path)
    label = np.array([label for _, label, _ in entries], np.int64)
    outside = np.flatnonzero((label < UNLABELLED) | (label >= classes))
    if len(outside):
        raise InvalidPoses(f"{path}, entry {outside[0]}: label {label[outside[0]]} lies outside the {classes} classes")
    names = tuple(name for _, _, name in entries)
    return Scores(str(path), probability, label, names if all(names) else ()), logits


def _entry(one: object, where: str) -> tuple[Array, int, str]:
    """Scores (C,), label and name of one clip; -1 and "" where they are not told."""
    if isinstance(one, np.ndarray):
        return _vector(one, where), UNLABELLED, ""
    if not isinstance(one, dict):
        raise InvalidPoses(f"{where}: expected an array, or a dict with 'pred_score', got {type(one).__name__}")
    row = _first(one, PROBABILITY_KEYS)
    if row is None:
        keys = ", ".join(str(key)[:20] for key in list(one)[:5]) or "nothing"
        raise InvalidPoses(f"{where}: there is no 'pred_score', only {keys}; is this a file of scores?")
    name = _first(one, NAME_KEYS)
    return _vector(row, where), _label(_first(one, LABEL_KEYS), where), name if isinstance(name, str) else ""


def _first(entry: dict[Any, Any], keys: Sequence[str]) -> Any:
    """The first of these values; MMAction2 1.0 wraps them as {"item": value}."""
    value = next((entry[key] for key in keys if entry.get(key) is not None), None)
    return value.get("item") if isinstance(value, dict) else value


def _vector(value: object, where: str) -> Array:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu" or value.ndim not in (1, 2):
        raise InvalidPoses(f"{where}: scores must be numbers, one per class")
    if value.ndim == 2 and len(value) != 1:
        raise InvalidPoses(f"{where}: scores must be (classes,), got {value.shape}; average the clips first")
    return value.reshape(-1)


def _label(value: object, where: str) -> int:
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if value is None:
        return UNLABELLED
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MOST_CLASSES:
        raise InvalidPoses(f"{where}: the label must be one class number")
    return value


def _probabilities(rows: Array, path: Path) -> tuple[Array, bool]:
    """(N, C) rows that add up to 1, and whether they had to be made from logits."""
    finite = np.isfinite(rows).all(1)
    if not finite.all():
        raise InvalidPoses(f"{path}, entry {int(np.argmin(finite))}: scores must be finite numbers")
    total = rows.sum(1, keepdims=True)
    if (rows >= 0).all() and (np.abs(total - 1) < _SUMS_TO_ONE).all():
        return rows / total, False
    powers = np.exp(rows - rows.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True), True
