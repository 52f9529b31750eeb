"""Checkpoints of other frameworks: a file -> named tensors, and nothing else from it. Knows no architecture.

A file is read once, into memory: its sha256, what is checked and what torch gets are the same bytes. Zip archives are
written anew from the members that were checked, so that another reading of a crafted archive cannot matter.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as decode_safetensors
from torch import Tensor

from poseact.errors import InvalidWeights, WeightsNotFound
from poseact.files import read_regular
from poseact.poses.pickle_arrays import Refused
from poseact.texts import first_few
from poseact.zoo.checkpoint_advice import no_checkpoint, not_loaded
from poseact.zoo.checkpoint_scan import AsksFor, Scan, Storage, scan
from poseact.zoo.store import KNOWN_TYPES, LARGEST_FILE

ZIP = b"PK\x03\x04"
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the number 0x1950a86a20f9469cfc6c, pickled
LEGACY_PROTOCOL = 1001
LONGEST_START = 64
LARGEST_PICKLE = 64 << 20
MOST_MEMBERS = 100_000
WRAPPERS = ("state_dict", "model", "net", "network")
_DAMAGED_ZIP = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError, NotImplementedError, RuntimeError,
    struct.error, OverflowError,
)  # fmt: skip
_TORCH_REFUSES = (
    pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError, KeyError, IndexError, AssertionError,
    AttributeError, OverflowError, MemoryError, struct.error,
)  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a file by name, on the CPU, finite; `sha256` of the file."""

    tensors: dict[str, Tensor]
    sha256: str


def what_is_wrong(path: Path) -> str | None:
    """Why a file cannot be a checkpoint, by how it begins; None where it can. Raises: OSError."""
    with path.open("rb") as file:
        start = file.read(LONGEST_START)
    if start.startswith((ZIP, LEGACY)) or start[8:9] == b"{":  # safetensors: 8 bytes of length, then JSON
        return None
    return "what came is no checkpoint"


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the state dict of a checkpoint: a `.pth` of torch.save, new or old, or a `.safetensors` file.

    The state dict may lie under `state_dict` or `model`, or be the file itself; a `module.` before every name is
    dropped. Whatever else is in the file must be plain values, and is not used.

    Raises:
        WeightsNotFound: no such file. LimitExceeded: more than 2 GiB.
        InvalidWeights: not a checkpoint, damaged, or one that needs more than tensors and plain values.
    """
    try:
        content = read_regular(path, LARGEST_FILE)
    except OSError as error:
        raise WeightsNotFound(f"{path} cannot be read ({error.strerror}); give the path of a checkpoint") from error
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        if content.startswith(ZIP):
            root = _read_zip(content)
        elif content.startswith(LEGACY):
            root = _read_legacy(content)
        elif _is_safetensors(content):
            root = _read_safetensors(content)
        else:
            raise Refused(no_checkpoint(content))
        return Checkpoint(_finite(_tensors(root)), sha256)
    except AsksFor as asked:
        raise InvalidWeights(not_loaded(path, asked.module, asked.name)) from None
    except Refused as refusal:
        raise InvalidWeights(f"{path} cannot be imported: {refusal}") from None


def _read_zip(content: bytes) -> Any:
    """torch.save since 1.6: a zip archive of one pickle, `data.pkl`, and one uncompressed member per storage."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            folder = _folder(archive, len(content))
            pickled = archive.read(f"{folder}/data.pkl")
            found = _scanned(pickled, len(content))
            copy = io.BytesIO()
            with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as checked:
                checked.writestr("archive/data.pkl", pickled)
                checked.writestr("archive/version", "3\n")
                if f"{folder}/byteorder" in archive.namelist():
                    checked.writestr("archive/byteorder", archive.read(f"{folder}/byteorder"))
                for storage in found.storages.values():
                    checked.writestr(f"archive/data/{storage.key}", _member(archive, folder, storage))
    except _DAMAGED_ZIP as error:
        raise Refused(f"it is damaged ({_reason(error)}); get it again") from None
    return _torch_load(copy)


def _folder(archive: zipfile.ZipFile, size: int) -> str:
    """The folder that holds everything, in an archive that neither expands nor is something else."""
    members = archive.infolist()
    names = {member.filename for member in members}
    if len(members) > MOST_MEMBERS or len(names) != len(members):
        raise Refused("its archive has members of the same name, or far too many")
    pickles = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        onnx = any(name.endswith(".onnx") for name in names)
        raise Refused("it is an archive of an ONNX export" if onnx else "it is a zip archive, but not of torch.save")
    folder = pickles[0].removesuffix("/data.pkl")
    if f"{folder}/constants.pkl" in names or any(name.startswith(f"{folder}/code/") for name in names):
        raise Refused("it is a TorchScript program; save the state_dict() of the model that it was made from")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise Refused("its archive is compressed, which torch.save never does")
    claimed = sum(member.file_size for member in members)
    if claimed > size:
        raise Refused(f"its archive claims {claimed} bytes, but the file has {size}")
    return folder


