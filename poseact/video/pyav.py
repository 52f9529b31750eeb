"""Reading with PyAV, the default: jumps to keyframes, turns pictures upright, steps over damage."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import av
import av.container
from av.video.reformatter import VideoReformatter

from poseact.types import Array, Frame, Gap
from poseact.video.scan import Scan, quarter_turns, upright
from poseact.video.source import open_container, packets, reason, video_stream
from poseact.video.timeline import plan_runs


def read_frames(scan: Scan, wanted: Array | None, gaps: list[Gap]) -> Generator[Frame, None, None]:
    """Yield the wanted frames in presentation order; append what is missing to `gaps`.

    Frames between the wanted ones are decoded but not converted, or jumped over where a keyframe allows it. A picture
    that does not come out after a jump is looked for again without jumps, so sparse and dense reading agree.
    """
    runs: Sequence[tuple[int | None, Array | None]] = (
        [(None, None)] if wanted is None else plan_runs(wanted, scan.timeline)
    )
    with open_container(scan.file, scan.info.path) as container:
        stream = video_stream(container, scan.info.path, scan.limits)
        for keyframe, indices in runs:
            reading = _Reading(scan, gaps, container, stream)
            yield from reading.frames(indices, keyframe)
            if reading.missed and wanted is not None and indices is not None and keyframe is not None:
                wanted = wanted[wanted > max(reading.last, int(indices[0]) - 1)]
                break
        else:
            return
    with open_container(scan.file, scan.info.path) as container:
        gaps[:] = scan.gaps
        stream = video_stream(container, scan.info.path, scan.limits)
        yield from _Reading(scan, gaps, container, stream).frames(wanted)


class _Reading:
    """One stretch of decoding, from a keyframe or from the beginning, up to the last wanted frame or the end.

    Attributes:
        last: index of the last frame handed out, -1 for none.
        missed: whether a wanted frame did not come out.
    """

    def __init__(
        self, scan: Scan, gaps: list[Gap], container: av.container.InputContainer, stream: av.VideoStream
    ) -> None:
        self.last = -1
        self.missed = False
        self._scan = scan
        self._gaps = gaps
        self._container = container
        self._stream = stream
        self._position = -1  # index of the last decoded picture
        self._seconds = -1.0  # its time
        self._failure = ""
        self._reformatter = VideoReformatter()  # keeps its tables from picture to picture

    def frames(self, wanted: Array | None, keyframe: int | None = None) -> Iterator[Frame]:
        """Yield the wanted frames, all for None; after a jump, end at the first that does not come out."""
        remaining = None if wanted is None else wanted.tolist()[::-1]
        if remaining == []:
            return
        for picture in self._pictures(keyframe):
            while remaining and remaining[-1] < self._position:
                self.missed = True
                remaining.pop()
            if self.missed and keyframe is not None:
                return
            if remaining is None or (remaining and remaining[-1] == self._position):
                self.last = self._position
                yield Frame(self._position, self._seconds, self._image(picture))
                if remaining:
                    remaining.pop()
            if remaining == []:
                return
        self.missed = self.missed or bool(remaining)

    def _pictures(self, keyframe: int | None) -> Iterator[av.VideoFrame]:
        """Decode in presentation order; `_position` and `_seconds` belong to the picture at hand."""
        timeline = self._scan.timeline
        if keyframe is not None and not self._jumped(keyframe):
            self.missed = True
            return
        for picture in self._decoded():
            index = timeline.index_of(picture.pts) if timeline.exact else None
            index = self._position + 1 if index is None else index
            if index <= self._position:  # leads the keyframe, or comes late out of a damaged stretch
                continue
            self._note_missing(index)
            self._seconds = self._time(picture, index)
            self._position = index
            yield picture
        if timeline.exact:
            self._note_missing(len(timeline))

    def _jumped(self, keyframe: int) -> bool:
        """Seek to a keyframe, or one before it; False where the container cannot."""
        self._position = keyframe - 1
        tick = int(self._scan.timeline.ticks[keyframe])
        try:
            self._container.seek(tick, stream=self._stream, backward=True, any_frame=False)
        except (av.FFmpegError, ValueError):
            return False
        return True

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """All pictures from here on in output order; what is damaged leaves its reason in `_failure`."""
        for packet in packets(self._container, self._stream):
            if isinstance(packet, str):
                self._failure = packet
                continue
            try:
                yield from packet.decode()
            except (av.FFmpegError, ValueError) as error:
                self._failure = reason(error)
                self._note_damage()

    def _time(self, picture: av.VideoFrame, index: int) -> float:
        """s from the first picture, ascending: by the picture's tick, else by its stamp, else by the nominal rate."""
        timeline, step = self._scan.timeline, 1 / self._scan.info.fps
        if timeline.exact:
            return timeline.seconds(index)
        if picture.pts is None or timeline.constant_rate:
            return max(index * step, self._seconds + step / 2)
        stamp = float((picture.pts - int(timeline.ticks[0])) * timeline.unit)
        return stamp if stamp > self._seconds else self._seconds + step

    def _image(self, picture: av.VideoFrame) -> Array:
        """(H, W, 3) uint8 RGB, upright; a stream that changes its size is scaled to its first picture."""
        width, height = self._scan.stored_size
        converted = self._reformatter.reformat(picture, width=width, height=height, format="rgb24", threads=1)
        return upright(converted.to_ndarray(), quarter_turns(picture.rotation))

    def _note_missing(self, index: int) -> None:
        """Report the pictures between the last one and `index`; only a timeline with exact times knows of them."""
        if self._scan.timeline.exact and index > self._position + 1:
            why = self._failure or "no picture came out of the decoder"
            self._gaps.append(self._scan.timeline.missing(self._position + 1, index, why))

    def _note_damage(self) -> None:
        """Without exact times, a damaged packet is a gap of unknown length at the current time."""
        if self._scan.timeline.exact:
            return
        now = max(0.0, self._seconds)
        earlier = self._gaps.pop().frames if self._gaps and self._gaps[-1].end == now else 0
        self._gaps.append(Gap(now, now, earlier + 1, self._failure))
