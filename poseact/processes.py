"""How processes start, use memory, and tell each other that they failed. Knows nothing of what they do."""

from __future__ import annotations

import ctypes
import pickle
import signal
import sys
import threading
import traceback
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.context import BaseContext
from typing import Any

from poseact.errors import PoseactError

KEPT_BYTES = 1 << 30
"""Freed memory that a process keeps for itself, at most, before it gives back what lies at the end."""
_OUT_OF_MEMORY = (
    "can't allocate memory", "cannot allocate memory", "out of memory", "bad_alloc", "not enough memory",
    "insufficient memory",
)  # fmt: skip
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of glibc's mallopt


def keep_memory() -> None:
    """Have this process keep the memory of freed tensors for the next ones, where the C library is glibc.

    By default every large tensor is memory fresh from the system, whose first touch costs more than many a layer: on a
    CPU, networks of small layers such as MoveNet compute a third faster on memory that is kept.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, KEPT_BYTES)


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, of the machine or of an accelerator.

    Of CPUs and MPS torch says so in words only, and so does OpenCV.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, Exception) and any(word in str(error).lower() for word in _OUT_OF_MEMORY)


def worker_context(*modules: str) -> BaseContext:
    """How workers are started: forked from a process that has loaded these modules, where the system can."""
    context: Any = get_context("forkserver" if sys.platform == "linux" else "spawn")
    context.set_forkserver_preload(list(modules))
    return context


def prepare_workers(*modules: str) -> None:
    """Begin to load the modules of the workers, beside what this process is about to load itself."""
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return
    worker_context(*modules)
    resource_tracker.ensure_running()  # here, as it would undo what follows
    # Inherited: Ctrl-C is the affair of this process, which gets what came meanwhile as soon as it is unblocked.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def portable(error: Exception) -> Exception:
    """An exception that can be sent to another process, with a note of where it came from."""
    trace = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = PoseactError(f"{type(error).__name__}: {error}")
    error.add_note(f"in another process:\n{trace}")
    return error


def ending(exitcode: int | None) -> str:
    """How a process ended: `SIGSEGV`, or `exit code 3`."""
    if exitcode is not None and exitcode < 0:
        try:
            return signal.Signals(-exitcode).name
        except ValueError:
            return f"signal {-exitcode}"
    return f"exit code {exitcode}"
