"""A confusion matrix as a picture. Counts nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from poseact.errors import UsageError
from poseact.files import atomic_path
from poseact.types import Array

_DPI = 110


def write_confusion(confusion: Array, labels: Sequence[str], path: str | Path, title: str = "") -> None:
    """Write a PNG: rows are the true classes, columns the predicted ones, colours shares of the row, numbers counts.

    Args:
        confusion: (C, C) counts.
        labels: of the C classes.
        path: whole or absent.
        title: above the matrix; the share of correct answers is added below it.
    Raises: UsageError for another shape, OutputError.
    """
    counts = np.asarray(confusion)
    classes = len(labels)
    if counts.shape != (classes, classes):
        raise UsageError(f"a confusion matrix of {classes} classes must be ({classes}, {classes}), got {counts.shape}")
    with atomic_path(Path(path)) as temporary:
        FigureCanvasAgg(_figure(counts, list(labels), title)).print_png(str(temporary))


def _figure(counts: Array, labels: list[str], title: str) -> Figure:
    classes = len(labels)
    side = 3.2 + 0.36 * classes  # inches
    figure = Figure(figsize=(side + 1.0, side), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    total = counts.sum(1, keepdims=True)
    share = counts / np.maximum(total, 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    fontsize = 8 if classes > 12 else 10
    for row, column in np.argwhere(counts > 0):
        ink = "white" if share[row, column] > 0.55 else "#1c1f24"
        weight = "bold" if row == column else "normal"
        axes.text(
            column, row, f"{counts[row, column]:g}", ha="center", va="center", color=ink, fontsize=fontsize,
            fontweight=weight,
        )  # fmt: skip
    names = [label.replace("_", " ") for label in labels]
    recall = [f"{share[row, row]:.0%} of {total[row, 0]:g}" if total[row, 0] else "none" for row in range(classes)]
    axes.set_xticks(range(classes), names, rotation=55, ha="right", rotation_mode="anchor", fontsize=fontsize + 1)
    axes.set_yticks(range(classes), names, fontsize=fontsize + 1)
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
    correct, everything = np.trace(counts), counts.sum()
    accuracy = f"{correct:g} of {everything:g} correct ({correct / everything:.1%})" if everything else "no clips"
    axes.set_title("\n".join(part for part in (title, accuracy) if part), fontsize=fontsize + 4, pad=12)
    return figure
