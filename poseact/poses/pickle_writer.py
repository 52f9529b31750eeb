"""Writes pickles of plain values and numeric arrays whose bytes depend on the values alone. Reads nothing.

Python's own pickler refers back to objects that happen to be the same, so equal poses can give different files, and it
names NumPy's functions as the running version does, which NumPy 1 cannot find. Here both are fixed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from poseact.types import Array

_MODULE = "numpy.core.multiarray"  # where NumPy 1 keeps it and NumPy 2 still finds it


@dataclass(frozen=True, slots=True)
class Called:
    """A value that readers make by calling a function of theirs, `module.name(argument)`, such as a torch tensor."""

    module: str
    name: str
    argument: Any


def dump(value: Any, file: BinaryIO) -> None:
    """Write None, bool, int, float, str, list, tuple, dict, numeric arrays and calls as a pickle of protocol 4.

    An iterator is written as the list of what it gives, one after the other.

    Raises: TypeError for a value of another type, which is a mistake of the caller.
    """
    writer = _Writer(file)
    file.write(b"\x80\x04")
    writer.put(value)
    file.write(b".")


class _Writer:
    """One pickle in the making; remembers under which number a function or dtype was written first."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write
        self.memo: dict[str, int] = {}

    def put(self, value: Any) -> None:
        if value is None:
            self.write(b"N")
        elif isinstance(value, (bool, np.bool_)):
            self.write(b"\x88" if value else b"\x89")
        elif isinstance(value, (int, np.integer)):
            self._integer(int(value))
        elif isinstance(value, (float, np.floating)):
            self.write(b"G" + struct.pack(">d", float(value)))
        elif isinstance(value, str):
            raw = value.encode("utf-8", "surrogatepass")
            self.write(_sized(raw, b"\x8c", b"X", b"\x8d"))
        elif isinstance(value, (list, Iterator)):
            self._items(value, b"]", b"e")
        elif isinstance(value, tuple):
            self._tuple(value)
        elif isinstance(value, dict):
            self._items((part for pair in value.items() for part in pair), b"}", b"u")
        elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            self._array(value)
        elif isinstance(value, Called):
            self._global(value.module, value.name)
            self.put(value.argument)
            self.write(b"\x85R")
        else:
            raise TypeError(f"cannot write a {type(value).__name__}")

    def _integer(self, value: int) -> None:
        if 0 <= value < 256:
            self.write(b"K" + struct.pack("<B", value))
        elif -(2**31) <= value < 2**31:
            self.write(b"J" + struct.pack("<i", value))
        else:
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            self.write(b"\x8a" + struct.pack("<B", len(raw)) + raw)

    def _tuple(self, items: tuple[Any, ...]) -> None:
        self.write(b"(")
        for item in items:
            self.put(item)
        self.write(b"t")

    def _items(self, items: Iterable[Any], empty: bytes, fill: bytes) -> None:
        self.write(empty + b"(")
        for item in items:
            self.put(item)
        self.write(fill)

    def _array(self, value: Array) -> None:
        self._global(_MODULE, "_reconstruct")
        self._global("numpy", "ndarray")
        self.write(b"K\x00\x85C\x01b\x87R")  # (ndarray, (0,), b"b")
        self.write(b"(K\x01")
        self._tuple(value.shape)
        self._dtype(value.dtype.newbyteorder("<"))
        self.write(b"\x89" + _header(value.nbytes, b"C", b"B", b"\x8e"))
        self.write(np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes())
        self.write(b"tb")

    def _dtype(self, dtype: np.dtype[Any]) -> None:
        name = f"{dtype.kind}{dtype.itemsize}"
        if not self._again(name):
            self._global("numpy", "dtype")
            self.put(name)
            self.write(b"\x89\x88\x87R")  # (name, align=False, copy=True)
            self.put((3, "<" if dtype.itemsize > 1 else "|", None, None, None, -1, -1, 0))
            self.write(b"b")
            self._remember(name)

    def _global(self, module: str, name: str) -> None:
        if not self._again(f"{module} {name}"):
            self.put(module)
            self.put(name)
            self.write(b"\x93")
            self._remember(f"{module} {name}")

    def _remember(self, key: str) -> None:
        self.memo[key] = len(self.memo)
        self.write(b"\x94")

    def _again(self, key: str) -> bool:
        if key in self.memo:
            self.write(b"h" + struct.pack("<B", self.memo[key]))
        return key in self.memo


def _sized(raw: bytes, short: bytes, middle: bytes, long: bytes) -> bytes:
    return _header(len(raw), short, middle, long) + raw


def _header(length: int, short: bytes, middle: bytes, long: bytes) -> bytes:
    if length < 2**8:
        return short + struct.pack("<B", length)
    if length < 2**32:
        return middle + struct.pack("<I", length)
    return long + struct.pack("<Q", length)
