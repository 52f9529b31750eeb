"""Exceptions as one line and as an exit code. Prints nothing."""

from __future__ import annotations

from poseact.errors import LimitExceeded, OutputError, PoseactError
from poseact.processes import out_of_memory

INTERNAL = 1
USAGE = 2
SOME_FAILED = 3
ALL_FAILED = 4
INTERRUPTED = 130  # 128 + SIGINT
BROKEN_PIPE = 141  # 128 + SIGPIPE
TERMINATED = 143  # 128 + SIGTERM


class Interrupted(BaseException):
    """Ctrl-C, in a command that has said nothing of it."""


def as_poseact_error(error: BaseException) -> BaseException:
    """Exhausted memory, of the machine or the accelerator, as the LimitExceeded that it means."""
    if not isinstance(error, PoseactError) and out_of_memory(error):
        return LimitExceeded("out of memory; use smaller or shorter videos, or --device cpu")
    return error


def describe(error: BaseException) -> str:
    """One line for any exception."""
    if isinstance(error, PoseactError):
        return str(error)
    return f"internal error: {type(error).__name__}: {error}; run again with --debug"


def exit_code(answered: int, errors: list[BaseException]) -> int:
    """What a call with so many answers and these errors exits with.

    Inputs without an answer, or an output that could not be written, give 3. When nothing was answered: 6 if every
    input hit a limit, else 4.
    """
    if not errors:
        return 0
    if not all(isinstance(error, PoseactError) for error in errors):
        return INTERNAL
    if answered or any(isinstance(error, OutputError) for error in errors):
        return SOME_FAILED
    return LimitExceeded.exit_code if all(isinstance(error, LimitExceeded) for error in errors) else ALL_FAILED
