"""What a pickle of poses may call: stand-ins for NumPy's own functions that only ever view the file's bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from poseact.types import Array

_NUMBERS = "biuf"  # kinds of dtype that poses and labels are made of; objects, structures and text are not


class Refused(Exception):
    """The file asks for something that poses do not need; the message ends a sentence."""


class _ArrayType:
    """Stands for the class numpy.ndarray where a pickle passes it on."""


@dataclass(slots=True)
class PickledArray:
    """An array under construction: made empty first, given its content by BUILD."""

    value: Array | None = None

    def finished(self) -> Array:
        """Raises: Refused when the content never came."""
        if self.value is None:
            raise Refused("an array without content")
        return self.value


@dataclass(slots=True)
class PickledDtype:
    """A dtype under construction: named first, given its byte order by BUILD."""

    value: np.dtype[Any]


def build_array(target: PickledArray, *state: object) -> None:
    """Fill an array from (version, shape, dtype, is_fortran, raw), the state that NumPy pickles."""
    if target.value is not None or len(state) != 5:
        raise Refused("an array with an unusual state")
    _, shape, dtype, fortran, raw = state
    target.value = _view(raw, dtype, shape, "F" if fortran is True or fortran == 1 else "C")


def build_dtype(target: PickledDtype, *state: object) -> None:
    """Set the byte order from (version, order, subdtype, names, fields, ...), the state that NumPy pickles."""
    if len(state) < 5 or state[1] not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
        raise Refused("a structured array type")
    target.value = target.value.newbyteorder("=" if state[1] == "|" else state[1])


def _view(raw: object, dtype: object, shape: object, order: object = "C") -> Array:
    """A view of the file's own bytes; there must be exactly as many as the shape needs, so nothing is ever reserved."""
    if isinstance(raw, str):  # written by Python 2
        raw = memoryview(raw.encode("latin-1"))
    if not (isinstance(raw, memoryview) and isinstance(dtype, PickledDtype) and isinstance(shape, tuple)):
        raise Refused("an array without numeric content")
    if dtype.value.kind not in _NUMBERS:
        raise Refused(f"an array of {dtype.value}; poses are numbers")
    if len(shape) > 8 or not all(isinstance(side, int) and 0 <= side < 2**48 for side in shape):
        raise Refused("an array of an impossible shape")
    if prod(shape) * dtype.value.itemsize != len(raw):
        raise Refused(f"an array that claims {prod(shape)} numbers but brings {len(raw)} bytes")
    flat: Array = np.frombuffer(raw, dtype.value)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _reconstruct(kind: object, shape: object, _code: object) -> PickledArray:
    if kind is not _ArrayType or shape != (0,):
        raise Refused("an array that claims a size before its content")
    return PickledArray()


def _frombuffer(raw: object, dtype: object, shape: object, order: object) -> PickledArray:
    return PickledArray(_view(raw, dtype, shape, order))


def _dtype(name: object, *_flags: object) -> PickledDtype:
    if not isinstance(name, str) or len(name) > 8:
        raise Refused("an array type that is not a plain number")
    dtype = np.dtype(name)
    if dtype.kind not in _NUMBERS + "U" or dtype.subdtype is not None:
        raise Refused(f"an array of {name!r}; poses are numbers")
    return PickledDtype(dtype)


def _scalar(dtype: object, raw: object) -> Any:
    """A NumPy number or text as Python's own."""
    if isinstance(dtype, PickledDtype) and dtype.value.kind == "U" and isinstance(raw, memoryview):
        return str(raw, "utf-32-be" if dtype.value.byteorder == ">" else "utf-32-le").rstrip("\0")
    return _view(raw, dtype, ()).item()


def _encode(text: object, codec: object) -> memoryview:
    """Bytes as protocols 0 to 2 write them."""
    if not isinstance(text, str) or codec not in ("latin1", "latin-1"):
        raise Refused("it converts text in a way that pickled arrays never need")
    return memoryview(text.encode("latin-1"))


def _no_bytes() -> memoryview:
    """Empty bytes as protocols 0 to 2 write them."""
    return memoryview(b"")


def _ordered_dict() -> dict[Any, Any]:
    return {}


GLOBALS: dict[tuple[str, str], Callable[..., Any] | type[_ArrayType]] = {
    ("numpy", "ndarray"): _ArrayType,
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "bytes"): _no_bytes,
    ("collections", "OrderedDict"): _ordered_dict,
}
