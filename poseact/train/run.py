"""One training run in one folder: data parts, network, loop, metrics file, final checkpoint with its card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from poseact import __version__
from poseact.errors import InvalidPoses, UsageError
from poseact.files import write_text
from poseact.heatmap import channel_names
from poseact.models import ARCHITECTURES, build
from poseact.poses import PoseDataset
from poseact.skeleton import layout
from poseact.train.batches import Clips, stack
from poseact.train.checks import oddities
from poseact.train.distributed import Processes
from poseact.train.history import append
from poseact.train.loop import CHECKPOINT, Epoch, Trainer
from poseact.train.metrics import Metrics, expected_calibration_error, fit_temperature, measure
from poseact.train.settings import TrainSettings
from poseact.types import PoseSequence
from poseact.zoo import Card, load_with_card, save

CONFIG = "config.json"
KEPT_OF_RIGHT_ANSWERS = 0.95


@dataclass(frozen=True)
class Run:
    """A finished run: the checkpoint, its card, and the final metrics on the validation part, if there is one."""

    weights: Path
    card: Card
    validation: Metrics | None


def chosen_sequences(dataset: PoseDataset, splits: Sequence[str]) -> list[PoseSequence]:
    """The sequences of some splits of a data set, or all of them for no split.

    Raises: UsageError for an unknown split, InvalidPoses for an empty one.
    """
    unknown = [split for split in splits if split not in dataset.splits]
    if unknown:
        raise UsageError(f"there is no split {unknown[0]!r}; the file has {', '.join(dataset.splits) or 'none'}")
    names = {name for split in splits for name in dataset.splits[split]}
    chosen = [sequence for sequence in dataset.annotations if not splits or sequence.name in names]
    if not chosen:
        raise InvalidPoses(f"split {', '.join(splits)} is empty")
    return chosen


def train(
    dataset: PoseDataset,
    settings: TrainSettings,
    out: Path,
    *,
    name: str,
    train_splits: Sequence[str] = (),
    validation_splits: Sequence[str] = (),
    start: str | None = None,
    device: str = "cpu",
    half: bool = True,
    licence: str = "",
    processes: Processes | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_warning: Callable[[str], None] | None = None,
) -> Run:
    """Train in `out`; the same call goes on where an earlier one was stopped.

    Args:
        name: of the model, kept in its card.
        train_splits, validation_splits: of the data set; no validation split: no looks, no calibration.
        start: a model of the same architecture whose weights are the first ones; its head only where the labels are
            the same. None: random weights.
        half: store the weights in half precision.
        processes: of a distributed run; only the first writes, and calls back.
        on_warning: called before the first step with each oddity of the data.
    Raises: UsageError when `out` holds another run, InvalidPoses, ModelError, OutputError.
    """
    processes = processes or Processes()
    if len(dataset.classes) < 2:
        raise InvalidPoses(f"training needs at least two classes, the poses have {len(dataset.classes)}")
    sequences = [chosen_sequences(dataset, train_splits)]
    clips = stack(sequences[0], dataset.classes, settings.preprocessing)
    validation = None
    if validation_splits:
        sequences.append(chosen_sequences(dataset, validation_splits))
        validation = stack(sequences[1], dataset.classes, settings.preprocessing)
    _check_apart(clips, validation)
    if processes.writes:
        parts = {"train": list(train_splits), "validation": list(validation_splits), "name": name, "start": start}
        claim(out, {"settings": settings.model_dump(mode="json"), **parts, "data": fingerprint(clips, validation)})
        for line in oddities(clips, validation, [one for part in sequences for one in part]) if on_warning else ():
            on_warning(line)  # type: ignore[misc]

    trainer = Trainer(
        _network(settings, clips, start).to(processes.device(device)), settings, clips, validation, processes
    )
    if (out / CHECKPOINT).exists():
        trainer.resume(out / CHECKPOINT)
    for epoch in trainer.run(out):
        if processes.writes:
            append(out, epoch)
            if on_epoch:
                on_epoch(epoch)
    return _finish(trainer, out, name, half=half, licence=licence)


def _network(settings: TrainSettings, clips: Clips, start: str | None) -> nn.Module:
    """The network with its first weights; its input channels and classes are those of the data."""
    if settings.architecture not in ARCHITECTURES:
        raise UsageError(f"unknown architecture {settings.architecture!r}; known are {', '.join(ARCHITECTURES)}")
    torch.manual_seed(settings.seed)
    network = build(settings.architecture, **network_config(settings, clips))
    if start is not None:
        _take_weights(network, start, settings.architecture, clips.classes)
    return network


def network_config(settings: TrainSettings, clips: Clips) -> dict[str, Any]:
    """The arguments of the builder: those of the settings, with the channels and classes of the data."""
    channels = len(channel_names(settings.preprocessing.kind, layout(clips.layout)))
    return {**settings.config, "in_channels": channels, "num_classes": len(clips.classes)}


def _finish(trainer: Trainer, out: Path, name: str, *, half: bool, licence: str) -> Run:
    settings, clips, validation = trainer.settings, trainer.train, trainer.validation
    temperature, unknown_below = 1.0, 0.0
    figures: dict[str, float] = {}
    final = None
    if validation is not None:
        logits = trainer.logits(trainer.weights, validation)
        temperature, unknown_below, figures = calibrate(logits, validation.label)
        final = measure(logits.softmax(2).mean(1).numpy(), validation.label.numpy())
    card = Card(
        name=name, task="classify", architecture=settings.architecture, config=network_config(settings, clips),
        labels=clips.classes, layout=clips.layout, preprocessing=settings.preprocessing,
        unknown_below=round(unknown_below, 4), temperature=round(temperature, 4), licence=licence, poseact=__version__,
        training={
            "clips": len(clips), "validation_clips": len(validation) if validation else 0, **figures,
            "data": fingerprint(clips, validation), "epochs_done": trainer.epoch,
            "settings": settings.model_dump(mode="json", exclude={"preprocessing", "config", "architecture"}),
        },
    )  # fmt: skip
    path = out / "model.safetensors"
    if trainer.processes.writes:
        path = save(out, trainer.weights, card, half=half)
    return Run(path, card, final)


def fingerprint(clips: Clips, validation: Clips | None) -> str:
    """sha256 of all poses and labels of a run, so that a run never goes on with other data than it began with."""
    digest = hashlib.sha256()
    for part in (clips, validation):
        for name, xy, score in zip(part.names, part.xy, part.score, strict=True) if part else ():
            digest.update(name.encode() + xy.numpy().tobytes() + score.numpy().tobytes())
        digest.update(part.label.numpy().tobytes() + "\0".join(part.classes).encode() if part else b"none")
    return digest.hexdigest()


def calibrate(logits: Tensor, label: Tensor) -> tuple[float, float, dict[str, float]]:
    """Temperature, the threshold of "unknown", and figures for the card, from validation logits (N, views, C).

    The threshold is the probability that 95 % of the right answers exceed.
    """
    views, classes = logits.shape[1:]
    temperature = fit_temperature(logits.reshape(-1, classes), label.repeat_interleave(views))
    before, after = logits.softmax(2).mean(1).numpy(), (logits / temperature).softmax(2).mean(1).numpy()
    right = after.max(1)[after.argmax(1) == label.numpy()]
    threshold = float(np.quantile(right, 1 - KEPT_OF_RIGHT_ANSWERS)) if len(right) else 0.0
    metrics = measure(after, label.numpy())
    figures = {
        "validation_top1": round(metrics.top1, 4),
        "validation_mean_class": round(metrics.mean_class, 4),
        "calibration_error_before": round(expected_calibration_error(before, label.numpy()), 4),
        "calibration_error_after": round(expected_calibration_error(after, label.numpy()), 4),
    }
    return temperature, threshold, figures


def _take_weights(network: nn.Module, start: str, architecture: str, classes: Sequence[str]) -> None:
    """Load the weights of a trained model, without its head where the labels differ.

    Raises: UsageError for another architecture; ModelError.
    """
    loaded = load_with_card(start)
    if loaded.card.architecture != architecture:
        raise UsageError(
            f"{start} is a {loaded.card.architecture}, not a {architecture}; --set architecture to match it"
        )
    own, theirs = network.state_dict(), loaded.network.state_dict()
    backbone = {key: tensor for key, tensor in theirs.items() if key.startswith("backbone.")}
    wrong = [key for key in own if key.startswith("backbone.") and (
        key not in backbone or backbone[key].shape != own[key].shape
    )]  # fmt: skip
    if wrong or len(backbone) != sum(key.startswith("backbone.") for key in own):
        raise UsageError(
            f"{start} has another backbone (such as {min(wrong or backbone)}); its config must be the run's"
        )
    same_labels = loaded.card.labels == tuple(classes)
    network.load_state_dict(theirs if same_labels else backbone, strict=same_labels)


def _check_apart(clips: Clips, validation: Clips | None) -> None:
    both = set(clips.names) & set(validation.names) if validation else set()
    if both:
        raise InvalidPoses(f"{len(both)} clips are in the training and the validation part, such as {min(both)!r}")


def claim(out: Path, document: Mapping[str, object]) -> None:
    """Note in a run's folder what the run is. Raises: UsageError when the folder holds something else."""
    text = json.dumps(document, indent=2) + "\n"
    config = out / CONFIG
    if config.exists() and config.read_text() != text:
        raise UsageError(
            f"{out} holds a run with other settings or data; choose another --out, or delete it to start anew"
        )
    if not config.exists():
        if out.exists() and any(out.iterdir()):
            raise UsageError(f"{out} is not empty and holds no run; choose another --out")
        write_text(config, text)


__all__ = ["Run", "calibrate", "train"]
