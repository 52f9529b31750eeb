"""Behind `poseact evaluate`: what was asked for is read, measured, printed and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from poseact.cli.calibration import only_calibrates, run_calibration
from poseact.cli.failures import INTERRUPTED
from poseact.cli.messages import Messages
from poseact.cli.numbers import numbers
from poseact.cli.outputs import file_target
from poseact.cli.progress import Bars
from poseact.cli.stdout import print_table, write_line
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
from poseact.texts import listed
from poseact.types import PoseSequence
from poseact.zoo.label_lists import class_names

ALL = "all"
OUTPUTS = {
    "save_scores": (".pkl", ".pickle"), "confusion": (".png",), "reliability": (".png",), "save_answers": (".csv",),
}  # fmt: skip


@dataclass(frozen=True)
class EvaluateOptions:
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


def run_evaluation(options: EvaluateOptions) -> int:
    """Measure, print and write. Raises: PoseactError and its kinds."""
    messages = Messages(verbosity=-1 if options.quiet else 0, debug=options.debug)
    rows = _rows(options.classes)
    weights = numbers(options.weights, "--weights")
    names = class_names(options.labels) if options.labels is not None else ()
    if options.poses is None and (options.models or not options.scores):
        raise UsageError("there is nothing to evaluate on; give a file of poses with labels, or only --scores")
    _check_effects(options)
    options = _with_checked_outputs(options)
    dataset = read_poses(options.poses) if options.poses else PoseDataset([])
    splits = chosen_splits(dataset, [name for text in options.splits for name in listed(text)])
    clips = dataset.clips(splits) if options.poses else []
    classes = named_alike(dataset, names, str(options.labels)) if names else dataset.classes
    try:
        if options.calibrate:
            _calibrate(options, replace(dataset, classes=classes), clips, splits, messages)
            return 0
        found = _measured(options, replace(dataset, classes=classes), clips, weights, names, messages)
    except KeyboardInterrupt:
        messages.error("interrupted; nothing is written")
        return INTERRUPTED
    if found.nobody:
        messages.warning(
            f"in {len(found.nobody)} of {found.outcome.clips} clips nobody is seen, such as {found.nobody[0]!r}; "
            "they count as wrong"
        )
    on = f", {', '.join(splits)}" if splits else ""
    _print(options, found, f"{options.title}{on}: {found.outcome.clips} clips", splits, rows)
    _write(options, found, messages)
    return 0


def _check_effects(options: EvaluateOptions) -> None:
    """Raises: UsageError for an option that would change nothing."""
    if options.scores and not options.models:
        of_models = {
            "--clips": options.clips is not None, "--flip or --no-flip": options.flip is not None,
            "--stream-weights": options.stream_weights is not None, "--videos": options.videos is not None,
        }  # fmt: skip
        if given := [name for name, told in of_models.items() if told]:
            raise UsageError(f"{given[0]} is for models, and --scores holds answers; leave it away, or give a --model")
    if options.form != "mmaction2" and options.save_scores is None:
        raise UsageError(
            f"--scores-format {options.form} is the form of --save-scores FILE; give one, or leave it away"
        )


def _with_checked_outputs(options: EvaluateOptions) -> EvaluateOptions:
    """The same, with every output a file that can be written, and that is no input. Raises: UsageError, OutputError."""
    inputs = [path for path in (options.poses, *options.scores, options.unknown) if path is not None]
    if options.labels is not None:
        inputs.append(Path(options.labels))
    targets: dict[str, Any] = {
        name: file_target(f"--{name.replace('_', '-')}", path, suffixes, inputs)
        for name, suffixes in OUTPUTS.items()
        if (path := getattr(options, name)) is not None
    }
    if len(set(targets.values())) < len(targets):
        raise UsageError("two outputs are the same file; give each a name of its own")
    return replace(options, **targets)


def _measured(
    options: EvaluateOptions, dataset: PoseDataset, clips: list[PoseSequence], weights: tuple[float, ...] | None,
    names: tuple[str, ...], messages: Messages,
) -> Evaluation:  # fmt: skip
    stored = [_stored(path, messages) for path in options.scores]
    model = _model(options)
    if options.videos is not None and model is not None and not model.sees_pictures:
        messages.warning("--videos has no effect: the model looks at poses alone")
    strange: list[PoseSequence] = []
    if options.unknown is not None or options.unknown_classes:
        if model is None:
            raise UsageError("unknown clips are told apart by models; name one with --model")
        if options.unknown_classes:
            clips, strange = parted(dataset, clips, listed(options.unknown_classes), model.labels)
        if options.unknown is not None:
            strange += _unknown_to(model.labels, options.unknown)
    with Bars(1, wanted=not options.quiet, left=True) as bars:
        with bars.step("clips") as progress:
            found = evaluate(
                clips, model, stored, classes=dataset.classes, labels=names, weights=weights, progress=progress,
                videos=_videos(options, model, clips),
            )  # fmt: skip
        if strange and model is not None:
            with bars.step("unknown clips") as progress:
                found = evaluate_unknown(
                    found, strange, model, weights, progress=progress, videos=_videos(options, model, strange)
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
    options: EvaluateOptions, model: Classifier | Ensemble | None, clips: list[PoseSequence]
) -> dict[str, VideoPictures] | None:
    return videos_of(clips, options.videos) if model and model.sees_pictures else None


def _calibrate(
    options: EvaluateOptions, dataset: PoseDataset, clips: list[PoseSequence], splits: list[str], messages: Messages
) -> None:
    others = {
        "--scores": options.scores, "--weights": options.weights, "--clips": options.clips,
        "--flip or --no-flip": options.flip is not None, "--stream-weights": options.stream_weights,
        "--save-scores": options.save_scores, "--confusion": options.confusion, "--save-answers": options.save_answers,
        "--unknown": options.unknown, "--unknown-classes": options.unknown_classes,
    }  # fmt: skip
    model = only_calibrates(options.models, others)
    run_calibration(
        model, resolve_device(options.device), dataset, clips, splits, videos=options.videos,
        reliability=options.reliability, as_json=options.as_json, quiet=options.quiet, messages=messages,
    )  # fmt: skip


def _print(options: EvaluateOptions, found: Evaluation, title: str, splits: list[str], rows: int) -> None:
    if options.as_json:
        write_line(evaluation_json(found, str(options.poses) if options.poses else None, splits))
    else:
        print_table(evaluation_tables(found, title, rows))


def _write(options: EvaluateOptions, found: Evaluation, messages: Messages) -> None:
    """Write every output; one that cannot be written costs no other one. Raises: OutputError, after the last one."""
    failed: list[OutputError] = []
    for path, write in (
        (options.save_scores, lambda path: write_scores(path, _scores(found, options.form), options.form)),
        (options.confusion, lambda path: write_confusion(
            found.outcome.confusion, found.labels, path, found.scores.source, clips=found.outcome.clips_of)),
        (options.reliability, lambda path: write_reliability(temperature_panels(found.scores), path, options.title)),
        (options.save_answers, lambda path: write_answers(found, path)),
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
    if options.save_scores is not None:
        messages.note(f"scores of {len(_scores(found, options.form))} clips are in {options.save_scores}")


def _scores(found: Evaluation, form: Form) -> Scores:
    """A form without names has its rows in the order of the clips, and none is left out."""
    return found.scores if form == "mmaction2" else found.of_all_clips()


def _model(options: EvaluateOptions) -> Classifier | Ensemble | None:
    if options.scores and not options.models:
        return None
    return open_models(
        options.models or (DEFAULT_MODEL,),
        device=resolve_device(options.device),
        clips=options.clips,
        flip=options.flip,
        stream_weights=numbers(options.stream_weights, "--stream-weights"),
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
