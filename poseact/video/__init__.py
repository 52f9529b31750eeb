"""Video files in and out: `probe`, `open_video`, `VideoWriter`. Knows nothing of people."""

from poseact.video.reader import VideoReader, open_video, probe
from poseact.video.write import VideoWriter

__all__ = ["VideoReader", "VideoWriter", "open_video", "probe"]
