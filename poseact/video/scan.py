"""What a file announces before anything is read from it for good: packets are demuxed, one picture is decoded."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import av.container
import numpy as np

from poseact.types import Array, Gap, VideoInfo
from poseact.video.limits import DEFAULT_LIMITS, Limits
from poseact.video.source import UnreadableVideo, open_container, packets, reason, video_stream
from poseact.video.timeline import Timeline

MAX_PACKETS = 1 << 22
"""Packets that are indexed (38 h at 30 frames/s, 40 MB); longer files are read in order, without seeks."""

_INDEXED_FORMATS = ("mov", "matroska", "avi")
"""Containers that say themselves which pictures are keyframes; elsewhere a parser guesses, so no seeks there."""

_FALLBACK_FPS = 25.0


@dataclass(frozen=True, slots=True)
class Scan:
    """What is known of a file before it is read.

    Attributes:
        file: absolute path.
        info: what the user sees.
        timeline: the pictures that the packets announce.
        stored_size: (width, height) px before rotation.
        gaps: what the packets alone show to be missing, the tail of a truncated file for example.
        limits: that the file keeps to.
    """

    file: Path
    info: VideoInfo
    timeline: Timeline
    stored_size: tuple[int, int]
    gaps: tuple[Gap, ...] = ()
    limits: Limits = DEFAULT_LIMITS


@dataclass(slots=True)
class _Announced:
    """The packets that announce a picture, in file order; times in ticks.

    Attributes:
        pts, key: per packet; 0 stands for a missing time.
        stamped: no time is missing.
        complete: nothing was unreadable and the limit was not reached.
        seen: all packets, with those that show nothing.
        first: the first picture that comes out of the decoder.
        failure: why an earlier one did not, empty when none failed.
    """

    pts: array[int] = field(default_factory=lambda: array("q"))
    key: bytearray = field(default_factory=bytearray)
    stamped: bool = True
    complete: bool = True
    last_duration: int = 0
    seen: int = 0
    first: av.VideoFrame | None = None
    failure: str = ""


def scan_video(file: Path, name: str, limits: Limits = DEFAULT_LIMITS) -> Scan:
    """Index the packets of a file and decode its first picture.

    Raises: InvalidVideo when there is no video stream or no picture can be decoded; LimitExceeded.
    """
    with open_container(file, name) as container:
        stream = video_stream(container, name, limits)
        announced = _read_packets(container, stream, name, limits)
        first = announced.first
        if first is None:
            failure = announced.failure or "it holds no picture"
            raise UnreadableVideo(
                f"{name} has no picture that can be decoded ({failure}); it may be damaged or cut short"
            )
        limits.check_pixels(first.width, first.height, name)
        timeline = _timeline(announced, container, stream)
        rotation = 90 * quarter_turns(first.rotation)
        width, height = (first.height, first.width) if rotation % 180 else (first.width, first.height)
        fps, count, duration = _extent(timeline, announced, container, stream)
        limits.check_frames(count, name)
        limits.check_seconds(duration, name)
        info = VideoInfo(name, width, height, fps, count, duration, _codec(stream), rotation)
        missing = 0 if len(announced.pts) >= MAX_PACKETS else _listed(container, stream, file) - announced.seen
    gaps = (_cut_short(timeline, missing, fps),) if missing > 0 else ()
    return Scan(file, info, timeline, (first.width, first.height), gaps, limits)


def _read_packets(
    container: av.container.InputContainer, stream: av.VideoStream, name: str, limits: Limits
) -> _Announced:
    announced = _Announced()
    codec = stream.codec_context.name
    for packet in packets(container, stream):
        if isinstance(packet, str):
            announced.complete, announced.failure = False, announced.failure or packet
            continue
        if announced.first is None:
            _decode_first(packet, announced)
        if not packet.size:
            continue
        announced.seen += 1
        if packet.is_discard or _shows_nothing(packet, codec):
            continue
        announced.stamped &= packet.pts is not None
        announced.pts.append(packet.pts or 0)
        announced.key.append(packet.is_keyframe)
        announced.last_duration = int(packet.duration or 0)
        limits.check_frames(len(announced.pts), name)
        if len(announced.pts) >= MAX_PACKETS and announced.first is not None:
            announced.complete = False
            break
    return announced


def _decode_first(packet: av.Packet, announced: _Announced) -> None:
    try:
        announced.first = next(iter(packet.decode()), None)
    except (av.FFmpegError, ValueError) as error:
        announced.failure = announced.failure or reason(error)


def _shows_nothing(packet: av.Packet, codec: str) -> bool:
    """Whether a packet carries only references or nothing, so that no picture comes out of it.

    VP8: bit 4 of the first byte is show_frame (RFC 6386, section 9.1). MPEG-4 part 2 in AVI: a packet of one byte
    stands for "nothing here" where two pictures were packed into one packet.
    """
    if codec in {"vp8", "libvpx"}:
        return not bytes(packet)[0] & 0x10
    return codec == "mpeg4" and packet.size <= 1


def _timeline(announced: _Announced, container: av.container.InputContainer, stream: av.VideoStream) -> Timeline:
    assert announced.first is not None
    if not announced.pts:  # every packet is hidden or cut away, and yet a picture came out
        announced.pts.append(announced.first.pts or 0)
        announced.key.append(1)
    pts = np.frombuffer(announced.pts, dtype=np.int64)
    key = np.frombuffer(announced.key, dtype=np.uint8)
    order = np.argsort(pts, kind="stable")
    ticks = pts[order]
    steps = np.diff(ticks)
    keyframes = np.flatnonzero(key[order])
    open_gop = bool((pts < np.maximum.accumulate(np.where(key, pts, ticks[0]))).any())
    # AVI has decode times only: with reordered pictures they say nothing about a single picture.
    reordered = container.format.name == "avi" and bool(stream.codec_context.has_b_frames)
    exact = announced.stamped and announced.complete and bool((steps > 0).all()) and not reordered
    end = int(ticks[-1]) + (announced.last_duration or (int(np.median(steps)) if len(steps) else 0))
    unit = stream.time_base or Fraction(1, 1)
    seekable = any(known in container.format.name for known in _INDEXED_FORMATS)
    timeline = Timeline(ticks, keyframes, unit, exact, exact and seekable, end, reordered, open_gop)
    first = timeline.index_of(announced.first.pts)
    if not exact or first is None:
        timed = announced.stamped and not reordered and first is not None
        return replace(timeline, exact=False, seekable=False, timed=timed)
    return timeline if announced.failure else timeline.trimmed(first)  # pictures that refer to what was cut away


def _extent(
    timeline: Timeline, announced: _Announced, container: av.container.InputContainer, stream: av.VideoStream
) -> tuple[float, int, float]:
    """Average frames/s, frames, s. The stated rate holds unless the pictures' times contradict it by over 5 %."""
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    span = timeline.seconds(len(timeline) - 1)
    measured = (len(timeline) - 1) / span if timeline.exact and span > 0 else 0.0
    if measured and not 0.95 < fps / measured < 1.05:
        fps = measured
    fps = fps or _FALLBACK_FPS
    count = len(timeline)
    duration = timeline.seconds(count) if timeline.exact else count / fps
    if len(announced.pts) >= MAX_PACKETS:
        duration = max(duration, float((container.duration or 0) / 1_000_000))
        count = max(count, int(stream.frames), round(duration * fps))
    return fps, count, duration


