"""Pickles of scores as MMAction2 and PYSKL write them, read without running anything. What they mean is not judged.

Their arrays may be torch tensors, which a plain pickle stores as the bytes of `torch.save`. Here such bytes are taken
apart by the machine that reads checkpoints, and become views of the file; torch itself never sees them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from poseact.poses.pickle_arrays import PickledArray, Refused
from poseact.poses.pickle_reader import Machine, loads
from poseact.types import Array
from poseact.zoo.checkpoint import LEGACY, LEGACY_PROTOCOL
from poseact.zoo.checkpoint_scan import Storage, scan

DTYPES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip


def read_score_pickle(content: bytes, source: str) -> Any:
    """The lists, dicts and arrays of a pickle of scores; tensors are read-only arrays.

    Raises: InvalidPoses for anything else, LimitExceeded as `poseact.poses.pickle_reader.loads`.
    """
    return loads(content, source, machine=_ScoreMachine)


class _ScoreMachine(Machine):
    """The vocabulary of a list of results: that of poses, and tensors on the CPU."""

    holds = "scores"

    def named(self, module: str, name: str) -> Any:
        return _TENSORS.get((module, name)) or super().named(module, name)


@dataclass(frozen=True)
class _Numbers:
    """The numbers of one torch storage, a view of the file."""

    flat: Array


def _load_from_bytes(raw: object) -> _Numbers:
    """What `torch.save` wrote of one storage: magic number, protocol, machine, reference, keys, count, numbers."""
    if not isinstance(raw, memoryview):
        raise Refused("a tensor without content")
    content = bytes(raw)
    at = 0
    parts = []
    for _ in range(5):
        parts.append(scan(content, at))
        at = parts[-1].end
    storage, keys = parts[3].root, parts[4].root
    if not content.startswith(LEGACY) or parts[1].root != LEGACY_PROTOCOL or not isinstance(storage, Storage):
        raise Refused("a tensor in an unknown form")
    if keys != [storage.key] or storage.kind.name not in DTYPES:
        raise Refused(f"a tensor of {storage.kind.name}, which scores never are")
    if content[at : at + 8] != struct.pack("<q", storage.count) or len(content) != at + 8 + storage.bytes:
        raise Refused("a tensor that claims another size than its content has")
    return _Numbers(np.frombuffer(content, DTYPES[storage.kind.name], offset=at + 8))


def _rebuild_tensor(storage: object, offset: Any, shape: Any, strides: Any, *_rest: object) -> Array:
    """A view of a storage; every element lies in it, and there are no more than it has."""
    if not (isinstance(storage, _Numbers) and isinstance(shape, tuple) and isinstance(strides, tuple)):
        raise Refused("a tensor without numbers")
    whole = all(isinstance(one, int) and 0 <= one < 2**40 for one in (offset, *shape, *strides))
    if not whole or len(shape) != len(strides) or len(shape) > 4:
        raise Refused("a tensor of an impossible shape")
    count = int(np.prod([*shape, 1], dtype=object))
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if count > len(storage.flat) or (count and last >= len(storage.flat)):
        raise Refused("a tensor that reaches beyond its content")
    steps = [stride * storage.flat.itemsize for stride in strides]
    flat = storage.flat[offset:]
    return np.lib.stride_tricks.as_strided(flat, shape, steps, writeable=False)


def _from_numpy(array: object) -> Array:
    """`torch.from_numpy`, by which poseact's own files make tensors."""
    if isinstance(array, PickledArray):
        array = array.finished()
    if not isinstance(array, np.ndarray):
        raise Refused("a tensor without numbers")
    return array


_TENSORS: dict[tuple[str, str], Any] = {
    ("torch", "from_numpy"): _from_numpy,
    ("torch.storage", "_load_from_bytes"): _load_from_bytes,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
}
