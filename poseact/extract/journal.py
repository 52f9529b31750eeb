"""The finished clips of an unfinished extraction: one whole file each, in a folder beside the target."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from poseact.errors import OutputError, UsageError
from poseact.extract.clips import Clip
from poseact.files import write_text
from poseact.poses import read_pyskl, write_pyskl
from poseact.types import PoseSequence


@dataclass(frozen=True, slots=True)
class Journal:
    """Where finished clips wait for the others; a path, so that it travels to other processes."""

    folder: Path

    @classmethod
    def open(cls, out: Path, settings: Mapping[str, object]) -> Journal:
        """The journal beside a target, new or as an earlier call left it.

        Raises: OutputError; UsageError when it was begun with other settings.
        """
        folder = out.with_name(f"{out.name}.journal")
        note, text = folder / "settings.json", json.dumps(dict(settings), sort_keys=True, indent=1) + "\n"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write beside {out}: {error.strerror}; choose another --out") from error
        if note.exists() and note.read_text() != text:
            raise UsageError(
                f"{folder} was begun with other settings; delete it to start anew, or choose another --out"
            )
        write_text(note, text)
        return cls(folder)

    def path(self, clip: Clip) -> Path:
        """Of the file of one clip; it exists when the clip is finished."""
        return self.folder / f"{hashlib.sha256(clip.name.encode()).hexdigest()[:24]}.pkl"

    def holds(self, clip: Clip) -> bool:
        return self.path(clip).exists()

    def store(self, clip: Clip, poses: PoseSequence) -> None:
        """Finish a clip. Raises: OutputError."""
        write_pyskl(self.path(clip), [poses])

    def poses(self, clip: Clip) -> PoseSequence:
        """Of a finished clip."""
        return read_pyskl(self.path(clip)).annotations[0]

    def remove(self) -> None:
        shutil.rmtree(self.folder)
