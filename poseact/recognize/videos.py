"""The videos behind stored poses, for models that look at pictures: where they are, and their pictures on demand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from poseact.errors import InputError
from poseact.extract.clips import VIDEO_SUFFIXES, find_videos
from poseact.heatmap.crop import Box, ImageSize
from poseact.recognize.pictures import Crops, Pictures
from poseact.types import Array, PoseSequence, VideoInfo
from poseact.video import holds_images, open_video


class VideoPictures:
    """The pictures of one video file, which is open only while they are cut out; see `Pictures`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def info(self) -> VideoInfo:
        """What the file says of itself. Raises: InvalidVideo."""
        with open_video(self.path) as reader:
            return reader.info

    @property
    def image_size(self) -> ImageSize:
        """(height, width) px, upright. Raises: InvalidVideo."""
        return self.info.height, self.info.width

    def crops(self, indices: Array, box: Box, size: int) -> Crops:
        """As `Pictures.crops`."""
        with open_video(self.path) as reader:
            return Pictures(reader).crops(indices, box, size)

    def warped(self, indices: Array, matrix: Array, size: int) -> Crops:
        """As `Pictures.warped`."""
        with open_video(self.path) as reader:
            return Pictures(reader).warped(indices, matrix, size)


def videos_of(clips: Sequence[PoseSequence], folder: Path | None) -> dict[str, VideoPictures]:
    """The video of every clip, by the clip's name.

    Args:
        folder: holds them under the names of the clips, with or without the suffix of a video; or anywhere below, such
            as in class folders, if no two videos are called like the clip. None: they are where they were when the
            poses were extracted.
    Raises: InputError when one is missing.
    """
    found = {clip.name: _stored(clip) if folder is None else _named(folder, clip.name) for clip in clips}
    if folder is not None and folder.is_dir() and None in found.values():
        below = _below(folder)
        found = {name: path or below.get(Path(name).name) for name, path in found.items()}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        where = f"in {folder}" if folder else "where the poses come from; give their folder with --videos DIR"
        raise InputError(
            f"the model looks at pictures, but {len(missing)} of {len(clips)} videos are not {where}, such as "
            f"{missing[0]!r}"
        )
    return {name: VideoPictures(path) for name, path in found.items() if path is not None}


def _stored(clip: PoseSequence) -> Path | None:
    source = Path(clip.provenance.source)
    return source if clip.provenance.source and _shows(source) else None


def _named(folder: Path, name: str) -> Path | None:
    named = folder / name
    tried = (named, *(named.with_name(named.name + suffix) for suffix in sorted(VIDEO_SUFFIXES)))
    return next((path for path in tried if name and _shows(path)), None)


def _shows(path: Path) -> bool:
    """Whether it may be opened as a video: a file, or a folder of images."""
    return path.is_file() or (path.is_dir() and holds_images(path))


def _below(folder: Path) -> Mapping[str, Path]:
    """The videos below a folder by their names without suffix, where a name is that of one video only."""
    try:
        videos = find_videos(folder)
    except InputError:  # not a single one
        return {}
    paths: dict[str, list[Path]] = defaultdict(list)
    for path in videos:
        paths[path.stem].append(path)
    return {name: found[0] for name, found in paths.items() if len(found) == 1}
