"""What goes to stdout: lines for programs, tables for people."""

from __future__ import annotations

import os
import sys

from rich.console import Console, RenderableType

PIPE_WIDTH = 160


class Tables(Console):
    """The console for tables."""

    def on_broken_pipe(self) -> None:
        """Leave it to the caller, where rich would exit on its own."""
        raise BrokenPipeError


def print_table(table: RenderableType) -> None:
    """A table as wide as the terminal; in a pipe, wide enough to keep words whole."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    Tables(highlight=False, width=PIPE_WIDTH if piped else None).print(table)
    sys.stdout.flush()


def write_line(line: str) -> None:
    """Write one line and flush; it is UTF-8, as JSON has to be, whatever the locale says."""
    if hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        sys.stdout.buffer.write(f"{line}\n".encode())
    else:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
