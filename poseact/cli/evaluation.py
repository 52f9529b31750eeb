"""Behind `poseact evaluate`: what was asked for is read, measured, printed and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from poseact.cli.calibration import calibrate_asked, only_calibrates
from poseact.cli.failures import INTERRUPTED
from poseact.cli.messages import Messages
from poseact.cli.numbers import numbers
from poseact.cli.outputs import file_target
from poseact.cli.progress import Bars
from poseact.cli.stdout import print_table, write_line
from poseact.cli.texts import listed
from poseact.device import resolve_device
from poseact.errors import OutputError, UsageError
from poseact.evaluate import (
    Evaluation,
    Scores,
    chosen_splits,
    evaluate,
    evaluate_unknown,
    parted,
    read_scores,
    write_scores,
)
from poseact.evaluate.score_files import Form
from poseact.poses import PoseDataset, read_poses
from poseact.poses.labels import named_alike
from poseact.recognize import DEFAULT_MODEL, Classifier, Ensemble, open_models
from poseact.recognize.videos import VideoPictures, videos_of
from poseact.report.confusion import write_confusion
from poseact.report.evaluation import evaluation_json, evaluation_tables
from poseact.report.open_set import write_answers
from poseact.report.reliability import temperature_panels, write_reliability
from poseact.types import PoseSequence
from poseact.zoo.label_lists import class_names

ALL = "all"
OUTPUTS = {
    "save_scores": (".pkl", ".pickle"), "confusion": (".png",), "reliability": (".png",), "save_answers": (".csv",),
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """The command line of `poseact evaluate`, as it was given; see its help."""

    poses: Path | None
    models: tuple[str, ...]
    scores: tuple[Path, ...]
    weights: str | None
    clips: int | None
    flip: bool | None
    splits: tuple[str, ...]
    labels: str | None
    device: str
    videos: Path | None
    stream_weights: str | None
    save_scores: Path | None
    form: Form
    confusion: Path | None
    reliability: Path | None
    save_answers: Path | None
    unknown: Path | None
    unknown_classes: str
    calibrate: bool
    as_json: bool
    classes: str
    quiet: bool
    debug: bool

    @property
    def title(self) -> str:
        names = [*(self.models or (() if self.scores else (DEFAULT_MODEL,))), *map(str, self.scores)]
        return f"{' + '.join(names)}{f' on {self.poses}' if self.poses else ''}"


def evaluate_asked(asked: Asked) -> int:
    """Measure, print and write. Raises: PoseactError and its kinds."""
    messages = Messages(verbosity=-1 if asked.quiet else 0, debug=asked.debug)
    rows = _rows(asked.classes)
    weights = numbers(asked.weights, "--weights")
    names = class_names(asked.labels) if asked.labels is not None else ()
    if asked.poses is None and (asked.models or not asked.scores):
        raise UsageError("there is nothing to evaluate on; give a file of poses with labels, or only --scores")
    asked = _with_checked_outputs(asked)
    dataset = read_poses(asked.poses) if asked.poses else PoseDataset([])
    splits = chosen_splits(dataset, [name for text in asked.splits for name in listed(text)])
    clips = dataset.clips(splits) if asked.poses else []
    classes = named_alike(dataset, names, str(asked.labels)) if names else dataset.classes
    try:
        if asked.calibrate:
            _calibrate(asked, replace(dataset, classes=classes), clips, splits, messages)
            return 0
        found = _measured(asked, replace(dataset, classes=classes), clips, weights, names, messages)
    except KeyboardInterrupt:
        messages.error("interrupted; nothing is written")
        return INTERRUPTED
    if found.nobody:
        messages.warning(
            f"in {len(found.nobody)} of {found.outcome.clips} clips nobody is seen, such as {found.nobody[0]!r}; "
            "they count as wrong"
        )
    on = f", {', '.join(splits)}" if splits else ""
    _print(asked, found, f"{asked.title}{on}: {found.outcome.clips} clips", splits, rows)
    _write(asked, found, messages)
    return 0


def _with_checked_outputs(asked: Asked) -> Asked:
    """The same, with every output a file that can be written, and that is no input. Raises: UsageError, OutputError."""
    inputs = [path for path in (asked.poses, *asked.scores, asked.unknown) if path is not None]
    if asked.labels is not None:
        inputs.append(Path(asked.labels))
    targets: dict[str, Any] = {
        name: file_target(f"--{name.replace('_', '-')}", path, suffixes, inputs)
        for name, suffixes in OUTPUTS.items()
        if (path := getattr(asked, name)) is not None
    }
    if len(set(targets.values())) < len(targets):
        raise UsageError("two outputs are the same file; give each a name of its own")
    return replace(asked, **targets)


def _measured(
    asked: Asked, dataset: PoseDataset, clips: list[PoseSequence], weights: tuple[float, ...] | None,
    names: tuple[str, ...], messages: Messages,
) -> Evaluation:  # fmt: skip
    stored = [_stored(path, messages) for path in asked.scores]
    model = _model(asked)
    strange: list[PoseSequence] = []
    if asked.unknown is not None or asked.unknown_classes:
        if model is None:
            raise UsageError("unknown clips are told apart by models; name one with --model")
        if asked.unknown_classes:
            clips, strange = parted(dataset, clips, listed(asked.unknown_classes), model.labels)
        if asked.unknown is not None:
            strange += _unknown_to(model.labels, asked.unknown)
    with Bars(1, wanted=not asked.quiet, left=True) as bars:
        with bars.step("clips") as progress:
            found = evaluate(
                clips, model, stored, classes=dataset.classes, labels=names, weights=weights, progress=progress,
                videos=_videos(asked, model, clips),
            )  # fmt: skip
        if strange and model is not None:
            with bars.step("unknown clips") as progress:
                found = evaluate_unknown(
                    found, strange, model, weights, progress=progress, videos=_videos(asked, model, strange)
                )
    return found


def _unknown_to(labels: Sequence[str], path: Path) -> list[PoseSequence]:
    """The clips of a file. Raises: UsageError where it names a class of theirs that is among some labels."""
    dataset = read_poses(path)
    clips = dataset.clips()
    named = (dataset.classes[clip.label] for clip in clips if 0 <= clip.label < len(dataset.classes))
    known = [name for name in named if name in labels]
    if known:
        raise UsageError(
            f"{len(known)} of {len(clips)} clips of --unknown {path} are of classes that the model knows, such as "
            f"{known[0]}; leave them out (`poseact select --label`)"
        )
    return clips


def _videos(
    asked: Asked, model: Classifier | Ensemble | None, clips: list[PoseSequence]
) -> dict[str, VideoPictures] | None:
    return videos_of(clips, asked.videos) if model and model.sees_pictures else None


def _calibrate(
    asked: Asked, dataset: PoseDataset, clips: list[PoseSequence], splits: list[str], messages: Messages
) -> None:
    others = {
        "--scores": asked.scores, "--weights": asked.weights, "--clips": asked.clips,
        "--flip or --no-flip": asked.flip is not None, "--stream-weights": asked.stream_weights,
        "--save-scores": asked.save_scores, "--confusion": asked.confusion, "--save-answers": asked.save_answers,
        "--unknown": asked.unknown, "--unknown-classes": asked.unknown_classes,
    }  # fmt: skip
    model = only_calibrates(asked.models, others)
    calibrate_asked(
        model, resolve_device(asked.device), dataset, clips, splits, videos=asked.videos,
        reliability=asked.reliability, as_json=asked.as_json, quiet=asked.quiet, messages=messages,
    )  # fmt: skip


def _print(asked: Asked, found: Evaluation, title: str, splits: list[str], rows: int) -> None:
    if asked.as_json:
        write_line(evaluation_json(found, str(asked.poses) if asked.poses else None, splits))
    else:
        print_table(evaluation_tables(found, title, rows))


def _write(asked: Asked, found: Evaluation, messages: Messages) -> None:
    """Write every output; one that cannot be written costs no other one. Raises: OutputError, after the last one."""
    failed: list[OutputError] = []
    for path, write in (
        (asked.save_scores, lambda path: write_scores(path, found.scores, asked.form)),
        (asked.confusion, lambda path: write_confusion(
            found.outcome.confusion, found.labels, path, found.scores.source)),
        (asked.reliability, lambda path: write_reliability(temperature_panels(found.scores), path, asked.title)),
        (asked.save_answers, lambda path: write_answers(found, path)),
    ):  # fmt: skip
        try:
            if path is not None:
                write(path)
        except OutputError as error:
            failed.append(error)
    for other in failed[1:]:
        messages.error(str(other))
    if failed:
        raise failed[0]
    if asked.save_scores is not None:
        messages.note(f"scores of {len(found.scores)} clips are in {asked.save_scores}")


def _model(asked: Asked) -> Classifier | Ensemble | None:
    if asked.scores and not asked.models:
        return None
    return open_models(
        asked.models or (DEFAULT_MODEL,),
        device=resolve_device(asked.device),
        clips=asked.clips,
        flip=asked.flip,
        stream_weights=numbers(asked.stream_weights, "--stream-weights"),
    )


def _stored(path: Path, messages: Messages) -> Scores:
    scores, logits = read_scores(path)
    if logits:
        messages.warning(f"{path} holds no probabilities; its numbers are taken for logits and get a softmax")
    return scores


def _rows(text: str) -> int:
    if text != ALL and not (text.isdecimal() and 0 < int(text) < 1_000_000):
        raise UsageError(f"--classes {text}: give a number above 0, or {ALL}")
    return 1_000_000 if text == ALL else int(text)
