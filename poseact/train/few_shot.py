"""A classifier from a few examples per class: a new head on the embeddings of a trained backbone, left as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from poseact import __version__
from poseact.errors import UsageError
from poseact.models import PoseConv3D
from poseact.poses import PoseDataset
from poseact.train.batches import view_outputs
from poseact.train.calibration import TYPICAL_CLASSES, answers, as_rows, calibrate, typical_logits
from poseact.train.checks import check, oddities
from poseact.train.clips import Clips, stack
from poseact.train.duration import with_measured_seconds
from poseact.train.hold_out import folds
from poseact.train.metrics import measure
from poseact.train.run import Run, fingerprint
from poseact.train.run_folder import claimed
from poseact.types import PoseSequence
from poseact.zoo import Card, load_with_card, save

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
    loaded = load_with_card(start, device=device)
    network, preprocessing = loaded.network, loaded.card.preprocessing
    if not isinstance(network, PoseConv3D) or preprocessing is None:
        raise UsageError(f"{start} is a {loaded.card.architecture}; few examples need a PoseConv3D to build on")
    if preprocessing.rgb is not None:
        raise UsageError(f"{start} looks at pictures; few examples need a model of poses alone to build on")

    parts = [train_splits, validation_splits] if validation_splits else [train_splits]
    sequences = [dataset.clips(splits) for splits in parts]

    def parted(part: Sequence[PoseSequence], seconds: float | None = None) -> Clips:
        clips = stack(part, dataset.classes, preprocessing, seconds)
        if clips.layout != loaded.card.layout:
            raise UsageError(f"the poses are {clips.layout}, but {start} reads {loaded.card.layout}")
        return clips

    inputs = preprocessing
    if preprocessing.seconds is not None:
        inputs = with_measured_seconds(preprocessing, sequences[0])
    clips = parted(sequences[0])
    validation = parted(sequences[1], inputs.seconds) if validation_splits else None
    check(clips, validation)
    card = Card(
        name=name, task="classify", architecture=loaded.card.architecture,
        config={**loaded.card.config, "num_classes": len(dataset.classes)}, labels=dataset.classes,
        layout=loaded.card.layout, preprocessing=inputs, licence=licence or loaded.card.licence, poseact=__version__,
    )  # fmt: skip
    document = {
        "few_shot": {"backbone": loaded.sha256}, "train": list(train_splits), "validation": list(validation_splits),
        "name": name, "data": fingerprint(clips, validation),
    }  # fmt: skip
    with claimed(out, document):
        for line in oddities(clips, validation, [one for part in sequences for one in part]):
            if on_warning:
                on_warning(line)
        embedded = partial(view_outputs, network.embed, settings=preprocessing, device=torch.device(device))
        learnt = embedded(clips)
        features = torch.cat(learnt)
        weight, bias = fit_head(features, clips.label, len(dataset.classes))
        # as recognition sees the clips
        windows = learnt if inputs.seconds is None else embedded(parted(sequences[0], inputs.seconds))
        typical = None
        if len(dataset.classes) <= TYPICAL_CLASSES:
            typical = typical_logits([one @ weight.T + bias for one in windows], clips.label)
        logits, judged = None, validation
        if validation is not None:
            logits = [one @ weight.T + bias for one in embedded(validation)]
        elif part := folds(sequences[0], clips.names, FOLDS):
            logits, judged = cross_validated(features, windows, clips.label, part, len(dataset.classes)), clips
        found, final = None, None
        if logits is not None and judged is not None:
            found = calibrate(logits, judged.label, typical=typical)
            final = measure(answers(logits, 1.0).numpy(), judged.label.numpy())
        backbone = {"backbone": loaded.card.name, "sha256": loaded.sha256}
        figures = found.figures if found else {}
        card = card.model_copy(update={
            **(found.card if found else {}), "typical": as_rows(typical), "training": {
                "clips": len(clips), "validation_clips": len(logits) if logits else 0, "few_shot": backbone,
                **({"cross_validated": True} if logits and validation is None else {}),
                **figures, "train_splits": list(train_splits), "validation_splits": list(validation_splits),
                "data": document["data"],
            },
        })  # fmt: skip
        tensors = {**network.state_dict(), "cls_head.fc_cls.weight": weight, "cls_head.fc_cls.bias": bias}
        return Run(save(out, tensors, card, half=True), card, final, found)


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
    return [one @ heads[number][0].T + heads[number][1] for one, number in zip(windows, part, strict=True)]


def fit_head(features: Tensor, label: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Weight (classes, D) and bias (classes,) of the logistic regression on standardised embeddings.

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
    return scaled.float(), (bias - scaled @ mean).detach().float()
