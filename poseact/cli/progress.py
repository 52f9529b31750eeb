"""Progress bars on stderr, only where a person looks at them. Prints no results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from poseact.report.plain import one_line

NAME_WIDTH = 32


class Bars:
    """A bar for the video in work and, where there are several sources, one for all of them.

    Args:
        total: sources.
        wanted: False keeps silent; so does a stderr that is no terminal.
        sizes: what is counted are bytes.
        left: show the time that is left as well.
    """

    def __init__(self, total: int, *, wanted: bool = True, sizes: bool = False, left: bool = False) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            *((DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) if sizes else (MofNCompleteColumn(),)),
            TimeElapsedColumn(),
            *((TextColumn("left"), TimeRemainingColumn()) if left else ()),
            console=console,
            transient=True,
            redirect_stdout=False,  # results must not end up on stderr
            disable=not (wanted and console.is_terminal),
        )
        several = total > 1 and not sizes  # a bar of files says little beside a bar of bytes
        self._all = self._progress.add_task("all sources", total=total) if several else None

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def caption(self, text: str) -> None:
        """What stands before the bar of all sources."""
        if self._all is not None:
            self._progress.update(self._all, description=text)

    def advance(self) -> None:
        """One more source is done."""
        if self._all is not None:
            self._progress.advance(self._all)

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[int, int | None], None]]:
        """A bar for one piece of work; it is moved by calling what is yielded with (done, total)."""
        task = self._progress.add_task(_short(name), total=None)
        try:
            yield lambda done, total: self._progress.update(task, completed=done, total=total)
        finally:
            self._progress.remove_task(task)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Clear the bars while something else is printed on the same terminal."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()


def _short(name: str) -> str:
    text = Text(one_line(name))
    if text.cell_len > NAME_WIDTH:
        text = Text("…") + text[-(NAME_WIDTH - 1) :]
    return text.plain
