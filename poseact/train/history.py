"""The curve of a run on disk: `metrics.csv` for people and spreadsheets, `metrics.jsonl` for programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from poseact.files import write_text
from poseact.train.loop import Epoch

METRICS = "metrics.csv"
LINES = "metrics.jsonl"
COLUMNS = (
    "epoch", "loss", "accuracy", "val_loss", "val_top1", "val_mean_class", "lr", "seconds", "clips_per_second",
)  # fmt: skip


def append(folder: Path, epoch: Epoch) -> None:
    """Add an epoch to both files, each whole or as it was; an epoch that is repeated after a kill replaces its line."""
    rows = [row for row in history(folder) if row["epoch"] < epoch.number] + [_row(epoch)]
    write_text(folder / LINES, "".join(json.dumps(row) + "\n" for row in rows))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: "" if value is None else value for name, value in row.items()} for row in rows)
    write_text(folder / METRICS, text.getvalue())


def history(folder: Path) -> list[dict[str, float]]:
    """The epochs of a run so far, by the names of COLUMNS; None where nothing was measured."""
    path = folder / LINES
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _row(epoch: Epoch) -> dict[str, float | None]:
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
    }
