"""Behind `poseact convert`: what was asked is checked, poses are read, changed, written, and told about."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import typer

from poseact.cli.messages import Messages
from poseact.cli.outputs import check_writable, refuse_inputs
from poseact.cli.progress import Bars
from poseact.cli.stdout import write_line
from poseact.errors import UsageError
from poseact.files import expanded, remove_leftovers
from poseact.poses import PoseDataset, check_place, check_target
from poseact.poses.follow import followed
from poseact.poses.formats.reading import PoseHints
from poseact.poses.formats.registry import OWN, Found, read, write, written_form
from poseact.poses.formats.writers import WRITERS, fills_gaps, loses_camera, reorders
from poseact.poses.labels import by_folder, labelled, with_names
from poseact.poses.remap import dataset_as, declared_as
from poseact.poses.tree import as_json
from poseact.skeleton import Layout, known_layouts, load_layout
from poseact.skeleton import layout as known_layout
from poseact.types import PoseSequence
from poseact.zoo.label_lists import class_names

_WORDS = (("clips", "clip", "clips"), ("people", "person", "people"), ("frames", "frame", "frames"))
_TOLD = 5


@dataclass(frozen=True)
class ConvertOptions:
    """The command line of `poseact convert`, as it was given; see its help."""

    poses: Path
    out: Path
    from_format: str | None
    to_format: str | None
    to_layout: str | None
    track: bool
    float16: bool
    layout: str | None
    image_size: str | None
    fps: float | None
    label: str | None
    labels: Path | None
    label_folders: bool
    as_json: bool
    quiet: bool
    debug: bool


def run_conversion(options: ConvertOptions) -> int:
    """Read, change, write and tell. Raises: PoseactError and its kinds."""
    messages = Messages(verbosity=-1 if options.quiet else 0, debug=options.debug)
    out, form = _target(options)
    hints = _hints(options)
    names = class_names(str(options.labels)) if options.labels is not None else None
    declared = _declared(options.to_layout) if options.to_layout else None
    with Bars(1, wanted=not options.quiet) as bars, bars.step(options.poses.name) as move:
        found = read(expanded(options.poses), options.from_format, hints, move)
    dataset = _classes(_stored(found, hints), options, names)
    if options.track:
        dataset = PoseDataset([followed(clip) for clip in dataset.annotations], dataset.splits, dataset.classes)
    if options.to_layout:
        dataset = dataset_as(dataset, declared or known_layout(options.to_layout))
    write(out, dataset, form, float16=options.float16)
    lost = 0 if form in OWN else sum(len(clip.others) for clip in dataset.annotations if clip.others is not None)
    _warn(messages, found, dataset, lost, form)
    if options.as_json:
        write_line(as_json(_document(options, found, dataset, form, lost)))
    elif not options.quiet:
        typer.echo(_summary(found, dataset, out, form))
    return 0


def _target(options: ConvertOptions) -> tuple[Path, str]:
    """Where poses go and in which format, checked. Raises: UsageError, OutputError."""
    out = expanded(options.out)
    form = written_form(out, options.to_format)
    if form in OWN:
        check_target(out)
    if options.float16 and form not in OWN:
        raise UsageError(f"--float16 is for .pkl, .parquet and folders of .npz; {form} is text")
    check_writable(out, folder=form in ("npz", "openpose") or (form in WRITERS and not out.suffix))
    if form in OWN:
        check_place(out)
    refuse_inputs("--out", out, [options.poses])
    remove_leftovers(out)
    return out, form


def _hints(options: ConvertOptions) -> PoseHints:
    if options.fps is not None and not (isfinite(options.fps) and 0 < options.fps < 1e6):
        raise UsageError(f"--fps {options.fps:g}: a video has more than 0 frames/s")
    if sum((options.label is not None, options.labels is not None, options.label_folders)) > 1:
        raise UsageError("--label, --labels and --label-folders tell the classes in different ways; choose one")
    own = None
    if options.layout is not None:
        own = _declared(options.layout) or known_layout(options.layout)
    told = options.label is not None or options.labels is not None or options.label_folders
    return PoseHints(_size(options.image_size), options.fps, own, told)


def _size(text: str | None) -> tuple[int, int] | None:
    """WxH as (height, width)."""
    if text is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,6})x([1-9][0-9]{0,6})", text.strip().lower())
    if match is None:
        raise UsageError(f"--image-size {text}: write width and height in pixels, as in 1920x1080")
    return int(match[2]), int(match[1])


def _declared(text: str) -> Layout | None:
    """The layout of a TOML file; None for a name, which a file of poses may still declare. Raises: UsageError."""
    if text.lower().endswith(".toml") or (text not in known_layouts() and expanded(text).is_file()):
        return load_layout(expanded(text))
    return None


def _stored(found: Found, hints: PoseHints) -> PoseDataset:
    """What the user tells of poses in a format of ours, which foreign formats were told while they were read."""
    if found.format not in OWN:
        return found.dataset
    if hints.image_size is not None:
        raise UsageError("--image-size is for formats that do not tell; stored poses know the size of their video")
    dataset = found.dataset if hints.layout is None else declared_as(found.dataset, hints.layout)
    if hints.fps is None:
        return dataset
    return PoseDataset([_retimed(clip, hints.fps) for clip in dataset.annotations], dataset.splits, dataset.classes)


def _retimed(clip: PoseSequence, fps: float) -> PoseSequence:
    others = None if clip.others is None else _retimed(clip.others, fps)
    return replace(clip, fps=fps, pts=clip.frame_index / fps, others=others)


def _classes(dataset: PoseDataset, options: ConvertOptions, names: tuple[str, ...] | None) -> PoseDataset:
    if options.label is not None:
        return labelled(dataset, options.label)
    if names is not None:
        return with_names(dataset, names)
    return by_folder(dataset) if options.label_folders else dataset


def _warn(messages: Messages, found: Found, dataset: PoseDataset, lost: int, form: str) -> None:
    if not len(dataset):
        messages.warning("the input holds no clip at all")
    if found.assumed:
        messages.warning(f"not told, so taken: {'; '.join(found.assumed)}")
    if found.nobody:
        told = ", ".join(name[:60] for name in found.nobody[:_TOLD])
        more = f" and {len(found.nobody) - _TOLD} more" if len(found.nobody) > _TOLD else ""
        messages.warning(f"nobody is in {told}{more}, so nobody knows how long that is; left out")
    if lost:
        messages.warning(
            f"people who were tracked but not chosen have no place in {form} and are left out: {lost}; "
            "`poseact select --person all` chooses everybody"
        )
    if any(reorders(clip, form) for clip in dataset.annotations):
        messages.warning(f"{form} keeps no order of people: they come back by their ids, so another may be the first")
    if any(fills_gaps(clip, form) for clip in dataset.annotations):
        messages.warning(f"frames that were not looked at become frames without a person in {form}")
    if any(loses_camera(clip, form) for clip in dataset.annotations):
        messages.warning(f"how the camera moved has no place in {form} and is left out")
    names = Counter(clip.name for clip in dataset.annotations)
    if len(names) < len(dataset):
        twice = next(name for name, count in names.items() if count > 1)
        messages.warning(f"several clips are called {twice[:60]!r}; splits cannot tell them apart")


def _counts(dataset: PoseDataset) -> dict[str, Any]:
    return {
        "clips": len(dataset),
        "people": sum(len(clip) for clip in dataset.annotations),
        "frames": sum(len(clip.pts) for clip in dataset.annotations),
        "layouts": list(dict.fromkeys(clip.layout for clip in dataset.annotations)),
    }


def _document(options: ConvertOptions, found: Found, dataset: PoseDataset, form: str, lost: int) -> dict[str, Any]:
    return {
        "input": str(options.poses),
        "input_format": found.format,
        "output": str(options.out),
        "output_format": form,
        **_counts(dataset),
        "classes": list(dataset.classes),
        "splits": {name: len(members) for name, members in dataset.splits.items()},
        "assumed": list(found.assumed),
        "clips_left_out": list(found.nobody),
        "people_left_out": lost,
    }


def _summary(found: Found, dataset: PoseDataset, out: Path, form: str) -> str:
    counts = _counts(dataset)
    numbers = ", ".join(f"{counts[thing]} {word if counts[thing] == 1 else words}" for thing, word, words in _WORDS)
    layouts = f", joints of {', '.join(counts['layouts'])}" if counts["layouts"] else ""
    return f"{numbers}{layouts}: {found.format} became {form} in {out}"
