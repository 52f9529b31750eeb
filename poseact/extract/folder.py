"""Many videos -> one file of poses: nothing is done twice, and the order is that of the videos' paths."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Generator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

from poseact.errors import UsageError
from poseact.extract.clips import Clip
from poseact.extract.engine import in_this_process
from poseact.extract.journal import UNSEEN, Journal, stamp
from poseact.extract.quality import quality_of
from poseact.extract.record import Record, errors_path, quality_path, record_path, size_of, write_errors, write_quality
from poseact.extract.request import Request, difference, same
from poseact.extract.result import Done, Failed
from poseact.extract.work import Engine, Extract, OpenExtractor
from poseact.files import remove_leftovers
from poseact.poses import PoseDataset, check_place, check_target, read_poses, write_poses
from poseact.poses.merge import place

ANEW = "use --overwrite to start anew, or choose another --out"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one clip.

    Attributes:
        result: None for one that an earlier call finished.
        earlier: an earlier call did it; it was not done again.
    """

    clip: Clip
    result: Done | Failed | None
    earlier: bool = False

    @property
    def error(self) -> str | None:
        """One line when it failed."""
        return self.result.message if isinstance(self.result, Failed) else None


def extract_folder(
    clips: Sequence[Clip],
    out: Path,
    open_extractor: OpenExtractor,
    request: Request,
    *,
    classes: Sequence[str] = (),
    splits: Mapping[str, str] | None = None,
    engine: Engine = in_this_process,
) -> Generator[Outcome]:
    """Extract every clip and write `out` at the end; yields as clips finish.

    Each clip, finished or failed, is one whole file in the journal folder beside `out`, so that the same call goes on
    after it was killed. When `out` stands, a record beside it takes the journal's place: the same call then does what
    is new, and nothing where nothing is.

    Args:
        classes: names of the clips' labels. splits: {clip name: split}.
        engine: what runs the work.
    Raises: OutputError; UsageError for other settings, a target of other origin, or one in use.
    """
    check_target(out)
    with Journal.beside(out) as journal:
        for path in (out, record_path(out), quality_path(out), errors_path(out)):
            remove_leftovers(path)
        run = _Run(clips, out, journal, request, classes, splits or {})
        finished = run.resume()
        yield from (Outcome(clip, None, earlier=True) for clip in run.done)
        yield from (Outcome(clip, failed, earlier=True) for clip, failed in run.failed.items())
        if finished:
            return
        before = {clip: stamp(clip) for clip in run.waiting}
        work = Extract(journal, request.plan, request.person, request.max_persons)
        with closing(engine(run.waiting, work, open_extractor)) as results:
            for clip, result in results:
                if isinstance(result, Failed):
                    run.failed[clip] = result
                    journal.fail(clip, result, before[clip])
                yield Outcome(clip, result)
        run.assemble()


@dataclass(frozen=True, slots=True)
class Standing:
    """Clips that earlier calls have done, those that failed in them, and those that are left to do."""

    done: Sequence[Clip]
    failed: Sequence[Clip]
    waiting: Sequence[Clip]


def standing(clips: Sequence[Clip], out: Path, request: Request) -> Standing:
    """What `extract_folder` would find, without changing anything. Raises: as it does."""
    check_target(out)
    run = _Run(clips, out, Journal.of(out), request)
    run.look()
    return Standing(run.done, list(run.failed), run.waiting)


