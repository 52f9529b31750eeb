"""Hand-made classifiers: real cards around networks whose answers are known."""

import numpy as np
import torch
from torch import nn

from poseact.recognize import Classifier
from poseact.types import PoseSequence, VideoInfo
from poseact.zoo import Card

LABELS = ("wave", "clap", "jump")


class Constant(nn.Module):
    """The same logits for every view."""

    def __init__(self, *logits):
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, *inputs):
        return self.logits.expand(len(inputs[0]), -1)


class Recorder(nn.Module):
    """Keeps what it is shown, and answers each input with the same logits."""

    def __init__(self, classes=2):
        super().__init__()
        self.classes, self.shown = classes, []

    def forward(self, *inputs):
        self.shown.append([one.clone() for one in inputs])
        outputs = tuple(torch.zeros(len(one), self.classes) for one in inputs)
        return outputs if len(outputs) > 1 else outputs[0]

    def stream(self, number):
        """Everything that was seen at one input, all views together."""
        return torch.cat([inputs[number] for inputs in self.shown])


def card(labels=LABELS, architecture="slowonly", config=None, preprocessing=None, **changes):
    values = {
        "name": "model", "task": "classify", "architecture": architecture, "labels": labels,
        "config": {"num_classes": len(labels), **(config or {})},
        "preprocessing": {"clip_len": 4, "size": 16, "num_clips": 1, "flip": False, **(preprocessing or {})},
    }  # fmt: skip
    return Card(**(values | changes))


def constant(*logits, seconds=None, options=None, **changes):
    """A classifier that always answers with these logits."""
    changes.setdefault("preprocessing", {"seconds": seconds})
    return Classifier(Constant(*logits), card(**changes), **(options or {}))


def softmax(*logits):
    shares = np.exp(logits)
    return shares / shares.sum()


def standing(frames=100, image_size=(240, 320), corner=(100.0, 60.0), step=1, fps=25.0):
    """One person of 17 joints who does not move; every `step`-th frame was looked at."""
    index = np.arange(frames, dtype=np.int64) * step
    spread = np.stack([np.arange(17) % 4 * 20.0, np.arange(17) // 4 * 25.0], -1) + corner  # 60 x 100 px
    keypoint = np.broadcast_to(spread.astype(np.float32), (1, frames, 17, 2)).copy()
    box = np.array([*corner, corner[0] + 60, corner[1] + 100], np.float32)
    return PoseSequence(
        keypoint=keypoint, keypoint_score=np.ones((1, frames, 17), np.float32), image_size=image_size, fps=fps,
        pts=index / fps, frame_index=index, track_id=np.array([1]),
        boxes=np.broadcast_to(box, (1, frames, 4)).copy(), box_score=np.ones((1, frames), np.float32),
        interpolated=np.zeros((1, frames), bool), name="still",
    )  # fmt: skip


def info(frames=100, image_size=(240, 320)):
    return VideoInfo("clip.mp4", image_size[1], image_size[0], 25.0, frames, frames / 25.0, "h264", 0)
