"""In which arithmetic a network computes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map_only

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def inference_precision(name: str, device: torch.device) -> torch.dtype:
    """The arithmetic of networks that only look, where "auto" changes no answer that matters.

    float16 has the mantissa for coordinates: poses of MoveNet keep an OKS above 0.999 to those in float32. It is taken
    on GPUs and on CPUs with instructions for it; CPUs that know bfloat16 alone take that, see `in_precision`.
    """
    if name != "auto":
        return DTYPES[name]
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    known = capabilities if device.type == "cpu" else {"avx512_fp16": device.type == "cuda"}
    if known.get("avx512_fp16", False):
        return torch.float16
    return torch.bfloat16 if known.get("avx512_bf16", False) else torch.float32


def arithmetic(name: str, device: str) -> str:
    """The key of `DTYPES` that a precision means on a device."""
    dtype = inference_precision(name, torch.device(device))
    return next(key for key, one in DTYPES.items() if one is dtype)


class InPrecision(nn.Module):
    """A network that computes in another arithmetic, between inputs and outputs in float32."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.dtype = network.to(dtype), dtype

    def forward(self, *inputs: torch.Tensor) -> Any:
        """As the network's own."""
        return tree_map_only(torch.Tensor, torch.Tensor.float, self.network(*(one.to(self.dtype) for one in inputs)))


def in_precision(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The network itself for float32, otherwise wrapped, its weights rounded in place.

    The mantissa of bfloat16 is too short for coordinates. In it are computed only the parts that a network calls
    `coarse`; a network that knows of none stays in float32.
    """
    if dtype is not torch.bfloat16:
        return network if dtype is torch.float32 else InPrecision(network, dtype)
    layers, positions = getattr(network, "coarse", (nn.ModuleList(), ()))
    for position in positions:
        layers[position] = InPrecision(layers[position], dtype)
    return network
