"""Behind `poseact evaluate`: what was asked for is read, measured, printed and written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from poseact.cli.failures import INTERRUPTED
from poseact.cli.messages import Messages
from poseact.cli.numbers import numbers
from poseact.cli.progress import Bars
from poseact.cli.stdout import print_table, write_line
from poseact.cli.training import label_names
from poseact.errors import UsageError
from poseact.evaluate import Evaluation, Scores, chosen_splits, clips_of, evaluate, read_scores, write_scores
from poseact.evaluate.score_files import Form
from poseact.poses import PoseDataset, read_poses
from poseact.recognize import DEFAULT_MODEL, Classifier, Ensemble, open_models
from poseact.recognize.settings import resolve_device
from poseact.report.confusion import write_confusion
from poseact.report.evaluation import evaluation_json, evaluation_tables
from poseact.zoo import label_lists
from poseact.zoo import labels as label_list

ALL = "all"


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
    save_scores: Path | None
    form: Form
    confusion: Path | None
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
    names = _names(asked.labels)
    if asked.poses is None and (asked.models or not asked.scores):
        raise UsageError("there is nothing to evaluate on; give a file of poses with labels, or only --scores")
    dataset = read_poses(asked.poses) if asked.poses else PoseDataset([])
    splits = chosen_splits(dataset, [name for text in asked.splits for name in _listed(text)])
    clips = clips_of(dataset, splits) if asked.poses else []
    stored = [_stored(path, messages) for path in asked.scores]
    model = _model(asked)
    try:
        with Bars(1, wanted=not asked.quiet, left=True) as bars, bars.step("clips") as progress:
            found = evaluate(
                clips, model, stored, classes=names or dataset.classes, labels=names, weights=weights, progress=progress
            )
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


def _print(asked: Asked, found: Evaluation, title: str, splits: list[str], rows: int) -> None:
    if asked.as_json:
        write_line(evaluation_json(found, str(asked.poses) if asked.poses else None, splits))
    else:
        print_table(evaluation_tables(found, title, rows))


def _write(asked: Asked, found: Evaluation, messages: Messages) -> None:
    if asked.save_scores is not None:
        write_scores(asked.save_scores, found.scores, asked.form)
        messages.note(f"scores of {len(found.scores)} clips are in {asked.save_scores}")
    if asked.confusion is not None:
        write_confusion(found.outcome.confusion, found.labels, asked.confusion, found.scores.source)


def _model(asked: Asked) -> Classifier | Ensemble | None:
    if asked.scores and not asked.models:
        return None
    return open_models(
        asked.models or (DEFAULT_MODEL,), device=resolve_device(asked.device), clips=asked.clips, flip=asked.flip
    )


def _stored(path: Path, messages: Messages) -> Scores:
    scores, logits = read_scores(path)
    if logits:
        messages.warning(f"{path} holds no probabilities; its numbers are taken for logits and get a softmax")
    return scores


def _names(source: str | None) -> tuple[str, ...]:
    """The class names of a file or of a known list; none where none are given."""
    if source is None:
        return ()
    return label_list(source) if source in label_lists() else label_names(source)


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _rows(text: str) -> int:
    if text != ALL and not (text.isdecimal() and 0 < int(text) < 1_000_000):
        raise UsageError(f"--classes {text}: give a number above 0, or {ALL}")
    return 1_000_000 if text == ALL else int(text)
