"""A folder of videos -> one file of poses: finished clips are never done twice, and the order is that of the clips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from poseact.extract.clips import Clip
from poseact.extract.engine import in_this_process
from poseact.extract.journal import Journal
from poseact.extract.plan import EVERY_FRAME, FramePlan
from poseact.extract.work import Engine, Failed, OpenExtractor, Work
from poseact.poses import PoseDataset, check_target, write_poses


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one clip: `error` is None, or one line."""

    clip: Clip
    error: str | None


def extract_folder(
    clips: Sequence[Clip],
    out: Path,
    open_extractor: OpenExtractor,
    *,
    settings: Mapping[str, object],
    classes: Sequence[str] = (),
    splits: Mapping[str, str] | None = None,
    plan: FramePlan = EVERY_FRAME,
    person: str = "auto",
    max_persons: int = 2,
    engine: Engine = in_this_process,
) -> Iterator[Outcome]:
    """Extract every clip and write `out` at the end; yields as clips finish.

    Each finished clip is one whole file in the journal folder beside `out`, so that the same call goes on after it was
    killed. The journal is removed when `out` stands.

    Args:
        settings: what the poses depend on; a journal with other settings is refused.
        plan: which frames of each video to look at.
        person: the rule by which the people of each clip are ranked, the person of interest first.
        max_persons: at most so many people are chosen; everybody else is stored as `others`.
        engine: what runs the work.
    Raises: OutputError; UsageError for a journal with other settings.
    """
    check_target(out)
    journal = Journal.open(out, {**settings, "person": person, "max_persons": max_persons})
    waiting = [clip for clip in clips if not journal.holds(clip)]
    yield from (Outcome(clip, None) for clip in clips if journal.holds(clip))
    for clip, result in engine(waiting, Work(journal, plan, person, max_persons), open_extractor):
        yield Outcome(clip, result.message if isinstance(result, Failed) else None)
    _assemble(journal, clips, out, classes, splits or {})


def _assemble(
    journal: Journal, clips: Sequence[Clip], out: Path, classes: Sequence[str], splits: Mapping[str, str]
) -> None:
    """Write the target from the finished clips, in their order, and remove the journal; nothing if there is none."""
    done = [clip for clip in clips if journal.holds(clip)]
    if not done:
        return
    parts: dict[str, list[str]] = {}
    for clip in done:
        if clip.name in splits:
            parts.setdefault(splits[clip.name], []).append(clip.name)
    write_poses(out, PoseDataset([journal.poses(clip) for clip in done], parts, tuple(classes)))
    journal.remove()
