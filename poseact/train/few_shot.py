"""A classifier from a few examples per class: a new head on the embeddings of a trained backbone, left as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from poseact import __version__
from poseact.errors import UsageError
from poseact.models import PoseConv3D
from poseact.poses import PoseDataset
from poseact.recognize.inputs import check_joints
from poseact.skeleton import own_keypoints
from poseact.train.batches import view_outputs
from poseact.train.calibration import TYPICAL_CLASSES, answers, calibrate, typical_logits
from poseact.train.checks import check, oddities
from poseact.train.clips import Clips, stack
from poseact.train.duration import with_measured_seconds
from poseact.train.hold_out import folds
from poseact.train.metrics import measure
from poseact.train.run import Run, fingerprint, finished
from poseact.train.run_folder import claimed
from poseact.types import PoseSequence
from poseact.zoo import Card, Preprocessing, load_with_card, save

DECAY = 1e-2  # of the squared weights, per example
STEPS = 200
FOLDS = 5


def few_shot(
    dataset: PoseDataset,
    start: str,
    out: Path,
    *,
    name: str,
    train_splits: Sequence[str] = (),
    validation_splits: Sequence[str] = (),
    device: str = "cpu",
    licence: str = "",
    on_warning: Callable[[str], None] | None = None,
) -> Run:
    """Fit a head for the classes of a data set and write the whole model to `out`, as `train` does.

    Without validation clips the figures and the calibration are those of heads that each did not learn from a part of
    the clips (cross-validation), where every class has clips of two videos at least.

    Args:
        start: the model whose backbone embeds the clips.
        licence: of the new model; that of `start` when it is not told.
        on_warning: called first with each oddity of the data.
    Raises: UsageError when `start` is no PoseConv3D or `out` holds another run, InvalidPoses, ModelError, OutputError.
    """
    backbone = _backbone(start, device)
    parts = [train_splits, validation_splits] if validation_splits else [train_splits]
    sequences = [dataset.clips(splits) for splits in parts]
    examples = _examples(sequences, dataset.classes, backbone)
    check(examples.clips, examples.validation)
    about = {
        "train_splits": list(train_splits), "validation_splits": list(validation_splits),
        "data": fingerprint(examples.clips, examples.validation),
    }  # fmt: skip
    card = Card(
        name=name, task="classify", architecture=backbone.card.architecture,
        config={**backbone.card.config, "num_classes": len(dataset.classes)}, labels=dataset.classes,
        layout=backbone.card.layout, keypoints=own_keypoints(backbone.card.layout),
        preprocessing=examples.preprocessing, licence=licence or backbone.card.licence,
        poseact=__version__,
    )  # fmt: skip
    document = {
        "few_shot": {"backbone": backbone.sha256}, "train": about["train_splits"],
        "validation": about["validation_splits"], "name": name, "data": about["data"],
    }  # fmt: skip
    with claimed(out, document):
        for line in oddities(examples.clips, examples.validation, [one for part in sequences for one in part]):
            if on_warning:
                on_warning(line)
        judged = _judged(examples, backbone, folds(sequences[0], examples.clips.names, FOLDS), device)
        found, final = None, None
        if judged.label is not None:
            found = calibrate(judged.logits, judged.label, typical=judged.typical)
            final = measure(answers(judged.logits, 1.0).numpy(), judged.label.numpy())
        held_out = examples.validation is None and judged.label is not None
        card = finished(
            card, found, judged.typical, clips=len(examples.clips), validation_clips=len(judged.logits),
            few_shot={"backbone": backbone.card.name, "sha256": backbone.sha256},
            **({"cross_validated": True} if held_out else {}), **about,
        )  # fmt: skip
        tensors = {
            **backbone.network.state_dict(), "cls_head.fc_cls.weight": judged.head.weight,
            "cls_head.fc_cls.bias": judged.head.bias,
        }  # fmt: skip
        return Run(save(out, tensors, card, half=True), card, final, found)


class Head(NamedTuple):
    """A last layer: weight (classes, features) and bias (classes,)."""

    weight: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """(..., features) -> (..., classes) logits."""
        return features @ self.weight.T + self.bias


class _Backbone(NamedTuple):
    """The network that embeds the clips, with what its card says."""

    network: PoseConv3D
    card: Card
    preprocessing: Preprocessing
    sha256: str


def _backbone(start: str, device: str) -> _Backbone:
    """Raises: UsageError for a network that cannot embed poses; ModelError."""
    loaded = load_with_card(start, device=device)
    network, preprocessing = loaded.network, loaded.card.preprocessing
    if not isinstance(network, PoseConv3D) or preprocessing is None:
        raise UsageError(f"{start} is a {loaded.card.architecture}; few examples need a PoseConv3D to build on")
    if preprocessing.rgb is not None:
        raise UsageError(f"{start} looks at pictures; few examples need a model of poses alone to build on")
    return _Backbone(network, loaded.card, preprocessing, loaded.sha256)


class _Examples(NamedTuple):
    """What a head is fitted to and judged on.

    Attributes:
        clips: to learn from. windows: the same as recognition cuts them.
        validation: other clips to judge by, if there are any, cut likewise.
        preprocessing: of the new model.
    """

    clips: Clips
    windows: Clips
    validation: Clips | None
    preprocessing: Preprocessing


def _examples(sequences: Sequence[Sequence[PoseSequence]], classes: Sequence[str], backbone: _Backbone) -> _Examples:
    """Args: sequences to learn from and, if there are any, to judge by. Raises: UsageError, InvalidPoses."""
    inputs = backbone.preprocessing
    if inputs.seconds is not None:
        inputs = with_measured_seconds(inputs, sequences[0])

    def parted(part: Sequence[PoseSequence], seconds: float | None) -> Clips:
        clips = stack(part, classes, backbone.preprocessing, seconds)
        if clips.layout != backbone.card.layout:
            raise UsageError(f"the poses are {clips.layout}, but {backbone.card.name} reads {backbone.card.layout}")
        check_joints(backbone.card, ("pose",))
        return clips

    clips = parted(sequences[0], None)
    windows = clips if inputs.seconds is None else parted(sequences[0], inputs.seconds)
    validation = parted(sequences[1], inputs.seconds) if len(sequences) > 1 else None
    return _Examples(clips, windows, validation, inputs)


class _Judged(NamedTuple):
    """A fitted head, and what is said of clips that it was not fitted to.

    Attributes:
        typical: see `typical_logits`; None for too many classes.
        logits: N times (1, views, classes); none without such clips, and then there are no labels.
        label: (N,).
    """

    head: Head
    typical: Tensor | None
    logits: list[Tensor]
    label: Tensor | None


def _judged(examples: _Examples, backbone: _Backbone, part: Sequence[int], device: str) -> _Judged:
    """Fit and judge; `part` is that of each clip in a cross-validation, empty where none is possible."""
    settings, label = backbone.preprocessing, examples.clips.label
    embedded = partial(view_outputs, backbone.network.embed, settings=settings, device=torch.device(device))
    learnt = embedded(examples.clips)
    windows = learnt if examples.windows is examples.clips else embedded(examples.windows)
    features, classes = torch.cat(learnt), len(examples.clips.classes)
    head = fit_head(features, label, classes)
    typical = typical_logits([head(one) for one in windows], label) if classes <= TYPICAL_CLASSES else None
    if examples.validation is not None:
        logits = [head(one) for one in embedded(examples.validation)]
        return _Judged(head, typical, logits, examples.validation.label)
    if part:
        return _Judged(head, typical, cross_validated(features, windows, label, part, classes), label)
    return _Judged(head, typical, [], None)


def cross_validated(
    features: Tensor, windows: Sequence[Tensor], label: Tensor, part: Sequence[int], classes: int
) -> list[Tensor]:
    """N times (1, views, classes): of each clip, the logits of a head that was fitted to the clips of the other parts.

    Args:
        features: (N, views, D), what heads are fitted to. windows: N times (1, views, D), what they are asked.
        label: (N,). part: N numbers.
    """
    parts = torch.tensor(part)
    heads = {number: fit_head(features[parts != number], label[parts != number], classes) for number in set(part)}
    return [heads[number](one) for one, number in zip(windows, part, strict=True)]


def fit_head(features: Tensor, label: Tensor, classes: int) -> Head:
    """The logistic regression on standardised embeddings.

    Args:
        features: (N, views, D); every view counts as an example.
        label: (N,).
    """
    views, width = features.shape[1:]
    examples, target = features.reshape(-1, width).double(), label.repeat_interleave(views)
    mean, deviation = examples.mean(0), examples.std(0).clamp(min=1e-6)
    standard = (examples - mean) / deviation
    weight = torch.zeros(classes, width, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(standard @ weight.T + bias, target) + DECAY * weight.square().sum() / 2
        value.backward()
        return value

    optimizer.step(loss)
    scaled = (weight / deviation).detach()
    return Head(scaled.float(), (bias - scaled @ mean).detach().float())
