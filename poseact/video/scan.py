"""What a file announces before anything is read from it for good: packets are demuxed, one frame is decoded."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.container
import numpy as np

from poseact.types import Array, Gap, VideoInfo
from poseact.video.source import UnreadableVideo, check_pixels, open_container, reason, video_stream
from poseact.video.timeline import Timeline

MAX_PACKETS = 1 << 22
"""Packets that are indexed (38 h at 30 frames/s, 40 MB); longer files are read in order, without seeks."""

_INDEXED_FORMATS = ("mov", "matroska", "avi")
"""Containers that say themselves which pictures are keyframes; elsewhere a parser guesses, so no seeks there."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What is known of a file before it is read.

    Attributes:
        file: absolute path.
        info: what the user sees.
        timeline: the pictures that the packets announce.
        stored_size: (width, height) px before rotation.
        gaps: what is known to be missing from the packets alone, the tail of a truncated file for example.
    """

    file: Path
    info: VideoInfo
    timeline: Timeline
    stored_size: tuple[int, int]
    gaps: tuple[Gap, ...] = ()


@dataclass(slots=True)
class _Packets:
    """The packets of the stream that announce a picture, in decode order; times in ticks."""

    pts: array[int]
    key: bytearray
    complete: bool = True
    stamped: bool = True
    last_duration: int = 0
    seen: int = 0


def scan_video(file: Path, name: str) -> Scan:
    """Index the packets of a file and decode its first picture.

    Raises: InvalidVideo when there is no video stream or no picture can be decoded; LimitExceeded for huge pictures.
    """
    with open_container(file, name) as container:
        stream = video_stream(container, name)
        packets = _demux(container, stream)
        announced = _announced(container, stream)
    if not packets.seen:
        raise UnreadableVideo(f"{name} has a video stream without any picture; it may be cut short")
    with open_container(file, name) as container:
        stream = video_stream(container, name)
        first = _first_frame(container, stream, name)
        timeline = _timeline(packets, container, stream, first)
        info = _info(timeline, packets, container, stream, first, name)
    gaps = _truncation(timeline, announced - packets.seen, info.fps)
    return Scan(file, info, timeline, (first.width, first.height), gaps)


def _demux(container: av.container.InputContainer, stream: av.VideoStream) -> _Packets:
    packets = _Packets(array("q"), bytearray())
    codec = stream.codec_context.name
    try:
        for packet in container.demux(stream):
            if not packet.size:
                continue
            packets.seen += 1
            if packet.is_discard or _shows_nothing(packet, codec):
                continue
            if packet.pts is None:
                packets.stamped = False
            packets.pts.append(packet.pts if packet.pts is not None else 0)
            packets.key.append(packet.is_keyframe)
            packets.last_duration = int(packet.duration or 0)
            if len(packets.pts) >= MAX_PACKETS:
                packets.complete = False
                break
    except (av.FFmpegError, ValueError):
        packets.complete = False
    return packets


def _shows_nothing(packet: av.Packet, codec: str) -> bool:
    """Whether a packet only carries references or a placeholder, so that no picture comes out of it.

    VP8: bit 4 of the first byte is show_frame (RFC 6386, section 9.1). MPEG-4 part 2 in AVI: a packet of one byte
    stands for "nothing here" where two pictures were packed into one packet.
    """
    if codec in {"vp8", "libvpx"}:
        return not bytes(packet)[0] & 0x10
    return codec == "mpeg4" and packet.size <= 1


def _announced(container: av.container.InputContainer, stream: av.VideoStream) -> int:
    """Packets that the file's own index lists; 0 when it has none that is known to be complete."""
    if "mov" in container.format.name:
        return len(getattr(stream, "index_entries", ()))  # PyAV 16 and newer
    return int(stream.frames) if container.format.name == "avi" else 0


