"""The training loop: steps, averaged weights, validation, and checkpoints from which a run goes on exactly."""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poseact.errors import InvalidWeights, ModelError
from poseact.files import atomic_path
from poseact.train.batches import Clips, epoch_batches, evaluation_logits
from poseact.train.metrics import Metrics, measure
from poseact.train.settings import TrainSettings

CHECKPOINT = "last.ckpt"


@dataclass(frozen=True)
class Epoch:
    """One finished pass.

    Attributes:
        number: from 1.
        loss, accuracy: means over the training clips as they were augmented.
        validation: of the averaged weights; None between two looks.
        seconds_left: until the last epoch, at the pace so far.
        clips_per_second: of this pass, without validation.
    """

    number: int
    loss: float
    accuracy: float
    validation: Metrics | None
    seconds_left: float
    clips_per_second: float


class Trainer:
    """Everything that changes during a run, and how it is saved.

    Args:
        network: changed in place, on its device.
        settings: of the run.
        train, validation: clips; without validation clips there are no looks.
    """

    def __init__(self, network: nn.Module, settings: TrainSettings, train: Clips, validation: Clips | None) -> None:
        self.network = network.to(memory_format=torch.channels_last_3d)
        self.settings = settings
        self.train = train
        self.validation = validation
        self.device = next(network.parameters()).device
        self.optimizer = _optimizer(network, settings)
        self.average = {key: tensor.detach().clone() for key, tensor in network.state_dict().items()}
        self.epoch = 0
        self.steps_per_epoch = max(len(train) // settings.batch_size, 1)

    def run(self, folder: Path | None = None) -> Iterator[Epoch]:
        """Train until the last epoch; with a folder, a checkpoint is written after each epoch, whole or not at all."""
        started, first = time.perf_counter(), self.epoch
        while self.epoch < self.settings.epochs:
            pass_started = time.perf_counter()
            loss, accuracy = self._one_epoch()
            speed = (
                self.steps_per_epoch
                * min(self.settings.batch_size, len(self.train))
                / (time.perf_counter() - pass_started)
            )
            self.epoch += 1
            look = self.epoch % self.settings.evaluate_every == 0 or self.epoch == self.settings.epochs
            validation = self.evaluate() if look and self.validation is not None else None
            if folder is not None:
                self.save(folder / CHECKPOINT)
            pace = (time.perf_counter() - started) / (self.epoch - first)
            yield Epoch(self.epoch, loss, accuracy, validation, pace * (self.settings.epochs - self.epoch), speed)

    def _one_epoch(self) -> tuple[float, float]:
        # Every epoch starts its own random stream, so a resumed run draws what an uninterrupted one would have drawn.
        generator = torch.Generator(device=self.device).manual_seed(self.settings.seed * 1_000_003 + self.epoch)
        torch.manual_seed(self.settings.seed * 1_000_003 + self.epoch)
        self.network.train()
        totals = torch.zeros(2, dtype=torch.float64)
        batches = epoch_batches(self.train, self.settings, generator, self.device)
        for step, (heatmaps, target) in enumerate(batches):
            for group in self.optimizer.param_groups:
                group["lr"] = self.settings.lr * self._schedule(self.epoch * self.steps_per_epoch + step)
            logits = self.network(heatmaps)
            loss = F.cross_entropy(logits, target, label_smoothing=self.settings.label_smoothing)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.grad_clip)
            self.optimizer.step()
            self._update_average(self.epoch * self.steps_per_epoch + step)
            hits = (logits.argmax(1) == target.argmax(1)).double().mean()
            totals += torch.stack([loss.detach().double(), hits]).cpu()
        if not math.isfinite(float(totals[0])):
            raise ModelError(
                f"the loss is not a finite number in epoch {self.epoch + 1}; try a smaller lr than {self.settings.lr}"
            )
        loss_mean, accuracy = (totals / self.steps_per_epoch).tolist()
        return loss_mean, accuracy

    def _schedule(self, step: int) -> float:
        total = self.settings.epochs * self.steps_per_epoch
        warmup = self.settings.warmup * total
        if step < warmup:
            return (step + 1) / (warmup + 1)
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))

    @torch.no_grad()
    def _update_average(self, step: int) -> None:
        decay = min(self.settings.ema, (1 + step) / (10 + step))
        for key, tensor in self.network.state_dict().items():
            if self.settings.ema and tensor.is_floating_point():
                self.average[key].lerp_(tensor, 1 - decay)
            else:
                self.average[key].copy_(tensor)

    def evaluate(self) -> Metrics:
        """Metrics of the averaged weights on the validation clips, by the views that `recognize` uses."""
        assert self.validation is not None
        logits = self.averaged_logits(self.validation)
        return measure(logits.softmax(2).mean(1).numpy(), self.validation.label.numpy())

    def averaged_logits(self, clips: Clips) -> Tensor:
        """(N, views, classes) logits of the averaged weights."""
        current = {key: tensor.clone() for key, tensor in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        try:
            return evaluation_logits(self.network.eval(), clips, self.settings.preprocessing, self.device)
        finally:
            self.network.load_state_dict(current)

    def save(self, path: Path) -> None:
        """Write everything that the next epoch depends on."""
        state = {
            "settings": self.settings.model_dump_json(),
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint. Raises: InvalidWeights when it is damaged or belongs to other settings."""
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
            raise InvalidWeights(f"{path} is damaged ({type(error).__name__}); delete it to start anew") from error
        if state["settings"] != self.settings.model_dump_json():
            raise InvalidWeights(
                f"{path} was written with other settings; choose another --out, or delete it to start anew"
            )
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = int(state["epoch"])


def _optimizer(network: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    decayed = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        # The published recipes decay everything; with AdamW, biases and batch norms are better left alone.
        {"params": others, "weight_decay": settings.weight_decay if settings.optimizer == "sgd" else 0.0},
    ]
    make: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "sgd": lambda: torch.optim.SGD(groups, settings.lr, momentum=settings.momentum),
        "adamw": lambda: torch.optim.AdamW(groups, settings.lr),
    }
    return make[settings.optimizer]()
