"""Where YOLO checkpoints of the user and of the cache lie on disk. Opens none of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from poseact.errors import UsageError, WeightsNotFound
from poseact.files import expanded
from poseact.home import home_folder

YOLO_SUFFIXES = (".pt", ".onnx", ".torchscript")
Role = Literal["detector", "pose estimator"]
EXAMPLES: dict[Role, str] = {"detector": "yolo11n.pt", "pose estimator": "yolo11n-pose.pt"}
PREFERRED = ("yolo11m.pt", "yolo11s.pt", "yolo26s.pt", "yolo11n.pt", "yolo26n.pt", "yolov8n.pt")


def cache_folder() -> Path:
    """Where downloaded YOLO checkpoints are kept: each was verified before it got its name there."""
    return home_folder() / "ultralytics"


def cached_yolo() -> Path | None:
    """The best checkpoint that is already in the cache, or None."""
    return next((path for path in (cache_folder() / name for name in PREFERRED) if path.is_file()), None)


def local_checkpoint(name: str | Path, role: Role = "detector") -> Path | None:
    """The absolute path of an existing checkpoint, or None for a bare name that might be downloaded.

    A bare name is looked for in the working directory, then in the cache.

    Args:
        role: what the checkpoint is wanted for, for messages.
    Raises: UsageError for an unknown suffix, WeightsNotFound for a missing file with a folder in its name.
    """
    path = expanded(name)
    if path.suffix not in YOLO_SUFFIXES:
        raise UsageError(
            f"{role} {str(name)!r} is not a {', '.join(YOLO_SUFFIXES)} file; give one, or leave the option out"
        )
    if path.is_file():
        return path.resolve()
    if path.name != str(name):
        raise WeightsNotFound(
            f"{role} {name} does not exist; give an existing file, or a name such as {EXAMPLES[role]}"
        )
    cached = cache_folder() / path.name
    return cached.resolve() if cached.is_file() else None
