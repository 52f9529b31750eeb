"""The (x, y, score) triplets of a video: made from tracks, stored, read and written. Knows no network."""

from poseact.poses.dataset import PoseDataset
from poseact.poses.kinetics import Kinetics
from poseact.poses.people import everybody, foremost, judged, ranked, reselect
from poseact.poses.pyskl import read_pyskl, write_pyskl
from poseact.poses.sequence import choose, from_tracks, nobody, sequence_tracks, visible_boxes
from poseact.poses.steady import shared_out, steadied
from poseact.poses.store import check_place, check_target, holds_poses, read_poses, write_poses

__all__ = [
    "Kinetics",
    "PoseDataset",
    "check_place",
    "check_target",
    "choose",
    "everybody",
    "foremost",
    "from_tracks",
    "holds_poses",
    "judged",
    "nobody",
    "ranked",
    "read_poses",
    "read_pyskl",
    "reselect",
    "sequence_tracks",
    "shared_out",
    "steadied",
    "visible_boxes",
    "write_poses",
    "write_pyskl",
]
