"""From poses to the heatmap volumes that PoseConv3D looks at: sampling, crop, augmentation, Gaussians, views."""

from poseact.heatmap.gaussians import joint_heatmaps, limb_heatmaps
from poseact.heatmap.sampling import uniform_test_indices, uniform_train_indices

__all__ = ["joint_heatmaps", "limb_heatmaps", "uniform_test_indices", "uniform_train_indices"]
