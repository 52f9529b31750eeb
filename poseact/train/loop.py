"""The training loop: steps, averaged weights, validation, and checkpoints from which a run goes on exactly."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poseact.errors import InvalidWeights, ModelError, UsageError
from poseact.train.batches import Clips, Random, epoch_order, training_batch, view_outputs
from poseact.train.checkpoint import CHECKPOINT, read_state, write_state
from poseact.train.distributed import Processes, synchronised
from poseact.train.history import Epoch, Row, row, write_history
from poseact.train.metrics import Metrics, measure
from poseact.train.optimise import freeze, learning_rate, optimizer, resolve_precision
from poseact.train.settings import TrainSettings

Weights = dict[str, Tensor]


class Trainer:
    """Everything that changes during a run, and how it is saved.

    Args:
        network: changed in place, on its device.
        settings: of the run.
        train, validation: clips; without validation clips there are no looks.
        processes: that share the work.
    Raises: UsageError when the batch cannot be divided over the processes.
    """

    def __init__(
        self, network: nn.Module, settings: TrainSettings, train: Clips, validation: Clips | None,
        processes: Processes | None = None,
    ) -> None:  # fmt: skip
        self.processes = processes or Processes()
        self.network = synchronised(network, self.processes).to(memory_format=torch.channels_last_3d)
        self.settings = settings
        self.train = train
        self.validation = validation
        self.device = next(network.parameters()).device
        self.frozen = freeze(self.network, settings.frozen)
        self.optimizer = optimizer(self.network, settings)
        self.precision = resolve_precision(settings.precision, self.device)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision is torch.float16)
        self.average: Weights = {key: tensor.detach().clone() for key, tensor in self.network.state_dict().items()}
        self.best: Weights | None = None
        self.best_loss = math.inf
        self.looks_since_best = 0
        self.epoch = 0
        self.history: list[Row] = []
        self.batch_size = _divisible(min(settings.batch_size, len(train)), settings, self.processes)
        self.steps_per_epoch = len(train) // self.batch_size
        self._wrapped = self.processes.wrap(self.network)

    @property
    def finished(self) -> bool:
        stopped = 0 < self.settings.patience <= self.looks_since_best
        return stopped or self.epoch >= self.settings.epochs

    @property
    def weights(self) -> Weights:
        """What a run is about: the averaged weights, of the best look where the run may end early, else of the end."""
        return self.best if self.best is not None else self.average

    def run(self, folder: Path | None = None) -> Iterator[Epoch]:
        """Train until the end; with a folder, a checkpoint and the metrics are written after each epoch.

        The checkpoint holds the metrics so far, so that they go on without a gap wherever the run was killed.
        """
        started, first = time.perf_counter(), self.epoch
        while not self.processes.agreed(self.finished):
            pass_started = time.perf_counter()
            loss, accuracy = self._one_epoch()
            seconds = time.perf_counter() - pass_started
            self.epoch += 1
            look = self.epoch % self.settings.evaluate_every == 0 or self.epoch == self.settings.epochs
            validation = self._look() if look and self.validation is not None and self.processes.writes else None
            pace = (time.perf_counter() - started) / (self.epoch - first)
            epoch = Epoch(
                self.epoch, loss, accuracy, self._lr(self.epoch * self.steps_per_epoch - 1), validation, seconds,
                0.0 if self.finished else pace * (self.settings.epochs - self.epoch),
                self.steps_per_epoch * self.batch_size / seconds,
            )  # fmt: skip
            self.history.append(row(epoch))
            if folder is not None and self.processes.writes:
                self.save(folder / CHECKPOINT)
                write_history(folder, self.history)
            yield epoch

    def _one_epoch(self) -> tuple[float, float]:
        # Every epoch starts its own random stream, so a resumed run draws what an uninterrupted one would have drawn.
        seed = self.settings.seed * 1_000_003 + self.epoch
        random = Random.of(seed, self.device)
        torch.manual_seed(seed + self.processes.rank * 7919)
        self._wrapped.train()
        for module in self.frozen:
            module.eval()
        totals = torch.zeros(2, dtype=torch.float32, device=self.device)
        order = epoch_order(self.train.label, self.batch_size, self.settings.balance, random.order)
        for step, rows in enumerate(order):
            totals += self._step(rows, random, self.epoch * self.steps_per_epoch + step)
        loss, accuracy = (self.processes.mean(totals) / self.steps_per_epoch).tolist()
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss is not a finite number in epoch {self.epoch + 1}; try a smaller lr than {self.settings.lr}"
            )
        return loss, accuracy

    def _step(self, rows: list[int], random: Random, step: int) -> Tensor:
        """One change of the weights; returns (2,) the loss and the share of right answers."""
        for group in self.optimizer.param_groups:
            group["lr"] = self._lr(step) * group["scale"]
        share = self.processes.share(len(rows))
        heatmaps, target = training_batch(self.train, rows, self.settings, random, self.device, share)
        self.optimizer.zero_grad(set_to_none=True)
        parts = self.settings.accumulate
        totals = torch.zeros(2, dtype=torch.float32, device=self.device)
        for part, (inputs, wanted) in enumerate(zip(heatmaps.chunk(parts), target.chunk(parts), strict=True)):
            waits = self.processes.count > 1 and part + 1 < parts
            with self._wrapped.no_sync() if waits else nullcontext():  # type: ignore[operator]
                logits = self._forward(inputs)
                loss = F.cross_entropy(logits, wanted, label_smoothing=self.settings.label_smoothing)
                self.scaler.scale(loss / parts).backward()
            hits = (logits.argmax(1) == wanted.argmax(1)).float().mean()
            totals += torch.stack([loss.detach(), hits]) / parts
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.grad_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._update_average(step)
        return totals

    def _forward(self, heatmaps: Tensor) -> Tensor:
        with torch.autocast(self.device.type, self.precision, enabled=self.precision is not torch.float32):
            logits: Tensor = self._wrapped(heatmaps)
        return logits.float()

    def _lr(self, step: int) -> float:
        return learning_rate(self.settings, step, self.settings.epochs * self.steps_per_epoch, self.batch_size)

    @torch.no_grad()
    def _update_average(self, step: int) -> None:
        decay = min(self.settings.ema, (1 + step) / (10 + step))
        for key, tensor in self.network.state_dict().items():
            if self.settings.ema and tensor.is_floating_point():
                self.average[key].lerp_(tensor, 1 - decay)
            else:
                self.average[key].copy_(tensor)

    def _look(self) -> Metrics:
        metrics = self.evaluate(self.average)
        if not self.settings.patience:
            return metrics
        self.looks_since_best += 1
        if metrics.loss < self.best_loss:
            self.best_loss, self.looks_since_best = metrics.loss, 0
            self.best = {key: tensor.clone() for key, tensor in self.average.items()}
        return metrics

    def evaluate(self, weights: Weights) -> Metrics:
        """Metrics of some weights on the validation clips, by the views that `recognize` uses."""
        assert self.validation is not None
        logits = self.logits(weights, self.validation)
        return measure(logits.softmax(2).mean(1).numpy(), self.validation.label.numpy())

    def logits(self, weights: Weights, clips: Clips) -> Tensor:
        """(N, views, classes) logits of some weights."""
        current = {key: tensor.clone() for key, tensor in self.network.state_dict().items()}
        self.network.load_state_dict(weights)
        try:
            return view_outputs(self.network.eval(), clips, self.settings.preprocessing, self.device)
        finally:
            self.network.load_state_dict(current)

    def save(self, path: Path) -> None:
        """Write everything that the next epoch depends on."""
        state = {
            "settings": self.settings.model_dump_json(),
            "epoch": self.epoch,
            "history": self.history,
            "network": self.network.state_dict(),
            "average": self.average,
            "best": self.best,
            "best_loss": self.best_loss,
            "looks_since_best": self.looks_since_best,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        write_state(path, state)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint. Raises: InvalidWeights when it is damaged or belongs to other settings."""
        state = read_state(path, self.device)
        try:
            same = TrainSettings.model_validate_json(state["settings"]) == self.settings
            if same:
                self._take(state)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise InvalidWeights(
                f"{path} does not fit this run ({str(error).splitlines()[0]}); delete it to train from the start, or "
                f"choose another --out"
            ) from error
        if not same:
            raise InvalidWeights(
                f"{path} was written with other settings; choose another --out, or delete it to start anew"
            )

    def _take(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.average, self.best = state["average"], state["best"]
        self.best_loss, self.looks_since_best = state["best_loss"], state["looks_since_best"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.epoch, self.history = int(state["epoch"]), list(state["history"])


def _divisible(batch: int, settings: TrainSettings, processes: Processes) -> int:
    """The batch, rounded down so that every part of every process has as many clips."""
    parts = processes.count * settings.accumulate
    if batch // parts < 1 or settings.batch_size % parts:
        raise UsageError(
            f"a batch of {batch} clips cannot be divided evenly over {processes.count} processes and "
            f"{settings.accumulate} parts each; choose another batch_size"
        )
    return batch // parts * parts
