"""The optimiser of a run: groups, frozen stages, learning rates, precision. Knows no data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from poseact.errors import UsageError
from poseact.models import RGBPoseConv3D
from poseact.train.settings import TrainSettings

STEP = 0.1


def stages(network: nn.Module) -> list[nn.Module]:
    """The parts of a classifier's backbone with weights, from the input on; the head is none of them."""
    if isinstance(network, RGBPoseConv3D):
        return list(network.backbone.parts())
    return [child for child in network.backbone.children() if any(True for _ in child.parameters())]  # type: ignore[union-attr]


def freeze(network: nn.Module, count: int) -> list[nn.Module]:
    """Keep the first stages as they are; returns them. Raises: UsageError when there are not so many."""
    known = stages(network)
    if count > len(known):
        raise UsageError(f"frozen is {count}, but the network has {len(known)} stages")
    for parameter in (parameter for stage in known[:count] for parameter in stage.parameters()):
        parameter.requires_grad_(False)
    return known[:count]


def optimizer(network: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """SGD or AdamW over what is not frozen; each group has a `scale` by which its learning rate is multiplied."""
    known = stages(network)
    depth = {id(parameter): index for index, stage in enumerate(known) for parameter in stage.parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            scale = settings.layer_decay ** (len(known) - depth.get(id(parameter), len(known)))
            # The published recipes decay everything; with AdamW, biases and batch norms are better left alone.
            decays = parameter.ndim > 1 or settings.optimizer == "sgd"
            groups.setdefault((scale, settings.weight_decay if decays else 0.0), []).append(parameter)
    described: list[dict[str, Any]] = [
        {"params": parameters, "scale": scale, "weight_decay": decay} for (scale, decay), parameters in groups.items()
    ]
    make: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "sgd": lambda: torch.optim.SGD(described, settings.lr, momentum=settings.momentum),
        "adamw": lambda: torch.optim.AdamW(described, settings.lr),
    }
    return make[settings.optimizer]()


def restore(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Give a new optimiser the state of one like it; torch itself looks at little more than how many groups there are.

    Raises: ValueError, and what torch raises, when it is the state of another one.
    """
    before = optimizer.state_dict()["param_groups"]
    probe = _after_a_step(optimizer)
    optimizer.load_state_dict(state)
    after = optimizer.state_dict()["param_groups"]
    same = all(
        new.get(name) == value
        for old, new in zip(before, after, strict=True)
        for name, value in old.items()
        if name != "lr"
    )
    if not same or not all(_is_like(held, probe, weight) for weight, held in optimizer.state.items()):
        raise ValueError("'optimizer' is not of this run")


def _after_a_step(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What an optimiser of this kind keeps of a weight, here of a vector."""
    weight = nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    probe = type(optimizer)([{**optimizer.param_groups[0], "params": [weight]}])  # type: ignore[call-arg]
    probe.step()
    return probe.state[weight]


def _is_like(held: object, probe: dict[str, Any], weight: object) -> bool:
    """Whether this may be kept of a weight: one number, or a tensor of its shape, wherever the probe has such a one."""
    return isinstance(weight, Tensor) and isinstance(held, dict) and held.keys() == probe.keys() and all(
        isinstance(held[name], Tensor) and held[name].shape == (weight.shape if one.ndim else ())
        for name, one in probe.items()
    )  # fmt: skip


def learning_rate(settings: TrainSettings, step: int, total: int, batch: int) -> float:
    """The rate of a step, from 0, of `total` ones with `batch` clips each."""
    peak = settings.lr * (batch / settings.lr_batch if settings.lr_batch else 1)
    warmup = settings.warmup * total
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    if settings.schedule == "step":
        return peak * STEP ** sum(step >= share * total for share in settings.steps)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))


def resolve_precision(name: str, device: torch.device, *, pictures: bool = False) -> torch.dtype:
    """The arithmetic that a setting means on a device; float32 wherever less would not be faster.

    A CPU without instructions for bfloat16 computes several times slower in it. On one that has them, torch 2.14 gives
    wrong gradients of strided convolutions over large pictures, or dies of them; those over heatmaps are right.

    Args:
        pictures: whether the network looks at pictures.
    Raises: UsageError for less than float32 with pictures on a CPU.
    """
    if pictures and device.type == "cpu":
        if name not in ("auto", "float32"):
            raise UsageError(f"precision {name}: on a CPU, networks that look at pictures are trained in float32 only")
        return torch.float32
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    fast = device.type == "cpu" and any(
        getattr(torch.cpu, check, bool)() for check in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return torch.bfloat16 if fast else torch.float32
