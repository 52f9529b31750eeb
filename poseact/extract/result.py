"""What became of a clip. Small, so that it travels between processes and machines."""

from __future__ import annotations

from dataclasses import dataclass

TIMEOUT = "Timeout"
CRASHED = "Crashed"
TOO_MUCH_MEMORY = "TooMuchMemory"
INTERNAL_ERROR = "InternalError"


@dataclass(frozen=True, slots=True)
class Done:
    """A clip whose poses are in the journal.

    Attributes:
        frames: looked at. persons: followed. seconds: that it took.
    """

    frames: int
    persons: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A clip that has no poses.

    Attributes:
        code: the kind of error: a class of `poseact.errors` such as InvalidVideo or LimitExceeded, or one of Timeout,
            Crashed, TooMuchMemory and InternalError.
        message: one line for people.
        trace: where an InternalError came from, many lines.
    """

    code: str
    message: str
    trace: str = ""


Result = Done | Failed
