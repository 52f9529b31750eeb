"""What is done with every clip, in whichever process or on whichever machine. Knows no engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from poseact.errors import InputError
from poseact.extract.clips import Clip
from poseact.extract.extractor import Extractor
from poseact.extract.journal import Journal
from poseact.extract.plan import EVERY_FRAME, FramePlan
from poseact.poses import ranked

OpenExtractor = Callable[[], Extractor]
"""Makes an extractor in whichever process runs it; must be picklable."""


@dataclass(frozen=True, slots=True)
class Done:
    """A clip whose poses are in the journal.

    Attributes:
        frames: looked at.
    """

    frames: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A clip that has no poses.

    Attributes:
        code: the kind of error, "InvalidVideo" for example. message: one line for people.
    """

    code: str
    message: str


Result = Done | Failed


@dataclass(frozen=True, slots=True)
class Work:
    """Extract the poses of one clip and put them into the journal as one whole file.

    Small and picklable, like its arguments but for the extractor and like its results: neither frames nor poses travel
    between processes. The journal folder must be the same for all of them.

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

    def __call__(self, extractor: Extractor, clip: Clip) -> Result:
        """Do it. Raises: what is not the clip's fault, OutputError and ModelError for example."""
        try:
            seen = extractor(clip.path, self.plan, person=self.person, refined=self.max_persons)
        except InputError as error:
            return Failed(type(error).__name__, str(error))
        poses = replace(ranked(seen.poses, seen.selection, self.max_persons), name=clip.name, label=clip.label)
        self.journal.store(clip, poses)
        return Done(len(poses.pts))


class Engine(Protocol):
    """Runs work on clips: in this process, in several, on several machines."""

    def __call__(
        self, clips: Sequence[Clip], work: Work, open_extractor: OpenExtractor
    ) -> Iterator[tuple[Clip, Result]]:
        """Yield every clip once, with what became of it, as they finish, in any order.

        A clip that takes its process down is `Failed` and costs no other clip. Closing the iterator stops what is
        under way.
        Raises: what `open_extractor` raises, and what is not one clip's fault.
        """
        ...
