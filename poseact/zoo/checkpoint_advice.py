"""Sentences about files that cannot be imported: what they are, and what to do about it. Reads no file itself."""

from __future__ import annotations

from pathlib import Path

HTML = (b"<!doctype", b"<html", b"<head", b"<?xml")
LFS = b"version https://git-lfs"
# Modules and functions that a pickle of numbers has no honest reason to name.
HOSTILE = frozenset((
    "os", "posix", "nt", "sys", "subprocess", "shutil", "socket", "pty", "runpy", "importlib", "ctypes", "code",
    "commands", "webbrowser", "marshal",
))  # fmt: skip
HOSTILE_BUILTINS = frozenset((
    "eval", "exec", "compile", "open", "input", "getattr", "setattr", "delattr", "__import__", "breakpoint", "apply",
))  # fmt: skip

_STARTS: tuple[tuple[tuple[bytes, ...], str], ...] = (
    (HTML, "it is a web page, not a model; is there a proxy or a login page between you and the publisher?"),
    ((LFS,), "it is a Git LFS pointer, not the model itself; run `git lfs pull` where it comes from"),
    ((b"\x1f\x8b", b"bzh", b"\xfd7zxz", b"7z\xbc\xaf", b"rar!"), "it is a compressed archive; unpack it first"),
    ((b"\x89hdf",), "it is an HDF5 file of another framework; poseact imports PyTorch checkpoints"),
    (
        (b"\x80", b"cos\n", b"cposix\n", b"c__builtin__", b"cbuiltins", b"("),
        "it is a pickle, but not one of torch.save, and nothing of it was loaded",
    ),
)


def no_checkpoint(content: bytes) -> str:
    """What a file is that begins like no checkpoint; ends a sentence."""
    if not content:
        return "it is empty; get it again"
    start = content[:512].lstrip().lower()
    found = next((sentence for marks, sentence in _STARTS if start.startswith(marks)), None)
    if found is not None:
        return found
    if content[257:262] == b"ustar":
        return "it is a tar archive; unpack it, or save the model again with a newer torch"
    if start.startswith(b"\x08") and b"onnx" in content[:256].lower():
        return "it is an ONNX export; poseact imports PyTorch checkpoints"
    return "it is neither a checkpoint of torch.save nor a safetensors file; is the download complete?"


def not_loaded(path: Path, module: str, name: str) -> str:
    """One line about a checkpoint that asks for a class or function which poseact does not load."""
    asked = f"{module}.{name}"[:100]
    root = module.partition(".")[0]
    if root in HOSTILE or (root in ("builtins", "__builtin__") and name in HOSTILE_BUILTINS):
        return f"{path} is hostile: loading it would call {asked}; nothing of it was loaded, delete it"
    if root == "ultralytics":
        return f"{path} is an ultralytics model; give it to --detector or --pose as it is, without an import"
    stripped = path.with_name(f"{path.stem}-stripped.pth").name
    return (
        f"{path} holds more than tensors ({asked}), and loading that could run code; if you trust the file, take out "
        f"the tensors where that package is installed: python -c \"import torch; c = torch.load('{path.name}', "
        f"map_location='cpu', weights_only=False); torch.save({{'state_dict': c['state_dict']}}, '{stripped}')\", and "
        f"import {stripped}"
    )
