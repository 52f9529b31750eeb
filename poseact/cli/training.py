"""Behind `poseact train`: what was asked for is read, trained or fitted, and reported."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poseact.cli.messages import Messages
from poseact.cli.training_inputs import labelled, pictures_of, poses_of, settings_with, start_of, teacher_scores
from poseact.cli.training_report import Reporter, report_run
from poseact.device import resolve_device
from poseact.errors import UsageError
from poseact.poses import PoseDataset
from poseact.recognize import DEFAULT_MODEL
from poseact.texts import listed
from poseact.train import Processes, TrainSettings, few_shot, train, training_splits
from poseact.train.hold_out import TRAIN
from poseact.train.network import Start
from poseact.train.run import Run

HELD_OUT = 0.2
_OF_A_WHOLE_TRAINING = ("recipe", "config", "from_rgb", "teacher", "videos", "tensorboard")


@dataclass(frozen=True)
class TrainOptions:
    """The options of `poseact train`, by their names; `start` is --from, `changes` are those of --set."""

    poses: Path
    out: Path
    recipe: str | None
    config: Path | None
    changes: tuple[str, ...]
    train_split: str
    val_split: str
    val_share: float | None
    labels: str | None
    start: str | None
    from_rgb: str | None
    from_pose: str | None
    videos: Path | None
    teacher: tuple[Path, ...]
    few_shot: bool
    name: str
    licence: str
    device: str
    tensorboard: bool
    quiet: bool
    debug: bool


def run_training(options: TrainOptions) -> int:
    """Read, train and report. Raises: PoseactError and its kinds."""
    start = start_of(options.start, options.from_rgb, options.from_pose)
    changes = dict(map(_change, options.changes))
    if options.few_shot:
        _check_few_shot(options, changes)
    settings = settings_with(options.recipe, options.config, changes, start)
    device = resolve_device(options.device)
    processes = Processes.join(device)
    messages = Messages(verbosity=-1 if options.quiet or not processes.writes else 1, debug=options.debug)
    try:
        dataset = labelled(poses_of(options.poses, options.out, device, messages, processes), options.labels, messages)
        parts = _parted(options, dataset, settings.seed, messages)
        if options.videos is not None and "rgb" not in settings.streams:
            messages.warning(f"--videos has no effect: the {settings.architecture} of this recipe looks at no pictures")
        if options.few_shot:
            run = _fitted(options, parts, device, messages) if processes.writes else None
        else:
            run = _trained(options, settings, parts, start, device, messages, processes)
    finally:
        processes.leave()
    if run is not None and processes.writes:
        report_run(run, options.out)
    return 0


Parts = tuple[PoseDataset, list[str], list[str]]
"""Poses, and the splits that are trained and validated on."""


def _parted(options: TrainOptions, dataset: PoseDataset, seed: int, messages: Messages) -> Parts:
    if dataset.splits and TRAIN not in dataset.splits and not options.train_split:
        messages.warning(
            f"none of the splits ({', '.join(list(dataset.splits)[:6])}) is called {TRAIN}: all clips are trained on "
            "but those that are held out; choose with --train-split"
        )
    usual = 0.0 if options.few_shot else HELD_OUT
    share = usual if options.val_share is None else options.val_share
    return training_splits(dataset, listed(options.train_split), listed(options.val_split), share, seed)


def _fitted(options: TrainOptions, parts: Parts, device: str, messages: Messages) -> Run:
    dataset, learnt, judged = parts
    return few_shot(
        dataset, options.start or DEFAULT_MODEL, options.out, name=options.name, train_splits=learnt,
        validation_splits=judged, device=device, licence=options.licence, on_warning=messages.warning,
    )  # fmt: skip


def _trained(
    options: TrainOptions, settings: TrainSettings, parts: Parts, start: Start, device: str, messages: Messages,
    processes: Processes,
) -> Run:  # fmt: skip
    dataset, learnt, judged = parts
    board, talk = (options.tensorboard and processes.writes), (not options.quiet and processes.writes)
    with Reporter(settings, options.out, tensorboard=board, wanted=talk) as reporter:
        return train(
            dataset, settings, options.out, name=options.name, device=device, licence=options.licence,
            train_splits=learnt, validation_splits=judged, start=start, processes=processes,
            teachers=teacher_scores(options.teacher, dataset),
            videos=pictures_of(dataset, settings, [*learnt, *judged], options.poses, options.videos),
            on_epoch=reporter.add, on_step=reporter.step if talk else None, on_note=messages.note,
            on_warning=messages.warning,
        )  # fmt: skip


def _check_few_shot(options: TrainOptions, changes: dict[str, Any]) -> None:
    """Raises: UsageError for options of a training, where only a head is fitted."""
    given = [f"--{name.replace('_', '-')}" for name in _OF_A_WHOLE_TRAINING if getattr(options, name)]
    given += [f"--set {name}" for name in changes if name.removeprefix("train.") != "seed"]
    if given:
        raise UsageError(f"{given[0]} has no effect with --few-shot, which trains no backbone; leave one of them away")


def _change(text: str) -> tuple[str, Any]:
    """`NAME=VALUE`, the value as JSON or else as text. Raises: UsageError without an equals sign."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: write NAME=VALUE, such as --set epochs=100")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value
