"""Writing pictures to a video file, whole or not at all. Draws nothing."""

from __future__ import annotations

from contextlib import ExitStack
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
_TICK = Fraction(1, 60_000)  # s; whole numbers of it are the frames of all usual rates
_LAMBDA = 118  # FFmpeg's FF_QP2LAMBDA: its unit of quality per quantiser step


class VideoWriter:
    """Write RGB pictures as H.264 (MPEG-4 where H.264 is missing); the file appears when the block succeeds.

    Args:
        path: ends in .mp4, .mkv, .mov or .avi.
        fps: frames/s, constant, or the usual ones of a `timed` video.
        size: (width, height) px of the pictures. Odd sizes are made even by repeating the last column or row, because
            yuv420p has one colour sample per 2 x 2 px.
        quality: H.264's constant rate factor: 0 is lossless, 18 looks like the source, 28 is small.
        timed: each picture comes with the time at which it is shown; not in .avi, whose rate is constant.
    Raises: UsageError for a suffix, rate, size or picture that cannot be written; OutputError when the file cannot be.
    """

    def __init__(
        self, path: str | Path, fps: float, size: tuple[int, int], quality: int = 20, *, timed: bool = False
    ) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() not in FORMATS:
            raise UsageError(f"cannot write {self.path.name}: the suffix must be one of {', '.join(FORMATS)}")
        if not 0 < fps <= 1000 or min(size) < 1:
            raise UsageError(
                f"cannot write a video of {fps} frames/s and {size[0]}x{size[1]} px; both must be positive"
            )
        self.fps, self.size, self.quality = fps, size, quality
        self._timed = timed and self.path.suffix.lower() != ".avi"
        self._last = -1  # ticks
        self._block = ExitStack()
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None

    def __enter__(self) -> VideoWriter:
        with ExitStack() as block:
            temporary = block.enter_context(atomic_path(self.path))
            block.push(self._close)
            self._container = self._opened(temporary)
            self._stream = self._added(self._container)
            self._block = block.pop_all()
        return self

    def write(self, image: Array, pts: float = 0.0) -> None:
        """Append one picture, (H, W, 3) uint8 RGB of the writer's size.

        Args:
            pts: s from the first picture, ascending; only looked at where the video is timed.
        Raises: UsageError, OutputError.
        """
        width, height = self.size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise UsageError(
                f"picture {image.shape} {image.dtype} does not fit a video of {width}x{height} px RGB uint8"
            )
        even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        if self._timed:
            self._last = max(self._last + 1, round(pts / _TICK))
            frame.pts, frame.time_base = self._last, _TICK
        self._encode(frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._block.__exit__(kind, error, trace)

    def _opened(self, temporary: Path) -> av.container.OutputContainer:
        suffix = self.path.suffix.lower()
        options = {"movflags": "+faststart"} if suffix in {".mp4", ".mov"} else {}
        return av.open(f"file:{temporary.absolute()}", "w", format=FORMATS[suffix], container_options=options)

    def _added(self, container: av.container.OutputContainer) -> av.VideoStream:
        h264 = {"crf": str(self.quality), "preset": "veryfast"}
        mpeg4 = {"flags": "+qscale", "global_quality": str(_LAMBDA * max(1, self.quality // 6))}
        for codec, options in (("libx264", h264), ("mpeg4", mpeg4)):
            try:
                stream = container.add_stream(codec, rate=self._rate, options=options)
            except (av.FFmpegError, ValueError):  # this PyAV was built without the encoder
                continue
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = (side + side % 2 for side in self.size)
            stream.pix_fmt = "yuv420p"
            if self._timed:
                stream.codec_context.time_base = stream.time_base = _TICK
            return stream
        raise OutputError(f"cannot write {self.path}: PyAV has no H.264 or MPEG-4 encoder here; `pip install -U av`")

    @property
    def _rate(self) -> Fraction:
        """Frames/s; those of slow videos are no whole number over 1001."""
        usual = Fraction(self.fps).limit_denominator(1001)
        return usual or max(Fraction(self.fps).limit_denominator(60_000), _TICK)

    def _encode(self, frame: av.VideoFrame | None) -> None:
        if self._container is None or self._stream is None:
            raise UsageError("the video writer is closed; write inside its `with` block")
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}; choose another place") from error

    def _close(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file; after a failure only let go of it, the failure itself is what is reported."""
        del error, trace
        try:
            if kind is None:
                self._encode(None)
        finally:
            container, self._container, self._stream = self._container, None, None
            if container is not None:
                self._close_container(container, quiet=kind is not None)

    def _close_container(self, container: av.container.OutputContainer, quiet: bool) -> None:
        try:
            container.close()
        except (av.FFmpegError, OSError) as error:
            if not quiet:
                raise OutputError(
                    f"cannot write {self.path}: {error.strerror or error}; choose another place"
                ) from error
