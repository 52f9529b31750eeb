"""The clips of an unfinished extraction, finished or failed: one whole file each, in a folder beside the target."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from math import inf
from pathlib import Path
from typing import Any, overload

from filelock import FileLock, Timeout

from poseact.errors import InvalidPoses, OutputError, UsageError
from poseact.extract.clips import Clip
from poseact.extract.quality import Quality, from_document, to_document
from poseact.extract.result import Failed, failed_of
from poseact.files import write_text
from poseact.poses import read_pyskl, write_pyskl
from poseact.types import PoseSequence

SETTINGS = "settings.json"
UNSEEN = ""
LOCK = ".lock"
POSES = ".pkl"
FAILURE = ".failed.json"
QUALITY = ".quality.json"
HALF_WRITTEN = re.compile(r"\.([0-9a-f]{24}|settings).*-.*")
HELD = re.compile(r"[0-9a-f]{24}(\.pkl|\.failed\.json)")
OWN = re.compile(rf"{HELD.pattern}|[0-9a-f]{{24}}\.quality\.json|{HALF_WRITTEN.pattern}")


@dataclass(frozen=True, slots=True)
class Journal:
    """Where finished clips wait for the others; a path, so that it travels to other processes."""

    folder: Path

    @classmethod
    def of(cls, out: Path) -> Journal:
        """The journal that a target has while it is not finished, whether or not it is there."""
        return cls(out.with_name(f"{out.name}.journal"))

    @classmethod
    @contextmanager
    def beside(cls, out: Path) -> Iterator[Journal]:
        """The journal of a target, new or as an earlier call left it; this process alone has it within the block.

        Raises: UsageError when another process has it; OutputError.
        """
        folder = cls.of(out).folder
        lock = FileLock(folder / LOCK)
        try:
            _lock(lock, folder)
        except Timeout as error:
            raise UsageError(
                f"another process is extracting into {out}; wait for it, or choose another --out (one for each --shard)"
            ) from error
        except (OSError, NotImplementedError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OutputError(f"cannot write beside {out}: {reason}; choose another --out") from error
        try:
            yield cls(folder)
        finally:
            if not (folder / SETTINGS).exists():
                with contextlib.suppress(OSError):
                    (folder / LOCK).unlink()
                    folder.rmdir()
            lock.release(force=True)

    @property
    def settings(self) -> dict[str, object] | None:
        """Of the run that was begun in it; None when there is none, nothing when they cannot be read."""
        try:
            settings = json.loads((self.folder / SETTINGS).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError):
            return {}
        return settings if isinstance(settings, dict) else {}

    @property
    def empty(self) -> bool:
        """Whether no clip is finished in it, and none has failed."""
        return not any(HELD.fullmatch(path.name) for path in self.folder.iterdir())

    def begin(self, settings: Mapping[str, object]) -> None:
        """From now on it holds a run with these settings. Raises: OutputError."""
        write_text(self.folder / SETTINGS, json.dumps(dict(settings), sort_keys=True, indent=1) + "\n")

    def clear(self) -> None:
        """Forget the run. The settings go first: without them, what is left after a sudden end counts as nothing."""
        (self.folder / SETTINGS).unlink(missing_ok=True)
        self._remove(OWN)

    def sweep(self) -> None:
        """Remove what processes that were killed left half written."""
        self._remove(HALF_WRITTEN)

    def names(self) -> set[str]:
        """Of the finished clips, as far as their files can be read."""
        documents = (_read(path) for path in self.folder.iterdir() if path.name.endswith(QUALITY))
        finished = {str(document["name"]) for document in documents if "name" in document}
        return {name for name in finished if self._path(name, POSES).exists()}

    def holds(self, clip: Clip) -> bool:
        """Whether the clip is finished, and has not become another one since; one that cannot be seen has not."""
        return self._path(clip.name, POSES).exists() and stamp(clip) in (self.stamp(clip), UNSEEN)

    def stamp(self, clip: Clip) -> str:
        """Of a finished clip as it was when it was looked at."""
        return str(_read(self._path(clip.name, QUALITY)).get("stamp"))

    def failure(self, clip: Clip) -> Failed | None:
        """Why the clip failed, if it did; what has become another clip has not failed yet."""
        held = _read(self._path(clip.name, FAILURE))
        try:
            return failed_of(held["why"]) if held["stamp"] == stamp(clip) else None
        except (TypeError, KeyError):  # a failure that cannot be read is found again
            return None

    def failure_stamp(self, clip: Clip) -> str:
        """Of a clip that failed, as it was before it was looked at."""
        return str(_read(self._path(clip.name, FAILURE)).get("stamp"))

    def store(self, clip: Clip, poses: PoseSequence, quality: Quality, looked_at: str) -> None:
        """Finish a clip.

        Args:
            looked_at: its `stamp` before it was looked at.
        Raises: OutputError.
        """
        if (before := self._path(clip.name, POSES)).exists():  # of another clip of this name
            before.unlink()
        content = {**to_document(quality), "stamp": looked_at, "name": clip.name}
        write_text(self._path(clip.name, QUALITY), json.dumps(content) + "\n")
        write_pyskl(self._path(clip.name, POSES), [poses])

    def fail(self, clip: Clip, failed: Failed, looked_at: str) -> None:
        """Note why a clip has no poses. Args: as `store`. Raises: OutputError."""
        content = {"stamp": looked_at, "why": asdict(failed)}
        write_text(self._path(clip.name, FAILURE), json.dumps(content) + "\n")

    def quality(self, clip: Clip) -> Quality | None:
        """Of a finished clip; None when it cannot be read any more."""
        return from_document(_read(self._path(clip.name, QUALITY)))

    def poses(self, clip: Clip) -> PoseSequence:
        """Of a finished clip, as it was stored. Raises: OutputError when its file was damaged since."""
        path = self._path(clip.name, POSES)
        try:
            return read_pyskl(path).annotations[0]
        except (InvalidPoses, IndexError) as error:
            path.unlink(missing_ok=True)
            raise OutputError(
                f"the finished poses of {clip.name} in {path} were damaged and are removed; run the same command again"
            ) from error

    def finished(self, clips: Sequence[Clip]) -> Finished:
        """The poses of finished clips."""
        return Finished(self, clips)

    def _remove(self, names: re.Pattern[str]) -> None:
        for path in self.folder.iterdir():
            if names.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    path.unlink()

    def _path(self, name: str, suffix: str) -> Path:
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:24]
        return self.folder / f"{digest}{suffix}"


def _read(path: Path) -> dict[str, Any]:
    """What a file of the journal says; nothing where it is not there or cannot be read."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


