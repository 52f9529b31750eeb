"""Documents as other tools write them, by hand, and how tests read them."""

from __future__ import annotations

from poseact.poses.dataset import Budget, PoseDataset
from poseact.poses.formats.reading import PoseHints, Reading


def reading(name="clip", **hints):
    return Reading("file", name, Budget("file", 2**28), PoseHints(**hints))


def only(found):
    """The one clip of what was read."""
    if isinstance(found, PoseDataset):
        (found,) = found.annotations
    return found


def flat(joints, x, y, score=0.9, step=1.0):
    """x, y, score, ... of `joints` joints on a diagonal."""
    return [value for joint in range(joints) for value in (x + step * joint, y + step * joint, score)]


def openpose(*people, version=1.3):
    """A frame of OpenPose: (person_id, flat keypoints) each."""
    empty = (
        "face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d", "pose_keypoints_3d",
        "face_keypoints_3d", "hand_left_keypoints_3d", "hand_right_keypoints_3d",
    )  # fmt: skip
    return {
        "version": version,
        "people": [
            {"person_id": [track], "pose_keypoints_2d": points, **{key: [] for key in empty}}
            for track, points in people
        ],
    }