def _first_frame(container: av.container.InputContainer, stream: av.VideoStream, name: str) -> av.VideoFrame:
    failure = "no picture came out"
    demuxing = container.demux(stream)
    while True:
        try:
            packet = next(demuxing, None)
            if packet is None:
                break
            for frame in packet.decode():
                check_pixels(frame.width, frame.height, name)
                return frame
        except (av.FFmpegError, ValueError) as error:
            failure = reason(error)
    raise UnreadableVideo(f"{name} has no picture that can be decoded ({failure}); it may be damaged or cut short")


def _timeline(
    packets: _Packets, container: av.container.InputContainer, stream: av.VideoStream, first: av.VideoFrame
) -> Timeline:
    pts = np.frombuffer(packets.pts, dtype=np.int64)
    order = np.argsort(pts, kind="stable")
    ticks = pts[order]
    keyframes = np.flatnonzero(np.frombuffer(packets.key, dtype=np.uint8)[order])
    container_name = container.format.name
    # AVI has decode times only: with reordered pictures they say nothing about a single picture.
    reordered = container_name == "avi" and bool(stream.codec_context.has_b_frames)
    unique = len(ticks) > 0 and bool((np.diff(ticks) > 0).all())
    exact = packets.stamped and packets.complete and unique and not reordered and first.pts in (ticks[0], *ticks[:64])
    seekable = exact and any(known in container_name for known in _INDEXED_FORMATS)
    step = packets.last_duration or (int(np.median(np.diff(ticks))) if len(ticks) > 1 else 0)
    unit = stream.time_base or Fraction(1, 1)
    if len(ticks) == 0:  # every packet is hidden or cut away, and yet a picture came out
        ticks, keyframes = np.zeros(1, np.int64), np.zeros(1, np.int64)
    return Timeline(ticks, keyframes, unit, exact, seekable, int(ticks[-1]) + step)


def _info(
    timeline: Timeline,
    packets: _Packets,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    first: av.VideoFrame,
    name: str,
) -> VideoInfo:
    rotation = quarter_turns(first.rotation) * 90
    width, height = (first.height, first.width) if rotation % 180 else (first.width, first.height)
    fps = _fps(timeline, stream)
    count, duration = len(timeline), timeline.seconds(len(timeline))
    if not timeline.exact:
        duration = count / fps
    if not packets.complete:
        stated = float((container.duration or 0) / 1_000_000)
        duration = max(duration, stated)
        count = max(count, int(stream.frames), round(duration * fps))
    return VideoInfo(name, width, height, fps, count, duration, first_codec_name(stream), rotation)


def first_codec_name(stream: av.VideoStream) -> str:
    """The codec's own name, not that of the library that decodes it: av1 rather than libdav1d."""
    return str(getattr(stream.codec_context.codec, "canonical_name", None) or stream.codec_context.name)


def _fps(timeline: Timeline, stream: av.VideoStream) -> float:
    """Average frames/s: the stated rate, unless the pictures' times contradict it by more than 5 %."""
    stated = float(stream.average_rate or stream.guessed_rate or 0)
    span = timeline.seconds(len(timeline) - 1)
    measured = (len(timeline) - 1) / span if timeline.exact and span > 0 else 0.0
    if measured and not 0.95 < stated / measured < 1.05:
        return measured
    return stated or 25.0


def _truncation(timeline: Timeline, missing: int, fps: float) -> tuple[Gap, ...]:
    if missing <= 0:
        return ()
    start = timeline.seconds(len(timeline))
    return (Gap(start, start + missing / fps, missing, "the file ends before the pictures that its index lists"),)


def quarter_turns(degrees: float) -> int:
    """Counter-clockwise quarter turns (0 to 3), as numpy.rot90 counts them, for an angle in degrees."""
    return round(degrees / 90) % 4


def upright(image: Array, turns: int) -> Array:
    """(H, W, 3) uint8 turned counter-clockwise by quarter turns, contiguous."""
    return np.ascontiguousarray(np.rot90(image, turns))
