"""Hand-made poses and answers for the tests of reports and of the command line."""

from dataclasses import replace

import numpy as np

from poseact.recognize.result import Person, Recognition, UsedModel
from poseact.recognize.thresholds import Thresholds
from poseact.types import Gap, PoseSequence, Prediction, Segment, VideoInfo

STANDING = np.array(
    [
        (0.50, 0.08), (0.53, 0.06), (0.47, 0.06), (0.56, 0.07), (0.44, 0.07), (0.65, 0.22), (0.35, 0.22), (0.70, 0.38),
        (0.30, 0.38), (0.72, 0.52), (0.28, 0.52), (0.60, 0.52), (0.40, 0.52), (0.61, 0.74), (0.39, 0.74), (0.62, 0.95),
        (0.38, 0.95),
    ],
    np.float32,
)  # fmt: skip
"""(17, 2) COCO keypoints of a person who faces the camera, as shares of the box."""


def poses(people=1, frames=8, size=(120, 160), fps=10.0, step=1) -> PoseSequence:
    """`people` who stand side by side and drift to the right; every `step`-th frame was looked at."""
    height, width = size
    index = np.arange(frames) * step
    side = width / (people + 1)
    box = np.zeros((people, frames, 4), np.float32)
    for person in range(people):
        left = person * side + 2 + index * 0.5
        box[person] = np.stack(
            [left, np.full(frames, 0.15 * height), left + 0.8 * side, np.full(frames, 0.9 * height)], -1
        )
    corner, extent = box[..., None, :2], (box[..., 2:] - box[..., :2])[..., None, :]
    return PoseSequence(
        keypoint=(corner + STANDING * extent).astype(np.float32),
        keypoint_score=np.full((people, frames, 17), 0.9, np.float32),
        image_size=size, fps=fps, pts=index / fps, frame_index=index.astype(np.int64),
        track_id=np.arange(1, people + 1), boxes=box, box_score=np.full((people, frames), 0.9, np.float32),
        interpolated=np.zeros((people, frames), bool), name="clip",
    )  # fmt: skip


def shaken(name: str, label: int, seed: int) -> PoseSequence:
    """A clip of one who stands, each joint moved at random."""
    one = poses(frames=8)
    moved = one.keypoint + np.random.default_rng(seed).normal(0, 6, one.keypoint.shape)
    return replace(one, keypoint=moved.clip(1, 110).astype(np.float32), name=name, label=label)


def person(row=0, top=0.62, labels=("wave", "clap", "stand", "sit", "run", "jump"), segments=()) -> Person:
    rest = (1 - top) / max(len(labels) - 1, 1)
    predictions = tuple(Prediction(label, top if rank == 0 else rest) for rank, label in enumerate(labels))
    return Person(row + 1, (row,), 8, 8, 1, 0.0, 0.7, predictions, tuple(segments))


def segment(start, end, label, probability=0.5) -> Segment:
    return Segment(start, end, round(start * 10), round(end * 10), 1, label, probability, label)


def recognition(**changes) -> Recognition:
    """An answer for one waving person; `changes` replace fields."""
    values = {
        "source": "clip.mp4",
        "video": VideoInfo("clip.mp4", 160, 120, 10.0, 16, 1.6, "h264", 0),
        "gaps": (),
        "poses": poses(),
        "persons": (person(),),
        "reason": "person 1: in 100% of the frames, nobody else is seen",
        "thresholds": Thresholds(0.3),
        "models": (UsedModel("posec3d-test", "ab" * 32),),
        "device": "cpu",
        "frames_looked_at": 8,
        "timings": {"decode": 0.11111111, "detect": 0.5, "pose": 1.25, "track": 0.01, "classify": 0.2},
    }
    return Recognition(**(values | changes))


def nobody(**changes) -> Recognition:
    return recognition(persons=(), poses=poses(people=0), reason="no person was found in the video", **changes)


def unknown(**changes) -> Recognition:
    return recognition(persons=(person(top=0.21),), **changes)


GAP = Gap(0.4, 0.9, 5, "invalid data")
