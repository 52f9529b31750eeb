"""Person boxes -> crops -> network -> joints in image coordinates. Knows nothing of tracking."""

from poseact.pose.base import PoseEstimator
from poseact.pose.topdown import TopDown

__all__ = ["PoseEstimator", "TopDown"]
