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
from poseact.extract.engine import Watched
from poseact.extract.folder import extract_folder
from poseact.extract.inputs import read_inputs
from poseact.extract.machine import workers_for
from poseact.poses import PoseDataset, holds_poses, read_poses
from poseact.recognize import Settings
from poseact.recognize.open import open_extractor
from poseact.recognize.videos import VideoPictures, videos_of
from poseact.train import Processes, TrainSettings, settings_of
from poseact.train.network import Start
from poseact.train.run import chosen_sequences
from poseact.types import Array
from poseact.zoo import load_with_card
from poseact.zoo.card import LARGEST_CONFIG_NUMBER

EXTRACTED = {"frames": "every"}


def poses_of(path: Path, out: Path, device: str, messages: Messages, processes: Processes) -> PoseDataset:
    """Stored poses, or those of a folder of class folders, which are extracted into a file beside the run.

    Another call extracts only the videos that are new; poses of other videos or settings are taken as they are, which
    is said. Of several processes, none extracts.

    Raises: InputError and its kinds, OutputError.
    """
    if not path.is_dir() or holds_poses(path):
        return read_poses(path)
    cache = out.with_name(f"{out.name}.poses.pkl")
    if processes.count == 1:
        try:
            _extract(path, cache, device, messages)
        except UsageError as error:
            if not cache.exists():
                raise
            messages.warning(f"{str(error).partition(';')[0]}; it is used as it is")
    elif not cache.exists():
        raise UsageError(f"{path} holds videos; run `poseact extract-poses {path} --out {cache}` before torchrun")
    messages.note(f"poses of {path} are in {cache}; delete it to extract all of them again")
    return read_poses(cache)


def _extract(folder: Path, cache: Path, device: str, messages: Messages) -> None:
    inputs = read_inputs([folder])
    if len(inputs.classes) < 2:
        raise InputError(f"{folder} has no class folders; put the videos of each action into a folder of its name")
    settings = Settings(device=device)
    outcomes = extract_folder(
        inputs.clips, cache, partial(open_extractor, settings, device), settings=EXTRACTED, classes=inputs.classes,
        engine=Watched(workers_for(device)),
    )  # fmt: skip
    with Bars(len(inputs.clips)) as bars:
        for outcome in outcomes:
            if outcome.error is not None:
                messages.warning(f"left out: {outcome.error}")
            bars.advance()
    if not cache.exists():
        raise InputError(f"no video of {folder} could be read")


def labelled(dataset: PoseDataset, names: str | None, messages: Messages) -> PoseDataset:
    """The data set with class names: its own, those of a file, or else the numbers.

    Raises: UsageError; InvalidPoses for numbers of more classes than any network has.
    """
    if names is not None:
        return replace(dataset, classes=label_names(names))
    if dataset.classes:
        return dataset
    last = max(dataset.annotations, key=lambda one: one.label, default=None)
    count = 1 + last.label if last else 0
    if last and count > LARGEST_CONFIG_NUMBER:
        raise InvalidPoses(f"{last.name}: label {last.label} is no number of a class; they count from 0")
    messages.warning("the poses number their classes without naming them; give the names with --labels FILE")
    return replace(dataset, classes=tuple(str(number) for number in range(count)))


def label_names(source: str) -> tuple[str, ...]:
    """Class names of a file, one per line. Raises: UsageError when they cannot be read, or are not all different."""
    try:
        names = tuple(line.strip() for line in Path(source).read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--labels {source} cannot be read as a list of names, one per line: {error}") from error
    if len(set(names)) < max(len(names), 2):
        raise UsageError(f"--labels {source} holds {len(names)} names, {len(set(names))} of them different")
    return names


def opinions(files: Sequence[Path]) -> list[dict[str, Array]]:
    """What each file of scores says of the clips that it names. Raises: UsageError without names; InvalidPoses."""
    read = [read_scores(path)[0] for path in files]
    nameless = next((scores.source for scores in read if not scores.names), None)
    if nameless is not None:
        raise UsageError(
            f"--teacher {nameless} does not name its clips; write it with `poseact evaluate --save-scores`"
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
    return videos_of(chosen_sequences(dataset, splits), folder)


def start_of(model: str | None, rgb: str | None, pose: str | None) -> Start:
    """What a run starts from. Raises: UsageError for options that do not go together."""
    if rgb is None and pose is None:
        return model
    if model is not None or rgb is None or pose is None:
        raise UsageError("--from-rgb and --from-pose belong together, and take the place of --from")
    return rgb, pose


def settings_with(recipe: str, file: Path | None, changes: Mapping[str, Any], start: Start) -> TrainSettings:
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
