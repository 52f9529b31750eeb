"""From names to opened networks: which detector and which estimator the settings mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from poseact.detect import (
    ACCURATE,
    BALANCED,
    FAST,
    YOLO_SUFFIXES,
    Detector,
    NanoDet,
    NanoDetDetector,
    UltralyticsDetector,
    cached_yolo,
)
from poseact.errors import UsageError
from poseact.extract import Extractor
from poseact.extract.estimators import open_estimator
from poseact.pose import PictureEstimator, TopDown
from poseact.precision import in_precision, inference_precision
from poseact.recognize.settings import Settings
from poseact.video import DecodingAhead, open_video
from poseact.zoo import load_with_card, manifest

EMBEDDED_DETECTOR = "nanodet-g"
VIEWS = {"fast": FAST, "balanced": BALANCED, "accurate": ACCURATE}
SCOUT = "movenet-lightning"
SCOUT_SIZE = 192


def open_extractor(settings: Settings, device: str) -> Extractor:
    """The extractor that the settings describe, its networks on `device`.

    An estimator of whole pictures does without detector and scout. Any other one looks at the chosen people, after
    the scout looked at everybody; without a flip test the scout's own poses are those that it would find.

    Raises: UsageError for an unknown detector or estimator, ModelError and its kinds.
    """
    name, flip = settings.pose or settings.effort.pose, settings.effort.flip_pose
    weights: dict[str, str] = {}
    reading: dict[str, Any] = {
        "decoder": settings.decoder, "limits": settings.limits, "image_fps": settings.image_fps,
        "detect_every": settings.detect_every, "pose_every": settings.pose_every,
        "open_video": DecodingAhead.started().open if settings.decode_ahead else open_video,
    }  # fmt: skip
    dtype = inference_precision(settings.precision, torch.device(device))
    estimator = None
    if flip or name not in (SCOUT, *manifest()[SCOUT].aliases):
        opened = open_estimator(name, flip=flip, device=device, people=settings.detector_classes, dtype=dtype)
        weights["estimator"] = opened.sha256
        if isinstance(opened.estimator, PictureEstimator):
            if settings.detector != "auto":
                raise UsageError(f"{name} finds the people itself; leave out --detector {settings.detector}")
            return Extractor(None, opened.estimator, weights=weights, **reading)
        estimator = opened.estimator
    detector, weights["detector"] = _open_detector(settings, device, dtype)
    scout = load_with_card(SCOUT, device=device)
    weights["scout"] = scout.sha256
    light = TopDown(
        in_precision(scout.network, dtype), name=scout.card.name, input_size=SCOUT_SIZE, flip=False, device=device
    )
    return Extractor(detector, light, estimator, weights, **reading)


def _open_detector(settings: Settings, device: str, dtype: torch.dtype) -> tuple[Detector, str]:
    name = settings.detector
    if name == "auto":
        # A YOLO is better and slower; it is used where it was already fetched and the user asks for accuracy.
        cached = cached_yolo() if settings.speed == "accurate" else None
        name = str(cached) if cached else "nanodet"
    if settings.detector_classes and Path(name).suffix not in YOLO_SUFFIXES:
        raise UsageError("--detector-classes says what a YOLO calls people; name one with --detector, or leave it out")
    if name == "nanodet":
        loaded = load_with_card(EMBEDDED_DETECTOR, device=device)
        assert isinstance(loaded.network, NanoDet)
        return NanoDetDetector(
            in_precision(loaded.network, dtype), views=VIEWS[settings.speed], device=device
        ), loaded.sha256
    if Path(name).suffix in YOLO_SUFFIXES:
        yolo = UltralyticsDetector(name, device=device, classes=settings.detector_classes)
        return yolo, yolo.sha256
    raise UsageError(f"unknown detector {name!r}; choose auto, nanodet, or a YOLO file ({', '.join(YOLO_SUFFIXES)})")
