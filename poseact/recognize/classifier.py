"""Poses of people, with the pictures behind them where a network wants them -> class probabilities. Reads no file.

An `Ensemble` of several classifiers is called in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from poseact.errors import InvalidPoses, ModelError, UsageError
from poseact.models import PoseConv3D
from poseact.recognize.answer import Answer, Judgement, answer, longest_window
from poseact.recognize.batches import view_logits
from poseact.recognize.inputs import (
    PICTURE_VIEWS_AT_ONCE,
    VIEWS_AT_ONCE,
    Stretch,
    check_joints,
    heatmap_views,
    network_inputs,
    streams,
)
from poseact.recognize.pictures import Shown
from poseact.recognize.result import UsedModel
from poseact.recognize.shares import shares
from poseact.recognize.strangeness import energy, strangeness
from poseact.recognize.thresholds import Thresholds
from poseact.skeleton import known_layouts
from poseact.types import Array, PoseSequence
from poseact.zoo import Card, Preprocessing, load_with_card

STREAMS = "streams (pictures and poses)"


class Classifier:
    """A PoseConv3D, an RGBPose-Conv3D, or a network of pictures alone, with its card.

    Args:
        network: the inputs of `network_inputs` -> (N, classes) logits, or one such tensor per stream; in eval mode on
            `device`.
        card: of the network.
        sha256: of its weight file.
        clips, flip: override the number of clips per window and the mirrored views of the card. A network that looks at
            pictures is not mirrored against its card: its published evaluation has no mirrored views.
        stream_weights: of the pictures and the poses in the answer of a network that has both, 1:1 by default as
            published; others have one stream, and nothing is weighted.
    Raises: ModelError for a card of something else; UsageError for weights that cannot work.
    """

    def __init__(
        self, network: torch.nn.Module, card: Card, sha256: str = "", *, device: str = "cpu", clips: int | None = None,
        flip: bool | None = None, stream_weights: Sequence[float] | None = None,
    ) -> None:  # fmt: skip
        if card.task != "classify" or card.preprocessing is None:
            raise ModelError(
                f"{card.name} is a network for {card.task!r}, not a classifier; see `poseact recognize --help`"
            )
        self.streams = streams(card)
        self.network = network.to(memory_format=torch.channels_last_3d)
        self.card = card
        self.sha256 = sha256
        self.device = device
        changes = {"num_clips": clips, "flip": None if flip and self.sees_pictures else flip}
        self.preprocessing = card.preprocessing.model_copy(
            update={name: value for name, value in changes.items() if value is not None}
        )
        weights = stream_weights if len(self.streams) > 1 else None
        self._shares = shares(weights, len(self.streams), "--stream-weights", STREAMS)
        if card.typical and len(card.typical) != len(self.streams):
            raise ModelError(
                f"{card.name}: its card has typical logits of {len(card.typical)} streams, and the network "
                f"{len(self.streams)}"
            )
        if card.layout in known_layouts():  # one of the user's own comes with the poses
            check_joints(card, self.streams)
        self.typical = torch.tensor(card.typical, dtype=torch.float64) if card.typical else None

    @classmethod
    def open(
        cls, name: str, *, device: str = "cpu", clips: int | None = None, flip: bool | None = None,
        stream_weights: Sequence[float] | None = None,
    ) -> Classifier:  # fmt: skip
        """Load a classifier by name, file or run folder. Raises: ModelError and its kinds, UsageError."""
        loaded = load_with_card(name, device=device)
        return cls(
            loaded.network, loaded.card, loaded.sha256, device=device, clips=clips, flip=flip,
            stream_weights=stream_weights,
        )  # fmt: skip

    @property
    def sees_pictures(self) -> bool:
        """Whether poses alone are not enough."""
        return "rgb" in self.streams

    @property
    def clip_len(self) -> int:
        """Frames of poses that a clip has."""
        return self.preprocessing.clip_len

    @property
    def seconds(self) -> float | None:
        """Length of a window, s; None: any."""
        return self.preprocessing.seconds

    @property
    def people(self) -> int | None:
        """How many people are drawn into one stack at most; None: any number."""
        return self.preprocessing.people

    @property
    def labels(self) -> tuple[str, ...]:
        return self.card.labels

    @property
    def layout(self) -> str:
        """The keypoint layout that it reads."""
        return self.card.layout

    @property
    def thresholds(self) -> Thresholds:
        """Those of the card; that of the strangeness is for equal stream weights only."""
        usual = all(share == self._shares[0] for share in self._shares)
        return Thresholds(self.card.unknown_below, self.card.unknown_above if usual else None)

    @property
    def models(self) -> tuple[UsedModel, ...]:
        """What answers: this one."""
        return (UsedModel(self.card.name, self.sha256, 1.0, self._shares if len(self.streams) > 1 else ()),)

    def __call__(self, poses: PoseSequence, people: Sequence[int], pictures: Shown | None = None) -> Answer:
        """Say what one person does, or what several do together.

        Args:
            people: their rows in `poses`.

        Raises: InvalidPoses when the layout is not the network's; InputError when it wants pictures and gets none;
        InvalidVideo and LimitExceeded when they cannot be had.
        """
        self._check_layout(poses)
        return answer(
            poses, people, seconds=self.seconds, labels=self.labels, thresholds=self.thresholds,
            judge=lambda frames: self.judge(Stretch(poses, people, frames, pictures)),
        )  # fmt: skip

    def heatmaps(self, poses: PoseSequence, people: Sequence[int]) -> Tensor:
        """The (views, C, T, size, size) stack of the people's longest window, as the network sees it.

        Raises: UsageError for a network of pictures alone; InvalidPoses.
        """
        return self.drawn(Stretch(poses, people, longest_window(poses, people, self.seconds)))

    def drawn(self, stretch: Stretch) -> Tensor:
        """The heatmaps of one stretch. Raises: as `heatmaps`."""
        self._check_layout(stretch.poses)
        if "pose" not in self.streams:
            raise UsageError(f"{self.card.name} looks at pictures only, so there are no heatmaps; use another --model")
        return torch.cat(list(heatmap_views(stretch, self.preprocessing)))

    def judge(self, stretch: Stretch) -> Judgement:
        """What people do together in one stretch, the mean over the card's views; memory does not grow with these.

        Raises: as a call; InvalidPoses when nobody is there.
        """
        return self.judged(self._distinct_views(stretch), self.card.temperature)

    def view_logits(self, stretches: Iterable[Stretch]) -> Iterator[Tensor]:
        """(streams, views, classes) float32 for each stretch: what the network says of its views, before any softmax.

        Views of neighbouring stretches are looked at together; memory grows neither with the number of views nor with
        that of stretches, which are taken one by one. Raises: as a call.
        """
        return self._logits(self._inputs(stretch, self.preprocessing) for stretch in stretches)

    def view_features(self, stretches: Iterable[Stretch]) -> Iterator[Tensor]:
        """(views, features) float32 for each stretch: what the last linear layer reads of its views.

        Memory as for `view_logits`. Raises: UsageError at the call for a network that looks at pictures; as a call.
        """
        if not isinstance(self.network, PoseConv3D) or self.streams != ("pose",):
            raise UsageError(
                f"{self.card.name} is a {self.card.architecture} that looks at pictures; embeddings are those of poses "
                f"alone, so choose a --model that reads poses only"
            )
        inputs = (self._inputs(stretch, self.preprocessing) for stretch in stretches)
        views = view_logits(self.network.embed, inputs, device=self.device, at_once=VIEWS_AT_ONCE)
        return (one[0] for one in views)

    @staticmethod
    def probabilities(logits: Tensor, temperature: float = 1.0) -> Array:
        """(streams, views, classes) logits -> (streams, classes) float32: softmax of each view, then their mean."""
        mean: Array = (logits / temperature).softmax(2).mean(1).numpy()
        return mean

    def judged(self, logits: Tensor, temperature: float = 1.0) -> Judgement:
        """(streams, views, classes) logits -> the answer: means over the views, then over the streams by weight."""
        strange = strangeness(logits, temperature, self.typical)
        return Judgement(
            self.fused(self.probabilities(logits, temperature)), self._over_all(energy(logits, temperature)),
            self._over_all(strange),
        )  # fmt: skip

    def _over_all(self, values: Tensor) -> float:
        """(streams, views) -> the mean over the views, then over the streams by weight."""
        return float(np.asarray(self._shares) @ values.mean(1).numpy())

    def fused(self, by_stream: Array) -> Array:
        """(streams, classes) -> (classes,): the mean of the streams, by their weights."""
        mean: Array = np.asarray(self._shares, np.float32) @ by_stream
        return mean

    def _distinct_views(self, stretch: Stretch) -> Tensor:
        """(streams, views, classes): as `view_logits`, but of clips that show the same frames only one."""
        settings = self.preprocessing
        frames = len(range(*stretch.frames.indices(stretch.poses.keypoint.shape[1])))
        if frames == settings.clip_len and settings.sampler != "even" and not self.sees_pictures:
            settings = settings.model_copy(update={"num_clips": 1})
        return next(self._logits([self._inputs(stretch, settings)]))

    def _logits(self, inputs: Iterable[Iterator[tuple[Tensor, ...]]]) -> Iterator[Tensor]:
        at_once = PICTURE_VIEWS_AT_ONCE if self.sees_pictures else VIEWS_AT_ONCE
        return view_logits(self._looked, inputs, device=self.device, at_once=at_once)

    def _looked(self, *views: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What the network says. Raises: ModelError where it cannot look at clips as its card has them."""
        try:
            answers: Tensor | tuple[Tensor, ...] = self.network(*views)
        except ValueError as error:
            raise ModelError(f"{self.card.name} cannot look at clips as its card has them: {error}") from error
        return answers

    def _inputs(self, stretch: Stretch, settings: Preprocessing) -> Iterator[tuple[Tensor, ...]]:
        self._check_layout(stretch.poses)
        return network_inputs(stretch, settings, self.streams)

    def _check_layout(self, poses: PoseSequence) -> None:
        if poses.layout != self.card.layout:
            raise InvalidPoses(
                f"{poses.name}: poses are {poses.layout}, but {self.card.name} reads {self.card.layout}; "
                f"`poseact convert --to-layout {self.card.layout}` brings them there"
            )
        check_joints(self.card, self.streams)
