"""Poses of one person -> class probabilities: windows, views, network, averaging. Knows nothing of videos or files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from poseact.errors import InvalidPoses, ModelError
from poseact.heatmap import iter_evaluation_views
from poseact.poses.joints import without_weak_joints
from poseact.recognize.result import named
from poseact.recognize.windows import windows
from poseact.skeleton import layout
from poseact.types import Array, PoseSequence, Prediction, Segment
from poseact.zoo import Card, load_with_card

VIEWS_AT_ONCE = 8
EVERYTHING = slice(None)


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
        self._check_layout(poses)
        present = poses.box_score[person] > 0
        parts = windows(poses.pts, present, self.preprocessing.seconds)
        if not parts:
            return Answer((), ())
        probability = np.stack([self.probability(poses, [person], slice(part.first, part.last + 1)) for part in parts])
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
        return torch.cat(list(self._views(poses, [person], slice(longest.first, longest.last + 1))))

    def probability(self, poses: PoseSequence, rows: Sequence[int] | None = None, frames: slice = EVERYTHING) -> Array:
        """(classes,) float32: what people do together in one stretch of a sequence, the mean over the card's views.

        Args:
            rows: of the people who are drawn into one stack; None: as many of the first ones as the card says.
            frames: the stretch. Memory does not grow with the number of views.
        Raises: InvalidPoses when the layout is not the network's, or nobody is there.
        """
        self._check_layout(poses)
        total, views = torch.zeros(len(self.card.labels)), 0
        with torch.inference_mode():
            for part in self._views(poses, rows, frames):
                logits = self.network(part.to(self.device)).float().cpu()
                total = total + (logits / self.card.temperature).softmax(1).sum(0)
                views += len(part)
        mean: Array = (total / views).numpy()
        return mean

    def _views(self, poses: PoseSequence, rows: Sequence[int] | None, frames: slice) -> Iterator[Tensor]:
        settings = self.preprocessing
        people = slice(settings.people) if rows is None else list(rows)
        xy, score = without_weak_joints(
            poses.keypoint[people, frames], poses.keypoint_score[people, frames], settings.min_score
        )
        return iter_evaluation_views(
            xy, score, poses.image_size, clip_len=settings.clip_len, num_clips=settings.num_clips, size=settings.size,
            sigma=settings.sigma, kind=settings.kind, flip=settings.flip, sampler=settings.sampler,
            layout=layout(poses.layout), chunk=VIEWS_AT_ONCE,
        )  # fmt: skip

    def _check_layout(self, poses: PoseSequence) -> None:
        if poses.layout != self.card.layout:
            raise InvalidPoses(f"{poses.name}: poses are {poses.layout}, but {self.card.name} reads {self.card.layout}")

    def _ranked(self, probability: Array) -> tuple[Prediction, ...]:
        order = np.argsort(-probability, kind="stable")
        return tuple(Prediction(self.card.labels[index], float(probability[index])) for index in order)
