"""What the user named -> videos and pose files, each once. Reads no file's content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from poseact.cli.failures import ALL_FAILED
from poseact.cli.messages import Messages
from poseact.cli.stdout import write_line
from poseact.errors import InputError, InvalidVideo, PoseactError, UsageError
from poseact.files import expanded

POSES_SUFFIXES = (".pkl", ".pickle", ".parquet", ".npz")
POSES_MANIFEST = "manifest.json"  # of a folder of poses, whatever its name


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to recognise.

    Attributes:
        name: the path as given, or below the folder that was given.
        error: why it cannot be read, where that is known before opening it.
    """

    name: str
    error: PoseactError | None = None

    @property
    def path(self) -> Path:
        return expanded(self.name)

    @property
    def holds_poses(self) -> bool:
        """Stored poses instead of a video."""
        path = self.path
        if path.is_dir():
            return (path / POSES_MANIFEST).is_file()
        return path.suffix.lower() in POSES_SUFFIXES


def expand(names: Sequence[str], messages: Messages) -> list[Source]:
    """Files as they are, folders as the videos below them, in the order given and each file once.

    Raises: UsageError without a source, and for standard input and addresses.
    """
    if not names:
        raise UsageError("no source is given; name a video, a folder of videos, or stored poses")
    for name in names:
        _refuse_streams(name)
    found: list[Source] = []
    seen: set[Path] = set()
    for source in (source for name in names for source in _expand_one(name)):
        identity = _identity(source.path)
        if identity in seen:
            messages.warning(f"{source.name} is named twice; it is read once")
            continue
        seen.add(identity)
        found.append(source)
    return found


def _refuse_streams(name: str) -> None:
    if name == "-":
        raise UsageError("standard input is not read; save the video to a file and name that (./- for a file called -)")
    if "://" in name:
        raise UsageError(f"{name} is an address; only local files are read, so download it first (yt-dlp can)")
    if not name:
        raise UsageError("a source is an empty name; name a video, a folder of videos, or stored poses")


def _expand_one(name: str) -> Iterator[Source]:
    path = expanded(name)
    try:
        if path.is_dir() and not Source(name).holds_poses:
            yield from _videos_below(path)
        elif path.exists():
            yield Source(name)
        else:
            yield Source(name, InvalidVideo(f"{name} does not exist; check the path"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        yield Source(name, InvalidVideo(f"{name} cannot be read: {reason}; check its name and permissions"))
    except InputError as error:
        yield Source(name, error)


def _videos_below(folder: Path) -> Iterator[Source]:
    from poseact.extract.clips import find_videos

    for path in find_videos(folder):
        yield Source(str(path))


def _identity(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path


def refuse_all(sources: Sequence[Source], messages: Messages, *, as_json: bool) -> int:
    """Report sources of which none can be read, without loading what reads them; returns the exit code."""
    from poseact.report.error_document import error_json

    for source in sources:
        assert source.error is not None
        messages.error(str(source.error))
        if as_json:
            write_line(error_json(source.name, source.error))
    return ALL_FAILED
