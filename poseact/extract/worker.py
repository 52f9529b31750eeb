"""One watched process that works on clips, both ends of it: what runs there, and the handle of who watches it.

Messages are small: to the worker goes one clip at a time, from it come its progress and its results.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import psutil
import torch

from poseact.extract.clips import Clip
from poseact.extract.result import Result
from poseact.extract.work import OpenExtractor, Work
from poseact.processes import keep_memory, portable, worker_context
from poseact.zoo.fetch import watched

TOLD_EVERY = 0.1
"""s between two messages of progress."""
GRACE = 5.0
"""s that an idle worker has to end by itself."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The networks are open; the worker waits for clips."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something happened. `done` of `planned` steps of the clip, or bytes of a download."""

    done: int
    planned: int | None


@dataclass(frozen=True, slots=True)
class Raised:
    """What is no clip's fault; the worker ends."""

    error: Exception


Message = Ready | Step | Raised | Result


@dataclass
class Worker:
    """The handle of a worker: what it works on, since when nothing was heard of it, and how to end it.

    Attributes:
        clip: in work; None while the networks are opened and between clips.
        ready: it asked for a clip at least once.
        heard: `time.monotonic()` of the latest sign of life.
    """

    process: BaseProcess
    connection: Connection
    clip: Clip | None = None
    ready: bool = False
    heard: float = field(default_factory=time.monotonic)
    _weighed: float = -inf
    _weight: int = 0

    @classmethod
    def start(cls, work: Work, open_extractor: OpenExtractor, threads: int) -> Worker:
        """A new process. It may start processes of its own, which end with it."""
        context: Any = worker_context(__name__)  # the libraries are loaded once, not by each worker
        here, there = context.Pipe()
        arguments = (there, work, open_extractor, threads, os.getcwd(), dict(os.environ))  # noqa: PTH109
        process = context.Process(target=serve, args=arguments, name="poseact-worker", daemon=False)
        process.start()
        there.close()
        return cls(process, here)

    def give(self, clip: Clip) -> None:
        """Let it work on a clip; a worker that is gone is noticed by `messages`."""
        self.clip, self.heard = clip, time.monotonic()
        with contextlib.suppress(OSError):
            self.connection.send(clip)

    def messages(self) -> Iterator[Message]:
        """What it has said, without waiting."""
        try:
            while self.connection.poll():
                message = self.connection.recv()
                self.heard = time.monotonic()
                yield message
        except (EOFError, OSError, pickle.UnpicklingError):
            self.process.join(GRACE)

    @property
    def ended(self) -> bool:
        return self.process.exitcode is not None

    def memory(self, age: float) -> int:
        """Bytes of physical memory of the worker and the processes it started, as they were at most `age` s ago."""
        if (now := time.monotonic()) - self._weighed > age:
            self._weighed = now
            self._weight = sum(_resident(process) for process in _family(self.process.pid))
        return self._weight

    def stop(self) -> None:
        """End it as soon as it is idle, otherwise at once."""
        if self.clip is None and self.ready and not self.ended:
            with contextlib.suppress(OSError):
                self.connection.send(None)
            self.process.join(GRACE)
        self.kill()

    def kill(self) -> None:
        """End it at once, with the processes that it started."""
        for process in _family(self.process.pid):
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.join(GRACE)
        if hasattr(os, "killpg") and self.process.pid is not None:
            with contextlib.suppress(OSError):  # orphans of a worker that is gone already
                os.killpg(self.process.pid, signal.SIGKILL)
        self.connection.close()


def _family(pid: int | None) -> list[psutil.Process]:
    """A process and its descendants; empty when it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def serve(
    connection: Connection,
    work: Work,
    open_extractor: OpenExtractor,
    threads: int,
    folder: str,
    environment: dict[str, str],
) -> None:
    """The worker's life: open the networks, then one clip after the other, until it is told to end."""
    os.chdir(folder)  # of who started it, as it is now: paths may be relative
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the affair of who watches
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # a group of its own, so that it can be ended with everything it started
    clips: queue.SimpleQueue[Clip | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, clips), daemon=True).start()
    tell = _Teller(connection)
    keep_memory()
    try:
        torch.set_num_threads(threads)
        with watched(tell.step):
            extractor = open_extractor()
        connection.send(Ready())
        while (clip := clips.get()) is not None:
            connection.send(work(extractor, clip, tell.step))
    except BrokenPipeError:
        return
    except Exception as error:
        connection.send(Raised(portable(error)))


def _listen(connection: Connection, clips: queue.SimpleQueue[Clip | None]) -> None:
    """Pass on what is to be done. Without anybody who watches, everything here ends at once, in whatever call it is."""
    try:
        while (clip := connection.recv()) is not None:
            clips.put(clip)
        clips.put(None)
    except (EOFError, OSError):
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)


@dataclass
class _Teller:
    """Sends progress, not too often."""

    connection: Connection
    told: float = 0.0

    def step(self, done: int, planned: int | None) -> None:
        if time.monotonic() - self.told >= TOLD_EVERY:
            self.told = time.monotonic()
            self.connection.send(Step(done, planned))
