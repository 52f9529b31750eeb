"""A run's temperature and thresholds fitted anew to clips with known labels, and written into its model card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from poseact.errors import InvalidPoses, UsageError
from poseact.evaluate.clips import with_model_labels
from poseact.evaluate.protocol import Progress, Videos, seen, view_logits
from poseact.recognize import Classifier
from poseact.train import Calibration, calibrate
from poseact.train.calibration import answers
from poseact.train.heads import head_shares
from poseact.train.metrics import Reliability, reliability
from poseact.types import PoseSequence
from poseact.zoo import Card
from poseact.zoo.inventory import models_folder
from poseact.zoo.load import find
from poseact.zoo.manifest import weights_folder


@dataclass(frozen=True)
class Recalibration:
    """What was found and changed.

    Attributes:
        before: the card as it was, and `reliability_before` what it said of the clips. after: the card as it is now.
        found: on the clips. clips: how many. nobody: of them without a person, which say nothing.
    """

    before: Card
    after: Card
    reliability_before: Reliability
    found: Calibration
    clips: int
    nobody: int


def own_card(name: str) -> Path:
    """The card of a run or weight file of the user's. Raises: UsageError for a model that others use too."""
    path = find(name)
    if path.parent.resolve() in (weights_folder().resolve(), models_folder().resolve()):
        raise UsageError(
            f"--calibrate writes into the model card, and {name!r} is no run of yours; copy {path.name} and its card "
            f"into a folder and name the copy"
        )
    return path.with_suffix(".json")


def recalibrate(
    classifier: Classifier, clips: Sequence[PoseSequence], classes: Sequence[str] = (), *, about: dict[str, object],
    progress: Progress | None = None, videos: Videos | None = None,
) -> Recalibration:  # fmt: skip
    """Fit temperature and thresholds of a classifier to clips that it was not trained on; writes nothing.

    Args:
        classes: names of the clips' labels; empty when the data set does not tell.
        about: JSON values that tell people which clips they are.
        progress: called with (clips done, clips). videos: of all clips, for a classifier that looks at pictures.
    Raises: InvalidPoses for labels that are not the model's, or when nobody is seen or no clip named right; InputError
        without the pictures.
    """
    labelled = with_model_labels(clips, classes, classifier.labels)
    people, seconds = classifier.preprocessing.people, classifier.preprocessing.seconds
    shown = [clip for clip in labelled if seen(clip, people)]
    if not shown:
        raise InvalidPoses("nobody is seen in any of the clips, so there is nothing to calibrate on")
    label = torch.tensor([clip.label for clip in shown])
    logits = list(view_logits(classifier, shown, seconds=seconds, progress=progress, videos=videos))
    card, streams = classifier.card, head_shares(len(classifier.streams))
    found = calibrate(logits, label, streams, classifier.typical)
    if not found.top1:
        raise InvalidPoses(
            f"none of the {len(shown)} clips is named right, so nothing can be calibrated on them; are they labelled "
            "right?"
        )
    old = reliability(answers(logits, card.temperature, streams).numpy(), label.numpy())
    note = {"clips": len(shown), **about, **found.figures}
    after = card.model_copy(update={**found.card, "training": {**card.training, "calibration": note}})
    return Recalibration(card, after, old, found, len(labelled), len(labelled) - len(shown))
