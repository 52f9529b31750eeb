"""What an evaluation found, as rich tables and as JSON, schema "poseact/evaluation/1". Prints nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from poseact import __version__
from poseact.evaluate import ClassOutcome, Evaluation, Outcome
from poseact.report.open_set import open_set_json, open_set_parts
from poseact.report.plain import json_line, one_line

SCHEMA = "poseact/evaluation/1"
_DIGITS = 6


def evaluation_tables(found: Evaluation, title: str, rows: int) -> RenderableType:
    """The figures, those of each part where there are several, and the classes, worst first.

    Args:
        title: what was evaluated on what. rows: classes shown at most.
    """
    parts: list[RenderableType] = [Text(one_line(title), "bold"), _figures(found)]
    parts += open_set_parts(found)
    classes = found.outcome.classes
    parts.append(_class_table(classes[:rows], len(classes)))
    if len(classes) > rows:
        parts.append(Text(f"more classes, recognised better: {len(classes) - rows}; --classes all shows them"))
    return Group(*parts)


def _figures(found: Evaluation) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("model", overflow="fold")
    for name in ("share", "top-1", "95 % interval", "top-5", "mean class", "calibration error"):
        table.add_column(name, justify="right", no_wrap=True)
    for part in found.parts:
        table.add_row(Text(one_line(part.source)), f"{part.share:.0%}", *_row(part.outcome))
    if len(found.parts) > 1:
        table.add_row(Text("together", "bold"), "", *(Text(one, "bold") for one in _row(found.outcome)))
    return table


def _row(outcome: Outcome) -> tuple[str, ...]:
    low, high = outcome.interval
    return (
        f"{outcome.top1:.1%}", f"{low:.1%} to {high:.1%}", f"{outcome.top5:.1%}", f"{outcome.mean_class:.1%}",
        f"{outcome.calibration_error:.3f}",
    )  # fmt: skip


def _class_table(classes: Sequence[ClassOutcome], total: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=f"classes: {total}, worst first", title_justify="left")
    table.add_column("class", overflow="fold")
    table.add_column("right", justify="right", no_wrap=True)
    table.add_column("clips", justify="right", no_wrap=True)
    table.add_column("accuracy", justify="right", no_wrap=True)
    table.add_column("most often taken for", overflow="fold")
    for one in classes:
        mistake = f"{one_line(one.taken_for[0])} ({one.taken_for[1]})" if one.taken_for else ""
        table.add_row(Text(one_line(one.label)), str(one.right), str(one.clips), f"{one.accuracy:.1%}", Text(mistake))
    return table


def evaluation_json(found: Evaluation, poses: str | None, splits: Sequence[str]) -> str:
    """One JSON document, one line. `mistakes` are the confusion matrix without its diagonal and its zeros."""
    confusion = found.outcome.confusion
    wrong = [(int(confusion[row, column]), int(row), int(column)) for row, column in np.argwhere(confusion > 0)]
    document = {
        "schema": SCHEMA,
        "poses": poses or None,
        "splits": list(splits),
        **_outcome(found.outcome),
        "models": [
            {
                "name": part.source, "sha256": part.sha256 or None, "weight": round(part.share, _DIGITS),
                "views": part.views or None, **_outcome(part.outcome),
            }
            for part in found.parts
        ],
        "classes": [
            {
                "label": one.label, "clips": one.clips, "right": one.right, "accuracy": round(one.accuracy, _DIGITS),
                "taken_for": one.taken_for[0] if one.taken_for else None,
            }
            for one in found.outcome.classes
        ],
        "mistakes": [
            {"label": found.labels[row], "predicted": found.labels[column], "clips": count}
            for count, row, column in sorted(wrong, key=lambda one: (-one[0], one[1:]))
            if row != column
        ],
        **open_set_json(found),
        "nobody_in": found.nobody,
        "poseact": __version__,
    }  # fmt: skip
    return json_line(document)


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "clips": outcome.clips, "nobody": outcome.nobody,
        "top1": round(outcome.top1, _DIGITS), "top1_interval": [round(end, _DIGITS) for end in outcome.interval],
        "top5": round(outcome.top5, _DIGITS), "mean_class": round(outcome.mean_class, _DIGITS),
        "calibration_error": round(outcome.calibration_error, _DIGITS),
    }  # fmt: skip
