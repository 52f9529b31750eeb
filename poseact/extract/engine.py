"""Engines on this machine: the clips in this process, or in watched processes that may hang, crash and bloat."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait

from poseact.errors import ModelError
from poseact.extract.clips import Clip
from poseact.extract.result import CRASHED, TIMEOUT, TOO_MUCH_MEMORY, Failed, Result
from poseact.extract.work import OpenExtractor, Work
from poseact.extract.worker import Raised, Ready, Step, Worker
from poseact.machine import memory
from poseact.processes import ending

LOOKS_EVERY = 0.25
"""s between two looks at time and memory of the workers."""
OPENING_TIMEOUT = 600.0
"""s without a sign of life in which the networks must be open."""
CRASHES = 2
"""A clip is given up when it took down so many processes: the first time may be another one's fault."""
FAILED_STARTS = 3
"""The run ends when so many workers in a row die before they are ready."""
MEMORY_SHARE = 0.8
LEAST_MEMORY = 2 << 30

Watch = Callable[[Clip, int, int | None], None]


def in_this_process(clips: Sequence[Clip], work: Work, open_extractor: OpenExtractor) -> Generator[tuple[Clip, Result]]:
    """See `Engine`; without isolation: a clip that hangs or takes the process down ends the run."""
    if not clips:
        return
    extractor = open_extractor()
    for clip in clips:
        yield clip, work(extractor, clip)


@dataclass(frozen=True, slots=True)
class Watched:
    """See `Engine`: processes, each with networks of its own, under the eyes of this one.

    A clip that makes no progress for too long, takes too much memory or ends its process fails alone; a new process
    takes over. Memory is what the operating system says is resident, looked at a few times a second: limits that it
    enforces itself count reserved addresses, of which torch and CUDA take many times what they use.

    Attributes:
        workers: processes at a time.
        threads: of each process. The last bits of what networks say depend on it (the order of the sums does), and
            with one thread on nothing, so poses are the same however many workers there are.
        timeout: s without any progress after which a clip is given up; a long video may take as long as it likes.
        memory_limit: bytes that a process may take with those that it starts; None: an even share of four fifths of
            the machine's, at least 2 GiB.
        watch: called with (clip, steps done, steps planned) as clips proceed.
    """

    workers: int = 1
    threads: int = 1
    timeout: float = 600.0
    memory_limit: int | None = None
    watch: Watch | None = None

    def __call__(
        self, clips: Sequence[Clip], work: Work, open_extractor: OpenExtractor
    ) -> Generator[tuple[Clip, Result]]:
        crew = Crew(self, deque(clips), work, open_extractor)
        try:
            while crew.busy:
                crew.fill()
                yield from crew.look()
        finally:
            crew.dismiss()

    @property
    def allowed(self) -> int:
        """Bytes that each process may take."""
        return self.memory_limit or max(LEAST_MEMORY, int(MEMORY_SHARE * memory() / self.workers))


@dataclass
class Crew:
    """The workers of one run and what is left to do."""

    orders: Watched
    waiting: deque[Clip]
    work: Work
    open_extractor: OpenExtractor
    workers: list[Worker] = field(default_factory=list)
    crashes: Counter[str] = field(default_factory=Counter)
    failed_starts: int = 0

    @property
    def busy(self) -> bool:
        return bool(self.waiting) or any(worker.clip is not None for worker in self.workers)

    def fill(self) -> None:
        """Start the workers that are missing, and give every idle one a clip."""
        idle = sum(worker.clip is None for worker in self.workers)
        for _ in range(min(self.orders.workers - len(self.workers), len(self.waiting) - idle)):
            self.workers.append(Worker.start(self.work, self.open_extractor, self.orders.threads))
        for worker in self.workers:
            if worker.ready and worker.clip is None and not worker.ended and self.waiting:
                worker.give(self.waiting.popleft())

    def look(self) -> Iterator[tuple[Clip, Result]]:
        """Wait a moment for news, and yield what is finished or given up."""
        wait([worker.connection for worker in self.workers], LOOKS_EVERY)
        for worker in list(self.workers):
            yield from self._hear(worker)
            failed = self._judge(worker)
            if failed is not None or worker.ended:
                self._bury(worker)
            if failed is not None and worker.clip is not None:
                yield worker.clip, failed

    def dismiss(self) -> None:
        """End all workers: at once those that are at work, the others in peace."""
        for worker in self.workers:
            worker.stop()
        self.workers.clear()

    def _hear(self, worker: Worker) -> Iterator[tuple[Clip, Result]]:
        for message in worker.messages():
            if isinstance(message, Raised):
                raise message.error
            if isinstance(message, Ready):
                worker.ready, self.failed_starts = True, 0
            elif isinstance(message, Step):
                if worker.clip is not None and self.orders.watch is not None:
                    self.orders.watch(worker.clip, message.done, message.planned)
            elif worker.clip is not None:
                clip, worker.clip = worker.clip, None
                if isinstance(message, Failed) and message.code == CRASHED and self._again(clip):
                    continue
                yield clip, message

    def _judge(self, worker: Worker) -> Failed | None:
        """Why the worker's clip must be given up, if so. Raises: ModelError when workers do not even start."""
        if worker.clip is None:
            self._judge_start(worker)
            return None
        path = worker.clip.path
        if worker.ended:
            return self._judge_crash(worker, worker.clip)
        if time.monotonic() - worker.heard > self.orders.timeout:
            return Failed(
                TIMEOUT, f"{path}: no progress for {self.orders.timeout:g} s; raise --timeout if the video is sound"
            )
        if (used := worker.memory(LOOKS_EVERY)) > self.orders.allowed:
            told = f"{used / 2**30:.1f} GiB of memory, more than the {self.orders.allowed / 2**30:.1f} GiB"
            return Failed(
                TOO_MUCH_MEMORY, f"{path}: took {told} that a worker may take; raise --memory or use fewer --workers"
            )
        return None

    def _judge_crash(self, worker: Worker, clip: Clip) -> Failed | None:
        if self._again(clip):
            worker.clip = None
            return None
        told = f"the process that worked on it ended {CRASHES} times, with {ending(worker.process.exitcode)}"
        return Failed(CRASHED, f"{clip.path}: {told}; the file is damaged, or the memory was used up")

    def _again(self, clip: Clip) -> bool:
        """Whether a clip that crashed is tried once more."""
        self.crashes[clip.name] += 1
        if self.crashes[clip.name] < CRASHES:
            self.waiting.append(clip)
            return True
        return False

    def _judge_start(self, worker: Worker) -> None:
        silent = not worker.ready and time.monotonic() - worker.heard > OPENING_TIMEOUT
        if worker.ready or not (worker.ended or silent):
            return
        self.failed_starts += 1
        if silent or self.failed_starts >= FAILED_STARTS:
            how = "was silent" if silent else f"ended with {ending(worker.process.exitcode)}"
            raise ModelError(f"a worker {how} while it opened the networks; use fewer --workers, or see poseact doctor")

    def _bury(self, worker: Worker) -> None:
        worker.kill()
        self.workers.remove(worker)
