"""One process at a time: a file that the operating system locks, and frees when its owner dies. Knows no models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from poseact.errors import OutputError

POLL = 0.1  # seconds between two looks at a lock that another process holds


@contextmanager
def locked(target: Path, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock of `target`, an empty hidden file beside it; wait as long as another process holds it.

    Args:
        waiting: called once with a sentence if there is something to wait for.
    Raises: OutputError when the folder cannot be made or the file system knows no locks.
    """
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if waiting is not None:
                waiting(f"another process is working on {target.name}; waiting for it")
            lock.acquire(poll_interval=POLL)
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise OutputError(f"cannot write into {target.parent}: {reason}; set POSEACT_HOME to another folder") from error
    try:
        yield
    finally:
        lock.release()
