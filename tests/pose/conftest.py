from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from poseact.pose.movenet import MoveNet, build

WEIGHTS = Path(__file__).parents[2] / "weights"
WIDTHS = {"movenet-thunder": 1.75, "movenet-lightning": 1.0}


@pytest.fixture(scope="session")
def movenet() -> Callable[[str], MoveNet]:
    """Opens an embedded network by name, once."""
    opened: dict[str, MoveNet] = {}

    def open_network(name: str) -> MoveNet:
        if name not in opened:
            opened[name] = build(width=WIDTHS[name]).eval()
            tensors = load_file(WEIGHTS / f"{name}.safetensors")
            opened[name].load_state_dict({key: value.float() for key, value in tensors.items()})
        return opened[name]

    return open_network
