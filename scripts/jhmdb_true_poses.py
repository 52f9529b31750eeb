"""JHMDB's true poses, as the code of DD-Net ships them, become a data set for `poseact train`.

usage: jhmdb_true_poses.py TRAIN.npz TEST.npz OUT.pkl [--coco17]

Each file holds `labels`, the name of the action of each clip, and one array (frames, 15, 2) per clip, in units that
follow the person's size. OUT has the splits `train` and `test` and the layout `jhmdb15`; with --coco17 that of COCO,
with the face as the nose and without neck and belly, so that a network of other true poses can be gone on from.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from poseact.poses import write_pyskl
from poseact.skeleton import COCO17, layout
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


def with_coco_joints(poses: PoseSequence) -> PoseSequence:
    """The same in COCO's joints, of which the eyes and ears are not known."""
    known = [(COCO17.keypoints.index("nose"), layout("jhmdb15").keypoints.index("face"))]
    known += [
        (number, layout("jhmdb15").keypoints.index(name))
        for number, name in enumerate(COCO17.keypoints)
        if name in layout("jhmdb15").keypoints
    ]
    to, source = map(list, zip(*known, strict=True))
    shape = (*poses.keypoint.shape[:2], len(COCO17.keypoints))
    xy, score = np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32)
    xy[:, :, to], score[:, :, to] = poses.keypoint[:, :, source], poses.keypoint_score[:, :, source]
    return replace(poses, keypoint=xy, keypoint_score=score, layout="coco17")


def main(train: Path, test: Path, out: Path, *, coco17: bool = False) -> None:
    parts = {"train": read(train), "test": read(test)}
    classes = sorted({action for _, actions in parts.values() for action in actions})
    sequences, splits = [], {}
    for split, (poses, actions) in parts.items():
        splits[split] = [f"{split}_{number:04}_{action}" for number, action in enumerate(actions)]
        sequences += [
            sequence(clip, name, classes.index(action))
            for clip, name, action in zip(poses, splits[split], actions, strict=True)
        ]
    if coco17:
        sequences = [with_coco_joints(one) for one in sequences]
    write_pyskl(out, sequences, splits, classes=classes)
    print(
        f"{out}: {', '.join(f'{len(names)} {split}' for split, names in splits.items())} clips, {len(classes)} classes"
    )


if __name__ == "__main__":
    files = [Path(argument) for argument in sys.argv[1:] if argument != "--coco17"]
    if len(files) != 3:
        sys.exit(__doc__)
    main(*files, coco17="--coco17" in sys.argv)
