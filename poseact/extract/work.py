"""What is done with every clip, and what every engine promises that has it done, wherever. Starts no process."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from poseact.errors import DecoderCrashed, InputError, LimitExceeded, ModelError, OutputError, UsageError, public_name
from poseact.extract.clips import Clip
from poseact.extract.extractor import Extractor, Progress
from poseact.extract.journal import Journal, stamp
from poseact.extract.plan import EVERY_FRAME, FramePlan
from poseact.extract.quality import quality_of
from poseact.extract.result import CRASHED, INTERNAL_ERROR, TOO_MUCH_MEMORY, Done, Failed, Result
from poseact.poses import ranked
from poseact.processes import out_of_memory

OpenExtractor = Callable[[], Extractor]
"""Makes an extractor in whichever process runs it; must be picklable."""


class Work(Protocol):
    """Done with every clip. Small and picklable, like its results: neither frames nor poses travel."""

    def __call__(self, extractor: Extractor, clip: Clip, progress: Progress | None = None) -> Result:
        """Do it; `progress` is called with (steps done, steps planned), at least every few seconds.

        Raises: what is not the clip's fault, OutputError and ModelError for example; it ends the run.
        """
        ...


@dataclass(frozen=True, slots=True)
class Extract:
    """Extract the poses of one clip and put them into the journal as one whole file.

    The journal folder must be the same for all processes.

    Attributes:
        journal: where finished clips go.
        plan: which frames of each video are looked at.
        person: the rule by which people are ranked.
        max_persons: at most so many people are chosen; everybody else is stored behind them.
    """

    journal: Journal
    plan: FramePlan = EVERY_FRAME
    person: str = "auto"
    max_persons: int = 2

    def __call__(self, extractor: Extractor, clip: Clip, progress: Progress | None = None) -> Result:
        """See `Work`."""
        started, looked_at = time.monotonic(), stamp(clip)
        try:
            seen = extractor(
                clip.path, self.plan, person=self.person, refined=self.max_persons, progress=progress,
                start=clip.start, end=clip.end,
            )  # fmt: skip
            poses = replace(ranked(seen.poses, seen.selection, self.max_persons), name=clip.name, label=clip.label)
        except (OutputError, ModelError):
            raise
        except Exception as error:
            return _failed(clip, error)
        quality = quality_of(
            poses, nominal=seen.announced, planned=seen.planned, gaps=len(seen.gaps), shots=len(seen.shots)
        )
        self.journal.store(clip, poses, quality, looked_at)
        return Done(len(poses.pts), len(seen.poses), time.monotonic() - started)


def _failed(clip: Clip, error: Exception) -> Failed:
    """What an exception says of the clip. A video that meets a bug costs itself, not the run."""
    if isinstance(error, DecoderCrashed):
        return Failed(CRASHED, str(error))
    for kind in (InputError, LimitExceeded, UsageError):
        if isinstance(error, kind):
            return Failed(public_name(error), str(error))
    if out_of_memory(error):
        return Failed(
            TOO_MUCH_MEMORY, f"{clip.path}: out of memory; use fewer --workers, or a smaller or shorter video"
        )
    told = f"{clip.path}: internal error: {type(error).__name__}: {error}"
    return Failed(INTERNAL_ERROR, told, "".join(traceback.format_exception(error)))


class Engine(Protocol):
    """Runs work on clips: in this process, in several, on several machines."""

    def __call__(
        self, clips: Sequence[Clip], work: Work, open_extractor: OpenExtractor
    ) -> Generator[tuple[Clip, Result]]:
        """Yield every clip once, with what became of it, as they finish, in any order.

        A clip that takes its process down is `Failed` and costs no other clip. Closing the iterator stops what is
        under way.
        Raises: what `open_extractor` raises, and what is not one clip's fault.
        """
        ...
