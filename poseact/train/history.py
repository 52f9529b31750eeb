"""The course of a run: its finished passes, and on disk `metrics.csv` and `metrics.jsonl`. Trains nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from poseact.files import write_text
from poseact.train.metrics import Metrics

METRICS = "metrics.csv"
LINES = "metrics.jsonl"
COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_top1", "val_mean_class", "lr")
STREAM_COLUMNS = ("accuracy_rgb", "accuracy_pose", "val_top1_rgb", "val_top1_pose")
Row = dict[str, float | None]


@dataclass(frozen=True)
class Epoch:
    """One finished pass.

    Attributes:
        number: from 1.
        loss, accuracy: means over the training clips as they were augmented.
        lr: of the last step.
        validation: of the averaged weights; None between two looks.
        seconds: of this pass; seconds_left: until the last epoch, at the pace so far.
        clips_per_second: of this pass, without validation.
        stream_accuracy, stream_validation: as `accuracy` and `validation`, which are then those of both together, of
            the pictures and of the poses alone, where a network answers for both.
    """

    number: int
    loss: float
    accuracy: float
    lr: float
    validation: Metrics | None
    seconds: float
    seconds_left: float
    clips_per_second: float
    stream_accuracy: tuple[float, ...] = ()
    stream_validation: tuple[Metrics, ...] = ()


@dataclass(frozen=True)
class Step:
    """How far an unfinished pass is.

    Attributes:
        epoch: its number, from 1. done, total: its steps.
        loss, accuracy: means over the clips of the steps so far.
        seconds_left: until the last epoch, at the pace of this pass, without validation.
        clips_per_second: of this pass.
    """

    epoch: int
    done: int
    total: int
    loss: float
    accuracy: float
    seconds_left: float
    clips_per_second: float


def row(epoch: Epoch) -> Row:
    """What is kept of a pass: the figures of COLUMNS, which a repetition gives again, and how long it took."""
    looked = epoch.validation
    return {
        "epoch": epoch.number,
        "loss": round(epoch.loss, 4),
        "accuracy": round(epoch.accuracy, 4),
        "val_loss": round(looked.loss, 4) if looked else None,
        "val_top1": round(looked.top1, 4) if looked else None,
        "val_mean_class": round(looked.mean_class, 4) if looked else None,
        "lr": float(f"{epoch.lr:.4g}"),
        "seconds": round(epoch.seconds, 2),
        "clips_per_second": round(epoch.clips_per_second, 1),
        **_of_streams(epoch),
    }


def _of_streams(epoch: Epoch) -> Row:
    figures = (*epoch.stream_accuracy, *(one.top1 for one in epoch.stream_validation))
    return {name: round(value, 4) for name, value in zip(STREAM_COLUMNS, figures, strict=False)}


def check_history(held: object, passes: int) -> None:
    """Raises: ValueError when this is not a list of as many rows as there were passes, in their order."""
    rows = held if isinstance(held, list) else [None]
    fits = all(
        isinstance(one, dict) and {*COLUMNS} <= one.keys() and one["epoch"] == number
        and all(isinstance(name, str) and isinstance(value, int | float | None) for name, value in one.items())
        for number, one in enumerate(rows, 1)
    )  # fmt: skip
    if not fits or len(rows) != passes:
        raise ValueError(f"'history' does not tell of {passes} epochs")


def write_history(folder: Path, rows: Sequence[Row]) -> None:
    """Write both files, each whole or as it was.

    `metrics.csv` has COLUMNS alone, and STREAM_COLUMNS for a network of two streams, so that it is the same, byte for
    byte, for the same run, killed or not; `metrics.jsonl` tells time and speed as well. Raises: OutputError.
    """
    write_text(folder / LINES, "".join(json.dumps(one) + "\n" for one in rows))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = COLUMNS + STREAM_COLUMNS * any(STREAM_COLUMNS[0] in one for one in rows)
    writer.writerow(columns)
    writer.writerows(["" if one.get(name) is None else one[name] for name in columns] for one in rows)
    write_text(folder / METRICS, text.getvalue())


def history(folder: Path) -> list[Row]:
    """The passes of a run so far, by name; None where nothing was measured."""
    path = folder / LINES
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
