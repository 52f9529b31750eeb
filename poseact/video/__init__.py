"""Video files in and out: `probe`, `open_video`, `VideoWriter`. Knows nothing of people."""

from poseact.video.ahead import DecodingAhead
from poseact.video.images import IMAGE_FPS, holds_images
from poseact.video.limits import DEFAULT_LIMITS, Limits
from poseact.video.reader import VideoReader, open_video, probe
from poseact.video.write import VideoWriter

__all__ = [
    "DEFAULT_LIMITS", "IMAGE_FPS", "DecodingAhead", "Limits", "VideoReader", "VideoWriter", "holds_images",
    "open_video", "probe",
]  # fmt: skip
