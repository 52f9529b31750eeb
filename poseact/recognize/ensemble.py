"""Several classifiers that answer as one: the weighted mean of their probabilities, late fusion. Feeds no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

import numpy as np
from torch import Tensor

from poseact.errors import UsageError
from poseact.recognize.answer import Answer, Judgement, answer, longest_window
from poseact.recognize.classifier import Classifier
from poseact.recognize.inputs import Stretch
from poseact.recognize.pictures import Shown
from poseact.recognize.result import UsedModel
from poseact.recognize.shares import shares
from poseact.recognize.thresholds import Thresholds
from poseact.types import Array, PoseSequence
from poseact.zoo import Preprocessing


class Ensemble:
    """Classifiers of the same classes, called like one `Classifier`.

    Each averages the softmax over its own views; the answer is the weighted mean of these. SlowOnly on joints with
    SlowOnly on limbs, 1:1, is the two-stream result of the paper.

    All classifiers look at the same windows, so that each segment is one stretch of time: the shortest that one of them
    asks for, because a network that was trained on short clips does not know long ones, while a network without windows
    takes clips of any length. The thresholds beyond which nothing is named are the weighted means of theirs; there is
    one for the strangeness only where all have one.

    Args:
        classifiers: at least one. weights: one per classifier, None for equal ones; 0 leaves one out.
    Raises: UsageError for weights that cannot work, and for models of other classes or another keypoint layout.
    """

    def __init__(self, classifiers: Sequence[Classifier], weights: Sequence[float] | None = None) -> None:
        self._shares = shares(weights, len(classifiers), "--weights", "models")
        for other in classifiers[1:]:
            _check_alike(classifiers[0], other)
        self.classifiers = tuple(classifiers)
        self.labels = classifiers[0].labels
        self.layout = classifiers[0].layout
        self.device = classifiers[0].device
        asked = [one.preprocessing.seconds for _, one in self._weighted() if one.preprocessing.seconds is not None]
        self.seconds = min(asked, default=None)

    @property
    def clip_len(self) -> int:
        """Frames of poses in the longest clip that one of the classifiers takes."""
        return max(one.clip_len for _, one in self._weighted())

    @property
    def people(self) -> int | None:
        """How many people each of them was trained to see in one stack; None: any number."""
        return min((one.people for _, one in self._weighted() if one.people is not None), default=None)

    @property
    def sees_pictures(self) -> bool:
        """Whether one of the classifiers needs more than poses."""
        return any(one.sees_pictures for _, one in self._weighted())

    @property
    def thresholds(self) -> Thresholds:
        """The weighted means of theirs; none of the strangeness where one has none."""
        of_each = [(share, one.thresholds) for share, one in self._weighted()]
        above = [share * one.above for share, one in of_each if one.above is not None]
        below = sum(share * one.below for share, one in of_each)
        return Thresholds(below, sum(above) if len(above) == len(of_each) else None)

    @property
    def models(self) -> tuple[UsedModel, ...]:
        """What answers, in the order given, with the share of each."""
        return tuple(
            replace(one.models[0], weight=share) for share, one in zip(self._shares, self.classifiers, strict=True)
        )

    @property
    def preprocessing(self) -> Preprocessing:
        """Of the classifier that `heatmaps` shows: the first that sees poses."""
        return self._drawing().preprocessing

    def __call__(self, poses: PoseSequence, people: Sequence[int], pictures: Shown | None = None) -> Answer:
        """Say what one person does, or what several do together. Args and raises: as for `Classifier`."""
        return answer(
            poses, people, seconds=self.seconds, labels=self.labels, thresholds=self.thresholds,
            judge=lambda frames: self.judge(Stretch(poses, people, frames, pictures)),
        )  # fmt: skip

    def heatmaps(self, poses: PoseSequence, people: Sequence[int]) -> Tensor:
        """What the first classifier that sees poses sees of the people's longest window. Raises: as `Classifier`."""
        return self._drawing().drawn(Stretch(poses, people, longest_window(poses, people, self.seconds)))

    def judge(self, stretch: Stretch) -> Judgement:
        """The weighted means of what each says. Raises: as `Classifier.judge`."""
        judged = [(share, one.judge(stretch)) for share, one in self._weighted()]
        mean: Array = np.sum([share * one.probability for share, one in judged], axis=0)
        energy = sum(share * one.energy for share, one in judged)
        return Judgement(mean, energy, sum(share * one.strangeness for share, one in judged))

    def _weighted(self) -> list[tuple[float, Classifier]]:
        return [(share, one) for share, one in zip(self._shares, self.classifiers, strict=True) if share > 0]

    def _drawing(self) -> Classifier:
        asked = [one for _, one in self._weighted()]
        return next((one for one in asked if "pose" in one.streams), asked[0])


def open_models(
    names: Sequence[str], weights: Sequence[float] | None = None, *, device: str = "cpu", clips: int | None = None,
    flip: bool | None = None, stream_weights: Sequence[float] | None = None,
) -> Classifier | Ensemble:  # fmt: skip
    """Load one classifier, or several as one.

    Args:
        names: embedded names, files or run folders. weights: one per name, None for equal ones.
        clips, flip, stream_weights: as for `Classifier`.
    Raises: ModelError and its kinds; UsageError for weights that cannot work or models that do not go together.
    """
    shares(weights, len(names), "--weights", "models")  # before anything is loaded
    opened = [
        Classifier.open(name, device=device, clips=clips, flip=flip, stream_weights=stream_weights) for name in names
    ]
    if stream_weights is not None and not any(len(one.streams) > 1 for one in opened):
        raise UsageError(
            f"--stream-weights is for models of pictures and poses, and {opened[0].card.name} has one stream; "
            f"leave it out, or use --weights for several models"
        )
    return opened[0] if len(opened) == 1 else Ensemble(opened, weights)


def _check_alike(first: Classifier, other: Classifier) -> None:
    names = f"{first.card.name} and {other.card.name} cannot be fused"
    if first.card.layout != other.card.layout:
        raise UsageError(f"{names}: one reads {first.card.layout} poses, the other {other.card.layout}")
    for number, (one, two) in enumerate(zip_longest(first.labels, other.labels)):
        if one != two:
            raise UsageError(
                f"{names}: class {number} is {_quoted(one)} in the first and {_quoted(two)} in the second; "
                f"take models of one data set"
            )


def _quoted(label: str | None) -> str:
    return "missing" if label is None else repr(label)
