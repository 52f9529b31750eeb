"""Poses of one person -> class probabilities: windows, views, network, averaging. Knows nothing of videos or files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from poseact.errors import InvalidPoses, ModelError
from poseact.heatmap import evaluation_views
from poseact.poses.joints import without_weak_joints
from poseact.recognize.result import named
from poseact.recognize.windows import windows
from poseact.types import Array, PoseSequence, Prediction, Segment
from poseact.zoo import Card, load_with_card

VIEWS_AT_ONCE = 8


@dataclass(frozen=True)
class Answer:
    """What one person does.

    Attributes:
        predictions: every class, most probable first; the mean over the windows.
        segments: the most probable class of each window.
    """

    predictions: tuple[Prediction, ...]
    segments: tuple[Segment, ...]


class Classifier:
    """A PoseConv3D with its card.

    Args:
        network: (N, K, T, H, W) heatmaps -> (N, classes) logits, in eval mode on `device`.
        card: of the network.
        sha256: of its weight file.
        clips, flip: override the number of clips per window and the mirrored views of the card.
    """

    def __init__(
        self, network: torch.nn.Module, card: Card, sha256: str = "", *, device: str = "cpu", clips: int | None = None,
        flip: bool | None = None,
    ) -> None:  # fmt: skip
        if card.task != "classify" or card.preprocessing is None:
            raise ModelError(
                f"{card.name} is a network for {card.task!r}, not a classifier; see `poseact recognize --help`"
            )
        self.network = network.to(memory_format=torch.channels_last_3d)
        self.card = card
        self.sha256 = sha256
        self.device = device
        changes = {"num_clips": clips, "flip": flip}
        self.preprocessing = card.preprocessing.model_copy(
            update={name: value for name, value in changes.items() if value is not None}
        )

    @classmethod
    def open(cls, name: str, *, device: str = "cpu", clips: int | None = None, flip: bool | None = None) -> Classifier:
        """Load a classifier by name, file or run folder. Raises: ModelError and its kinds."""
        loaded = load_with_card(name, device=device)
        return cls(loaded.network, loaded.card, loaded.sha256, device=device, clips=clips, flip=flip)

    def __call__(self, poses: PoseSequence, person: int) -> Answer:
        """Classify one person, a row of `poses`. Raises: InvalidPoses when the layout is not the network's."""
        if poses.layout != self.card.layout:
            raise InvalidPoses(f"{poses.name}: poses are {poses.layout}, but {self.card.name} reads {self.card.layout}")
        present = poses.box_score[person] > 0
        parts = windows(poses.pts, present, self.preprocessing.seconds)
        if not parts:
            return Answer((), ())
        probability = np.stack([self._window(poses, person, slice(part.first, part.last + 1)) for part in parts])
        segments = tuple(
            Segment(
                start=float(poses.pts[part.first]), end=float(poses.pts[part.last]),
                first_frame=int(poses.frame_index[part.first]), last_frame=int(poses.frame_index[part.last]),
                person=int(poses.track_id[person]), probability=float(row.max()),
                label=named(self._ranked(row), self.card.unknown_below, int(present[part.first : part.last + 1].sum())),
            )
            for part, row in zip(parts, probability, strict=True)
        )  # fmt: skip
        return Answer(self._ranked(probability.mean(0)), segments)

    def heatmaps(self, poses: PoseSequence, person: int) -> Tensor:
        """The (views, K, T, size, size) stack of the person's longest window, as the network sees it."""
        parts = windows(poses.pts, poses.box_score[person] > 0, self.preprocessing.seconds)
        if not parts:
            raise InvalidPoses(
                f"{poses.name}: person {poses.track_id[person]} is never seen, so there is nothing to draw"
            )
        longest = max(parts, key=lambda part: part.last - part.first)
        return self._views(poses, person, slice(longest.first, longest.last + 1))

    def _views(self, poses: PoseSequence, person: int, frames: slice) -> Tensor:
        settings = self.preprocessing
        xy, score = without_weak_joints(
            poses.keypoint[person : person + 1, frames],
            poses.keypoint_score[person : person + 1, frames],
            settings.min_score,
        )
        return evaluation_views(
            xy, score, poses.image_size, clip_len=settings.clip_len, num_clips=settings.num_clips, size=settings.size,
            sigma=settings.sigma, kind=settings.kind, flip=settings.flip, sampler=settings.sampler,
        )  # fmt: skip

    @torch.inference_mode()
    def _window(self, poses: PoseSequence, person: int, frames: slice) -> Array:
        views = self._views(poses, person, frames)
        logits = torch.cat([self.network(part.to(self.device)).cpu() for part in views.split(VIEWS_AT_ONCE)])
        mean: Array = (logits.float() / self.card.temperature).softmax(1).mean(0).numpy()
        return mean

    def _ranked(self, probability: Array) -> tuple[Prediction, ...]:
        order = np.argsort(-probability, kind="stable")
        return tuple(Prediction(self.card.labels[index], float(probability[index])) for index in order)
