"""The training loop: steps, averaged weights, validation, and checkpoints from which a run goes on exactly."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from poseact.errors import InvalidWeights, ModelError, UsageError
from poseact.train.batches import Inputs, Random, epoch_order, training_batches, view_outputs
from poseact.train.checkpoint import CHECKPOINT, check_weights, read_state, write_state
from poseact.train.clips import Clips
from poseact.train.distributed import Processes, synchronised
from poseact.train.heads import Answers, loss_of, measured, shares_right
from poseact.train.history import Epoch, Row, Step, check_history, row, write_history
from poseact.train.metrics import Metrics
from poseact.train.optimise import freeze, learning_rate, optimizer, resolve_precision, restore
from poseact.train.settings import TrainSettings

Weights = dict[str, Tensor]
OnStep = Callable[[Step], None]
SECONDS_BETWEEN_STEPS = 1.0


class Trainer:
    """Everything that changes during a run, and how it is saved.

    Args:
        network: changed in place, on its device.
        settings: of the run.
        train, validation: clips, with their videos where the network looks at pictures; without validation clips there
            are no looks.
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
        self.precision = resolve_precision(settings.precision, self.device, pictures="rgb" in settings.streams)
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

    def run(self, folder: Path | None = None, on_step: OnStep | None = None) -> Iterator[Epoch]:
        """Train until the end; with a folder, a checkpoint and the metrics are written after each epoch.

        `on_step` hears of an epoch while it lasts, once per second at most.

        The checkpoint holds the metrics so far, so that they go on without a gap wherever the run was killed.
        """
        started, first = time.perf_counter(), self.epoch
        while not self.processes.agreed(self.finished):
            pass_started = time.perf_counter()
            loss, accuracy, *of_streams = self._one_epoch(on_step)
            seconds = time.perf_counter() - pass_started
            self.epoch += 1
            look = self.epoch % self.settings.evaluate_every == 0 or self.epoch == self.settings.epochs
            validation, *looks = self._look() if look else [None]
            pace = (time.perf_counter() - started) / (self.epoch - first)
            epoch = Epoch(
                self.epoch, loss, accuracy, self._lr(self.epoch * self.steps_per_epoch - 1), validation, seconds,
                0.0 if self.finished else pace * (self.settings.epochs - self.epoch),
                self.steps_per_epoch * self.batch_size / seconds, tuple(of_streams), tuple(filter(None, looks)),
            )  # fmt: skip
            self.history.append(row(epoch))
            if folder is not None and self.processes.writes:
                self.save(folder / CHECKPOINT)
                write_history(folder, self.history)
            yield epoch

    def _one_epoch(self, on_step: OnStep | None) -> list[float]:
        """The mean loss and share of right answers, then that of each stream where there are two."""
        # Every epoch starts its own random stream, so a resumed run draws what an uninterrupted one would have drawn.
        seed = self.settings.seed * 1_000_003 + self.epoch
        # Pictures are changed on the CPU, ahead of the step, so that no step waits for where they go.
        random = Random.of(seed, torch.device("cpu") if self.train.videos else self.device)
        torch.manual_seed(seed + self.processes.rank * 7919)
        self._wrapped.train()
        for module in self.frozen:
            module.eval()
        totals = self._no_figures()
        order = epoch_order(self.train.label, self.batch_size, self.settings.balance, random.order)
        share = self.processes.share(self.batch_size)
        started = said = time.perf_counter()
        with closing(training_batches(self.train, order, self.settings, random, self.device, share)) as batches:
            for step, (inputs, target) in enumerate(batches):
                totals += self._step(inputs, target, self.epoch * self.steps_per_epoch + step)
                now = time.perf_counter()
                if on_step and now - said >= SECONDS_BETWEEN_STEPS:
                    said = now
                    on_step(self._so_far(step + 1, totals, now - started))
        loss, *right = (self.processes.mean(totals) / self.steps_per_epoch).tolist()
        weights = all(bool(torch.isfinite(one).all()) for one in self.network.parameters())
        if not math.isfinite(loss) or not weights:
            what = "the loss is not a finite number" if weights else "the weights are not finite numbers"
            raise ModelError(f"{what} in epoch {self.epoch + 1}; try a smaller lr than {self.settings.lr}")
        return [loss, *right]

    def _so_far(self, done: int, totals: Tensor, seconds: float) -> Step:
        """What this process knows of an unfinished pass."""
        loss, accuracy = (totals[:2] / done).tolist()
        steps = (self.settings.epochs - self.epoch) * self.steps_per_epoch
        return Step(
            self.epoch + 1, done, self.steps_per_epoch, loss, accuracy, (steps - done) * seconds / done,
            done * self.batch_size / seconds,
        )  # fmt: skip

    def _no_figures(self) -> Tensor:
        """Zeros for the loss, the share of right answers, and those of each stream where there are two."""
        streams = len(self.settings.streams)
        return torch.zeros(2 + (streams if streams > 1 else 0), dtype=torch.float32, device=self.device)

    def _step(self, inputs: Inputs, target: Tensor, step: int) -> Tensor:
        """One change of the weights; returns the figures of `_one_epoch`."""
        for group in self.optimizer.param_groups:
            group["lr"] = self._lr(step) * group["scale"]
        self.optimizer.zero_grad(set_to_none=True)
        parts = self.settings.accumulate
        totals = self._no_figures()
        for part, (*some, wanted) in enumerate(zip(*(one.chunk(parts) for one in (*inputs, target)), strict=True)):
            waits = self.processes.count > 1 and part + 1 < parts
            with self._wrapped.no_sync() if waits else nullcontext():  # type: ignore[operator]
                logits = self._forward(some)
                loss = loss_of(logits, wanted, self.settings.loss_weights, self.settings.label_smoothing)
                self.scaler.scale(loss / parts).backward()
            totals += torch.stack([loss.detach(), *shares_right(logits, wanted)]) / parts
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.grad_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._update_average(step)
        return totals

    def _forward(self, inputs: Sequence[Tensor]) -> Answers:
        with torch.autocast(self.device.type, self.precision, enabled=self.precision is not torch.float32):
            logits: Tensor | Answers = self._wrapped(*inputs)
        return tuple(one.float() for one in (logits if isinstance(logits, tuple) else (logits,)))

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

    def _look(self) -> list[Metrics] | list[None]:
        """Metrics of the averaged weights on the validation clips, then those of each stream where there are two."""
        if self.validation is None:
            return [None]
        found = measured(self.logits(self.average, self.validation), self.validation.label)
        if self.settings.patience:
            self.looks_since_best += 1
            if found[0].loss < self.best_loss:
                self.best_loss, self.looks_since_best = found[0].loss, 0
                self.best = {key: tensor.clone() for key, tensor in self.average.items()}
        return found

    def logits(self, weights: Weights, clips: Clips) -> list[Tensor]:
        """N times (streams, views, classes) logits of some weights, by the views that `recognize` uses.

        The processes of a run share the clips, so all of them call this.
        """
        rows = self.processes.every(len(clips))
        current = {key: tensor.clone() for key, tensor in self.network.state_dict().items()}
        self.network.load_state_dict(weights)
        try:
            own = view_outputs(
                self.network.eval(), clips.chosen(rows), self.settings.preprocessing, self.device,
                self.settings.streams,
            )  # fmt: skip
            return self.processes.joined(own)
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
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise InvalidWeights(
                f"{path} does not fit this run ({str(error).splitlines()[0]}); delete it to train from the start, or "
                f"choose another --out"
            ) from error
        if not same:
            raise InvalidWeights(
                f"{path} was written with other settings; choose another --out, or delete it to start anew"
            )

    def _take(self, state: dict[str, Any]) -> None:
        if not (isinstance(state["epoch"], int) and 0 <= state["epoch"] <= self.settings.epochs):
            raise ValueError(f"epoch {state['epoch']!r:.20} of {self.settings.epochs}")
        check_history(state["history"], state["epoch"])
        for name in ("network", "average", "best"):
            if not (name == "best" and state[name] is None):
                check_weights(name, state[name], self.network.state_dict())
        if not (isinstance(state["best_loss"], float) and isinstance(state["looks_since_best"], int)):
            raise ValueError("'best_loss' and 'looks_since_best' are no numbers")
        self.network.load_state_dict(state["network"])
        self.average, self.best = state["average"], state["best"]
        self.best_loss, self.looks_since_best = state["best_loss"], state["looks_since_best"]
        restore(self.optimizer, state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.epoch, self.history = state["epoch"], state["history"]


def _divisible(batch: int, settings: TrainSettings, processes: Processes) -> int:
    """The batch, rounded down so that every part of every process has as many clips."""
    parts = processes.count * settings.accumulate
    if batch // parts < 1 or settings.batch_size % parts:
        raise UsageError(
            f"a batch of {settings.batch_size if batch >= parts else batch} clips cannot be divided evenly over "
            f"{processes.count} processes and {settings.accumulate} parts each; choose another batch_size or accumulate"
        )
    return batch // parts * parts
