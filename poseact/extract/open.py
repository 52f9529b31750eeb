"""From names to opened networks: which detector and which estimator the settings of an extractor mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from poseact.detect import (
    BALANCED,
    YOLO_SUFFIXES,
    Detector,
    NanoDet,
    NanoDetDetector,
    UltralyticsDetector,
    View,
    cached_yolo,
)
from poseact.errors import UsageError
from poseact.extract.estimators import is_yolo, open_estimator
from poseact.extract.extractor import Extractor
from poseact.files import sha256_of
from poseact.pose import PictureEstimator, TopDown
from poseact.precision import in_precision, inference_precision
from poseact.video import DEFAULT_LIMITS, IMAGE_FPS, DecodingAhead, Limits, open_video
from poseact.zoo import load_with_card, manifest
from poseact.zoo.load import own_file
from poseact.zoo.manifest import find_record

EMBEDDED_DETECTOR = "nanodet-g"
SCOUT = "movenet-lightning"
SCOUT_SIZE = 192


@dataclass(frozen=True, slots=True)
class ExtractorSettings:
    """How people are found and their poses estimated, with the defaults of a newcomer.

    Attributes:
        pose: estimator, see `poseact.extract.estimators`. flip: also estimate the mirrored picture and average.
        detector: "auto", "nanodet", or a YOLO checkpoint (name or path).
        detector_classes: names of the detector's classes that are people; None: "person".
        views: of each picture, that "nanodet" looks at.
        prefer_yolo: "auto" is a YOLO, which is better and slower, where one was already fetched.
        precision: of the detector's and the estimators' arithmetic, see `poseact.precision.inference_precision`.
        decoder, limits, image_fps, detect_every, pose_every: see `Extractor`.
        decode_ahead: videos are decoded in a process of its own, ahead of the networks: for many videos.
    """

    pose: str = "thunder"
    flip: bool = False
    detector: str = "auto"
    detector_classes: tuple[str, ...] | None = None
    views: tuple[View, ...] = BALANCED
    prefer_yolo: bool = False
    precision: str = "float32"
    decoder: str = "auto"
    limits: Limits = DEFAULT_LIMITS
    image_fps: float = IMAGE_FPS
    detect_every: int = 1
    pose_every: int = 1
    decode_ahead: bool = False


def open_extractor(settings: ExtractorSettings, device: str) -> Extractor:
    """The extractor that the settings describe, its networks on `device`.

    An estimator of whole pictures does without detector and scout. Any other one looks at the chosen people, after
    the scout looked at everybody; without a flip test the scout's own poses are those that it would find.

    Raises: UsageError for an unknown detector or estimator, ModelError and its kinds.
    """
    name, flip = settings.pose, settings.flip
    if settings.detector_classes == ():
        raise UsageError("--detector-classes names no class; give some, such as Normal,Fall, or leave it out")
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
            if settings.detector_classes and not is_yolo(name):
                raise UsageError(f"--detector-classes says what a YOLO calls people, and {name} is none; leave it out")
            return Extractor(None, opened.estimator, weights=weights, **reading)
        estimator = opened.estimator
    detector, weights["detector"] = _open_detector(settings, device, dtype)
    scout = load_with_card(SCOUT, device=device)
    weights["scout"] = scout.sha256
    light = TopDown(
        in_precision(scout.network, dtype), name=scout.card.name, input_size=SCOUT_SIZE, flip=False, device=device
    )
    return Extractor(detector, light, estimator, weights, **reading)


def digest_of(name: str) -> str | None:
    """The sha256 of a model that is a file, or in the folder of a run, where another may take its place.

    None for models of a fixed name, and for files that cannot be read.
    """
    record = find_record(name)
    file = None if record is not None and record.embedded else own_file(name)
    try:
        return None if file is None else sha256_of(file)
    except OSError:
        return None


def _open_detector(settings: ExtractorSettings, device: str, dtype: torch.dtype) -> tuple[Detector, str]:
    name = settings.detector
    if name == "auto":
        cached = cached_yolo() if settings.prefer_yolo else None
        name = str(cached) if cached else "nanodet"
    if settings.detector_classes and Path(name).suffix not in YOLO_SUFFIXES:
        raise UsageError("--detector-classes says what a YOLO calls people; name one with --detector, or leave it out")
    if name == "nanodet":
        loaded = load_with_card(EMBEDDED_DETECTOR, device=device)
        assert isinstance(loaded.network, NanoDet)
        return NanoDetDetector(in_precision(loaded.network, dtype), views=settings.views, device=device), loaded.sha256
    if Path(name).suffix in YOLO_SUFFIXES:
        yolo = UltralyticsDetector(name, device=device, classes=settings.detector_classes)
        return yolo, yolo.sha256
    raise UsageError(f"unknown detector {name!r}; choose auto, nanodet, or a YOLO file ({', '.join(YOLO_SUFFIXES)})")
