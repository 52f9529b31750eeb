"""During and after a training run: the table that grows, the pictures and figures at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from poseact.errors import UsageError
from poseact.report.confusion import write_confusion
from poseact.report.curves import write_curves
from poseact.report.model_card import write_model_card
from poseact.report.reliability import write_reliability
from poseact.train import Epoch, Run, Step, TrainSettings
from poseact.train.calibration import ENOUGH, Calibration
from poseact.train.history import history

SHOWN_EPOCHS = 12
QUIET_SECONDS = 60.0  # between lines about an unfinished epoch where there is no live table
STREAMS = ("pictures", "poses")


class Reporter:
    """A table on stderr that grows with the epochs, live on a terminal, else line by line; and TensorBoard's file."""

    def __init__(self, settings: TrainSettings, out: Path, *, tensorboard: bool, wanted: bool) -> None:
        self._settings = settings
        self._out = out
        self._wanted = wanted
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._live = Live(console=self._console, transient=False, auto_refresh=False)
        self._rows: list[Epoch] = []
        self._said = time.monotonic()
        self._open_board = _board_maker() if tensorboard else None
        self._board: Any = None

    def __enter__(self) -> Reporter:
        if self._wanted and self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live.is_started:
            self._live.stop()
        if self._board is not None:
            self._board.close()

    def step(self, step: Step) -> None:
        """Show how far the current epoch is: below the others in the live table, else by a line now and then."""
        if self._live.is_started:
            self._live.update(self._table(step), refresh=True)
        elif self._wanted and time.monotonic() - self._said >= QUIET_SECONDS:
            self._line(
                f"epoch {step.epoch}/{self._settings.epochs}, {step.done / step.total:.0%}   loss {step.loss:.3f}   "
                f"top-1 {step.accuracy:.1%}   {step.clips_per_second:.1f} clips/s   {_minutes(step.seconds_left)} left"
            )

    def _line(self, text: str) -> None:
        self._said = time.monotonic()
        self._console.print(text)

    def add(self, epoch: Epoch) -> None:
        """Show one more epoch."""
        self._rows.append(epoch)
        if self._open_board is not None:
            self._board = self._board or self._open_board(str(self._out / "tensorboard"))  # the folder is the run's now
            for name, value in _figures(epoch).items():
                self._board.add_scalar(name, value, epoch.number)
        if self._live.is_started:
            self._live.update(self._table(), refresh=True)
        elif self._wanted:
            trained, looked = _top1(epoch.accuracy, epoch.stream_accuracy), _looked(epoch)
            looked = f"   validation top-1 {looked}" if looked else ""
            self._line(
                f"epoch {epoch.number}/{self._settings.epochs}   loss {epoch.loss:.3f}   top-1 {trained}"
                f"{looked}   {epoch.clips_per_second:.1f} clips/s   {_minutes(epoch.seconds_left)} left"
            )

    def _table(self, step: Step | None = None) -> Table:
        table = Table(title=f"{self._out}", title_justify="left", expand=False)
        of_two = f" ({', '.join(STREAMS)})" if len(self._settings.streams) > 1 else ""
        for column in (
            "epoch", "loss", f"top-1{of_two}", "val loss", f"val top-1{of_two}", "lr", "clips/s", "left",
        ):  # fmt: skip
            table.add_column(column, justify="right")
        for epoch in self._rows[-SHOWN_EPOCHS:]:
            looked = epoch.validation
            table.add_row(
                f"{epoch.number}/{self._settings.epochs}", f"{epoch.loss:.3f}",
                _short(epoch.accuracy, epoch.stream_accuracy), f"{looked.loss:.3f}" if looked else "",
                _short(looked.top1, [one.top1 for one in epoch.stream_validation]) if looked else "",
                f"{epoch.lr:.2g}", f"{epoch.clips_per_second:.1f}", _minutes(epoch.seconds_left),
            )  # fmt: skip
        if step is not None:
            table.add_row(
                f"{step.epoch}/{self._settings.epochs} {step.done / step.total:4.0%}", f"{step.loss:.3f}",
                f"{step.accuracy:.1%}", "", "", "", f"{step.clips_per_second:.1f}", _minutes(step.seconds_left),
                style="dim",
            )  # fmt: skip
        return table