def _member(archive: zipfile.ZipFile, folder: str, storage: Storage) -> bytes:
    name = f"{folder}/data/{storage.key}"
    if name not in archive.NameToInfo:
        raise Refused(f"its storage {storage.key[:20]!r} is missing")
    size = archive.getinfo(name).file_size
    if size != storage.bytes:
        raise Refused(f"its storage {storage.key[:20]!r} claims {storage.bytes} bytes and has {size}")
    return archive.read(name)


def _read_legacy(content: bytes) -> Any:
    """torch.save before 1.6: five pickles (magic, protocol, machine, object, keys), then each storage with its size."""
    at = len(LEGACY)
    parts = []
    for _ in range(4):
        parts.append(scan(content, at))
        at = parts[-1].end
    protocol, _, found, keys = parts
    if protocol.root != LEGACY_PROTOCOL or not isinstance(keys.root, list):
        raise Refused("it is damaged; get it again")
    if not all(isinstance(key, str) for key in keys.root) or sorted(keys.root) != sorted(found.storages):
        raise Refused("its list of storages is not that of its tensors")
    for key in keys.root:
        storage = found.storages[key]
        start, at = at, at + 8 + storage.bytes
        size = content[start : start + 8]
        if len(size) == 8 and size != struct.pack("<q", storage.count):
            raise Refused(f"its storage {key[:20]!r} has another size than its tensors claim")
        if at > len(content):
            raise Refused("it ends too early; get it again")
    _check_claims(found, len(content))
    return _torch_load(io.BytesIO(content))


def _scanned(pickled: bytes, size: int) -> Scan:
    if len(pickled) > LARGEST_PICKLE:
        raise Refused(f"its pickle has {len(pickled)} bytes beside the tensors, more than {LARGEST_PICKLE}")
    found = scan(pickled)
    if found.end != len(pickled):
        raise Refused("it has bytes after its pickle")
    _check_claims(found, size)
    return found


def _check_claims(found: Scan, size: int) -> None:
    """Tensors may share storages, but copied out they must not be many times the file."""
    if found.tensor_bytes > 2 * size:
        raise Refused(f"it claims tensors of {found.tensor_bytes} bytes, but the file has {size}")


def _torch_load(file: io.BytesIO) -> Any:
    file.seek(0)
    try:
        with torch.serialization.safe_globals(_numpy_globals()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except _TORCH_REFUSES as error:
        raise Refused(f"torch cannot read it ({_reason(error)})") from None


def _numpy_globals() -> list[Any]:
    """What the numbers and arrays need that a training loop leaves beside the tensors; the scan checked how."""
    reconstruct, scalar = np.zeros(0).__reduce__()[0], np.float64(0).__reduce__()[0]
    both = [
        (function, f"{package}.multiarray.{name}")
        for package in ("numpy.core", "numpy._core")
        for function, name in ((reconstruct, "_reconstruct"), (scalar, "scalar"))
    ]
    numbers = {type(np.dtype(code)) for code in "?bhilqBHILQefd"}
    return [*both, np.ndarray, np.dtype, *numbers]


def _is_safetensors(content: bytes) -> bool:
    """An 8-byte length, then JSON."""
    return len(content) > 10 and content[8:9] == b"{" and b"\0" in content[:8]


def _read_safetensors(content: bytes) -> dict[str, Tensor]:
    try:
        return decode_safetensors(content)
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError, json.JSONDecodeError) as error:
        raise Refused(f"it is not a valid safetensors file ({_reason(error)})") from None


def _tensors(root: Any) -> dict[str, Tensor]:
    """The state dict itself. Raises: Refused for anything in it that is not a tensor with a name."""
    if isinstance(root, Tensor) or not isinstance(root, Mapping):
        raise Refused(f"it holds a {type(root).__name__}, not named tensors; save the model's state_dict()")
    wrapper = next((name for name in WRAPPERS if isinstance(root.get(name), Mapping)), None)
    state = root[wrapper] if wrapper else root
    others = [str(key) for key, value in state.items() if not (isinstance(key, str) and isinstance(value, Tensor))]
    if len(others) == len(state):
        raise Refused(f"it holds no tensors ({_few(list(map(str, root)))}); give a file with a state_dict")
    if others:
        raise Refused(f"{len(others)} entries of its state dict are not tensors ({_few(others)})")
    prefix = "module." if all(key.startswith("module.") for key in state) else ""
    return {key.removeprefix(prefix): tensor for key, tensor in state.items()}


def _finite(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Own copies, doubles as floats. Raises: Refused for types that no network has, and for NaN or infinity."""
    for key, tensor in tensors.items():
        if tensor.dtype not in KNOWN_TYPES or tensor.layout != torch.strided or tensor.is_quantized:
            raise Refused(f"{key!r} is of type {tensor.dtype}, which no network of poseact has")
        if tensor.dtype.is_floating_point and not bool(torch.isfinite(tensor).all()):
            raise Refused(f"{key!r} holds numbers that are not finite")
    return {
        key: (tensor.detach().float() if tensor.dtype == torch.float64 else tensor.detach()).clone().contiguous()
        for key, tensor in tensors.items()
    }


def _few(names: list[str]) -> str:
    return first_few([name[:60] for name in names], 3)


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__)[:120]
