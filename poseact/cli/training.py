"""Around a training run: poses from whatever the user named, the table that grows, the pictures at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from poseact.cli.messages import Messages
from poseact.cli.progress import Bars
from poseact.errors import InputError, UsageError
from poseact.extract.clips import find_clips
from poseact.extract.folder import extract_folder
from poseact.poses import PoseDataset, holds_poses, read_poses
from poseact.recognize import Settings
from poseact.recognize.open import open_extractor
from poseact.report.confusion import write_confusion
from poseact.report.curves import write_curves
from poseact.train import Epoch, Processes, Run, TrainSettings
from poseact.train.history import history

SHOWN_EPOCHS = 12
EXTRACTED = {"frames": "every"}


def poses_of(path: Path, out: Path, device: str, messages: Messages, processes: Processes) -> PoseDataset:
    """Stored poses, or those of a folder of class folders, which are extracted once, into a file beside the run.

    Raises: InputError and its kinds, OutputError.
    """
    if not path.is_dir() or holds_poses(path):
        return read_poses(path)
    cache = out.with_name(f"{out.name}.poses.pkl")
    if not cache.exists():
        if processes.count > 1:
            raise UsageError(f"{path} holds videos; run `poseact extract-poses {path} --out {cache}` before torchrun")
        _extract(path, cache, device, messages)
    messages.note(f"poses of {path} are in {cache}; delete it to extract them again")
    return read_poses(cache)


def _extract(folder: Path, cache: Path, device: str, messages: Messages) -> None:
    clips, classes = find_clips(folder)
    if len(classes) < 2:
        raise InputError(f"{folder} has no class folders; put the videos of each action into a folder of its name")
    settings = Settings(device=device)
    outcomes = extract_folder(
        clips, cache, partial(open_extractor, settings, device), settings=EXTRACTED, classes=classes
    )
    with Bars(len(clips)) as bars:
        for outcome in outcomes:
            if outcome.error is not None:
                messages.warning(f"left out: {outcome.error}")
            bars.advance()
    if not cache.exists():
        raise InputError(f"no video of {folder} could be read")


def labelled(dataset: PoseDataset, names: str | None, messages: Messages) -> PoseDataset:
    """The data set with class names: its own, those of a file, or else the numbers. Raises: UsageError."""
    if names is not None:
        return replace(dataset, classes=label_names(names))
    if dataset.classes:
        return dataset
    count = 1 + max((sequence.label for sequence in dataset.annotations), default=-1)
    messages.warning("the poses number their classes without naming them; give the names with --labels FILE")
    return replace(dataset, classes=tuple(str(number) for number in range(count)))


def label_names(source: str) -> tuple[str, ...]:
    """Class names of a file, one per line. Raises: UsageError when they cannot be read, or are not all different."""
    try:
        names = tuple(line.strip() for line in Path(source).read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--labels {source} cannot be read as a list of names, one per line: {error}") from error
    if len(set(names)) < max(len(names), 2):
        raise UsageError(f"--labels {source} holds {len(names)} names, {len(set(names))} of them different")
    return names


class Reporter:
    """A table on stderr that grows with the epochs, live on a terminal, else line by line; and TensorBoard's file."""

    def __init__(self, settings: TrainSettings, out: Path, *, tensorboard: bool, wanted: bool) -> None:
        self._settings = settings
        self._out = out
        self._wanted = wanted
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._live = Live(console=self._console, transient=False, auto_refresh=False)
        self._rows: list[Epoch] = []
        self._board = _board(out) if tensorboard and wanted else None

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

    def add(self, epoch: Epoch) -> None:
        """Show one more epoch."""
        self._rows.append(epoch)
        if self._board is not None:
            for name, value in _figures(epoch).items():
                self._board.add_scalar(name, value, epoch.number)
        if self._live.is_started:
            self._live.update(self._table(), refresh=True)
        elif self._wanted:
            looked = f"   validation top-1 {epoch.validation.top1:.1%}" if epoch.validation else ""
            self._console.print(
                f"epoch {epoch.number}/{self._settings.epochs}   loss {epoch.loss:.3f}   top-1 {epoch.accuracy:.1%}"
                f"{looked}   {epoch.clips_per_second:.1f} clips/s   {_minutes(epoch.seconds_left)} left"
            )

    def _table(self) -> Table:
        table = Table(title=f"{self._out}", title_justify="left", expand=False)
        for column in ("epoch", "loss", "top-1", "val loss", "val top-1", "lr", "clips/s", "left"):
            table.add_column(column, justify="right")
        for epoch in self._rows[-SHOWN_EPOCHS:]:
            looked = epoch.validation
            table.add_row(
                f"{epoch.number}/{self._settings.epochs}", f"{epoch.loss:.3f}", f"{epoch.accuracy:.1%}",
                f"{looked.loss:.3f}" if looked else "", f"{looked.top1:.1%}" if looked else "", f"{epoch.lr:.2g}",
                f"{epoch.clips_per_second:.1f}", _minutes(epoch.seconds_left),
            )  # fmt: skip
        return table


def report_run(run: Run, out: Path) -> None:
    """Pictures of a finished run, and what it reached, on stdout."""
    if curve := history(out):
        write_curves(curve, out / "curves.png", run.card.name)
    if run.validation is not None:
        write_confusion(
            run.validation.confusion, run.card.labels, out / "confusion.png", f"{run.card.name}, validation"
        )
        typer.echo(
            f"validation: top-1 {run.validation.top1:.1%}, top-5 {run.validation.top5:.1%}, "
            f"mean class {run.validation.mean_class:.1%}; confusion matrix in {out / 'confusion.png'}"
        )
    typer.echo(f"model: {run.weights}; use it with `poseact recognize VIDEO --model {out}`")


def _figures(epoch: Epoch) -> dict[str, float]:
    figures = {"loss/train": epoch.loss, "top1/train": epoch.accuracy, "lr": epoch.lr}
    if epoch.validation is not None:
        figures |= {"loss/validation": epoch.validation.loss, "top1/validation": epoch.validation.top1}
    return figures


def _board(out: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(
            "--tensorboard needs the tensorboard package; run `pip install 'poseact[tensorboard]'`"
        ) from error
    make: Callable[[str], Any] = SummaryWriter
    return make(str(out / "tensorboard"))


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
