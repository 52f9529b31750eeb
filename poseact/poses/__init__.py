"""The (x, y, score) triplets of a video: made from tracks, stored, read and written. Knows no network."""

from poseact.poses.pyskl import PoseDataset, read_pyskl, write_pyskl
from poseact.poses.sequence import choose, from_tracks, nobody, sequence_tracks, visible_boxes

__all__ = [
    "PoseDataset",
    "choose",
    "from_tracks",
    "nobody",
    "read_pyskl",
    "sequence_tracks",
    "visible_boxes",
    "write_pyskl",
]
