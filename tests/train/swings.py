"""A data set of bodies whose wrists swing up and down or from side to side, and settings to learn it in a moment."""

from zlib import crc32

import numpy as np

from poseact.poses import PoseDataset
from poseact.train import recipe
from poseact.types import PoseSequence

TINY = {
    "config": {"in_channels": 17, "base_channels": 4, "blocks": [1, 1, 1], "stem_stride": [1, 2, 2]},
    "preprocessing.kind": "joint", "preprocessing.clip_len": 4, "preprocessing.size": 16, "preprocessing.num_clips": 1,
    "preprocessing.flip": False, "epochs": 4, "batch_size": 4, "evaluate_every": 2, "precision": "float32",
}  # fmt: skip


def swing(name: str, label: int, frames: int = 6) -> PoseSequence:
    random = np.random.default_rng(crc32(name.encode()))
    body = np.stack([np.linspace(40, 60, 17), np.linspace(20, 90, 17)], 1)
    keypoint = body + random.normal(0, 1, (1, frames, 17, 2))
    keypoint[0, :, [9, 10], 1 - label] += 20 * np.sin(np.arange(frames))
    return PoseSequence(
        keypoint=keypoint.astype(np.float32), keypoint_score=np.ones((1, frames, 17), np.float32),
        image_size=(100, 100), fps=10.0, pts=np.arange(frames) / 10, frame_index=np.arange(frames),
        track_id=np.ones(1, np.int64), boxes=np.ones((1, frames, 4), np.float32),
        box_score=np.ones((1, frames), np.float32), interpolated=np.zeros((1, frames), bool), name=name, label=label,
    )  # fmt: skip


def swings(count: int = 12) -> PoseDataset:
    sequences = [swing(f"clip{number}", number % 2) for number in range(count)]
    names = [one.name for one in sequences]
    return PoseDataset(sequences, {"train": names[:-4], "val": names[-4:]}, ("up", "side"))


def tiny(**changes):
    return recipe("small", {**TINY, **changes})
