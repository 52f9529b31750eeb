"""The adapter to ultralytics, the only file that imports it; it is kept from phoning home and installing packages."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch

from poseact.detect.checkpoint import Role, cache_folder, local_checkpoint
from poseact.errors import InvalidWeights, PoseactError, UsageError, WeightsNotFound
from poseact.files import sha256_of
from poseact.home import home_folder, offline
from poseact.types import Array, Boxes

PERSON = "person"
SAME_PERSON = 0.6  # intersection over union, as for the embedded detector's neighbours in a crowd
MOST_PEOPLE = 100
TASKS: dict[Role, tuple[str, ...]] = {"detector": ("detect", "pose", "segment"), "pose estimator": ("pose",)}


class Yolo:
    """An opened YOLO checkpoint, looking for people; what is made of its results is up to the subclasses.

    Attributes:
        name: the checkpoint's file name.
        sha256: of the file.
        classes: the names of the classes that count as people.
        threshold: boxes below this score are dropped.
        size: px of the longer side of the network's input.
    """

    def __init__(
        self,
        checkpoint: str | Path,
        *,
        device: str | torch.device = "cpu",
        threshold: float = 0.15,
        classes: Sequence[str] | None = None,
        size: int = 640,
        batch_size: int = 8,
        role: Role = "detector",
    ) -> None:
        """Open a checkpoint.

        Args:
            checkpoint: a `.pt`, `.onnx` or `.torchscript` file, or a name such as "yolo11n.pt", which is looked for in
                the working directory and the cache, and else fetched by ultralytics' own download.
            classes: names of the classes that are people; None: the class "person".
            role: what it is wanted for; a pose estimator finds boxes, too, but not the other way round.
        Raises:
            WeightsNotFound, InvalidWeights, UsageError.
        """
        path = local_checkpoint(checkpoint, role) or _download(str(checkpoint), role)
        self.name = path.name
        self.sha256 = sha256_of(path)
        self.threshold = threshold
        self.size = size
        self.batch_size = batch_size
        self.device = str(device)
        self._path = path
        self._model = _open(path, role)
        names = _class_names(self._model, path)
        self._wanted = person_classes(names, classes, path.name)
        self.classes = tuple(names[index] for index in self._wanted)
        if path.suffix != ".pt":  # what an export is, shows only when it is used
            with _one_line(path):
                list(self._results([np.zeros((size, size, 3), np.uint8)]))

    def _results(self, images: Sequence[Array]) -> Iterator[Any]:
        """What ultralytics finds in each image, (H, W, 3) uint8 RGB, of which the network sees each one once."""
        for start in range(0, len(images), self.batch_size):
            # ultralytics takes arrays as BGR
            reordered = [np.ascontiguousarray(image[..., ::-1]) for image in images[start : start + self.batch_size]]
            with _contained():
                results = self._model.predict(
                    reordered, imgsz=self.size, conf=self.threshold, iou=SAME_PERSON, classes=self._wanted,
                    agnostic_nms=True, max_det=MOST_PEOPLE, device=self.device, verbose=False, save=False,
                )  # fmt: skip
            yield from results


class UltralyticsDetector(Yolo):
    """Any YOLO checkpoint as a person detector; see `poseact.detect.base.Detector`."""

    def __call__(self, images: Sequence[Array]) -> list[Boxes]:
        """Find the people of each image: (H, W, 3) uint8 RGB each."""
        return [found_people(result, image)[0] for result, image in zip(self._results(images), images, strict=True)]


def person_classes(names: dict[int, str], wanted: Sequence[str] | None, checkpoint: str) -> list[int]:
    """Indices of the classes that count as people. Raises: UsageError with the names that the checkpoint has."""
    chosen = {name.strip().lower() for name in wanted or (PERSON,)}
    known = {name.lower() for name in names.values()}
    listed = ",".join(list(names.values())[:10])
    if wanted is None and PERSON not in known:
        raise UsageError(
            f"{checkpoint} has no class {PERSON!r} but {listed}; say which are people, "
            f"for example `--detector-classes {listed}`"
        )
    if unknown := sorted(chosen - known):
        raise UsageError(f"{checkpoint} has no class {unknown[0]!r}; its classes are {listed}")
    return [index for index, name in names.items() if name.lower() in chosen]


def found_people(result: Any, image: Array) -> tuple[Boxes, Array]:
    """The boxes of a result, clipped to the picture, in descending order of score, and their rows in the result."""
    height, width = image.shape[:2]
    xyxy = result.boxes.xyxy.cpu().float().numpy().reshape(-1, 4)
    score = result.boxes.conf.cpu().float().numpy().reshape(-1)
    xyxy = np.clip(xyxy, 0, np.array([width, height, width, height], np.float32))
    order = np.argsort(-score, kind="stable")
    order = order[(xyxy[order, 2:] > xyxy[order, :2]).all(1)]
    return Boxes(xyxy[order], score[order]), order


def _open(path: Path, role: Role) -> Any:
    if path.suffix == ".onnx":
        _require_onnxruntime(path)
    ultralytics = _ultralytics()
    if path.suffix == ".pt":
        _vet(path)
    with _one_line(path), _contained():
        model = ultralytics.YOLO(str(path), task=None if path.suffix == ".pt" else TASKS[role][0], verbose=False)
    if model.task not in TASKS[role]:
        raise InvalidWeights(f"{path} is a YOLO for {model.task!r}; a {role} is needed ({', '.join(TASKS[role])})")
    return model


def _class_names(model: Any, path: Path) -> dict[int, str]:
    with _one_line(path), _contained():
        return {int(index): str(name) for index, name in model.names.items()}


def _require_onnxruntime(path: Path) -> None:
    missing = [name for name in ("onnxruntime", "onnx") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"{path} needs {' and '.join(missing)}; run `pip install {' '.join(missing)}`")


def _vet(path: Path) -> None:
    """Read a `.pt` once with the restricted unpickler, before anything else opens it.

    A YOLO `.pt` pickles classes; only ultralytics' allow-list rebuilds them without running what else the file says.

    Raises: InvalidWeights when the file asks for more, is damaged, or this ultralytics cannot restrict itself.
    """
    from ultralytics.nn import tasks

    restricted = getattr(tasks, "_SafeLoad", None)
    by_call = "safe_only" in inspect.signature(tasks.torch_safe_load).parameters
    if not by_call or not getattr(restricted, "SUPPORTED", False):
        raise InvalidWeights(
            f"{path} is not opened: this ultralytics version would run code from it; "
            f"run `pip install -U ultralytics` or give a .torchscript export"
        )
    with _one_line(path), _contained():
        tasks.torch_safe_load(str(path), safe_only=True)


@contextmanager
def _contained() -> Iterator[None]:
    """Keep what ultralytics prints off stdout, and undo its changes to the thread counts of the whole program."""
    torch_threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        torch.set_num_threads(torch_threads)
        cv2.setNumThreads(cv2_threads)


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    """Whatever ultralytics raises while opening a file becomes InvalidWeights in one line."""
    try:
        yield
    except PoseactError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = lines[0].encode("ascii", "ignore").decode().removeprefix("ERROR").strip()
        raise InvalidWeights(f"{path} cannot be opened as a YOLO checkpoint: {reason[:200]}") from error


def _download(name: str, role: Role) -> Path:
    """Fetch a published checkpoint into the cache; it gets its name there after it was vetted."""
    advice = f"put {name} into {cache_folder()}, or use the embedded {role} by leaving the option out"
    if offline():
        raise WeightsNotFound(f"{role} {name} is not here and POSEACT_OFFLINE forbids fetching it; {advice}")
    if Path(name).suffix != ".pt":
        raise WeightsNotFound(f"{role} {name} does not exist, and only .pt checkpoints can be fetched; {advice}")
    _ultralytics()
    from ultralytics.utils import ONLINE
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset

    if name not in GITHUB_ASSETS_NAMES:
        raise WeightsNotFound(f"{role} {name} does not exist and is no published YOLO checkpoint; {advice}")
    if not ONLINE:
        raise WeightsNotFound(f"{role} {name} is not here and the network is unreachable; {advice}")
    partial = cache_folder() / f"partial-{os.getpid()}" / name
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _contained():
            attempt_download_asset(partial)
        _vet(partial)
        return partial.replace(cache_folder() / name)
    except (OSError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsNotFound(f"{role} {name} could not be fetched ({reason[:200]}); {advice}") from error
    finally:
        partial.unlink(missing_ok=True)
        partial.parent.rmdir()


def _ultralytics() -> ModuleType:
    """Import ultralytics so that it neither installs packages, nor reports usage, nor writes outside our cache.

    Its settings are environment variables that it reads once, at import. Where the calling program imported it before,
    its own settings stay, and only the reports are switched off.
    """
    first = "ultralytics" not in sys.modules
    if first:
        os.environ["YOLO_AUTOINSTALL"] = "false"
        os.environ["ULTRALYTICS_SAFE_LOAD"] = "true"
        os.environ.setdefault("YOLO_VERBOSE", "false")
        if offline():
            os.environ["YOLO_OFFLINE"] = "true"
        if "YOLO_CONFIG_DIR" not in os.environ:
            folder = home_folder() / "ultralytics-settings"
            os.environ["YOLO_CONFIG_DIR"] = str(folder)
    threads = os.environ.get("OMP_NUM_THREADS")
    with _contained():
        import ultralytics
        from ultralytics.utils import SETTINGS
        from ultralytics.utils.events import events

    if first:
        if SETTINGS["sync"]:
            SETTINGS.update({"sync": False})
        if threads is None:  # it sets this to 1 for training, which would slow every child process down
            os.environ.pop("OMP_NUM_THREADS", None)
    events.enabled = False
    return ultralytics
