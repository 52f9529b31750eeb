"""The file from which a run goes on: everything that its next pass depends on. Knows no networks."""

from __future__ import annotations

import pickle
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from poseact.errors import InvalidWeights, OutputError
from poseact.files import atomic_path
from poseact.zoo.store import UNFINISHED

CHECKPOINT = UNFINISHED


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values, whole or not at all; an older file stays until the new one is on the disk.

    Raises: OutputError, also when the disk fills up on the way.
    """
    with atomic_path(path) as temporary:
        try:
            with temporary.open("wb") as file:
                torch.save(state, file)
        except (RuntimeError, OSError) as error:  # the first is torch's own, whatever the file system said
            cause = error if isinstance(error, OSError) else error.__context__
            reason = cause.strerror if isinstance(cause, OSError) else str(error).splitlines()[0]
            raise OutputError(
                f"cannot write {path}: {reason}; make room and give the same command again: the run goes on"
            ) from error


def read_state(path: Path, device: torch.device) -> dict[str, Any]:
    """Read it without executing anything of it. Raises: InvalidWeights when it is no such file, or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:  # whose checksums torch writes and does not look at
            if (member := archive.testzip()) is not None:
                raise zipfile.BadZipFile(member)
        state = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError,
            OverflowError, struct.error, zlib.error, zipfile.BadZipFile, pickle.UnpicklingError) as error:  # fmt: skip
        raise InvalidWeights(
            f"{path} is damaged ({type(error).__name__}); delete it to train from the start, or choose another --out"
        ) from error
    if not isinstance(state, dict):
        raise InvalidWeights(f"{path} is no checkpoint of a run; delete it to start anew")
    return state


def check_weights(name: str, held: object, like: Mapping[str, Tensor]) -> None:
    """Raises: ValueError when what a state holds under a name are no tensors of these names, shapes and types."""
    fits = isinstance(held, Mapping) and held.keys() == like.keys() and all(
        isinstance(held[key], Tensor) and (held[key].shape, held[key].dtype) == (tensor.shape, tensor.dtype)
        for key, tensor in like.items()
    )  # fmt: skip
    if not fits:
        raise ValueError(f"{name!r} is not of this network")
