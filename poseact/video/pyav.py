"""Reading with PyAV, the default: any order of keyframes, rotation and damage. Opens nothing but the scanned file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import av
import av.container
import numpy as np

from poseact.types import Array, Frame, Gap
from poseact.video.scan import Scan, quarter_turns, upright
from poseact.video.source import open_container, reason, video_stream
from poseact.video.timeline import plan_runs

_DEMUX_RETRIES = 16


def read_frames(scan: Scan, wanted: Array | None, gaps: list[Gap]) -> Iterator[Frame]:
    """Yield the wanted frames in presentation order; append what is missing to `gaps`.

    Frames between the wanted ones are decoded but not converted, or jumped over where a keyframe allows it. A picture
    that does not come out after a jump is looked for again without jumps, so sparse and dense reading agree.
    """
    name = scan.info.path
    with open_container(scan.file, name) as container:
        stream = video_stream(container, name)
        if wanted is None:
            yield from _Run(scan, container, stream, None, None, gaps).frames()
            return
        for keyframe, indices in plan_runs(wanted, scan.timeline):
            if keyframe is not None and not _seek(container, stream, int(scan.timeline.ticks[keyframe])):
                break
            run = _Run(scan, container, stream, keyframe, indices, gaps)
            yield from run.frames()
            wanted = wanted[wanted > run.last_yielded]
            if keyframe is not None and run.missed:
                break
        else:
            return
    yield from _read_without_seeks(scan, wanted, gaps)


def _read_without_seeks(scan: Scan, wanted: Array, gaps: list[Gap]) -> Iterator[Frame]:
    with open_container(scan.file, scan.info.path) as container:
        stream = video_stream(container, scan.info.path)
        gaps[:] = scan.gaps
        yield from _Run(scan, container, stream, None, wanted, gaps).frames()


def _seek(container: av.container.InputContainer, stream: av.VideoStream, tick: int) -> bool:
    try:
        container.seek(tick, stream=stream, backward=True, any_frame=False)
    except (av.FFmpegError, ValueError):
        return False
    return True


@dataclass(slots=True)
class _Run:
    """One stretch of decoding from a keyframe, or from the beginning, up to the last wanted frame or the end.

    Attributes:
        wanted: ascending indices; None means all.
        missed: a wanted frame did not come out.
        last_yielded: index of the last frame handed out, -1 for none.
    """

    scan: Scan
    container: av.container.InputContainer
    stream: av.VideoStream
    keyframe: int | None
    wanted: Array | None
    gaps: list[Gap]
    missed: bool = False
    last_yielded: int = -1
    failure: str = field(default="no picture came out", init=False)

    def frames(self) -> Iterator[Frame]:
        timeline = self.scan.timeline
        pending = None if self.wanted is None else iter(self.wanted.tolist())
        target = None if pending is None else next(pending)
        previous = (self.keyframe or 0) - 1
        seconds = -1.0
        for frame in self._decoded(lambda: previous):
            index = self._index(frame, previous)
            if index <= previous:  # leads the keyframe, or comes late from a damaged stretch
                continue
            self._note_gap(previous + 1, index)
            seconds = self._seconds(frame, index, seconds)
            previous = index
            while target is not None and pending is not None and target < index:
                self.missed, target = True, next(pending, None)
            if self.missed and self.keyframe is not None:
                return
            if pending is None or target == index:
                self.last_yielded = index
                yield Frame(index, seconds, self._image(frame))
                if pending is not None:
                    target = next(pending, None)
            if pending is not None and target is None:
                return
        self.missed = self.missed or target is not None
        if timeline.exact:
            self._note_gap(previous + 1, len(timeline))

    def _decoded(self, previous) -> Iterator[av.VideoFrame]:  # type: ignore[no-untyped-def]
        """All pictures from here on, in output order; a damaged packet leaves its reason in `failure`."""
        retries = 0
        demuxing = self.container.demux(self.stream)
        while retries < _DEMUX_RETRIES:
            try:
                packet = next(demuxing, None)
            except (av.FFmpegError, ValueError) as error:  # the generator is spent; the file may go on behind it
                self.failure = reason(error)
                retries += 1
                demuxing = self.container.demux(self.stream)
                continue
            if packet is None:
                return
            try:
                yield from packet.decode()
            except (av.FFmpegError, ValueError) as error:
                self.failure = reason(error)
                if not self.scan.timeline.exact:
                    self._note_damage(previous() + 1)

    def _index(self, frame: av.VideoFrame, previous: int) -> int:
        index = self.scan.timeline.index_of(frame.pts) if self.scan.timeline.exact else None
        return previous + 1 if index is None else index

    def _seconds(self, frame: av.VideoFrame, index: int, before: float) -> float:
        """Time of a picture from the first one, s, ascending: by its tick, else by its stamp, else by the rate."""
        timeline, step = self.scan.timeline, 1 / self.scan.info.fps
        if timeline.exact:
            return timeline.seconds(index)
        if self.container.format.name == "avi" or frame.pts is None:
            return index * step if self.container.format.name == "avi" else before + step
        stamp = float((frame.pts - int(timeline.ticks[0])) * timeline.unit)
        return stamp if stamp > before else before + step

    def _image(self, frame: av.VideoFrame) -> Array:
        """(H, W, 3) uint8 RGB, upright; a stream that changes its size is scaled to its first picture."""
        width, height = self.scan.stored_size
        image = frame.to_ndarray(format="rgb24", width=width, height=height)
        return upright(np.asarray(image), quarter_turns(frame.rotation))

    def _note_gap(self, first: int, after: int) -> None:
        if after > first and self.scan.timeline.exact:
            seconds = self.scan.timeline.seconds
            self.gaps.append(Gap(seconds(first), seconds(after), after - first, self.failure))

    def _note_damage(self, index: int) -> None:
        start = index / self.scan.info.fps
        if not self.gaps or self.gaps[-1].start != start:
            self.gaps.append(Gap(start, start, 1, self.failure))
