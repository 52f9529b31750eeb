"""Whose a run's folder is: `config.json` says what the run was asked to do, and only the same run goes on in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from poseact.errors import OutputError, UsageError
from poseact.files import leftovers, remove_leftovers, write_text
from poseact.train.checkpoint import CHECKPOINT
from poseact.train.history import LINES, METRICS
from poseact.train.settings import TrainSettings

CONFIG = "config.json"
LOCK = ".lock"
WRITTEN = (
    CONFIG, CHECKPOINT, METRICS, LINES, "model.safetensors", "model.json", "model.md", "curves.png",
    "confusion.png", "reliability.png",
)  # fmt: skip
"""Files of a run, of which a process that was killed may have left one half written."""


@contextmanager
def claimed(out: Path, document: Mapping[str, Any]) -> Iterator[None]:
    """Note in a run's folder what the run is, and keep other processes out of it for as long as the block lasts.

    A run that fails before anything else is in the folder does not stand in the way of one with other settings.

    Args:
        document: JSON values; "settings" are those of `TrainSettings`, of which only what differs counts: a field that
            a later version added has its default in older runs.
    Raises: UsageError when the folder holds something else, or another process trains in it; OutputError.
    """
    _is_new(out, document)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / LOCK)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(f"another process trains in {out}; wait for it, or choose another --out") from error
    except (OSError, NotImplementedError) as error:
        raise OutputError(f"cannot write into {out}: {getattr(error, 'strerror', None) or error}") from error
    try:
        if _is_new(out, document):  # another process may have begun a run before the folder was locked
            write_text(out / CONFIG, json.dumps(document, indent=2) + "\n")
        try:
            for name in WRITTEN:
                remove_leftovers(out / name)
            yield
        except BaseException:
            if out.is_dir() and {one.name for one in out.iterdir()} <= {CONFIG, LOCK}:
                (out / CONFIG).unlink(missing_ok=True)
            raise
    finally:
        lock.release()


def _is_new(out: Path, document: Mapping[str, Any]) -> bool:
    """Whether nothing has begun in a folder yet. Raises: UsageError when it holds another run, or something else."""
    held = _read(out)
    if held is not None and not _same(held, document):
        raise UsageError(
            f"{out} holds a run with other settings or data{_difference(held, document)}; choose another --out, or "
            f"delete it to start anew"
        )
    return held is None


def _read(out: Path) -> dict[str, Any] | None:
    """What a folder holds; None when it is new or empty. Raises: UsageError for a folder of something else."""
    try:
        if not (out / CONFIG).exists():
            if out.exists() and set(out.iterdir()) - {out / LOCK, *leftovers(out / CONFIG)}:
                raise UsageError(f"{out} is not empty and holds no run; choose another --out")
            return None
        held = json.loads((out / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # also numbers of thousands of digits
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise UsageError(f"{out} holds no run that can be read ({reason}); choose another --out") from error
    if not isinstance(held, dict):
        raise UsageError(f"{out / CONFIG} is no configuration of a run; choose another --out")
    return held


def _same(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return _complete(held) == _complete(wanted)


def _complete(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with all fields of its settings."""
    if "settings" not in document:
        return dict(document)
    try:
        settings: object = TrainSettings.model_validate(document["settings"]).model_dump(mode="json")
    except ValidationError:
        settings = document["settings"]
    return {**json.loads(json.dumps(document)), "settings": settings}


def _difference(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The first thing that differs, in brackets, such as ` (lr is 0.1 there, 0.2 now)`."""
    there, now = (_flat(_complete(document)) for document in (held, wanted))
    for name in sorted(there.keys() | now.keys(), key=lambda name: (name == "data", name)):
        if there.get(name) != now.get(name):
            if name == "data":
                return " (the poses differ)"
            return f" ({name.removeprefix('settings.')} is {there.get(name)!r:.40} there, {now.get(name)!r:.40} now)"
    return ""


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in document.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
