"""One training run in one folder: data parts, network, loop, metrics file, final checkpoint with its card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from poseact import __version__
from poseact.errors import InvalidPoses, UsageError
from poseact.heatmap import channel_names
from poseact.models import ARCHITECTURES, build
from poseact.poses import PoseDataset
from poseact.skeleton import layout
from poseact.train.batches import Clips, stack
from poseact.train.checkpoint import CHECKPOINT
from poseact.train.checks import check, oddities
from poseact.train.claim import claimed
from poseact.train.distributed import Processes
from poseact.train.history import Epoch, write_history
from poseact.train.loop import Trainer
from poseact.train.memory import enough_memory, exhausted
from poseact.train.metrics import Metrics, expected_calibration_error, fit_temperature, measure
from poseact.train.settings import TrainSettings
from poseact.train.start import take_weights
from poseact.types import PoseSequence
from poseact.zoo import Card, save

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
    say = on_warning if on_warning and processes.writes else _nothing
    parts = [train_splits, validation_splits] if validation_splits else [train_splits]
    sequences = [chosen_sequences(dataset, splits) for splits in parts]
    clips, *others = [stack(part, dataset.classes, settings.preprocessing) for part in sequences]
    validation = others[0] if others else None
    check(clips, validation)
    card = _card(settings, clips, name, licence)
    document = {
        "settings": settings.model_dump(mode="json"), "train": list(train_splits),
        "validation": list(validation_splits), "name": name, "start": start, "data": fingerprint(clips, validation),
    }  # fmt: skip
    with claimed(out, document) if processes.writes else nullcontext(), enough_memory(settings):
        for line in oddities(clips, validation, [one for part in sequences for one in part]):
            say(line)
        network = _network(settings, card, start, say)
        trainer = Trainer(network.to(processes.device(device)), settings, clips, validation, processes)
        if (out / CHECKPOINT).exists():
            trainer.resume(out / CHECKPOINT)
            if processes.writes:
                write_history(out, trainer.history)
        for epoch in trainer.run(out):
            if on_epoch and processes.writes:
                on_epoch(epoch)
        return _finish(trainer, out, card, half=half)


def _nothing(line: str) -> None:
    """Says it to nobody."""


def _card(settings: TrainSettings, clips: Clips, name: str, licence: str) -> Card:
    """The card as far as it is known before training. Raises: UsageError when no model could be saved with it."""
    try:
        return Card(
            name=name, task="classify", architecture=settings.architecture, config=network_config(settings, clips),
            labels=clips.classes, layout=clips.layout, preprocessing=settings.preprocessing, licence=licence,
            poseact=__version__,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "config"
        raise UsageError(
            f"no model can be saved with this: {where}: {first['msg']}, got {first['input']!r:.60}"
        ) from error


def _network(settings: TrainSettings, card: Card, start: str | None, say: Callable[[str], None]) -> nn.Module:
    """The network with its first weights, tried on an empty clip.

    Raises: UsageError for an unknown architecture, a config that it cannot be built from, or clips that it cannot see.
    """
    if settings.architecture not in ARCHITECTURES:
        raise UsageError(f"unknown architecture {settings.architecture!r}; known are {', '.join(ARCHITECTURES)}")
    torch.manual_seed(settings.seed)
    inputs = settings.preprocessing
    side = min(settings.train_size or inputs.size, inputs.size)
    try:
        network = build(settings.architecture, **card.config)
        with torch.inference_mode():
            network.eval()(torch.zeros(1, card.config["in_channels"], inputs.clip_len, side, side))
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        if exhausted(error):
            raise
        raise UsageError(
            f"a {settings.architecture} of {settings.config} cannot look at clips of {inputs.clip_len}x{side}x{side}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    if start is not None:
        take_weights(network, start, settings.architecture, card.labels, say)
    return network


def network_config(settings: TrainSettings, clips: Clips) -> dict[str, Any]:
    """The arguments of the builder: those of the settings, with the channels and classes of the data."""
    channels = len(channel_names(settings.preprocessing.kind, layout(clips.layout)))
    return {**settings.config, "in_channels": channels, "num_classes": len(clips.classes)}


def _finish(trainer: Trainer, out: Path, card: Card, *, half: bool) -> Run:
    settings, clips, validation = trainer.settings, trainer.train, trainer.validation
    path = out / "model.safetensors"
    if not trainer.processes.writes:
        return Run(path, card, None)
    temperature, unknown_below, final = 1.0, 0.0, None
    figures: dict[str, float] = {}
    if validation is not None:
        logits = trainer.logits(trainer.weights, validation)
        temperature, unknown_below, figures = calibrate(logits, validation.label)
        final = measure(logits.softmax(2).mean(1).numpy(), validation.label.numpy())
    card = card.model_copy(update={
        "unknown_below": round(unknown_below, 4), "temperature": round(temperature, 4), "training": {
            "clips": len(clips), "validation_clips": len(validation) if validation else 0, **figures,
            "data": fingerprint(clips, validation), "epochs_done": trainer.epoch,
            "settings": settings.model_dump(mode="json", exclude={"preprocessing", "config", "architecture"}),
        },
    })  # fmt: skip
    return Run(save(out, trainer.weights, card, half=half), card, final)


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


__all__ = ["Run", "calibrate", "train"]