@dataclass(frozen=True, slots=True)
class Finished(Sequence[PoseSequence]):
    """The poses of finished clips under the names and labels of today, each read when it is asked for."""

    journal: Journal
    clips: Sequence[Clip]

    def __len__(self) -> int:
        return len(self.clips)

    @overload
    def __getitem__(self, row: int) -> PoseSequence: ...

    @overload
    def __getitem__(self, row: slice) -> Finished: ...

    def __getitem__(self, row: int | slice) -> PoseSequence | Finished:
        if isinstance(row, slice):
            return Finished(self.journal, self.clips[row])
        clip = self.clips[row]
        return replace(self.journal.poses(clip), name=clip.name, label=clip.label)


def stamp(clip: Clip) -> str:
    """What tells that a clip has become another one: bytes of its file, or of the files in its folder, and its stretch.

    `UNSEEN` when it cannot be seen. The time of a file says nothing: copies have another one.
    """
    try:
        whole = str(clip.path.stat().st_size)
        if clip.path.is_dir():
            sizes = [one.stat().st_size for one in os.scandir(clip.path) if one.is_file()]
            whole = f"{sum(sizes)} in {len(sizes)}"
    except (OSError, ValueError):
        return UNSEEN
    return whole if (clip.start, clip.end) == (0.0, inf) else f"{whole}@{clip.start!r}-{clip.end!r}"


def _lock(lock: FileLock, folder: Path) -> None:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        if (folder / LOCK).exists():
            return
        lock.release(force=True)  # its last owner removed the folder together with the lock just before freeing it
