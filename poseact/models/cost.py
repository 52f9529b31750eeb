"""What a network costs: its parameters, and its multiply-adds for an input. Knows no architecture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

COUNTED = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear)


def parameters(network: nn.Module) -> int:
    """Trainable numbers of a network; the running means and deviations of batch norms are not counted."""
    return sum(parameter.numel() for parameter in network.parameters())


def macs(network: nn.Module, *inputs: Sequence[int]) -> int:
    """Multiply-adds of all convolutions and linear layers, for inputs of these shapes; nothing else is counted.

    Args:
        network: in eval mode and on the device "meta", where it costs neither time nor memory.
    """
    counts: list[int] = []

    def count(layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        weight = layer.get_parameter("weight")
        transposed = isinstance(layer, nn.ConvTranspose2d | nn.ConvTranspose3d)
        counts.append(weight[0].numel() * (given[0] if transposed else output).numel())

    hooks = [layer.register_forward_hook(count) for layer in network.modules() if isinstance(layer, COUNTED)]
    try:
        network(*(torch.zeros(tuple(shape), device="meta") for shape in inputs))
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counts)
