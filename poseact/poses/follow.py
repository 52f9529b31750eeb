"""People who were only seen frame by frame, followed over time. Reads and writes no file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from poseact.poses.people import everybody
from poseact.poses.sequence import from_tracks
from poseact.track import link
from poseact.types import Boxes, Keypoints, PoseSequence


def followed(sequence: PoseSequence) -> PoseSequence:
    """The same sightings as tracks, whatever ids they had: by overlap and likeness, as `poseact.track.link` does.

    Rows are people in order of appearance, with ids from 1; nobody is chosen among them. Short gaps are interpolated
    and marked. Who is seen only once in a video of eight frames or more, or twice at the same place, is left out.

    Raises: InvalidPoses where time does not ascend.
    """
    people = everybody(sequence)
    boxes, keypoints = [], []
    for frame in range(len(people.pts)):
        score = people.box_score[:, frame]
        rows = np.argsort(-score, kind="stable")
        rows = rows[score[rows] > 0]
        boxes.append(Boxes(people.boxes[rows, frame], score[rows]))
        keypoints.append(Keypoints(people.keypoint[rows, frame], people.keypoint_score[rows, frame]))
    tracks = link(boxes, keypoints, people.pts)
    sequence = from_tracks(
        tracks, people.image_size, people.fps, people.pts, people.frame_index, name=people.name, label=people.label,
        provenance=people.provenance, layout=people.layout, joints=people.keypoint.shape[2],
    )  # fmt: skip
    return replace(sequence, camera=people.camera)
