"""From names to opened networks: which detector and which estimator the settings mean."""

from __future__ import annotations

from pathlib import Path

from poseact.detect import (
    ACCURATE,
    BALANCED,
    FAST,
    Detector,
    NanoDet,
    NanoDetDetector,
    UltralyticsDetector,
    cached_yolo,
)
from poseact.errors import UsageError
from poseact.extract import Extractor
from poseact.pose import TopDown
from poseact.recognize.settings import Settings
from poseact.zoo import load_with_card

EMBEDDED_DETECTOR = "nanodet-g"
VIEWS = {"fast": FAST, "balanced": BALANCED, "accurate": ACCURATE}
YOLO_SUFFIXES = (".pt", ".onnx", ".torchscript")
SCOUT = "lightning"
SCOUT_SIZE = 192
ESTIMATORS = {"thunder": "movenet-thunder", "lightning": "movenet-lightning"}


def open_extractor(settings: Settings, device: str) -> Extractor:
    """The extractor that the settings describe, its networks on `device`.

    Raises: UsageError for an unknown detector or estimator, ModelError and its kinds.
    """
    detector, detector_sha256 = _open_detector(settings, device)
    name = settings.pose or settings.effort.pose
    if name not in ESTIMATORS:
        raise UsageError(f"unknown pose estimator {name!r}; choose {' or '.join(ESTIMATORS)}")
    scout = load_with_card(ESTIMATORS[SCOUT], device=device)
    weights = {"detector": detector_sha256, "scout": scout.sha256}
    estimator = None
    if name != SCOUT or settings.effort.flip_pose:
        loaded = scout if name == SCOUT else load_with_card(ESTIMATORS[name], device=device)
        estimator = TopDown(loaded.network, name=loaded.card.name, flip=settings.effort.flip_pose, device=device)
        weights["estimator"] = loaded.sha256
    light = TopDown(scout.network, name=scout.card.name, input_size=SCOUT_SIZE, flip=False, device=device)
    return Extractor(detector, light, estimator, weights, decoder=settings.decoder)


def _open_detector(settings: Settings, device: str) -> tuple[Detector, str]:
    name = settings.detector
    if name == "auto":
        # A YOLO is better and slower; it is used where it was already fetched and the user asks for accuracy.
        cached = cached_yolo() if settings.speed == "accurate" else None
        name = str(cached) if cached else "nanodet"
    if name == "nanodet":
        loaded = load_with_card(EMBEDDED_DETECTOR, device=device)
        assert isinstance(loaded.network, NanoDet)
        return NanoDetDetector(loaded.network, views=VIEWS[settings.speed], device=device), loaded.sha256
    if Path(name).suffix in YOLO_SUFFIXES:
        yolo = UltralyticsDetector(name, device=device, classes=settings.detector_classes)
        return yolo, yolo.sha256
    raise UsageError(f"unknown detector {name!r}; choose auto, nanodet, or a YOLO file ({', '.join(YOLO_SUFFIXES)})")
