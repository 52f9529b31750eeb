"""Clips, and networks whose answers follow from the views by a rule that can be computed by hand."""

import known_answers
import numpy as np
from known_answers import Constant
from torch import nn

from poseact.recognize import Classifier
from poseact.types import PoseSequence

PREPROCESSING = {"clip_len": 6, "size": 12, "num_clips": 10, "flip": True}


class Oracle(nn.Module):
    """Logits of a view: weighted sums of its left third, middle and right third; every batch is kept."""

    def __init__(self, gain=1.0):
        super().__init__()
        self.gain, self.views = gain, []

    def forward(self, views):
        self.views.append(views.clone())
        return self.rule(views, self.gain)

    @staticmethod
    def rule(views, gain):
        thirds = views.sum((1, 2, 3)).reshape(len(views), 3, -1).sum(2)  # (N, 3)
        return gain * thirds / 20


def card(preprocessing=None, **changes):
    return known_answers.card(preprocessing=PREPROCESSING | (preprocessing or {}), **{"name": "oracle", **changes})


def oracle(gain=1.0, options=None, **changes):
    return Classifier(Oracle(gain), card(**changes), **(options or {}))


def fixed(*logits, **changes):
    return Classifier(Constant(*logits), card(**changes))


def clip(name="clip", label=0, frames=20, people=1, seed=0, fps=10.0):
    """People who move about; each joint is seen."""
    random = np.random.default_rng(seed)
    keypoint = random.uniform(40, 200, (people, 1, 17, 2)) + random.normal(0, 8, (people, frames, 17, 2))
    keypoint = keypoint.clip(1, 239).astype(np.float32)
    return PoseSequence(
        keypoint=keypoint, keypoint_score=random.uniform(0.5, 1, (people, frames, 17)).astype(np.float32),
        image_size=(240, 320), fps=fps, pts=np.arange(frames) / fps, frame_index=np.arange(frames),
        track_id=np.arange(1, people + 1),
        boxes=np.broadcast_to(np.array([1, 1, 239, 239], np.float32), (people, frames, 4)).copy(),
        box_score=np.ones((people, frames), np.float32), interpolated=np.zeros((people, frames), bool), name=name,
        label=label,
    )  # fmt: skip


def empty_clip(name="nobody", label=0, frames=20):
    """A clip in which nobody is seen."""
    full = clip(name, label, frames)
    return type(full)(
        **{field: getattr(full, field) for field in full.__dataclass_fields__}
        | {"keypoint": full.keypoint * 0, "keypoint_score": full.keypoint_score * 0, "box_score": full.box_score * 0}
    )
