"""What tests of several networks need: reference weights, published keys, sizes and costs."""

import json
import re
from pathlib import Path

import numpy as np
import torch
from torch import nn

from poseact.models.cost import macs, parameters

__all__ = ["FINGERPRINTS", "GOLDEN", "fill", "macs", "parameters", "published", "shapes", "wave"]

GOLDEN = Path(__file__).parent / "golden"
FINGERPRINTS = json.loads((GOLDEN / "fingerprints.json").read_text())

Shape = tuple[int, ...]


def fill(model: nn.Module) -> None:
    """The deterministic weights that the reference outputs were computed with."""
    state = model.state_dict()
    for j, key in enumerate(sorted(state)):
        tensor = state[key]
        if not tensor.is_floating_point():
            continue
        s = np.sin(0.37 * np.arange(tensor.numel()) + 0.11 * j).reshape(tensor.shape)
        if key.endswith("running_var"):
            values = 1 + 0.25 * np.abs(s)
        elif tensor.ndim >= 2:
            values = s * np.sqrt(2 / tensor[0].numel())
        elif key.endswith(".weight"):
            values = 1 + 0.1 * s
        else:
            values = 0.1 * s
        tensor.copy_(torch.from_numpy(values))


def wave(*shape: int, phase: float = 0.0) -> torch.Tensor:
    """The deterministic input of the reference outputs, float64 in [0, 1]."""
    values = 0.5 * (1 + np.sin(0.013 * np.arange(np.prod(shape)) + phase))
    return torch.from_numpy(values).reshape(shape)


def published(name: str) -> dict[str, Shape]:
    """Keys and shapes of a list of tests/golden."""
    rows = [line.split("\t") for line in (GOLDEN / name).read_text().splitlines() if line]
    return {key: tuple(int(number) for number in re.findall(r"\d+", shape)) for key, shape in rows}


def shapes(model: nn.Module) -> dict[str, Shape]:
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}
