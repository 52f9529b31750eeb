"""One reader over all decoders: `open_video` and `probe`. What a decoder does stays in its own module."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from poseact.errors import UsageError
from poseact.types import Array, Frame, Gap, VideoInfo
from poseact.video import opencv, pyav
from poseact.video.images import IMAGE_FPS, holds_images, scan_images
from poseact.video.limits import DEFAULT_LIMITS, Limits
from poseact.video.scan import Scan, scan_video
from poseact.video.source import UnreadableVideo, local_file
from poseact.video.timeline import wanted_indices

TOUCH = 1e-6
"""s: a time that is written with six digits means the frame that is shown then."""

ReadFrames = Callable[[Scan, Array | None, list[Gap]], Generator[Frame, None, None]]


class VideoReader:
    """A video that can be read any number of times, densely or sparsely.

    Attributes:
        info: size, rate and length; `frame_count` is what a full decode is expected to yield.
        gaps: stretches that could not be decoded, of the latest reading; filled while reading.
    """

    def __init__(self, scan: Scan, read_frames: ReadFrames) -> None:
        self.info: VideoInfo = scan.info
        self.gaps: list[Gap] = list(scan.gaps)
        self._scan = scan
        self._read_frames = read_frames
        self._reading: weakref.WeakSet[Generator[Frame, None, None]] = weakref.WeakSet()

    def frames(self, indices: Sequence[int] | Array | None = None) -> Iterator[Frame]:
        """Yield frames in presentation order, one in memory at a time.

        Args:
            indices: which frames, counted from 0 in presentation order, in any order; None means all. Frames that are
                damaged or beyond the end are left out.
        Raises: UsageError for a negative index.
        """
        wanted = wanted_indices(indices)
        self.gaps = list(self._scan.gaps)
        frames = self._read_frames(self._scan, wanted, self.gaps)
        self._reading.add(frames)
        return frames

    def between(self, start: float, end: float) -> range:
        """The numbers of the frames that are shown from `start` until before `end`, s from the first frame."""
        seconds = self.times(np.arange(self.info.frame_count))
        first, after = np.searchsorted(seconds, (start - TOUCH, end - TOUCH))
        return range(int(first), int(after))

    def times(self, indices: Array) -> Array:
        """(n,) float64: when frames are announced to be shown, s from the first one."""
        return self._scan.timeline.times(indices, self.info.fps)

    def close(self) -> None:
        """End the readings that are under way and release their file."""
        for frames in list(self._reading):
            frames.close()
        self._reading.clear()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_video(
    path: str | Path, decoder: str = "auto", limits: Limits = DEFAULT_LIMITS, image_fps: float = IMAGE_FPS
) -> VideoReader:
    """Open a local video file, or a folder of numbered images.

    Args:
        path: a file, or a folder with at least two images; addresses, playlists and still images are refused.
        decoder: "pyav", "opencv", "decord", or "auto": PyAV, then OpenCV where PyAV cannot read the file.
        limits: of what the file may announce.
        image_fps: pictures per second of a folder of images.
    Raises: InvalidVideo, LimitExceeded; UsageError for an unknown or missing decoder.
    """
    return VideoReader(*source(path, decoder, limits, image_fps))


def source(path: str | Path, decoder: str, limits: Limits, image_fps: float) -> tuple[Scan, ReadFrames]:
    """What a video announces, and how its frames are read. Arguments and errors: as `open_video`."""
    if decoder not in DECODERS:
        raise UsageError(f"unknown decoder {decoder!r}; known are {', '.join(DECODERS)}")
    if Path(path).is_dir() and holds_images(Path(path)):
        return scan_images(Path(path).absolute(), str(path), image_fps, limits)
    file = local_file(path)
    try:
        scan = scan_video(file, str(path), limits)
    except UnreadableVideo as error:
        if decoder not in {"auto", "opencv"}:
            raise
        try:
            scan, decoder = opencv.scan_video(file, str(path), limits), "opencv"
        except UnreadableVideo:
            raise error from None
    return scan, DECODERS[decoder]


def probe(path: str | Path) -> VideoInfo:
    """Size, rate, exact frame count, duration, codec and rotation of a video. Raises: as `open_video`."""
    with open_video(path) as reader:
        return reader.info


def _read_with_decord(scan: Scan, wanted: Array | None, gaps: list[Gap]) -> Generator[Frame, None, None]:
    from poseact.video import decord  # the library has no wheel for some machines

    return decord.read_frames(scan, wanted, gaps)


DECODERS: dict[str, ReadFrames] = {
    "auto": pyav.read_frames,
    "pyav": pyav.read_frames,
    "opencv": opencv.read_frames,
    "decord": _read_with_decord,
}
