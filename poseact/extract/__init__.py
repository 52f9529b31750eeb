"""Video -> poses of everybody in it. Knows nothing of actions."""

from poseact.extract.extractor import Extraction, Extractor, Timings
from poseact.extract.plan import EVERY_FRAME, FramePlan

__all__ = ["EVERY_FRAME", "Extraction", "Extractor", "FramePlan", "Timings"]
