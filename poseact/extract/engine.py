"""Engines on this machine: the clips one after the other in this process, or in several processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

from poseact.extract.clips import Clip
from poseact.extract.extractor import Extractor
from poseact.extract.work import Engine, OpenExtractor, Result, Work


def engine(workers: int) -> Engine:
    """One process or several."""
    return Processes(workers) if workers > 1 else in_this_process


def in_this_process(clips: Sequence[Clip], work: Work, open_extractor: OpenExtractor) -> Iterator[tuple[Clip, Result]]:
    """See `Engine`; without isolation: a clip that takes the process down ends the run."""
    if not clips:
        return
    extractor = open_extractor()
    for clip in clips:
        yield clip, work(extractor, clip)


@dataclass(frozen=True, slots=True)
class Processes:
    """See `Engine`. `workers`: processes, each with networks of its own."""

    workers: int

    def __call__(
        self, clips: Sequence[Clip], work: Work, open_extractor: OpenExtractor
    ) -> Iterator[tuple[Clip, Result]]:
        context = get_context("spawn")
        with ProcessPoolExecutor(self.workers, context, initializer=_begin, initargs=(open_extractor,)) as pool:
            running = {pool.submit(_run, work, clip): clip for clip in clips}
            for future in as_completed(running):
                yield running[future], future.result()


_worker: list[Extractor] = []


def _begin(open_extractor: OpenExtractor) -> None:
    import torch

    torch.set_num_threads(1)
    _worker.append(open_extractor())


def _run(work: Work, clip: Clip) -> Result:
    return work(_worker[0], clip)
