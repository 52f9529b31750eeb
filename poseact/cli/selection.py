"""Behind `poseact select`: poses are read, people chosen again, clips left out, and the result shown and written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from poseact.cli.failures import SOME_FAILED
from poseact.cli.messages import Messages
from poseact.cli.outputs import poses_target
from poseact.cli.stdout import print_table, write_line
from poseact.errors import InvalidPoses, UsageError
from poseact.poses import PoseDataset, everybody, foremost, read_poses, reselect, write_poses
from poseact.poses.reduce import frames_seen, kept_clips, of_labels, of_splits
from poseact.report.people import choices_table, ids, people_json, tracks_table
from poseact.texts import listed
from poseact.track import RULES
from poseact.types import PoseSequence

_DEFAULT_PEOPLE = 2  # as in PYSKL's pickles, and as extraction chooses

_Pairs = list[tuple[PoseSequence, PoseSequence]]


@dataclass(frozen=True)
class SelectOptions:
    """The command line of `poseact select`, as it was given; see its help."""

    poses: Path
    out: Path | None
    person: str | None
    max_persons: int | None
    clips: frozenset[str]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    min_frames: int
    show_list: bool
    rows: str
    float16: bool
    as_json: bool
    quiet: bool
    debug: bool


def run_selection(options: SelectOptions) -> int:
    """Choose again, show and write. Raises: PoseactError and its kinds."""
    messages = Messages(verbosity=-1 if options.quiet else 0, debug=options.debug)
    _check(options)
    out = poses_target("--out", options.out, [options.poses]) if options.out is not None else None
    dataset = _reduced(read_poses(options.poses), options)
    pairs, missed = _decided(dataset, options)
    if out is None:
        for _, clip in pairs:
            if not options.clips or clip.name in options.clips:
                write_line(people_json(clip)) if options.as_json else print_table(tracks_table(clip))
    else:
        _write(dataset, pairs, out, options)
    if missed:
        messages.error(
            f"clips without a person {options.person}: {len(missed)}, such as {missed[0]!r}; they stay as they were"
        )
    return SOME_FAILED if missed else 0


def _check(options: SelectOptions) -> None:
    """Everything that can be wrong before the poses are read."""
    rule = options.person
    if rule is not None and rule not in RULES and not _is_number(rule):
        raise UsageError(f"unknown person {rule!r}; use {', '.join(RULES)}, or the id of a person (see --list)")
    if options.rows != "all" and not _is_number(options.rows):
        raise UsageError(f"--rows {options.rows}: write a number of clips, or all")
    if options.out is None and not options.show_list:
        raise UsageError("nothing is to be written; name a file with --out, or look at the people with --list")
    if options.out is not None and options.show_list:
        raise UsageError("--list writes nothing; leave out --out, or --list")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _reduced(dataset: PoseDataset, options: SelectOptions) -> PoseDataset:
    """The clips of the splits and classes that were asked for."""
    if options.splits:
        dataset = of_splits(dataset, options.splits)
    if options.labels:
        whole = [text for text in options.labels if text in dataset.classes]  # names of classes may hold commas
        parts = [name for text in options.labels if text not in whole for name in listed(text)]
        dataset = of_labels(dataset, whole + parts)
    return dataset


def _decided(dataset: PoseDataset, options: SelectOptions) -> tuple[_Pairs, list[str]]:
    """Clips before and after, and the names of those that lack the person asked for and stay as they are."""
    unknown = sorted(options.clips - {clip.name for clip in dataset.annotations})
    if unknown:
        raise UsageError(f"there is no clip {unknown[0][:80]!r} among the {len(dataset)} clips")
    pairs: _Pairs = []
    missed = []
    wanted = int(options.person) if options.person is not None and _is_number(options.person) else None
    for clip in dataset.annotations:
        concerned = not options.clips or clip.name in options.clips
        if concerned and wanted is not None and not _has(clip, wanted):
            missed.append(clip.name)
            concerned = False
        pairs.append((clip, _choice(clip, options) if concerned else clip))
    if missed and len(missed) == (len(options.clips) or len(dataset)):
        others = f" nor in {len(missed) - 1} other clips" if len(missed) > 1 else ""
        raise UsageError(f"there is no person {options.person} in {missed[0]!r}{others}; --list shows who is there")
    pairs = [(before, after) for before, after in pairs if frames_seen(after) >= options.min_frames]
    if not pairs:
        raise InvalidPoses("no clip is left; look at what there is with --list, or ask for less")
    return pairs, missed


def _has(clip: PoseSequence, number: int) -> bool:
    return number in everybody(clip).track_id


def _choice(clip: PoseSequence, options: SelectOptions) -> PoseSequence:
    people = len(everybody(clip))
    if options.person is None:
        return clip if options.max_persons is None else foremost(clip, options.max_persons)
    most = options.max_persons or (people if options.person == "all" else _DEFAULT_PEOPLE)
    return reselect(clip, str(int(options.person)) if _is_number(options.person) else options.person, most)


def _write(dataset: PoseDataset, pairs: _Pairs, out: Path, options: SelectOptions) -> None:
    kept = {id(before) for before, _ in pairs}
    left = kept_clips(dataset, lambda clip: id(clip) in kept)
    write_poses(out, PoseDataset([after for _, after in pairs], left.splits, left.classes), float16=options.float16)
    if options.as_json:
        for _, after in pairs:
            write_line(people_json(after))
    elif not options.quiet:
        if options.rows != "0":
            print_table(choices_table(pairs, len(pairs) if options.rows == "all" else int(options.rows)))
        changed = sum(ids(before) != ids(after) for before, after in pairs)
        out_of = f" of {len(dataset)}" if len(pairs) < len(dataset) else ""
        typer.echo(f"{len(pairs)}{out_of} clips are in {out}; the choice differs from before in {changed}")
