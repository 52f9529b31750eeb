"""Weight files on disk: found by name or path, verified, read and written. Builds no network."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as decode_tensors
from safetensors.torch import save as encode_tensors
from torch import Tensor

from poseact.errors import InvalidWeights, LimitExceeded, WeightsNotFound
from poseact.files import write_bytes, write_text
from poseact.zoo.card import Card
from poseact.zoo.manifest import manifest, weights_folder

LARGEST_FILE = 2 << 30
RUN_FILE = "model.safetensors"


def find(name: str) -> Path:
    """The weight file that `name` means: an embedded model, a `.safetensors` file, or a training run's folder.

    Raises: WeightsNotFound, with the names that would work.
    """
    if name in manifest():
        return weights_folder() / manifest()[name].file
    path = Path(name).expanduser()
    if path.is_dir() and (path / RUN_FILE).is_file():
        return path / RUN_FILE
    if path.is_file():
        return path
    known = ", ".join(manifest())
    raise WeightsNotFound(
        f"model {name!r} is neither a file, nor a folder with {RUN_FILE}, nor one of the embedded models ({known})"
    )


def read(path: Path) -> tuple[dict[str, Tensor], str]:
    """Read a safetensors file: ({key: tensor}, sha256 of the file). An embedded file must match its manifest record.

    Raises: WeightsNotFound, InvalidWeights, LimitExceeded.
    """
    if path.suffix != ".safetensors":
        raise InvalidWeights(f"{path} is not a .safetensors file; give a folder or file that `poseact train` wrote")
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise LimitExceeded(f"{path} has {size} bytes; weight files above {LARGEST_FILE} are refused")
        content = path.read_bytes()
    except OSError as error:
        raise WeightsNotFound(
            f"weights {path} cannot be read ({error.strerror}); reinstall poseact or give --model"
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    for record in manifest().values():
        if path == weights_folder() / record.file and digest != record.sha256:
            raise InvalidWeights(
                f"{path} is damaged: sha256 {digest[:12]}..., expected {record.sha256[:12]}...; reinstall poseact"
            )
    try:
        return decode_tensors(content), digest
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise InvalidWeights(f"{path} is not a valid safetensors file: {str(error).splitlines()[0]}") from error


def save(folder: Path, tensors: dict[str, Tensor], card: Card, *, stem: str = "model", half: bool = False) -> Path:
    """Write `stem.safetensors` and its card `stem.json`, each whole or absent; returns the weight file's path.

    Args:
        half: store floating tensors in half precision.
    Raises: OutputError.
    """
    stored = {key: _stored(tensor, half) for key, tensor in tensors.items()}
    path = folder / f"{stem}.safetensors"
    write_bytes(path, encode_tensors(stored, metadata={"format": "pt"}))
    write_text(path.with_suffix(".json"), json.dumps(card.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")
    return path


def _stored(tensor: Tensor, half: bool) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.to(torch.float16) if half and tensor.is_floating_point() else tensor
