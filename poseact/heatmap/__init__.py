"""From poses to the heatmap volumes that PoseConv3D looks at: sampling, crop, augmentation, Gaussians, views.

Public and stable are the names below. `evaluation_views` is all that most callers need; training keeps what
`clip_keypoints` returns, changes it with `geometry` and draws batches with `draw`.
"""

from poseact.heatmap import geometry
from poseact.heatmap.canvas import Canvas
from poseact.heatmap.crop import centre_crop, resize, resize_short_side, subject_crop
from poseact.heatmap.gaussians import joint_heatmaps, limb_heatmaps
from poseact.heatmap.sampling import uniform_test_indices
from poseact.heatmap.views import channel_names, clip_keypoints, draw, evaluation_views, iter_evaluation_views

__all__ = [
    "Canvas",
    "centre_crop",
    "channel_names",
    "clip_keypoints",
    "draw",
    "evaluation_views",
    "geometry",
    "iter_evaluation_views",
    "joint_heatmaps",
    "limb_heatmaps",
    "resize",
    "resize_short_side",
    "subject_crop",
    "uniform_test_indices",
]
