"""What people read on stderr: one-line errors, warnings and notes. Results and progress bars are elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from poseact.report.plain import one_line


@dataclass(frozen=True)
class Messages:
    """The voice of the command line.

    Attributes:
        verbosity: below 0 errors only, 0 also warnings, above 0 also notes.
        debug: tracebacks are wanted.
    """

    verbosity: int = 0
    debug: bool = False

    def error(self, text: str) -> None:
        self._say("error", "bold red", text)

    def warning(self, text: str) -> None:
        if self.verbosity >= 0:
            self._say("warning", "bold yellow", text)

    def note(self, text: str) -> None:
        if self.verbosity > 0:
            self._say("note", "bold", text)

    def traceback(self, text: str) -> None:
        sys.stderr.write(text)

    def _say(self, kind: str, style: str, text: str) -> None:
        line = Text(f"{kind}: ", style).append(one_line(text), "not bold default" if kind != "error" else "")
        Console(stderr=True, highlight=False, soft_wrap=True).print(line)


class _Handler(logging.Handler):
    """Hands on what the library logs, such as the terms of a model that it fetches."""

    def __init__(self, messages: Messages) -> None:
        super().__init__(logging.WARNING)
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.warning(record.getMessage())


@contextmanager
def library_heard(messages: Messages) -> Iterator[None]:
    """Show what the library logs within the block as warnings."""
    handler = _Handler(messages)
    logger = logging.getLogger("poseact")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
