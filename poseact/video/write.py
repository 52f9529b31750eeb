"""Writing pictures to a video file, whole or not at all. Draws nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import av.container
import numpy as np

from poseact.errors import OutputError, UsageError
from poseact.files import atomic_path
from poseact.types import Array

FORMATS = {".mp4": "mp4", ".mkv": "matroska", ".mov": "mov", ".avi": "avi"}
_CODECS = ("libx264", "mpeg4")


class VideoWriter:
    """Write RGB pictures as H.264 (MPEG-4 where H.264 is missing); the file appears when the block succeeds.

    Args:
        path: ends in .mp4, .mkv, .mov or .avi.
        fps: frames/s, constant.
        size: (width, height) px of the pictures. Odd sizes are made even by repeating the last column or row, because
            yuv420p has one colour sample per 2 x 2 px.
        quality: H.264's constant rate factor: 0 is lossless, 18 looks like the source, 28 is small.
    Raises: UsageError for a suffix, rate, size or picture that cannot be written; OutputError when the file cannot be.
    """

    def __init__(self, path: str | Path, fps: float, size: tuple[int, int], quality: int = 20) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() not in FORMATS:
            raise UsageError(f"cannot write {self.path.name}: the suffix must be one of {', '.join(FORMATS)}")
        if not 0 < fps <= 1000 or min(size) < 1:
            raise UsageError(
                f"cannot write a video of {fps} frames/s and {size[0]}x{size[1]} px; both must be positive"
            )
        self.fps, self.size, self.quality = fps, size, quality
        self._atomic: AbstractContextManager[Path] | None = None
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None

    def __enter__(self) -> VideoWriter:
        self._atomic = atomic_path(self.path)
        temporary = self._atomic.__enter__()
        try:
            self._open(temporary)
        except BaseException as error:
            self._abandon(error)
            raise
        return self

    def write(self, image: Array) -> None:
        """Append one picture, (H, W, 3) uint8 RGB of the writer's size. Raises: UsageError, OutputError."""
        if self._container is None or self._stream is None:
            raise UsageError("the video writer is closed; write inside its `with` block")
        width, height = self.size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise UsageError(
                f"picture {image.shape} {image.dtype} does not fit the video of {width}x{height} px RGB uint8"
            )
        even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        self._encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            try:
                self._encode(None)
                self._close()
            except BaseException as failure:
                self._abandon(failure)
                raise
        else:
            self._close(quiet=True)
        assert self._atomic is not None
        self._atomic.__exit__(kind, error, trace)

    def _open(self, temporary: Path) -> None:
        options = {"movflags": "+faststart"} if self.path.suffix.lower() in {".mp4", ".mov"} else {}
        self._container = av.open(
            f"file:{temporary}", "w", format=FORMATS[self.path.suffix.lower()], container_options=options
        )
        rate = Fraction(self.fps).limit_denominator(1001)
        settings = {"crf": str(self.quality), "preset": "veryfast", "qscale": str(max(1, self.quality // 6))}
        for codec in _CODECS:
            known = ("crf", "preset") if codec == "libx264" else ("qscale",)
            try:
                stream = self._container.add_stream(codec, rate=rate, options={key: settings[key] for key in known})
            except (av.FFmpegError, ValueError):
                continue
            stream.width, stream.height = self.size[0] + self.size[0] % 2, self.size[1] + self.size[1] % 2
            stream.pix_fmt = "yuv420p"
            self._stream = stream
            return
        raise OutputError(f"cannot write {self.path}: PyAV has no H.264 or MPEG-4 encoder here; `pip install av`")

    def _encode(self, frame: av.VideoFrame | None) -> None:
        assert self._container is not None
        assert self._stream is not None
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}; choose another place") from error

    def _close(self, quiet: bool = False) -> None:
        container, self._container, self._stream = self._container, None, None
        if container is None:
            return
        try:
            container.close()
        except (av.FFmpegError, OSError) as error:
            if not quiet:
                raise OutputError(f"cannot write {self.path}: {error}; choose another place") from error

    def _abandon(self, error: BaseException) -> None:
        """Remove the temporary file after a failure."""
        self._close(quiet=True)
        if self._atomic is not None:
            try:
                self._atomic.__exit__(type(error), error, error.__traceback__)
            except type(error):
                return