@dataclass
class _Run:
    """One call: what earlier calls did, and what is left to do."""

    clips: Sequence[Clip]
    out: Path
    journal: Journal
    request: Request
    classes: Sequence[str] = ()
    splits: Mapping[str, str] = field(default_factory=dict)
    done: list[Clip] = field(default_factory=list)
    unseen: list[Clip] = field(default_factory=list)
    failed: dict[Clip, Failed] = field(default_factory=dict)
    waiting: list[Clip] = field(default_factory=list)

    @property
    def sorting(self) -> str:
        """Digest of what may change without another look at the videos."""
        clips = sorted((clip.name, clip.label, self.splits.get(clip.name, "")) for clip in self.clips)
        return hashlib.sha256(json.dumps([list(self.classes), clips]).encode()).hexdigest()

    def look(self) -> Record | None:
        """Sort the clips by what earlier calls did, and change nothing; returns the record of a finished target.

        Raises: UsageError; OutputError where something stands that is no target.
        """
        settings, overwrite = self.request.settings, self.request.overwrite
        if overwrite:
            check_place(self.out)
        begun = self.journal.settings
        goes_on = begun is not None and same(begun, settings)
        if begun is not None and not goes_on and not overwrite and not self.journal.empty:
            raise UsageError(f"{self.journal.folder} was begun {difference(begun, settings)}; {ANEW}")
        record = None
        if goes_on:
            if not overwrite:
                self._refuse_gone(self.journal.names(), self.journal.folder)
            self._sort_by_journal()
        elif not overwrite and (record := self._target()) is not None:
            for clip in self.clips:
                before, why = record.failed.get(clip.name, (UNSEEN, None))
                now, looked_at = stamp(clip), record.done.get(clip.name)
                kept = now == UNSEEN and looked_at is not None
                self.unseen += [clip] if kept else []
                self._sort(clip, kept or looked_at == now, why if before == now else None)
        else:
            check_place(self.out)
            self.waiting += self.clips
        return record

    def resume(self) -> bool:
        """Find out what is left, from the journal, or from a finished target; True when there is nothing to do.

        Raises: as `look`.
        """
        settings, record = self.request.settings, self.look()
        if self.unseen:
            logging.getLogger("poseact").warning(
                "videos cannot be seen just now, their poses are kept: %d, such as %s",
                len(self.unseen), self.unseen[0].path,
            )  # fmt: skip
        begun = self.journal.settings
        if begun is None or not same(begun, settings):
            self.journal.clear()
            if record is not None:
                if not self.waiting and record.sorting == self.sorting:
                    return True
                self._unpack(record)
            self.journal.begin(settings)
            self._sort_by_journal()
        self.journal.sweep()
        return False

    def _target(self) -> Record | None:
        """The record of the target, if there is one. Raises: UsageError for a target of another origin."""
        if not self.out.exists():
            return None
        record = Record.beside(self.out)
        if record is None:
            if self.out.is_dir() and not any(self.out.iterdir()):
                return None
            raise UsageError(f"{self.out} exists and is not what an earlier extraction left there; {ANEW}")
        if not same(record.settings, self.request.settings):
            raise UsageError(f"{self.out} was made {difference(record.settings, self.request.settings)}; {ANEW}")
        self._refuse_gone(record.done.keys(), self.out)
        return record

    def _refuse_gone(self, finished: Set[str], where: Path) -> None:
        """Raises: UsageError when clips are finished that are not asked for any more, but for `drop_missing`."""
        gone = sorted(finished - {clip.name for clip in self.clips})
        if gone and not self.request.drop_missing:
            raise UsageError(
                f"{where} holds poses of {len(gone)} videos that are not among the inputs any more, such as "
                f"{gone[0]!r}; use --drop-missing to leave them out, or {ANEW.removeprefix('use ')}"
            )

    def _sort_by_journal(self) -> None:
        self.done, self.failed, self.waiting = [], {}, []
        for clip in self.clips:
            self._sort(clip, self.journal.holds(clip), self.journal.failure(clip))

    def _sort(self, clip: Clip, done: bool, failed: Failed | None) -> None:
        if done:
            self.done.append(clip)
        elif failed is not None and not self.request.retry_failed:
            self.failed[clip] = failed
        else:
            self.waiting.append(clip)

    def _unpack(self, record: Record) -> None:
        """The target's poses and failures into the journal."""
        poses = {sequence.name: sequence for sequence in read_poses(self.out).annotations}
        for clip in self.done:
            if clip.name in poses:
                held = poses[clip.name]
                quality = record.quality.get(clip.name) or quality_of(held)
                self.journal.store(clip, held, quality, record.done[clip.name])
        for clip, why in self.failed.items():
            self.journal.fail(clip, why, stamp(clip))

    def assemble(self) -> None:
        """Write the target from the finished clips, the record and the errors; remove the journal.

        Without a finished clip there is no target, and the next call tries everything again.
        """
        failed = {clip: self.failed[clip] for clip in self.clips if clip in self.failed}
        done = [clip for clip in self.clips if clip not in failed]
        if done:
            places = map(place, self.journal.finished(done))
            done = [clip for _, clip in sorted(zip(places, done, strict=True), key=itemgetter(0))]
            parts: dict[str, list[str]] = {}
            for clip in done:
                if clip.name in self.splits:
                    parts.setdefault(self.splits[clip.name], []).append(clip.name)
            poses = self.journal.finished(done)
            write_poses(self.out, PoseDataset(poses, parts, tuple(self.classes)), float16=self.request.float16)
            qualities = {
                clip.name: self.journal.quality(clip) or quality_of(poses[row]) for row, clip in enumerate(done)
            }
            Record(
                self.request.settings, size_of(self.out), {clip.name: self.journal.stamp(clip) for clip in done},
                {clip.name: (self.journal.failure_stamp(clip), why) for clip, why in failed.items()}, self.sorting,
                qualities,
            ).write(self.out)  # fmt: skip
            write_quality(self.out, qualities)
        write_errors(self.out, failed)
        self.journal.clear()
