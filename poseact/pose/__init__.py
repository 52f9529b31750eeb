"""Person boxes, or whole pictures -> network -> joints in image coordinates. Knows nothing of tracking."""

from poseact.pose.base import PictureEstimator, PoseEstimator
from poseact.pose.bottom_up import BottomUp
from poseact.pose.heatmap_topdown import HeatmapTopDown
from poseact.pose.topdown import TopDown
from poseact.pose.yolo_pose import UltralyticsPose

__all__ = ["BottomUp", "HeatmapTopDown", "PictureEstimator", "PoseEstimator", "TopDown", "UltralyticsPose"]
