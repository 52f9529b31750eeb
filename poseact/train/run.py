"""One training run in one folder: data parts, network, loop, metrics file, final checkpoint with its card."""

from __future__ import annotations

import csv
import io
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
from poseact.models import ARCHITECTURES
from poseact.poses import PoseDataset
from poseact.train.batches import Clips, stack
from poseact.train.loop import CHECKPOINT, Epoch, Trainer
from poseact.train.metrics import Metrics, expected_calibration_error, fit_temperature, measure
from poseact.train.settings import TrainSettings
from poseact.zoo import Card, Preprocessing, load_with_card, save

CONFIG = "config.json"
METRICS = "metrics.csv"
KEPT_OF_RIGHT_ANSWERS = 0.95


@dataclass(frozen=True)
class Run:
    """A finished run: the checkpoint, its card, and the final metrics on the validation part, if there is one."""

    weights: Path
    card: Card
    validation: Metrics | None


def part(dataset: PoseDataset, splits: Sequence[str], preprocessing: Preprocessing) -> Clips:
    """The clips of some splits of a data set, or all of them for no split.

    Raises: UsageError for an unknown split, InvalidPoses for an empty one.
    """
    unknown = [split for split in splits if split not in dataset.splits]
    if unknown:
        raise UsageError(f"there is no split {unknown[0]!r}; the file has {', '.join(dataset.splits) or 'none'}")
    names = {name for split in splits for name in dataset.splits[split]}
    chosen = [sequence for sequence in dataset.annotations if not splits or sequence.name in names]
    if not chosen:
        raise InvalidPoses(f"split {', '.join(splits)} is empty")
    return stack(chosen, dataset.classes, preprocessing)


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
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Run:
    """Train in `out`; the same call goes on where an earlier one was stopped.

    Args:
        name: of the model, kept in its card.
        train_splits, validation_splits: of the data set; no validation split: no looks, no calibration.
        start: a model of the same architecture and labels whose weights are the first ones; None: random weights.
        half: store the weights in half precision.
    Raises: UsageError when `out` holds another run, InvalidPoses, ModelError, OutputError.
    """
    if len(dataset.classes) < 2:
        raise InvalidPoses(f"training needs at least two classes, the poses have {len(dataset.classes)}")
    clips = part(dataset, train_splits, settings.preprocessing)
    validation = part(dataset, validation_splits, settings.preprocessing) if validation_splits else None
    _check_apart(clips, validation)
    _claim(
        out,
        settings,
        {"train": list(train_splits), "validation": list(validation_splits), "name": name, "start": start},
    )

    torch.manual_seed(settings.seed)
    config = {**settings.config, "num_classes": len(dataset.classes)}
    if settings.architecture not in ARCHITECTURES:
        raise UsageError(f"unknown architecture {settings.architecture!r}; known are {', '.join(ARCHITECTURES)}")
    network = ARCHITECTURES[settings.architecture](**config)
    if start is not None:
        _take_weights(network, start, settings.architecture, config, dataset.classes)
    trainer = Trainer(network.to(device), settings, clips, validation)
    if (out / CHECKPOINT).exists():
        trainer.resume(out / CHECKPOINT)
    for epoch in trainer.run(out):
        _append(out / METRICS, epoch)
        if on_epoch:
            on_epoch(epoch)

    temperature, unknown_below = 1.0, 0.0
    figures: dict[str, float] = {}
    final = None
    if validation is not None:
        logits = trainer.averaged_logits(validation)
        temperature, unknown_below, figures = calibrate(logits, validation.label)
        final = trainer.evaluate()
    card = Card(
        name=name, task="classify", architecture=settings.architecture, config=config, labels=dataset.classes,
        layout=clips.layout, preprocessing=settings.preprocessing, unknown_below=round(unknown_below, 4),
        temperature=round(temperature, 4), licence=licence, poseact=__version__,
        training={
            "clips": len(clips), "validation_clips": len(validation) if validation else 0, **figures,
            "settings": settings.model_dump(mode="json", exclude={"preprocessing", "config", "architecture"}),
        },
    )  # fmt: skip
    return Run(save(out, trainer.average, card, half=half), card, final)


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


def _take_weights(
    network: nn.Module, start: str, architecture: str, config: Mapping[str, Any], classes: Sequence[str]
) -> None:
    """Load the weights of a trained model. Raises: UsageError for another architecture or other labels; ModelError."""
    loaded = load_with_card(start)
    if (loaded.card.architecture, loaded.card.config, loaded.card.labels) != (architecture, config, tuple(classes)):
        raise UsageError(f"{start} has another architecture or other labels; training goes on from its like only")
    network.load_state_dict(loaded.network.state_dict())


def _check_apart(clips: Clips, validation: Clips | None) -> None:
    both = set(clips.names) & set(validation.names) if validation else set()
    if both:
        raise InvalidPoses(f"{len(both)} clips are in the training and the validation part, such as {min(both)!r}")


def _claim(out: Path, settings: TrainSettings, parts: dict[str, object]) -> None:
    text = json.dumps({"settings": settings.model_dump(mode="json"), **parts}, indent=2) + "\n"
    config = out / CONFIG
    if config.exists() and config.read_text() != text:
        raise UsageError(f"{out} holds a run with other settings; choose another --out, or delete it to start anew")
    if not config.exists():
        if out.exists() and any(out.iterdir()):
            raise UsageError(f"{out} is not empty and holds no run; choose another --out")
        write_text(config, text)


def _append(path: Path, epoch: Epoch) -> None:
    """Rewrite the metrics file with one line more; lines of epochs that are repeated after a kill are replaced."""
    rows = list(csv.reader(path.read_text().splitlines()))[1:] if path.exists() else []
    rows = [row for row in rows if int(row[0]) < epoch.number]
    looked = epoch.validation
    rows.append(
        [str(epoch.number), f"{epoch.loss:.4f}", f"{epoch.accuracy:.4f}"]
        + ([f"{looked.loss:.4f}", f"{looked.top1:.4f}", f"{looked.mean_class:.4f}"] if looked else ["", "", ""])
        + [f"{epoch.clips_per_second:.1f}"]
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", "loss", "accuracy", "val_loss", "val_top1", "val_mean_class", "clips_per_second"])
    writer.writerows(rows)
    write_text(path, text.getvalue())


__all__ = ["Run", "calibrate", "part", "train"]
