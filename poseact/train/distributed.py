"""The processes of one run, as `torchrun` starts them: who draws which clips, and batch norm over all of them."""

from __future__ import annotations

import gc
import importlib
import os
import warnings
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from poseact.errors import UsageError


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those of the run.

    Attributes:
        rank: of this one, from 0; only 0 writes and prints.
        count: of all.
        local_rank: on this machine.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @classmethod
    def join(cls, device: str) -> Processes:
        """Meet the other processes, if `torchrun` started some; `device` decides how they talk.

        Raises: UsageError when the environment names only a part of what is needed.
        """
        if "WORLD_SIZE" not in os.environ:
            return cls()
        try:
            found = cls(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
        except (KeyError, ValueError) as error:
            raise UsageError(
                f"WORLD_SIZE is set, but {error} is not a number; start the processes by torchrun"
            ) from error
        if found.count > 1 and not dist.is_initialized():
            # Imported later, as by DistributedDataParallel, its functions would keep the group as their default value.
            importlib.import_module("torch.distributed.nn")
            if device.startswith("cuda"):
                torch.cuda.set_device(found.device(device))
            dist.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo")
        return found

    @property
    def writes(self) -> bool:
        return self.rank == 0

    def device(self, name: str) -> str:
        """The device of this process: each gets a GPU of its own."""
        return f"cuda:{self.local_rank}" if name == "cuda" and self.count > 1 else name

    def share(self, batch: int) -> slice:
        """The rows of a batch that this process looks at."""
        rows = batch // self.count
        return slice(self.rank * rows, (self.rank + 1) * rows)

    def every(self, count: int) -> range:
        """Which of `count` clips this process looks at where they are not in batches."""
        return range(self.rank, count, self.count)

    def joined(self, own: list[Tensor]) -> list[Tensor]:
        """What all processes found of their clips of `every`, on the CPU, in the order of the clips."""
        parts = [own]
        if self.count > 1:
            parts *= self.count
            dist.all_gather_object(parts, own)
        whole: dict[int, Tensor] = {}
        for rank, part in enumerate(parts):
            whole |= {rank + self.count * row: found for row, found in enumerate(part)}
        return [whole[row] for row in range(len(whole))]

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network with gradients averaged over the processes; its parameters stay those of `network`."""
        if self.count == 1:
            return network
        # Strides of kernels of one pixel are ambiguous in the memory order of the network: nothing is wrong.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        device = next(network.parameters()).device
        return DistributedDataParallel(network, device_ids=[device.index] if device.type == "cuda" else None)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a small tensor over all processes."""
        if self.count > 1:
            dist.all_reduce(values)
            values /= self.count
        return values

    def agreed(self, flag: bool) -> bool:
        """What process 0 decided."""
        if self.count == 1:
            return flag
        decision = [flag]
        dist.broadcast_object_list(decision)
        return bool(decision[0])

    def leave(self) -> None:
        """Part from the others at the end of a run.

        The group's threads end here: one that still lets go of a tensor while the interpreter ends would abort it.
        """
        if self.count > 1 and dist.is_initialized():
            dist.destroy_process_group()
            gc.collect()


def synchronised(network: nn.Module, processes: Processes) -> nn.Module:
    """The network with batch norms that average over the clips of all processes, as one process would over a batch."""
    if processes.count == 1:
        return network
    if next(network.parameters()).device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm3d):
                setattr(parent, name, SyncedBatchNorm3d.like(child))
    return network


class _SumOverProcesses(torch.autograd.Function):
    """A tensor's sum over all processes; so is its gradient."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        del ctx
        whole = own.clone()
        dist.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, own: Tensor) -> Tensor:
        return _SumOverProcesses.forward(ctx, own)


def _summed(own: Tensor) -> Tensor:
    whole: Tensor = _SumOverProcesses.apply(own)
    return whole


class SyncedBatchNorm3d(nn.BatchNorm3d):
    """Batch norm over the processes of a run on CPUs, for which torch has none; each has equally many clips."""

    @classmethod
    def like(cls, norm: nn.BatchNorm3d) -> SyncedBatchNorm3d:
        synced = cls(norm.num_features, norm.eps, norm.momentum)
        synced.load_state_dict(norm.state_dict())
        return synced.to(norm.weight.device)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, T, H, W)
        if not self.training:
            return super().forward(x)
        values = x.float()
        count = dist.get_world_size() * x.numel() // x.shape[1]
        mean = _summed(values.sum((0, 2, 3, 4))) / count
        centred = values - mean[:, None, None, None]
        variance = _summed(centred.square().sum((0, 2, 3, 4))) / count
        self._remember(mean.detach(), variance.detach() * count / max(count - 1, 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None, None] + self.bias[:, None, None, None]).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)
        self.num_batches_tracked += 1
