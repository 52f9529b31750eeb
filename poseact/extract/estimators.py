"""From the name of a pose estimator to the opened one: models of the zoo, files, and YOLO pose checkpoints."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from poseact.detect import YOLO_SUFFIXES
from poseact.errors import InvalidWeights, UsageError, WeightsNotFound
from poseact.pose import BottomUp, HeatmapTopDown, PictureEstimator, PoseEstimator, TopDown, UltralyticsPose
from poseact.precision import in_precision
from poseact.zoo import Card, load_with_card, manifest
from poseact.zoo.inventory import model
from poseact.zoo.load import Loaded

YOLO_NAME = re.compile(r"yolo\w+-pose(-\w+)?")
YOLO_EXAMPLES = ("yolo11n-pose", "yolo11s-pose", "yolo11m-pose", "yolo26n-pose", "yolov8n-pose")
MOVENET = "movenet"
BOTTOM_UP = ("higher-hrnet", "hrnet-ae")
TOP_DOWN = ("hrnet", "simple-baseline-resnet50", "simple-baseline-mobilenetv2")
OPTIONS = {"classify": "--model", "detect": "--detector"}


@dataclass(frozen=True)
class Opened:
    """An estimator, and the sha256 of its weight file."""

    estimator: PoseEstimator | PictureEstimator
    sha256: str


def open_estimator(
    name: str, *, flip: bool, device: str | torch.device = "cpu", people: tuple[str, ...] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Opened:  # fmt: skip
    """Open a pose estimator.

    Args:
        name: a model of the zoo by name or alias, which is fetched when it is not here; a `.safetensors` file or the
            folder of a run; a YOLO pose checkpoint, by path or by name, with or without its suffix.
        flip: average with the mirrored picture, where the estimator can.
        people: the classes of a YOLO that are people; None: "person".
        dtype: in which networks of ours compute.
    Raises: UsageError for an unknown name and for models that are no pose estimators, ModelError and its kinds.
    """
    if is_yolo(name):
        checkpoint = name if Path(name).suffix in YOLO_SUFFIXES else f"{name}.pt"
        yolo = UltralyticsPose(checkpoint, device=device, classes=people)
        return Opened(yolo, yolo.sha256)
    found = model(name)
    if found is not None and found.record is not None:
        _check_task(name, found.record.task)
    try:
        loaded = load_with_card(name, device=device)
    except WeightsNotFound as error:
        raise (error if found else _unknown(name)) from error
    _check_task(name, loaded.card.task)
    loaded = replace(loaded, network=in_precision(loaded.network, dtype))
    return Opened(_from_card(loaded, flip, device), loaded.sha256)


def is_yolo(name: str) -> bool:
    """Whether ultralytics opens it: by its suffix, or by a name such as yolo11n-pose."""
    return Path(name).suffix in YOLO_SUFFIXES or YOLO_NAME.fullmatch(name) is not None


def _from_card(loaded: Loaded, flip: bool, device: str | torch.device) -> PoseEstimator | PictureEstimator:
    card = loaded.card
    if card.architecture == MOVENET:
        return TopDown(loaded.network, name=card.name, flip=flip, device=device)
    if card.architecture in BOTTOM_UP:
        size = min(_estimation(card)["size"])
        return BottomUp(loaded.network, name=card.name, size=size, flip=flip, device=device)
    if card.architecture not in TOP_DOWN:
        raise InvalidWeights(f"{card.name}: {card.architecture!r} is not the architecture of a pose estimator")
    return HeatmapTopDown(loaded.network, name=card.name, **_estimation(card), flip=flip, device=device)


def _estimation(card: Card) -> dict[str, Any]:
    if card.estimation is None:
        raise InvalidWeights(
            f"the card of {card.name} does not say how its heatmaps are read (estimation); import the checkpoint again"
        )
    return card.estimation.model_dump()


def _check_task(name: str, task: str) -> None:
    if task != "pose":
        kind = {"classify": "a classifier of actions", "detect": "a person detector"}[task]
        raise UsageError(f"{name} is {kind}, not a pose estimator; give it to {OPTIONS[task]}")


def _unknown(name: str) -> UsageError:
    """The error for a name that means no estimator, with names that are like it."""
    records = [record for record in manifest().values() if record.task == "pose"]
    names = [*(alias for record in records for alias in (*record.aliases, record.name)), *YOLO_EXAMPLES]
    close = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.6)
    advice = f"did you mean {' or '.join(close)}?" if close else "thunder and lightning come with poseact,"
    return UsageError(
        f"unknown pose estimator {name[:100]!r}: neither a file, nor a training run, nor a name that poseact knows; "
        f"{advice} `poseact weights list` shows all"
    )
