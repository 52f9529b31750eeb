"""Many videos -> one file of poses: nothing is done twice, and the order is that of the videos' paths."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

from poseact import __version__
from poseact.errors import UsageError
from poseact.extract.clips import Clip
from poseact.extract.engine import in_this_process
from poseact.extract.journal import UNSEEN, Journal, stamp
from poseact.extract.plan import EVERY_FRAME, FramePlan
from poseact.extract.quality import quality_of
from poseact.extract.record import Record, errors_path, quality_path, record_path, size_of, write_errors, write_quality
from poseact.extract.result import Done, Failed
from poseact.extract.work import Engine, Extract, OpenExtractor
from poseact.files import remove_leftovers
from poseact.poses import PoseDataset, check_place, check_target, read_poses, write_poses
from poseact.poses.merge import place


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
    *,
    settings: Mapping[str, object],
    classes: Sequence[str] = (),
    splits: Mapping[str, str] | None = None,
    plan: FramePlan = EVERY_FRAME,
    person: str = "auto",
    max_persons: int = 2,
    float16: bool = False,
    engine: Engine = in_this_process,
    overwrite: bool = False,
    retry_failed: bool = False,
    forget_gone: bool = False,
) -> Generator[Outcome]:
    """Extract every clip and write `out` at the end; yields as clips finish.

    Each clip, finished or failed, is one whole file in the journal folder beside `out`, so that the same call goes on
    after it was killed. When `out` stands, a record beside it takes the journal's place: the same call then does what
    is new, and nothing where nothing is.

    Args:
        settings: what the poses depend on, by option; what was begun with other settings is refused.
        plan: which frames of each video to look at.
        person: the rule by which the people of each clip are ranked, the person of interest first.
        max_persons: at most so many people are chosen; everybody else is stored as `others`.
        float16: half the size of `out`, as PYSKL's own files.
        engine: what runs the work.
        overwrite: start anew in place of a finished target, or of a run with other settings. An unfinished run with
            the same settings goes on, so that a command with this option ends at last, however often it is killed.
        retry_failed: clips that failed in an earlier call are tried again.
        forget_gone: a finished target loses the clips that are not among `clips` any more; else it is refused.
    Raises: OutputError; UsageError for other settings, a target of other origin, or one in use.
    """
    check_target(out)
    wanted = _wanted(settings, person, max_persons, float16)
    with Journal.beside(out) as journal:
        for path in (out, record_path(out), quality_path(out), errors_path(out)):
            remove_leftovers(path)
        run = _Run(clips, out, journal, wanted, retry_failed, forget_gone, _sorting(clips, classes, splits or {}))
        finished = run.resume(overwrite=overwrite)
        yield from (Outcome(clip, None, earlier=True) for clip in run.done)
        yield from (Outcome(clip, failed, earlier=True) for clip, failed in run.failed.items())
        if finished:
            return
        results = engine(run.waiting, Extract(journal, plan, person, max_persons), open_extractor)
        with closing(results):
            for clip, result in results:
                if isinstance(result, Failed):
                    run.failed[clip] = result
                    journal.fail(clip, result)
                yield Outcome(clip, result)
        run.assemble(classes, splits or {}, float16=float16)


@dataclass(frozen=True, slots=True)
class Standing:
    """Clips that earlier calls have done, those that failed in them, and those that are left to do."""

    done: Sequence[Clip]
    failed: Sequence[Clip]
    waiting: Sequence[Clip]


def standing(
    clips: Sequence[Clip],
    out: Path,
    *,
    settings: Mapping[str, object],
    person: str = "auto",
    max_persons: int = 2,
    float16: bool = False,
    overwrite: bool = False,
    retry_failed: bool = False,
    forget_gone: bool = False,
) -> Standing:
    """What `extract_folder` would find, without changing anything. Raises: as it does."""
    check_target(out)
    wanted = _wanted(settings, person, max_persons, float16)
    run = _Run(clips, out, Journal.of(out), wanted, retry_failed, forget_gone)
    run.look(overwrite=overwrite)
    return Standing(run.done, list(run.failed), run.waiting)


def _wanted(settings: Mapping[str, object], person: str, max_persons: int, float16: bool) -> dict[str, object]:
    """Everything that the target depends on, as JSON gives it back."""
    ours = {"person": person, "max-persons": max_persons, "float16": float16, "poseact": __version__}
    return dict(json.loads(json.dumps({**settings, **ours})))


@dataclass
class _Run:
    """One call: what earlier calls did, and what is left to do."""

    clips: Sequence[Clip]
    out: Path
    journal: Journal
    settings: dict[str, object]
    retry_failed: bool
    forget_gone: bool = False
    sorting: str = ""
    done: list[Clip] = field(default_factory=list)
    unseen: list[Clip] = field(default_factory=list)
    failed: dict[Clip, Failed] = field(default_factory=dict)
    waiting: list[Clip] = field(default_factory=list)

    def look(self, *, overwrite: bool) -> Record | None:
        """Sort the clips by what earlier calls did, and change nothing; returns the record of a finished target.

        Raises: UsageError; OutputError where something stands that is no target.
        """
        if overwrite:
            check_place(self.out)
        begun = self.journal.settings
        goes_on = begun is not None and _same(begun, self.settings)
        if begun is not None and not goes_on and not overwrite and not self.journal.empty:
            raise UsageError(f"{self.journal.folder} was begun {_difference(begun, self.settings)}; {ANEW}")
        record = None
        if goes_on:
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

    def resume(self, *, overwrite: bool) -> bool:
        """Find out what is left, from the journal, or from a finished target; True when there is nothing to do.

        Raises: as `look`.
        """
        record = self.look(overwrite=overwrite)
        if self.unseen:
            logging.getLogger("poseact").warning(
                "videos cannot be seen just now, their poses are kept: %d, such as %s",
                len(self.unseen), self.unseen[0].path,
            )  # fmt: skip
        begun = self.journal.settings
        if begun is None or not _same(begun, self.settings):
            self.journal.clear()
            if record is not None:
                if not self.waiting and record.sorting == self.sorting:
                    return True
                self._unpack(record)
            self.journal.begin(self.settings)
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
        if not _same(record.settings, self.settings):
            raise UsageError(f"{self.out} was made {_difference(record.settings, self.settings)}; {ANEW}")
        gone = sorted(record.done.keys() - {clip.name for clip in self.clips})
        if gone and not self.forget_gone:
            raise UsageError(
                f"{self.out} holds poses of {len(gone)} videos that are not among the inputs any more, such as "
                f"{gone[0]!r}; use --drop-missing to leave them out, or {ANEW.removeprefix('use ')}"
            )
        return record

    def _sort_by_journal(self) -> None:
        self.done, self.failed, self.waiting = [], {}, []
        for clip in self.clips:
            self._sort(clip, self.journal.holds(clip), self.journal.failure(clip))

    def _sort(self, clip: Clip, done: bool, failed: Failed | None) -> None:
        if done:
            self.done.append(clip)
        elif failed is not None and not self.retry_failed:
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
            self.journal.fail(clip, why)

    def assemble(self, classes: Sequence[str], splits: Mapping[str, str], *, float16: bool) -> None:
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
                if clip.name in splits:
                    parts.setdefault(splits[clip.name], []).append(clip.name)
            poses = self.journal.finished(done)
            write_poses(self.out, PoseDataset(poses, parts, tuple(classes)), float16=float16)
            qualities = {
                clip.name: self.journal.quality(clip) or quality_of(poses[row]) for row, clip in enumerate(done)
            }
            Record(
                self.settings, size_of(self.out), {clip.name: self.journal.stamp(clip) for clip in done},
                {clip.name: (stamp(clip), why) for clip, why in failed.items()}, self.sorting,
                qualities,
            ).write(self.out)  # fmt: skip
            write_quality(self.out, qualities)
        write_errors(self.out, failed)
        self.journal.clear()


def _sorting(clips: Sequence[Clip], classes: Sequence[str], splits: Mapping[str, str]) -> str:
    """Digest of what may change without another look at the videos."""
    told = [list(classes), sorted((clip.name, clip.label, splits.get(clip.name, "")) for clip in clips)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


ANEW = "use --overwrite to start anew, or choose another --out"


def _same(there: Mapping[str, object], now: Mapping[str, object]) -> bool:
    """Whether settings are the same; an option that is not given is one that an older version did not know."""
    return _given(there) == _given(now)


def _given(settings: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in settings.items() if value is not None and value is not False}


def _difference(there: Mapping[str, object], now: Mapping[str, object]) -> str:
    """The first setting that differs, such as `with --pose thunder, now with --pose lightning`."""
    if not there:
        return "with settings that cannot be read any more"
    before, after = _given(there), _given(now)
    name = next(name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name))
    return f"{_option(name, there.get(name))}, now {_option(name, now.get(name))}"


def _option(name: str, value: object) -> str:
    if name == "poseact":
        return f"with poseact {value}"
    if name == "inputs" and isinstance(value, list):
        return f"on {', '.join(map(str, value))}"
    if value in (None, False):
        return f"without --{name}"
    return f"with --{name}" if value is True else f"with --{name} {value}"
