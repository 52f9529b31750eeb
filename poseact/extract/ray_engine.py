"""An engine over many machines: clips go to the nodes of a Ray cluster, small results come back, no frame travels."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from poseact.errors import PoseactError, UsageError
from poseact.extract.clips import Clip
from poseact.extract.engine import CRASHES, FAILED_STARTS, Crew, Watched
from poseact.extract.result import CRASHED, Failed, Result
from poseact.extract.work import OpenExtractor, Work

LOOKS_EVERY = 1.0
"""s between two looks at the cluster."""
NOBODY_LEFT = 120.0
"""s for which a cluster may be without a free node before the run ends."""


@dataclass(frozen=True, slots=True)
class OnRay:
    """See `Engine`: one actor per `threads` CPUs of the cluster, each with one watched process of its own.

    What a video may do to its process is judged on its node, as by `Watched`. A node or an actor that is killed costs
    the clips that it had in work, which are given to others once more. Where others use the cluster too, clips go to
    the actors that have found room. All nodes must see the videos and the journal under the same paths, and have
    poseact installed.

    Attributes:
        address: of a running cluster, "auto" for the one of this machine; None: a new one on this machine.
        threads, timeout, memory_limit: as for `Watched`, on each node.
        gpus: that each actor has for itself; without any it sees none.
    """

    address: str | None = None
    threads: int = 1
    timeout: float = 600.0
    memory_limit: int | None = None
    gpus: float = 0.0

    def __call__(
        self, clips: Sequence[Clip], work: Work, open_extractor: OpenExtractor
    ) -> Generator[tuple[Clip, Result]]:
        ray = _ray()
        ours = not ray.is_initialized()
        try:
            if ours:
                ray.init(address=self.address, log_to_driver=False, logging_level="ERROR", include_dashboard=False)
        except (OSError, RuntimeError, ValueError, TimeoutError) as error:
            raise UsageError(f"no Ray cluster can be used at {self.address or 'this machine'}: {error}") from error
        fleet = _Fleet(ray, self, deque(clips), work, open_extractor)
        try:
            while fleet.busy:
                fleet.fill()
                yield from fleet.look()
        finally:
            fleet.dismiss()
            if ours:
                ray.shutdown()


class Node:
    """What runs on the cluster: one watched process and the clip that it has in work."""

    def __init__(self, orders: Watched, work: Work, open_extractor: OpenExtractor, folder: str) -> None:
        os.chdir(folder)  # paths may be relative
        self._crew = Crew(orders, deque(), work, open_extractor)

    def here(self) -> None:
        """Answers once the cluster has found room for it."""

    def work(self, clip: Clip) -> Result:
        """Raises: what is not the clip's fault."""
        self._crew.waiting.append(clip)
        while True:
            self._crew.fill()
            for _, result in self._crew.look():
                return result


@dataclass
class _Fleet:
    """The actors of one run, and what is left to do."""

    ray: Any
    orders: OnRay
    waiting: deque[Clip]
    work: Work
    open_extractor: OpenExtractor
    starting: dict[Any, Any] = field(default_factory=dict)
    idle: list[Any] = field(default_factory=list)
    at_work: dict[Any, tuple[Any, Clip]] = field(default_factory=dict)
    crashes: Counter[str] = field(default_factory=Counter)
    failed_starts: int = 0
    heard: float = field(default_factory=time.monotonic)

    @property
    def busy(self) -> bool:
        return bool(self.waiting or self.at_work)

    def fill(self) -> None:
        """As many actors as the nodes that are alive have room for, and a clip for every idle one."""
        room = max(self._room(), 1) - len(self.starting) - len(self.idle) - len(self.at_work)
        for _ in range(min(room, len(self.waiting) - len(self.starting) - len(self.idle))):
            actor = self._actor()
            self.starting[actor.here.remote()] = actor
        while self.idle and self.waiting:
            actor, clip = self.idle.pop(), self.waiting.popleft()
            self.at_work[actor.work.remote(clip)] = actor, clip

    def look(self) -> list[tuple[Clip, Result]]:
        """Wait a moment, and take what is finished or lost. Raises: what is not one clip's fault."""
        asked = [*self.starting, *self.at_work]
        done, _ = self.ray.wait(asked, num_returns=1, timeout=LOOKS_EVERY)
        if done or self._room() > 0:
            self.heard = time.monotonic()
        elif time.monotonic() - self.heard > NOBODY_LEFT:
            raise PoseactError("the Ray cluster has no node left; finished videos are kept, start it again and go on")
        for reference in done:
            if reference in self.starting:
                self._started(reference)
        finished = [reference for reference in done if reference in self.at_work]
        return [found for reference in finished if (found := self._taken(reference)) is not None]

    def _started(self, reference: Any) -> None:
        actor = self.starting.pop(reference)
        try:
            self.ray.get(reference)
        except self._losses() as error:
            self.failed_starts += 1
            if self.failed_starts >= FAILED_STARTS:
                told = str(error).strip().splitlines()[-1]
                raise PoseactError(f"poseact does not start on the nodes of the Ray cluster: {told}") from error
            return
        self.failed_starts = 0
        self.idle.append(actor)

    def _taken(self, reference: Any) -> tuple[Clip, Result] | None:
        actor, clip = self.at_work.pop(reference)
        try:
            result = self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else PoseactError(str(error)) from error
        except self._losses():
            return self._lost(clip)
        self.idle.append(actor)
        return clip, result

    def _lost(self, clip: Clip) -> tuple[Clip, Result] | None:
        for actor in self.idle:  # they may have been on the same node, and would cost a clip to find out
            self.ray.kill(actor)
        self.idle.clear()
        self.crashes[clip.name] += 1
        if self.crashes[clip.name] < CRASHES:
            self.waiting.append(clip)
            return None
        return clip, Failed(CRASHED, f"{clip.path}: the node that worked on it was lost {CRASHES} times")

    def dismiss(self) -> None:
        """End all actors, and what they started."""
        for actor in (*self.starting.values(), *self.idle, *(actor for actor, _ in self.at_work.values())):
            self.ray.kill(actor)

    def _actor(self) -> Any:
        orders = Watched(1, self.orders.threads, self.orders.timeout, self.orders.memory_limit)
        remote = self.ray.remote(num_cpus=self.orders.threads, num_gpus=self.orders.gpus, max_restarts=0)(Node)
        return remote.remote(orders, self.work, self.open_extractor, os.getcwd())  # noqa: PTH109

    def _room(self) -> int:
        """Actors for which the nodes that are alive have room when nobody else uses them; 0 without a node.

        Raises: UsageError when no node has room for one.
        """
        alive = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        asked = {"CPU": self.orders.threads, "GPU": self.orders.gpus}
        rooms = [min(int(has.get(kind, 0.0) // of) for kind, of in asked.items() if of) for has in alive]
        if any(has.get("CPU") for has in alive) and not any(rooms):
            told = f"{self.orders.threads} CPUs" + (f" and {self.orders.gpus:g} GPUs" if self.orders.gpus else "")
            raise UsageError(f"no node of the Ray cluster has {told}; use fewer --threads, or another --device")
        return sum(rooms)

    def _losses(self) -> tuple[type[Exception], ...]:
        """What is raised when an actor or its node is gone."""
        errors = self.ray.exceptions
        return errors.RayActorError, errors.WorkerCrashedError, errors.ObjectLostError, errors.NodeDiedError


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UsageError("--engine ray needs Ray: pip install 'poseact[ray]'") from error
    return ray
