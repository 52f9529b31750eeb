"""The (x, y, score) triplets of a video: made from tracks, stored, read and written. Knows no network."""

from poseact.poses.people import everybody, foremost, judged, ranked, reselect
from poseact.poses.pyskl import PoseDataset, read_pyskl, write_pyskl
from poseact.poses.sequence import choose, from_tracks, nobody, sequence_tracks, visible_boxes

__all__ = [
    "PoseDataset",
    "choose",
    "everybody",
    "foremost",
    "from_tracks",
    "judged",
    "nobody",
    "ranked",
    "read_pyskl",
    "reselect",
    "sequence_tracks",
    "visible_boxes",
    "write_pyskl",
]
