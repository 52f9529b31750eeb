"""Weight files on disk: verified, read and written. Builds no network, and finds none by its name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as decode_tensors
from safetensors.torch import save as encode_tensors
from torch import Tensor

from poseact.errors import InvalidWeights, WeightsNotFound
from poseact.files import read_regular, remove_leftovers, write_bytes, write_text
from poseact.zoo.card import Card
from poseact.zoo.inventory import RECORDED
from poseact.zoo.manifest import embedded, weights_folder

LARGEST_FILE = 2 << 30
RUN_FILE = "model.safetensors"
UNFINISHED = "last.ckpt"
"""In the folder of a run, from its first epoch on."""
KNOWN_TYPES = (
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8,
)  # fmt: skip
CHECKPOINT_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".tar")


def read(path: Path) -> tuple[dict[str, Tensor], str]:
    """Read a safetensors file: ({key: tensor}, sha256 of the file). An embedded file must match its manifest record.

    Raises: WeightsNotFound, InvalidWeights, LimitExceeded.
    """
    if path.suffix in CHECKPOINT_SUFFIXES:
        raise InvalidWeights(
            f"{path} is a checkpoint of another framework; import it first: poseact weights import {path}"
        )
    if path.suffix != ".safetensors":
        raise InvalidWeights(f"{path} is not a .safetensors file; give a folder or file that `poseact train` wrote")
    try:
        content = read_regular(path, LARGEST_FILE)
    except OSError as error:
        raise WeightsNotFound(
            f"weights {path} cannot be read ({error.strerror}); reinstall poseact or give --model"
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    for record in embedded().values():
        if path == weights_folder() / record.file and not record.matches(digest):
            raise InvalidWeights(
                f"{path} is damaged: its sha256 is {digest[:12]}..., not that of the manifest; reinstall poseact"
            )
    try:
        return decode_tensors(content), digest
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise InvalidWeights(f"{path} is not a valid safetensors file: {str(error).splitlines()[0]}") from error


def save(folder: Path, tensors: dict[str, Tensor], card: Card, *, stem: str = "model", half: bool = False) -> Path:
    """Write `stem.safetensors` and its card `stem.json`, each whole or absent; returns the weight file's path.

    The card of an imported model, one with a source, also records the sha256 of the weight file.

    Args:
        half: store floating tensors in half precision, but for those with numbers beyond its range.
    Raises: OutputError.
    """
    stored = {key: _stored(tensor, half) for key, tensor in tensors.items()}
    content = encode_tensors(stored, metadata={"format": "pt"})
    if card.source:
        recorded = {**card.source, RECORDED: hashlib.sha256(content).hexdigest()}
        card = card.model_copy(update={"source": recorded})
    path = folder / f"{stem}.safetensors"
    remove_leftovers(path)
    write_bytes(path, content)
    write_card(path.with_suffix(".json"), card)
    return path


def write_card(path: Path, card: Card) -> None:
    """Write a model card, whole or not at all. Raises: OutputError."""
    remove_leftovers(path)
    document = card.model_dump(mode="json", exclude=set() if card.keypoints else {"keypoints"})  # older ones know none
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _stored(tensor: Tensor, half: bool) -> Tensor:
    """In half precision where that is asked for and every number has a place in it."""
    tensor = tensor.detach().cpu().contiguous()
    if not half or not tensor.is_floating_point():
        return tensor
    halved = tensor.to(torch.float16)
    return halved if bool(torch.isfinite(halved).all()) else tensor