def _codec(stream: av.VideoStream) -> str:
    """The codec's own name, not that of the library that decodes it: av1 rather than libdav1d."""
    return str(getattr(stream.codec_context.codec, "canonical_name", None) or stream.codec_context.name)


def _listed(container: av.container.InputContainer, stream: av.VideoStream, file: Path) -> int:
    """Packets that should be there; 0 when the file does not say so reliably.

    The frame count of an AVI header also counts the empty slots of a slower source, so it is used only where the file
    is shorter than its RIFF chunk claims.
    """
    if "mov" in container.format.name:
        return len(getattr(stream, "index_entries", ()))  # PyAV 16 and newer
    if container.format.name == "avi":
        with file.open("rb") as content:
            claimed = int.from_bytes(content.read(8)[4:], "little")
        return int(stream.frames) if claimed + 8 > file.stat().st_size else 0
    return 0


def _cut_short(timeline: Timeline, missing: int, fps: float) -> Gap:
    start = timeline.seconds(len(timeline))
    return Gap(start, start + missing / fps, missing, "the file ends before the last pictures of its index")


def quarter_turns(degrees: float) -> int:
    """Counter-clockwise quarter turns (0 to 3), as numpy.rot90 counts them, for an angle in degrees."""
    return round(degrees / 90) % 4


def upright(image: Array, turns: int) -> Array:
    """(H, W, 3) uint8 turned counter-clockwise by quarter turns, contiguous."""
    return np.ascontiguousarray(np.rot90(image, turns))
