"""A confusion matrix as a picture. Counts nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from poseact.errors import UsageError
from poseact.files import atomic_path
from poseact.types import Array

MOST_CLASSES = 60
SHOWN_CLASSES = 30
LONGEST_NAME = 40
_DPI = 110


def write_confusion(
    confusion: Array, labels: Sequence[str], path: str | Path, title: str = "", clips: Array | None = None
) -> None:
    """Write a PNG: rows are the true classes, columns the predicted ones, colours shares of the row, numbers counts.

    Beyond `MOST_CLASSES` classes, where names would be too small to read, all classes are shown without names, and
    beside them the `SHOWN_CLASSES` with the most mistakes as usual: the picture does not grow with the classes.

    Args:
        confusion: (C, C) counts.
        labels: of the C classes.
        path: whole or absent.
        title: above the matrix; the share of correct answers is added below it.
        clips: (C,) of each true class, also those without an answer; None: the sums of the rows.
    Raises: UsageError for another shape, OutputError.
    """
    counts = np.asarray(confusion)
    classes = len(labels)
    if counts.shape != (classes, classes):
        raise UsageError(f"a confusion matrix of {classes} classes must be ({classes}, {classes}), got {counts.shape}")
    figure = _figure(counts, counts.sum(1) if clips is None else clips, list(labels), title)
    with atomic_path(Path(path)) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary))


def _figure(counts: Array, clips: Array, labels: list[str], title: str) -> Figure:
    classes = len(labels)
    correct, everything = np.trace(counts), clips.sum()
    accuracy = f"{correct:g} of {everything:g} correct ({correct / everything:.1%})" if everything else "no clips"
    unseen = everything - counts.sum()
    without = f"{unseen:g} clips without a person are in no column" if unseen else ""
    heading = "\n".join(part for part in (title, accuracy, without) if part)
    if classes <= MOST_CLASSES:
        side = 3.2 + 0.36 * classes  # inches
        figure = Figure(figsize=(side + 1.0, side), dpi=_DPI, layout="constrained")
        _matrix(figure.add_subplot(), counts, labels, clips, heading)
        return figure
    side = 3.2 + 0.36 * SHOWN_CLASSES
    figure = Figure(figsize=(2 * side + 1.0, side), dpi=_DPI, layout="constrained")
    whole, worst = figure.subplots(1, 2)
    _overview(whole, counts, f"{heading}\nall {classes} classes")
    mistakes = counts.sum(1) + counts.sum(0) - 2 * np.diag(counts)  # as the true class, and as the predicted one
    shown = np.sort(np.argsort(-mistakes, kind="stable")[:SHOWN_CLASSES])
    chosen = [labels[one] for one in shown]
    _matrix(worst, counts[np.ix_(shown, shown)], chosen, clips[shown], f"the {len(shown)} most mixed up")
    return figure


def _name(label: str) -> str:
    words = label.replace("_", " ")
    return words if len(words) <= LONGEST_NAME else f"{words[: LONGEST_NAME - 1]}…"


def _overview(axes: Axes, counts: Array, heading: str) -> None:
    """All classes by number, colours only; rare mistakes stay visible."""
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1, interpolation="antialiased")
    axes.set_xlabel("predicted, class number", fontsize=11)
    axes.set_ylabel("true, class number", fontsize=11)
    axes.spines[:].set_color("#c9ced4")
    axes.set_title(heading, fontsize=12, pad=12, parse_math=False)


def _matrix(axes: Axes, counts: Array, labels: list[str], clips: Array, heading: str) -> None:
    """Named classes with counts; `clips` (C,) are all clips of each true class, the rows' sums or more."""
    classes = len(labels)
    share = counts / np.maximum(clips[:, None], 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    fontsize = 8 if classes > 12 else 10
    for row, column in np.argwhere(counts > 0):
        ink = "white" if share[row, column] > 0.55 else "#1c1f24"
        weight = "bold" if row == column else "normal"
        axes.text(
            column, row, f"{counts[row, column]:g}", ha="center", va="center", color=ink, fontsize=fontsize,
            fontweight=weight,
        )  # fmt: skip
    names = [_name(label) for label in labels]
    recall = [f"{share[row, row]:.0%} of {clips[row]:g}" if clips[row] else "none" for row in range(classes)]
    style: dict[str, Any] = {"fontsize": fontsize + 1, "parse_math": False}  # a label may hold a dollar sign
    axes.set_xticks(range(classes), names, rotation=55, ha="right", rotation_mode="anchor", **style)
    axes.set_yticks(range(classes), names, **style)
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(classes), recall, fontsize=fontsize, color="#686e76")
    right.tick_params(length=0)
    right.spines[:].set_visible(False)
    axes.set_xlabel("predicted", fontsize=fontsize + 3)
    axes.set_ylabel("true", fontsize=fontsize + 3)
    axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e3e6ea", linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_color("#c9ced4")
    axes.set_title(heading, fontsize=fontsize + 4, pad=12, parse_math=False)
