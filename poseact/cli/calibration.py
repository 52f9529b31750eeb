"""Behind `poseact evaluate --calibrate`: a run's card gets the temperature and thresholds that fit some clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from poseact.cli.messages import Messages
from poseact.cli.progress import Bars
from poseact.cli.stdout import print_table, write_line
from poseact.errors import UsageError
from poseact.evaluate import own_card, recalibrate
from poseact.poses import PoseDataset
from poseact.recognize import Classifier
from poseact.recognize.videos import videos_of
from poseact.report.model_card import write_model_card
from poseact.report.open_set import calibration_json, calibration_table
from poseact.report.reliability import write_reliability
from poseact.train.hold_out import TEST, TRAIN
from poseact.types import PoseSequence
from poseact.zoo import Card
from poseact.zoo.store import write_card

FEW = 20


def run_calibration(
    model: str, device: str, dataset: PoseDataset, clips: list[PoseSequence], splits: list[str], *,
    videos: Path | None, reliability: Path | None, as_json: bool, quiet: bool, messages: Messages,
) -> None:  # fmt: skip
    """Fit, write the card and say what changed. Raises: PoseactError and its kinds; then the card is as it was."""
    path = own_card(model)
    classifier = Classifier.open(model, device=device)
    if doubt := _trained_on(classifier.card, dataset, clips, splits):
        messages.warning(f"{doubt}; a model is too sure of clips that it was trained on")
    with Bars(1, wanted=not quiet, left=True) as bars, bars.step("clips") as progress:
        found = recalibrate(
            classifier, clips, dataset.classes, about={"splits": splits}, progress=progress,
            videos=videos_of(clips, videos) if classifier.sees_pictures else None,
        )  # fmt: skip
    if found.nobody:
        messages.warning(f"clips in which nobody is seen: {found.nobody} of {found.clips}; they say nothing")
    if found.clips - found.nobody < FEW:
        messages.warning(
            f"temperature and thresholds are fitted to {found.clips - found.nobody} clips; of so few they are guesses"
        )
    write_card(path, found.after)
    write_model_card(found.after, path.with_suffix(".safetensors"))
    if reliability is not None:
        panels = [("before", found.reliability_before), ("after", found.found.after)]
        write_reliability(panels, reliability, f"{found.after.name}, {', '.join(splits) or 'all clips'}")
    if as_json:
        write_line(calibration_json(found, path))
    else:
        print_table(calibration_table(found, f"{path}: {found.clips - found.nobody} clips"))


def _trained_on(card: Card, dataset: PoseDataset, clips: Sequence[PoseSequence], splits: Sequence[str]) -> str:
    """What tells that clips to calibrate on may have been trained on; nothing where nothing does."""
    learnt, judged = (_names(card.training.get(key)) for key in ("train_splits", "validation_splits"))
    own = {clip.name for clip in clips}
    both = {split: own.intersection(dataset.splits.get(split, ())) for split in (*learnt, TRAIN)}
    if count := len(set().union(*both.values())):
        named = ", ".join(split for split, names in both.items() if names)
        return f"{count} of {len(clips)} clips are in the split {named}"
    if card.training.get("train_splits") == []:
        return f"{card.name} was trained on all clips of its data, which may be among these"
    if not set(learnt) <= dataset.splits.keys() and not (splits and {TEST, *judged}.issuperset(splits)):
        return f"{card.name} was trained on {', '.join(learnt)}, which may be among these clips"
    return ""


def _names(told: object) -> list[str]:
    return [name for name in told if isinstance(name, str)] if isinstance(told, list) else []


def only_calibrates(model: tuple[str, ...], others: Mapping[str, object]) -> str:
    """The one model to calibrate. Raises: UsageError for none or several, or options that measure something else."""
    asked = [name for name, value in others.items() if value]
    if asked:
        raise UsageError(f"--calibrate and {asked[0]} do not go together; calibrate first, then measure on other clips")
    if len(model) != 1:
        raise UsageError("--calibrate writes into the card of one run; name it with --model")
    return model[0]
