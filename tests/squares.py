"""A data set of bright squares that move up and down or from side to side, as videos with poses on them."""

from pathlib import Path
from zlib import crc32

import numpy as np

from poseact.poses import PoseDataset
from poseact.train import recipe
from poseact.types import PoseSequence, Provenance
from poseact.video.write import VideoWriter

CLASSES = ("up", "side")
HEIGHT, WIDTH, FRAMES = 48, 64, 12
BODY = np.stack([np.arange(17) % 4 * 3.0 + 1, np.arange(17) // 4 * 3.0 + 1], -1)  # around a square of 8 px

NARROW = {"base_channels": 8, "blocks": [1, 1, 1]}
SINGLE = {
    "preprocessing.clip_len": 8, "preprocessing.size": 16, "preprocessing.num_clips": 1, "train_size": 16,
    "augmentation.crop": 0.9, "batch_size": 4, "lr_batch": 4, "precision": "float32", "evaluate_every": 2, "epochs": 4,
    "lr": 0.03,
}  # fmt: skip
TINY = {
    "rgb-only": {
        **SINGLE, "preprocessing.rgb": {"clip_len": 2, "size": 64}, "config.base_channels": 8,
        "config.blocks": [1, 1, 1, 1],
    },
    "pose-only": {**SINGLE, "config": NARROW},
    "rgbpose": {
        **SINGLE, "preprocessing.rgb": {"clip_len": 2, "size": 64},
        "config": {"rgb": {"base_channels": 8, "blocks": [1, 1, 1, 1]}, "pose": NARROW},
    },
}  # fmt: skip


def tiny(name, **changes):
    """A published recipe, small enough for a test."""
    return recipe(name, {**TINY[name], **changes})


def corner(label: int, frame: int) -> tuple[int, int]:
    """Left and top of the body, of which the square is the middle."""
    way = round(8 * np.sin(frame * 1.3))
    return (24 + way * label, 17 + way * (1 - label))


def square(name: str, label: int, folder: Path) -> PoseSequence:
    """The poses of a clip, whose video is written unless it is there."""
    random = np.random.default_rng(crc32(name.encode()))
    path = folder / CLASSES[label] / f"{name}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    corners = [corner(label, frame + int(random.integers(3))) for frame in range(FRAMES)]
    if not path.exists():
        _write(path, corners)
    keypoint = (BODY + np.array(corners)[:, None] + random.normal(0, 0.2, (FRAMES, 17, 2)))[None]
    return PoseSequence(
        keypoint=keypoint.astype(np.float32), keypoint_score=np.ones((1, FRAMES, 17), np.float32),
        image_size=(HEIGHT, WIDTH), fps=10.0, pts=np.arange(FRAMES) / 10, frame_index=np.arange(FRAMES),
        track_id=np.ones(1, np.int64), boxes=np.ones((1, FRAMES, 4), np.float32),
        box_score=np.ones((1, FRAMES), np.float32), interpolated=np.zeros((1, FRAMES), bool), name=name, label=label,
        provenance=Provenance(str(path)),
    )  # fmt: skip


def _write(path: Path, corners: list[tuple[int, int]]) -> None:
    random = np.random.default_rng(crc32(path.name.encode()))
    with VideoWriter(path, 10.0, (WIDTH, HEIGHT), quality=0) as writer:  # lossless, so that it is decoded alike
        for left, top in corners:
            image = random.integers(0, 40, (HEIGHT, WIDTH, 3)).astype(np.uint8)
            image[top + 3 : top + 11, left + 3 : left + 11] = 200
            writer.write(image)


def squares(folder: Path, count: int = 12) -> PoseDataset:
    sequences = [square(f"clip{number}", number % 2, folder) for number in range(count)]
    names = [one.name for one in sequences]
    return PoseDataset(sequences, {"train": names[:-4], "val": names[-4:]}, CLASSES)
