"""Decoding in a process of its own, ahead of who looks at the pictures: it takes no time of theirs, and crashes alone.

Orders and answers are pickled into the pipes of the process, pictures follow as they are.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from poseact.errors import DecoderCrashed
from poseact.processes import ending, portable
from poseact.types import Array, Frame, Gap
from poseact.video.images import IMAGE_FPS
from poseact.video.limits import DEFAULT_LIMITS, Limits
from poseact.video.reader import ReadFrames, VideoReader, source
from poseact.video.scan import Scan

AHEAD_BYTES = 64 << 20
"""Pictures that wait to be fetched, at least one."""
MOST_AHEAD = 64
PIPE_BYTES = 1 << 20
GRACE = 5.0
"""s that a process has to end."""


@dataclass(frozen=True, slots=True)
class _Video:
    """What `open_video` is told, and the folder that relative paths begin in."""

    folder: str
    path: str
    decoder: str
    limits: Limits
    image_fps: float


@dataclass(frozen=True, slots=True)
class _Look:
    """An order: what the file announces. The answer is a Scan."""

    video: _Video


@dataclass(frozen=True, slots=True)
class _Read:
    """An order: the wanted frames, as for `VideoReader.frames`. The answers are pictures and an end."""

    video: _Video
    wanted: Array | None


@dataclass(frozen=True, slots=True)
class _Picture:
    """An answer; the (H, W, 3) bytes follow."""

    index: int
    pts: float
    shape: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _End:
    gaps: list[Gap]


@dataclass
class DecodingAhead:
    """Opens videos as `open_video` does, and decodes them in a process that goes on while the caller computes.

    The process is kept from video to video; another one takes over from one that crashed, or whose reading was not
    finished. At most AHEAD_BYTES of pictures wait in it.
    """

    _idle: list[_Process] = field(default_factory=list)

    @classmethod
    def started(cls) -> DecodingAhead:
        """With a process that is on its way."""
        return cls([_Process()])

    def open(
        self, path: str | Path, decoder: str = "auto", limits: Limits = DEFAULT_LIMITS, image_fps: float = IMAGE_FPS
    ) -> VideoReader:
        """As `open_video`; its `gaps` are filled when a reading ends. Raises: as `open_video`, and DecoderCrashed."""
        video = _Video(os.getcwd(), str(path), decoder, limits, image_fps)  # noqa: PTH109
        with self._process(video) as process:
            process.order(_Look(video))
            answer = process.answer()
        if isinstance(answer, Exception):
            raise answer
        return VideoReader(cast(Scan, answer), lambda _, wanted, gaps: self._read(video, wanted, gaps))

    def close(self) -> None:
        """End the processes."""
        while self._idle:
            self._idle.pop().end()

    def _read(self, video: _Video, wanted: Array | None, gaps: list[Gap]) -> Generator[Frame, None, None]:
        with self._process(video) as process:
            process.order(_Read(video, wanted))
            while isinstance(answer := process.answer(), _Picture):
                yield Frame(answer.index, answer.pts, process.picture(answer.shape))
        if isinstance(answer, Exception):
            raise answer
        gaps[:] = answer.gaps

    @contextlib.contextmanager
    def _process(self, video: _Video) -> Iterator[_Process]:
        """An idle process, or a new one; it is ended unless it has answered to the end."""
        process = self._idle.pop() if self._idle else _Process()
        try:
            yield process
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            how = ending(process.wait())
            process.end()
            raise DecoderCrashed(
                f"{video.path}: the process that decodes it ended with {how}; the file is damaged, or the memory was "
                f"used up"
            ) from error
        except BaseException:
            process.end()
            raise
        self._idle.append(process)


class _Process:
    """The handle of a process that decodes."""

    def __init__(self) -> None:
        where = os.pathsep.join(dict.fromkeys(path or os.getcwd() for path in sys.path))  # noqa: PTH109
        self._popen = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve; serve()"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": where},
        )  # fmt: skip
        self._orders, self._answers = cast(IO[bytes], self._popen.stdin), cast(IO[bytes], self._popen.stdout)
        _widen(self._answers)
        self.end: Callable[[], None] = weakref.finalize(self, _end, self._popen)

    def order(self, order: _Look | _Read) -> None:
        pickle.dump(order, self._orders)
        self._orders.flush()

    def answer(self) -> Any:
        return pickle.load(self._answers)  # what poseact itself wrote there

    def wait(self) -> int | None:
        """The exit code of one that stopped to answer; None when it does not end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(GRACE)
        return self._popen.returncode

    def picture(self, shape: tuple[int, int, int]) -> Array:
        image = np.empty(shape, np.uint8)
        if cast(Any, self._answers).readinto(cast(Any, image).data.cast("B")) < image.nbytes:
            raise EOFError
        return image


def _end(popen: subprocess.Popen[bytes]) -> None:
    popen.kill()
    for pipe in (popen.stdin, popen.stdout):
        with contextlib.suppress(OSError):  # an order that nobody took
            cast(IO[bytes], pipe).close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        popen.wait(GRACE)


def _widen(pipe: IO[bytes]) -> None:
    """A larger buffer, where the system allows it: fewer switches between the two processes."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def serve() -> None:
    """The life of the process: obey orders until nobody is there to give them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the affair of who gives the orders
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what libraries print is no answer
    video, scan, read_frames = None, None, None
    try:
        while True:
            order = pickle.load(orders)
            try:
                if order.video != video:
                    video = None
                    os.chdir(order.video.folder)
                    scan, read_frames = source(
                        order.video.path, order.video.decoder, order.video.limits, order.video.image_fps
                    )
                    video = order.video
                if isinstance(order, _Look):
                    pickle.dump(scan, answers)
                else:
                    _send_frames(answers, cast(Scan, scan), cast(ReadFrames, read_frames), order.wanted)
            except (BrokenPipeError, EOFError):
                raise
            except Exception as error:
                pickle.dump(portable(error), answers)
            answers.flush()
    except (BrokenPipeError, EOFError):
        os._exit(0)  # in whatever call the decoder is


def _send_frames(answers: IO[bytes], scan: Scan, read_frames: ReadFrames, wanted: Array | None) -> None:
    """Pictures, and an end; the next ones are decoded meanwhile. Raises: what reading them raises."""
    gaps = list(scan.gaps)
    size = 3 * scan.info.width * scan.info.height
    waiting: queue.Queue[Frame | Exception | None] = queue.Queue(min(max(AHEAD_BYTES // max(size, 1), 1), MOST_AHEAD))

    def decode() -> None:
        try:
            for frame in read_frames(scan, wanted, gaps):
                waiting.put(frame)
            waiting.put(None)
        except Exception as error:
            waiting.put(error)

    threading.Thread(target=decode, daemon=True).start()
    while isinstance(item := waiting.get(), Frame):
        pickle.dump(_Picture(item.index, item.pts, item.image.shape), answers)
        answers.write(np.ascontiguousarray(item.image).data)
        answers.flush()
    if item is not None:
        raise item
    pickle.dump(_End(gaps), answers)
