"""Before a training run: poses, pictures, settings and first weights from whatever the user named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from poseact.cli.messages import Messages
from poseact.cli.progress import Bars
from poseact.errors import InputError, InvalidPoses, UsageError
from poseact.evaluate.score_files import read_scores
from poseact.evaluate.scores import UNLABELLED
from poseact.extract.engine import Watched
from poseact.extract.folder import extract_folder
from poseact.extract.inputs import Inputs, read_inputs
from poseact.extract.open import ExtractorSettings, open_extractor
from poseact.extract.record import Record
from poseact.extract.request import Request
from poseact.machine import workers_for
from poseact.poses import PoseDataset, holds_poses, read_poses
from poseact.poses.labels import named_alike
from poseact.recognize.videos import VideoPictures, videos_of
from poseact.train import Processes, TrainSettings, settings_of
from poseact.train.network import Start
from poseact.types import Array
from poseact.zoo import load_with_card
from poseact.zoo.card import LARGEST_CONFIG_NUMBER
from poseact.zoo.label_lists import class_names

EXTRACTED = {"frames": "every"}


def poses_of(path: Path, out: Path, device: str, messages: Messages, processes: Processes) -> PoseDataset:
    """Stored poses, or those of a folder of class folders, which are extracted into a file beside the run.

    Another call extracts only the videos that are new. Poses of other settings are taken as they are, which is said,
    but only those of videos that are in the folder now, and with the labels that they have there. Of several processes,
    none extracts.

    Raises: InputError and its kinds, OutputError; UsageError for poses of other settings that lack some of the videos.
    """
    if not path.is_dir() or holds_poses(path):
        return read_poses(path)
    inputs = read_inputs([path])
    if len(inputs.classes) < 2:
        raise InputError(f"{path} has no class folders; put the videos of each action into a folder of its name")
    cache = out.with_name(f"{out.name}.poses.pkl")
    as_it_is = ""
    if processes.count == 1:
        try:
            _extract(inputs, cache, device, messages)
        except UsageError as error:
            if not cache.exists():
                raise
            as_it_is = str(error).partition(";")[0]
            messages.warning(f"{as_it_is}; the poses in it are used as they are")
    elif not cache.exists():
        raise UsageError(f"{path} holds videos; run `poseact extract-poses {path} --out {cache}` before torchrun")
    else:
        as_it_is = f"{cache} is taken as it is under torchrun"
    if not cache.exists():
        raise InputError(f"no video of {path} could be read")
    messages.note(f"poses of {path} are in {cache}; delete it to extract all of them again")
    held = read_poses(cache).annotations
    if as_it_is:
        _check_complete(inputs, {one.name for one in held}, cache, as_it_is)
    label = {clip.name: clip.label for clip in inputs.clips}
    own = [replace(one, label=label[one.name]) for one in held if one.name in label]
    splits: dict[str, list[str]] = {}
    for name, split in inputs.splits.items():
        splits.setdefault(split, []).append(name)
    return PoseDataset(own, splits, inputs.classes)


def _extract(inputs: Inputs, cache: Path, device: str, messages: Messages) -> None:
    outcomes = extract_folder(
        inputs.clips,
        cache,
        partial(open_extractor, ExtractorSettings(), device),
        Request(EXTRACTED, drop_missing=True),
        classes=inputs.classes,
        engine=Watched(workers_for(device)),
    )
    with Bars(len(inputs.clips)) as bars:
        for outcome in outcomes:
            if outcome.error is not None:
                messages.warning(f"left out: {outcome.error}")
            bars.advance()


def _check_complete(inputs: Inputs, held: set[str], cache: Path, reason: str) -> None:
    """Raises: UsageError where stored poses, of the names `held`, lack a video that could be read."""
    record = Record.beside(cache)
    known = held | (record.failed.keys() if record else set())
    missing = [clip.name for clip in inputs.clips if clip.name not in known]
    if missing:
        raise UsageError(
            f"{reason}, and lacks {len(missing)} of {len(inputs.clips)} videos, such as {missing[0]!r}; delete it to "
            "extract all of them again, or train on it alone"
        )


def labelled(dataset: PoseDataset, names: str | None, messages: Messages) -> PoseDataset:
    """The data set with class names: its own, those of a file, or else the numbers.

    Raises: UsageError, also for a file that contradicts the data set's own names; InvalidPoses for numbers of more
        classes than any network has.
    """
    if names is not None:
        return replace(dataset, classes=named_alike(dataset, class_names(names), names))
    if dataset.classes:
        return dataset
    last = max(dataset.annotations, key=lambda one: one.label, default=None)
    count = 1 + last.label if last else 0
    if last and count > LARGEST_CONFIG_NUMBER:
        raise InvalidPoses(f"{last.name}: label {last.label} is no number of a class; they count from 0")
    messages.warning("the poses number their classes without naming them; give the names with --labels FILE")
    return replace(dataset, classes=tuple(str(number) for number in range(count)))


def teacher_scores(files: Sequence[Path], dataset: PoseDataset) -> list[dict[str, Array]]:
    """What each file of scores says of the clips that it names.

    Raises: UsageError without names; InvalidPoses, also for a file that numbers the classes otherwise than the data
        set.
    """
    label = {clip.name: clip.label for clip in dataset.annotations}
    read = [read_scores(path)[0] for path in files]
    nameless = next((scores.source for scores in read if not scores.names), None)
    if nameless is not None:
        raise UsageError(
            f"--teacher {nameless} does not name its clips; write it with `poseact evaluate --save-scores`"
        )
    for scores in read:
        for name, number in zip(scores.names, scores.label, strict=True):
            if name in label and number not in (UNLABELLED, label[name]):
                raise InvalidPoses(
                    f"--teacher {scores.source} says that {name!r} is of class {number}, the poses say {label[name]}: "
                    "its classes are numbered otherwise; write it anew with the same poses"
                )
    return [dict(zip(scores.names, scores.probability, strict=True)) for scores in read]


def pictures_of(
    dataset: PoseDataset, settings: TrainSettings, splits: Sequence[str], poses: Path, folder: Path | None
) -> dict[str, VideoPictures] | None:
    """The videos of the clips that are used, for a network that looks at pictures.

    Args:
        poses: as the user named them; where they are class folders of videos, these are the videos.
        folder: of --videos.
    Raises: InputError, UsageError.
    """
    if "rgb" not in settings.streams:
        return None
    if folder is None and poses.is_dir() and not holds_poses(poses):
        folder = poses
    return videos_of(dataset.clips(splits), folder)


def start_of(model: str | None, rgb: str | None, pose: str | None) -> Start:
    """What a run starts from. Raises: UsageError for options that do not go together."""
    if rgb is None and pose is None:
        return model
    if model is not None or rgb is None or pose is None:
        raise UsageError("--from-rgb and --from-pose belong together, and take the place of --from")
    return rgb, pose


def settings_with(recipe: str | None, file: Path | None, changes: Mapping[str, Any], start: Start) -> TrainSettings:
    """The settings of a run that starts from known models. Raises: UsageError, ModelError and its kinds."""
    cards = [load_with_card(one).card for one in ((start,) if isinstance(start, str) else start or ())]
    other = next((card for card in cards if card.task != "classify"), None)
    if other is not None:
        raise UsageError(f"training starts from a model that names actions; {other.name} is one to {other.task}")
    like = (cards[0], cards[1]) if len(cards) > 1 else cards[0] if cards else None
    settings = settings_of(recipe, file, changes, like)
    if isinstance(start, tuple) and len(settings.streams) < 2:
        raise UsageError(f"--from-rgb and --from-pose are for RGBPose-Conv3D, not for a {settings.architecture}")
    return settings
