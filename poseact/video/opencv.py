"""Reading with OpenCV: forward only. The fallback for files that PyAV cannot read; opens nothing but the given file."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from poseact.errors import InvalidVideo
from poseact.types import Array, Frame, Gap, VideoInfo
from poseact.video.limits import DEFAULT_LIMITS, Limits
from poseact.video.scan import Scan
from poseact.video.source import FORMATS, UnreadableVideo
from poseact.video.timeline import Timeline

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET; read by OpenCV when it first opens a file

_GRAB_RETRIES = 16
_ENVIRONMENT = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_environment_lock = threading.Lock()


def scan_video(file: Path, name: str, limits: Limits = DEFAULT_LIMITS) -> Scan:
    """What OpenCV knows of a file that PyAV cannot read; frame count and duration are the header's claims.

    Raises: UnreadableVideo, LimitExceeded.
    """
    with _opened(file, name, limits) as capture:
        seen, image = capture.read()
        if not seen:
            raise UnreadableVideo(f"{name} has no picture that can be decoded; it may be damaged or cut short")
        fps = capture.get(cv2.CAP_PROP_FPS) or 25.0
        count = max(1, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        rotation = int(-capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
        codec = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("latin-1").strip("\0 ").lower()
    height, width = image.shape[:2]
    info = VideoInfo(name, width, height, fps, count, count / fps, codec or "unknown", rotation)
    nothing = np.zeros(1, np.int64)
    timeline = Timeline(nothing, nothing, Fraction(1, 1000), exact=False, seekable=False, end=0)
    limits.check_frames(count, name)
    limits.check_seconds(count / fps, name)
    return Scan(file, info, timeline, (width, height), limits=limits)


def read_frames(scan: Scan, wanted: Array | None, gaps: list[Gap]) -> Generator[Frame, None, None]:
    """Yield the wanted frames in presentation order; append what is missing to `gaps`.

    Raises: InvalidVideo when not one picture comes out, as with a codec that OpenCV was built without.
    """
    targets = None if wanted is None else set(wanted.tolist())
    last = None if wanted is None else max(targets or {-1})
    timeline, position = scan.timeline, -1
    with _opened(scan.file, scan.info.path, scan.limits) as capture:
        while (last is None or position < last) and _grabbed(capture):
            index = _index(capture, timeline, position)
            if timeline.exact and index > position + 1:
                gaps.append(timeline.missing(position + 1, index, "OpenCV could not decode it"))
            position = index
            image = capture.retrieve()[1] if targets is None or index in targets else None
            if image is not None:
                seconds = timeline.seconds(index) if timeline.exact else index / scan.info.fps
                yield Frame(index, seconds, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    if position < 0 and (last is None or last >= 0):
        raise InvalidVideo(f"OpenCV decodes no picture of {scan.info.path}; use the decoder pyav")
    if timeline.exact and (last is None or position < last) and position + 1 < len(timeline):
        gaps.append(timeline.missing(position + 1, len(timeline), "OpenCV could not decode it"))


def _grabbed(capture: cv2.VideoCapture) -> bool:
    """Decode the next picture, over a few damaged ones if need be; False at the end."""
    return any(capture.grab() for _ in range(_GRAB_RETRIES))


def _index(capture: cv2.VideoCapture, timeline: Timeline, position: int) -> int:
    """Position of the picture just decoded: by its time where that is plausible, else the next one."""
    if not timeline.exact:
        return position + 1
    tick = round(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 / timeline.unit) + int(timeline.ticks[0])
    index = timeline.index_of(tick)
    return position + 1 if index is None or index <= position else index


@contextmanager
def _opened(file: Path, name: str, limits: Limits) -> Iterator[cv2.VideoCapture]:
    """A capture of FFmpeg's decoder (no image sequences, no cameras); pictures come upright, 8 bit BGR."""
    with _environment_lock:
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        before = os.environ.get(_ENVIRONMENT)
        os.environ[_ENVIRONMENT] = f"protocol_whitelist;file|format_whitelist;{FORMATS}"
        try:
            capture = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 2])
        except (cv2.error, UnicodeEncodeError) as error:
            raise UnreadableVideo(f"{name} cannot be opened by OpenCV; it may be damaged or not a video") from error
        finally:
            cv2.utils.logging.setLogLevel(level)
            if before is None:
                del os.environ[_ENVIRONMENT]
            else:
                os.environ[_ENVIRONMENT] = before
    try:
        if not capture.isOpened():
            raise UnreadableVideo(
                f"{name} is not a video that can be read; it may be damaged, cut short or not a video"
            )
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        limits.check_pixels(int(width), int(height), name)
        yield capture
    finally:
        capture.release()
