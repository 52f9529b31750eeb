"""The processes of one run, as `torchrun` starts them: who draws which clips, and batch norm over all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
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
            dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
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

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network with gradients averaged over the processes; its parameters stay those of `network`."""
        if self.count == 1:
            return network
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
        """Part from the others at the end of a run."""
        if self.count > 1 and dist.is_initialized():
            dist.destroy_process_group()


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
        mean = all_reduce(values.sum((0, 2, 3, 4))) / count
        centred = values - mean[:, None, None, None]
        variance = all_reduce(centred.square().sum((0, 2, 3, 4))) / count
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
