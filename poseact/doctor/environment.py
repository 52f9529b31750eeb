"""Versions, devices, the network settings and the cache folder. Opens no video and no weights."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import tempfile
from pathlib import Path

from poseact.doctor.health import Cache, Devices, Network, Problem
from poseact.errors import UsageError
from poseact.home import home_folder, offline

PACKAGES = (
    "torch", "torchvision", "ultralytics", "opencv-python", "av", "decord", "numpy", "scipy", "pillow", "matplotlib",
    "safetensors", "httpx", "filelock", "platformdirs", "psutil", "pydantic", "typer", "rich",
)  # fmt: skip
EXTRAS = ("onnxruntime", "pyarrow", "tensorboard", "openvino", "ray")
OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
OPTIONAL = ("decord",)  # there is none for macOS and ARM
OLDEST_TORCH = (2, 10)  # torch.load of older ones can be made to run code even with weights_only
YOLO_SUFFIXES = (".pt", ".onnx", ".torchscript")


def versions() -> tuple[dict[str, str | None], list[Problem]]:
    """{distribution: version, None if it is missing}, extras only where they are installed."""
    found = {name: _version(*(OPENCV if name == "opencv-python" else (name,))) for name in PACKAGES}
    problems = [
        Problem(f"{name} is not installed; run `pip install --force-reinstall poseact`", "installation")
        for name, version in found.items()
        if version is None and name not in OPTIONAL
    ]
    torch = found["torch"]
    if torch and _numbers(torch) < OLDEST_TORCH:
        least = ".".join(map(str, OLDEST_TORCH))
        problems.append(
            Problem(f"torch {torch} has known holes in reading model files; run `pip install -U 'torch>={least}'`")
        )
    return found | {name: version for name in EXTRAS if (version := _version(name))}, problems


def devices() -> Devices:
    """What torch can run on. Raises: ImportError, OSError or RuntimeError when torch is broken."""
    import torch

    from poseact.device import resolve_device
    from poseact.machine import cores

    cards = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(index)
            cards.append(f"{card.name} ({card.total_memory / 2**30:.0f} GiB)")
    return Devices(
        threads=torch.get_num_threads(), cores=cores(), instructions=torch.backends.cpu.get_cpu_capability(),
        cuda=tuple(cards), mps=torch.backends.mps.is_available(), chosen=resolve_device("auto"),
    )  # fmt: skip


def network() -> tuple[Network, list[Problem]]:
    """The settings of the environment; nothing is sent to find them out."""
    from poseact.zoo.addresses import mirrors, proxies, shown

    problems = []
    try:
        prefixes = tuple(map(shown, mirrors()))
    except UsageError as error:
        prefixes = ()
        problems.append(Problem(str(error)))
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        place = os.environ.get(name)
        if place and not Path(place).exists():
            problems.append(Problem(f"{name} names {place}, which does not exist; downloads will fail, correct it"))
    return Network(offline(), prefixes, proxies()), problems


def cache() -> tuple[Cache, list[Problem]]:
    """The folder of fetched models, which need not exist."""
    folder = home_folder()
    problems = []
    reason = _not_writable(folder)
    if reason:
        problems.append(
            Problem(
                f"models cannot be kept in {folder}: {reason}; set POSEACT_HOME to a folder where you can write "
                "(embedded models work without it)"
            )
        )
    files = _files(folder)
    unfinished = tuple(sorted(path.name for path in files if path.suffix == ".part"))
    found = Cache(
        folder=str(folder), exists=folder.is_dir(), writable=not reason, bytes=sum(files.values()), free=_free(folder),
        yolo=tuple(sorted(p.name for p in files if p.parent.name == "ultralytics" and p.suffix in YOLO_SUFFIXES)),
        unfinished=unfinished,
    )  # fmt: skip
    return found, problems


def _version(*names: str) -> str | None:
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _nearest(folder: Path) -> Path:
    """The folder itself, or the first one above it that exists."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _not_writable(folder: Path) -> str:
    """Why nothing can be written there, or nothing; tried out, because permissions do not tell all."""
    place = _nearest(folder)
    try:
        if not place.is_dir():
            return f"{place} is not a folder"
        with tempfile.TemporaryFile(dir=place):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _files(folder: Path) -> dict[Path, int]:
    """{file: bytes} of everything in a folder, as far as it can be read."""
    found: dict[Path, int] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            try:
                found[path] = path.lstat().st_size
            except OSError:
                continue
    return found


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(_nearest(folder)).free
    except OSError:
        return -1
