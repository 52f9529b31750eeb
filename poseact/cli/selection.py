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
class Asked:
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


def select_asked(asked: Asked) -> int:
    """Choose again, show and write. Raises: PoseactError and its kinds."""
    messages = Messages(verbosity=-1 if asked.quiet else 0, debug=asked.debug)
    _check(asked)
    out = poses_target("--out", asked.out, [asked.poses]) if asked.out is not None else None
    dataset = _reduced(read_poses(asked.poses), asked)
    pairs, missed = _decided(dataset, asked)
    if out is None:
        for _, clip in pairs:
            if not asked.clips or clip.name in asked.clips:
                write_line(people_json(clip)) if asked.as_json else print_table(tracks_table(clip))
    else:
        _write(dataset, pairs, out, asked)
    if missed:
        messages.error(
            f"clips without a person {asked.person}: {len(missed)}, such as {missed[0]!r}; they stay as they were"
        )
    return SOME_FAILED if missed else 0


def _check(asked: Asked) -> None:
    """Everything that can be wrong before the poses are read."""
    rule = asked.person
    if rule is not None and rule not in RULES and not _is_number(rule):
        raise UsageError(f"unknown person {rule!r}; use {', '.join(RULES)}, or the id of a person (see --list)")
    if asked.rows != "all" and not _is_number(asked.rows):
        raise UsageError(f"--rows {asked.rows}: write a number of clips, or all")
    if asked.out is None and not asked.show_list:
        raise UsageError("nothing is to be written; name a file with --out, or look at the people with --list")
    if asked.out is not None and asked.show_list:
        raise UsageError("--list writes nothing; leave out --out, or --list")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _reduced(dataset: PoseDataset, asked: Asked) -> PoseDataset:
    """The clips of the splits and classes that were asked for."""
    if asked.splits:
        dataset = of_splits(dataset, asked.splits)
    if asked.labels:
        whole = [text for text in asked.labels if text in dataset.classes]  # names of classes may hold commas
        parts = [name for text in asked.labels if text not in whole for name in listed(text)]
        dataset = of_labels(dataset, whole + parts)
    return dataset


def _decided(dataset: PoseDataset, asked: Asked) -> tuple[_Pairs, list[str]]:
    """Clips before and after, and the names of those that lack the person asked for and stay as they are."""
    unknown = sorted(asked.clips - {clip.name for clip in dataset.annotations})
    if unknown:
        raise UsageError(f"there is no clip {unknown[0][:80]!r} among the {len(dataset)} clips")
    pairs: _Pairs = []
    missed = []
    for clip in dataset.annotations:
        concerned = not asked.clips or clip.name in asked.clips
        if concerned and asked.person is not None and _is_number(asked.person) and not _has(clip, int(asked.person)):
            missed.append(clip.name)
            concerned = False
        pairs.append((clip, _choice(clip, asked) if concerned else clip))
    if missed and len(missed) == (len(asked.clips) or len(dataset)):
        others = f" nor in {len(missed) - 1} other clips" if len(missed) > 1 else ""
        raise UsageError(f"there is no person {asked.person} in {missed[0]!r}{others}; --list shows who is there")
    pairs = [(before, after) for before, after in pairs if frames_seen(after) >= asked.min_frames]
    if not pairs:
        raise InvalidPoses("no clip is left; look at what there is with --list, or ask for less")
    return pairs, missed


def _has(clip: PoseSequence, number: int) -> bool:
    return number in everybody(clip).track_id


def _choice(clip: PoseSequence, asked: Asked) -> PoseSequence:
    people = len(everybody(clip))
    if asked.person is None:
        return clip if asked.max_persons is None else foremost(clip, asked.max_persons)
    most = asked.max_persons or (people if asked.person == "all" else _DEFAULT_PEOPLE)
    return reselect(clip, str(int(asked.person)) if _is_number(asked.person) else asked.person, most)


def _write(dataset: PoseDataset, pairs: _Pairs, out: Path, asked: Asked) -> None:
    kept = {id(before) for before, _ in pairs}
    left = kept_clips(dataset, lambda clip: id(clip) in kept)
    write_poses(out, PoseDataset([after for _, after in pairs], left.splits, left.classes), float16=asked.float16)
    if asked.as_json:
        for _, after in pairs:
            write_line(people_json(after))
    elif not asked.quiet:
        if asked.rows != "0":
            print_table(choices_table(pairs, len(pairs) if asked.rows == "all" else int(asked.rows)))
        changed = sum(ids(before) != ids(after) for before, after in pairs)
        out_of = f" of {len(dataset)}" if len(pairs) < len(dataset) else ""
        typer.echo(f"{len(pairs)}{out_of} clips are in {out}; the choice differs from before in {changed}")
