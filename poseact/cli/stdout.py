"""Lines for programs on stdout. Tables are in `results`."""

from __future__ import annotations

import sys


def write_line(line: str) -> None:
    """Write one line and flush; it is UTF-8, as JSON has to be, whatever the locale says."""
    if hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        sys.stdout.buffer.write(f"{line}\n".encode())
    else:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
