"""JHMDB's true poses, as the code of DD-Net ships them, become a data set for `poseact train`.

usage: jhmdb_true_poses.py TRAIN.npz TEST.npz OUT.pkl

Each file holds `labels`, the name of the action of each clip, and one array (frames, 15, 2) per clip, in units that
follow the person's size. OUT has the splits `train` and `test` and the layout `jhmdb15`.
"""

import sys
from pathlib import Path

import numpy as np

from poseact.poses import write_pyskl
from poseact.types import Array, PoseSequence

SIDE = 600  # px of the picture, in whose middle (0, 0) lies
UNIT = 100  # px
FPS = 30.0


def read(path: Path) -> tuple[list[Array], list[str]]:
    """The poses (T, 15, 2) and the actions of all clips, in the order of their names."""
    with np.load(path, allow_pickle=False) as file:
        return [file[name] for name in sorted(file.files) if name != "labels"], file["labels"].tolist()


def sequence(poses: Array, name: str, label: int) -> PoseSequence:
    """One person whose joints are all seen."""
    frames = len(poses)
    keypoint = (poses[None] * UNIT + SIDE / 2).astype(np.float32)
    return PoseSequence(
        keypoint=keypoint, keypoint_score=np.ones(keypoint.shape[:3], np.float32), image_size=(SIDE, SIDE), fps=FPS,
        pts=np.arange(frames) / FPS, frame_index=np.arange(frames), track_id=np.ones(1, np.int64),
        boxes=np.concatenate([keypoint.min(2), keypoint.max(2)], -1), box_score=np.ones((1, frames), np.float32),
        interpolated=np.zeros((1, frames), bool), layout="jhmdb15", name=name, label=label,
    )  # fmt: skip


def main(train: Path, test: Path, out: Path) -> None:
    parts = {"train": read(train), "test": read(test)}
    classes = sorted({action for _, actions in parts.values() for action in actions})
    sequences, splits = [], {}
    for split, (poses, actions) in parts.items():
        splits[split] = [f"{split}_{number:04}_{action}" for number, action in enumerate(actions)]
        sequences += [
            sequence(clip, name, classes.index(action))
            for clip, name, action in zip(poses, splits[split], actions, strict=True)
        ]
    write_pyskl(out, sequences, splits, classes=classes)
    print(
        f"{out}: {', '.join(f'{len(names)} {split}' for split, names in splits.items())} clips, {len(classes)} classes"
    )


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
