"""Frames -> person boxes, batched. The embedded detector and the adapter to ultralytics; nothing of keypoints."""

from poseact.detect.base import Detector
from poseact.detect.embedded import ACCURATE, BALANCED, FAST, STRONG, WEAK, NanoDetDetector, View
from poseact.detect.nanodet import NanoDet

__all__ = ["ACCURATE", "BALANCED", "FAST", "STRONG", "WEAK", "Detector", "NanoDet", "NanoDetDetector", "View"]
