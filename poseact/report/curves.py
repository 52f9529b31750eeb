"""The course of a training run as a picture. Reads no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from poseact.files import atomic_path

_DPI = 110
_TRAIN, _VALIDATION = "#4878a8", "#d1603d"


def write_curves(history: Sequence[Mapping[str, float | None]], path: str | Path, title: str = "") -> None:
    """Write a PNG of loss and accuracy over the epochs, of the training clips and, where it was looked at, validation.

    Args:
        history: one mapping per epoch with "epoch", "loss", "accuracy", "val_loss", "val_top1"; None: not looked at.
        path: whole or absent.
    Raises: OutputError.
    """
    figure = Figure(figsize=(9, 3.6), dpi=_DPI, layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    _draw(losses, history, "loss", "val_loss")
    _draw(accuracies, history, "accuracy", "val_top1")
    losses.set_title("loss", fontsize=10)
    accuracies.set_title("top-1", fontsize=10)
    accuracies.set_ylim(0, 1)
    accuracies.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    losses.legend(fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=11, parse_math=False)  # a name may hold a dollar sign
    with atomic_path(Path(path)) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary))


def _draw(axes: Axes, history: Sequence[Mapping[str, float | None]], train: str, validation: str) -> None:
    axes.plot(*_series(history, train), color=_TRAIN, label="training, augmented")
    epochs, values = _series(history, validation)
    if epochs:
        axes.plot(epochs, values, color=_VALIDATION, marker="o", markersize=3, label="validation")
    axes.set_xlabel("epoch", fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(labelsize=8)
    axes.grid(color="#e3e6ea", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _series(history: Sequence[Mapping[str, float | None]], name: str) -> tuple[list[float], list[float]]:
    """Epochs and values, without the epochs in which there is none."""
    points = [(row["epoch"], row[name]) for row in history]
    known = [(epoch, value) for epoch, value in points if epoch is not None and value is not None]
    return [epoch for epoch, _ in known], [value for _, value in known]