def _top1(together: float, of_streams: Sequence[float]) -> str:
    """Such as 81.2%, or 81.2% (pictures 70.0%, poses 75.1%)."""
    named = ", ".join(f"{name} {value:.1%}" for name, value in zip(STREAMS, of_streams, strict=False))
    return f"{together:.1%} ({named})" if named else f"{together:.1%}"


def _short(together: float, of_streams: Sequence[float]) -> str:
    """Such as 81.2%, or 81.2% (70.0, 75.1)."""
    alone = ", ".join(f"{value:.1%}".removesuffix("%") for value in of_streams)
    return f"{together:.1%} ({alone})" if alone else f"{together:.1%}"


def _looked(epoch: Epoch) -> str:
    looked = epoch.validation
    return _top1(looked.top1, [one.top1 for one in epoch.stream_validation]) if looked else ""


def report_run(run: Run, out: Path) -> None:
    """Pictures of a finished run, and what it reached, on stdout."""
    if curve := history(out):
        write_curves(curve, out / "curves.png", run.card.name)
    kind = "cross-validation" if run.card.training.get("cross_validated") else "validation"
    title = f"{run.card.name}, {kind}"
    if run.validation is not None:
        write_confusion(run.validation.confusion, run.card.labels, out / "confusion.png", title)
        typer.echo(
            f"{kind}: top-1 {_top1(run.validation.top1, [one.top1 for one in run.streams])}, "
            f"top-5 {run.validation.top5:.1%}, mean class {run.validation.mean_class:.1%}; confusion matrix in "
            f"{out / 'confusion.png'}"
        )
    if run.calibration is not None:
        found, path = run.calibration, out / "reliability.png"
        write_reliability([("before", found.before), ("after", found.after)], path, title)
        typer.echo(
            f"calibration: error {found.before.error:.3f} before, {found.after.error:.3f} after temperature "
            f"{found.temperature:.2f}; reliability diagram in {path}"
        )
        typer.echo(_thresholds(found))
    card = write_model_card(run.card, run.weights)
    typer.echo(f"model: {run.weights}, described in {card}; use it with `poseact recognize VIDEO --model {out}`")


def _thresholds(found: Calibration) -> str:
    """What is called unknown, in one line."""
    below = [f"below {found.unknown_below:.1%}"] if found.unknown_below else []
    above = [] if found.unknown_above is None else [f"above strangeness {found.unknown_above:.2f}"]
    if not below and not above:
        return f"unknown: nothing; thresholds need {ENOUGH} validation clips, and as many that are named right"
    return f"unknown: {' or '.join(below + above)}; {found.kept:.1%} of the validation clips are named"


def _figures(epoch: Epoch) -> dict[str, float]:
    figures = {"loss/train": epoch.loss, "top1/train": epoch.accuracy, "lr": epoch.lr}
    figures |= {f"top1/train {name}": value for name, value in zip(STREAMS, epoch.stream_accuracy, strict=False)}
    if epoch.validation is not None:
        streams = zip(STREAMS, epoch.stream_validation, strict=False)
        figures |= {f"top1/validation {name}": one.top1 for name, one in streams}
        figures |= {"loss/validation": epoch.validation.loss, "top1/validation": epoch.validation.top1}
    return figures


def _board_maker() -> Callable[[str], Any]:
    """Raises: UsageError where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(
            "--tensorboard needs the tensorboard package; run `pip install 'poseact[tensorboard]'`"
        ) from error
    make: Callable[[str], Any] = SummaryWriter
    return make


def _minutes(seconds: float) -> str:
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
