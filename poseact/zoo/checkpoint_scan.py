"""What a pickle of torch.save asks for, told without doing it. Reads no tensor; `checkpoint` decides on files.

`torch.load(weights_only=True)` calls no function of the file's choice, but it reserves what a file merely claims:
storages and views of terabytes, byte arrays, sparse and quantised tensors. So each pickle is first read by the small
machine of `poseact.poses.pickle_reader`, which knows names, tensors as claims and NumPy's plain numbers, and nothing
else. Only a file whose claims hold is given to torch. The NumPy calls that pass are exactly those that pickled numbers
and numeric arrays need, with the arguments that NumPy itself writes.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from poseact.poses.pickle_arrays import GLOBALS, PickledArray, PickledDtype, Refused, build_array, build_dtype
from poseact.poses.pickle_reader import MALFORMED, Machine, TooLongError

MAX_STEPS = 3_000_000  # HRNet with its optimizer takes 200 000
MAX_DIMENSIONS = 8
ITEM_BYTES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8, "IntStorage": 4,
    "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1,
}  # fmt: skip
NUMPY_NUMBER = re.compile(r"^[biuf]\d$")
NUMPY_STATE = (None, None, None, -1, -1, 0)  # after version and byte order, of every plain number
DAMAGED = (*MALFORMED, UnicodeError, struct.error)


class AsksFor(Refused):
    """The file asks for a class or function that no state dict needs.

    Attributes:
        module, name: of it.
    """

    def __init__(self, module: str, name: str) -> None:
        super().__init__(f"it asks for {module}.{name}"[:120])
        self.module, self.name = module, name


@dataclass(frozen=True, slots=True)
class StorageType:
    """Stands for a storage class of torch, such as FloatStorage."""

    name: str

    @property
    def item_bytes(self) -> int:
        return ITEM_BYTES[self.name]


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of numbers that the pickle refers to by key."""

    key: str
    kind: StorageType
    count: int

    @property
    def bytes(self) -> int:
        return self.count * self.kind.item_bytes


@dataclass(frozen=True, slots=True)
class TensorClaim:
    """A tensor as the pickle describes it; its elements are known to lie within its storage."""

    storage: Storage
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        count = 1
        for side in self.shape:
            count *= side
        return count * self.storage.kind.item_bytes


@dataclass(frozen=True)
class Scan:
    """What one pickle holds and refers to.

    Attributes:
        root: its object; tensors are `TensorClaim`.
        storages: by key. tensor_bytes: of all tensors together, as they would be copied out.
        end: the first byte after it.
    """

    root: Any
    storages: dict[str, Storage]
    tensor_bytes: int
    end: int


def scan(content: bytes, at: int = 0) -> Scan:
    """Read one pickle of a checkpoint from byte `at` on.

    Raises: AsksFor, and Refused for what else is not a state dict with plain values around it; the message ends a
        sentence.
    """
    machine = _CheckpointMachine(content, at)
    try:
        root = machine.run(MAX_STEPS)
    except TooLongError:
        raise Refused(f"its pickle takes more than {MAX_STEPS} steps") from None
    except DAMAGED:
        raise Refused(f"its pickle is damaged at byte {machine.at}") from None
    return Scan(root, machine.storages, machine.tensor_bytes, machine.at)


class _CheckpointMachine(Machine):
    """The vocabulary of torch.save: storages, tensors, parameters, ordered dicts, NumPy numbers."""

    def __init__(self, content: bytes, at: int) -> None:
        super().__init__(content, at)
        self.storages: dict[str, Storage] = {}
        self.tensor_bytes = 0

    def named(self, module: str, name: str) -> Any:
        if module == "torch" and name in ITEM_BYTES:
            return StorageType(name)
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._rebuilt
        if (module, name) in _FUNCTIONS:
            return _FUNCTIONS[module, name]
        raise AsksFor(module, name)

    @property
    def _rebuilt(self) -> Any:
        def rebuild(*arguments: Any) -> TensorClaim:
            claim = _tensor(*arguments)
            self.tensor_bytes += claim.bytes
            return claim

        return rebuild

    def build(self, target: Any, state: Any) -> None:
        # Module versions beside a state dict, which nothing reads. Any other attribute could hide the dict's methods.
        if isinstance(target, dict) and isinstance(state, dict) and set(state) == {"_metadata"}:
            return
        if isinstance(target, PickledArray) and isinstance(state, tuple):
            build_array(target, *state)
        elif isinstance(target, PickledDtype) and isinstance(state, tuple) and state[2:] == NUMPY_STATE:
            build_dtype(target, *state)
        else:
            raise Refused("it sets the state of an object")

    def stored(self, key: Any) -> Storage:
        storage = _storage(key)
        if self.storages.setdefault(storage.key, storage) != storage:
            raise Refused(f"it describes storage {storage.key!r} in two ways")
        return storage


def _storage(key: Any) -> Storage:
    """A storage from ("storage", type, key, device, count); files before torch 1.6 append the view of another one."""
    if not isinstance(key, tuple) or len(key) not in (5, 6) or key[0] != "storage":
        raise Refused("it refers to something that is no storage")
    _, kind, name, device, count = key[:5]
    if not (isinstance(kind, StorageType) and isinstance(name, str) and isinstance(device, str)):
        raise Refused("it refers to a storage in an unknown way")
    if not _is_count(count) or key[5:] not in ((), (None,)):
        raise Refused(f"its storage {name[:20]!r} has an impossible size")
    return Storage(name, kind, count)


def _tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, _requires_grad: Any, hooks: Any, metadata: Any = None
) -> TensorClaim:
    """A view whose elements lie in its storage and are no more than it has."""
    if not isinstance(storage, Storage) or hooks or metadata:
        raise Refused("it holds an unusual tensor")
    if not (isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides) <= MAX_DIMENSIONS):
        raise Refused("it holds a tensor of an impossible shape")
    if not all(map(_is_count, (offset, *shape, *strides))):
        raise Refused("it holds a tensor of an impossible shape")
    claim = TensorClaim(storage, shape)
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if claim.bytes and (last >= storage.count or claim.bytes > storage.bytes):
        raise Refused(f"it claims a tensor of {claim.bytes} bytes in a storage of {storage.bytes}")
    return claim


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 48


def _parameter(tensor: Any, _requires_grad: Any, hooks: Any) -> TensorClaim:
    if not isinstance(tensor, TensorClaim) or hooks:
        raise Refused("it holds an unusual parameter")
    return tensor


def _ordered_dict() -> dict[Any, Any]:
    return {}


def _dtype(name: Any, align: Any, copy: Any) -> Any:
    """A plain number type. Only as a copy: NumPy would set the state of the type that the whole process uses."""
    if not isinstance(name, str) or not NUMPY_NUMBER.match(name) or align or not copy:
        raise Refused("it holds NumPy values that are not plain numbers")
    return PickledDtype(np.dtype(name))


_FUNCTIONS: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("collections", "OrderedDict"): _ordered_dict,
    ("numpy", "dtype"): _dtype,
    **{
        key: GLOBALS[key]
        for key in (
            ("numpy", "ndarray"), ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
            ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"), ("_codecs", "encode"),
        )
    },
}  # fmt: skip
