"""What became of a clip. Small, so that it travels between processes and machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

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


def failed_of(document: Mapping[str, Any]) -> Failed:
    """A failure as JSON tells it, beside whatever else. Raises: KeyError, TypeError for what is none."""
    texts = {one.name: document[one.name] for one in fields(Failed)}
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("a failure is told in texts")
    return Failed(**texts)


Result = Done | Failed
