"""Frames -> person boxes, batched. The embedded detector and the adapter to ultralytics; nothing of keypoints."""

from poseact.detect.base import Detector
from poseact.detect.checkpoint import YOLO_SUFFIXES, cached_yolo
from poseact.detect.embedded import ACCURATE, BALANCED, FAST, WEAK, NanoDetDetector, View
from poseact.detect.nanodet import NanoDet
from poseact.detect.yolo import UltralyticsDetector, Yolo, found_people

__all__ = [
    "ACCURATE", "BALANCED", "FAST", "WEAK", "YOLO_SUFFIXES", "Detector", "NanoDet", "NanoDetDetector",
    "UltralyticsDetector", "View", "Yolo", "cached_yolo", "found_people",
]  # fmt: skip
