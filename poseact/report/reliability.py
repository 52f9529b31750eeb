"""How often answers are right against how sure they are, as a picture. Counts nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from poseact.evaluate import Scores
from poseact.files import atomic_path
from poseact.train.metrics import Reliability, reliability

_DPI = 110
_BAR, _GAP, _GRID = "#4878a8", "#d1603d", "#e3e6ea"


def write_reliability(panels: Sequence[tuple[str, Reliability]], path: str | Path, title: str = "") -> None:
    """Write a PNG with one reliability diagram per panel, side by side, each above the counts of its bins.

    Args:
        panels: (name, what was measured), at least one; the bins are the same in all.
        path: whole or absent.
    Raises: OutputError.
    """
    figure = Figure(figsize=(3.9 * len(panels) + 0.4, 4.6), dpi=_DPI, layout="constrained")
    axes = figure.subplots(2, len(panels), height_ratios=(3, 1), sharex=True, sharey="row", squeeze=False)
    for column, (name, found) in enumerate(panels):
        _draw_accuracy(axes[0, column], name, found)
        _draw_counts(axes[1, column], found)
    axes[0, 0].set_ylabel("share that is right", fontsize=9)
    axes[1, 0].set_ylabel("clips", fontsize=9)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, fontsize=8, frameon=False, loc="outside lower center", ncols=2)
    figure.suptitle(title, fontsize=11, parse_math=False)  # a name may hold a dollar sign
    with atomic_path(Path(path)) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary))


def temperature_panels(scores: Scores) -> list[tuple[str, Reliability]]:
    """For `write_reliability`: without temperature and with that of the models; one panel where it changes nothing."""
    said = reliability(scores.probability, scores.label)
    if scores.untempered is None or np.allclose(scores.untempered, scores.probability):
        return [("as it is", said)]
    return [("without temperature", reliability(scores.untempered, scores.label)), ("with temperature", said)]


def _draw_accuracy(axes: Axes, name: str, found: Reliability) -> None:
    left, width, seen = _bins(found)
    axes.bar(left[seen], found.accuracy[seen], width, align="edge", color=_BAR, edgecolor="white", label="right")
    axes.bar(
        left[seen], (found.confidence - found.accuracy)[seen], width, found.accuracy[seen], align="edge",
        facecolor="none", edgecolor=_GAP, hatch="////", linewidth=0.8, label="gap to the probability",
    )  # fmt: skip
    axes.plot([0, 1], [0, 1], color="#686e76", linewidth=1, linestyle="--")
    axes.set_title(f"{name}: calibration error {found.error:.3f}", fontsize=9)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    _tidy(axes)


def _draw_counts(axes: Axes, found: Reliability) -> None:
    left, width, _ = _bins(found)
    axes.bar(left, found.count, width, align="edge", color="#b9c4cf", edgecolor="white")
    axes.set_xlabel("probability of the answer", fontsize=9)
    _tidy(axes)


def _bins(found: Reliability) -> tuple[np.ndarray, float, np.ndarray]:
    """Left edges, width, and which bins hold clips."""
    width = 1 / len(found.count)
    return np.arange(len(found.count)) * width, width, found.count > 0


def _tidy(axes: Axes) -> None:
    axes.tick_params(labelsize=8)
    axes.grid(color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
