"""What stays beside the target of a finished run: how it was made, of which videos, and which failed and why."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from poseact.extract.clips import Clip
from poseact.extract.quality import Quality, from_document, to_document, verdict
from poseact.extract.result import Failed, failed_of
from poseact.files import write_text
from poseact.texts import escape_surrogates

SCHEMA = "poseact/extraction-run/1"


@dataclass(frozen=True, slots=True)
class Record:
    """A finished run.

    Attributes:
        settings: what the poses depend on.
        size: bytes of the target, to know it again.
        done: name -> `stamp` when it was looked at, of the clips whose poses are in the target.
        failed: the same of those that failed, and why.
        quality: of the poses of each clip.
        sorting: digest of the classes, labels and splits in the target.
    """

    settings: dict[str, object]
    size: int
    done: dict[str, str]
    failed: dict[str, tuple[str, Failed]]
    sorting: str = ""
    quality: dict[str, Quality] = field(default_factory=dict)

    @classmethod
    def beside(cls, out: Path) -> Record | None:
        """The record of a target; None when there is none, or another file has taken the target's place."""
        try:
            held = json.loads(record_path(out).read_text(encoding="utf-8"))
            failed = {name: (str(one["stamp"]), failed_of(one)) for name, one in held["failed"].items()}
            told = {name: from_document(one) for name, one in dict(held.get("quality", {})).items()}
            quality = {name: one for name, one in told.items() if one is not None}
            sorting = str(held.get("sorting", ""))
            done = {name: str(stamp) for name, stamp in dict(held["done"]).items()}
            record = cls(dict(held["settings"]), int(held["size"]), done, failed, sorting, quality)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return None
        return record if size_of(out) == record.size else None

    def write(self, out: Path) -> None:
        """Put it beside the target. Raises: OutputError."""
        failed = {name: {"stamp": stamp, **asdict(why)} for name, (stamp, why) in self.failed.items()}
        content: dict[str, Any] = {
            "schema": SCHEMA, "settings": self.settings, "size": self.size, "done": self.done, "failed": failed,
            "sorting": self.sorting, "quality": {name: to_document(one) for name, one in self.quality.items()},
        }  # fmt: skip
        write_text(record_path(out), json.dumps(content, indent=1) + "\n")


def record_path(out: Path) -> Path:
    return out.with_name(f"{out.name}.run.json")


def errors_path(out: Path) -> Path:
    return out.with_name(f"{out.name}.errors.jsonl")


def write_errors(out: Path, failures: Mapping[Clip, Failed]) -> None:
    """One line of JSON for each failed clip: path, name, code and message; no file without failures.

    Raises: OutputError.
    """
    if not failures:
        with suppress(OSError):
            errors_path(out).unlink(missing_ok=True)
        return
    lines = []
    for clip, why in failures.items():
        line = {"path": str(clip.path), "name": clip.name, "code": why.code, "message": why.message}
        lines.append(json.dumps(line | ({"trace": why.trace} if why.trace else {})))
    write_text(errors_path(out), "\n".join(lines) + "\n")


def quality_path(out: Path) -> Path:
    return out.with_name(f"{out.name}.quality.csv")


def write_quality(out: Path, qualities: Mapping[str, Quality]) -> None:
    """A table beside the target, one row per clip: its figures, the verdict, and why. Raises: OutputError."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(["clip", *(one.name for one in fields(Quality)), "verdict", "why"])
    for name, quality in qualities.items():
        writer.writerow([escape_surrogates(name), *to_document(quality).values(), *verdict(quality)])
    write_text(quality_path(out), lines.getvalue())


def size_of(target: Path) -> int:
    """Bytes of a file, or of the files in a folder; -1 when there is nothing."""
    try:
        if target.is_dir():
            return sum(path.stat().st_size for path in target.iterdir())
        return target.stat().st_size
    except OSError:
        return -1
