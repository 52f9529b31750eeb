"""On which device networks compute."""

from __future__ import annotations

import torch

from poseact.errors import UsageError

DEVICES = ("cpu", "cuda", "mps")


def resolve_device(name: str) -> str:
    """The device that `name` means on this machine; "auto" is CUDA, then Apple's MPS, then the CPU.

    Raises: UsageError when the device does not exist here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type in DEVICES:
            torch.zeros(1, device=device)
            return name
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {name!r} is not available here; use --device cpu, or auto") from error
    raise UsageError(f"device {name!r} is not one that poseact runs on; use {', '.join(DEVICES)} or auto")
