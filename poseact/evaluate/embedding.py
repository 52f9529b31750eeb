"""Clips -> what the last layer of a classifier reads of them, as vectors for search, clustering and other learners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import torch

from poseact.evaluate.protocol import Progress, stretches
from poseact.recognize import Classifier
from poseact.types import Array, PoseSequence


def view_counts(classifier: Classifier, clips: Sequence[PoseSequence]) -> list[int]:
    """How many vectors `embeddings` gives of each clip: the card's views of each of its windows."""
    inputs = classifier.preprocessing
    views = inputs.num_clips * (1 + inputs.flip)
    return [views * len(stretches(clip, inputs.people, inputs.seconds)) for clip in clips]


def embeddings(
    classifier: Classifier, clips: Sequence[PoseSequence], *, progress: Progress | None = None
) -> Iterator[Array]:
    """(views, features) float32 of each clip: the mean of the last feature maps over time and space, view by view.

    The views are those of `evaluate`: clips and their mirror images, of each window where the card says `seconds`.
    Memory does not grow with the number of clips.

    Args:
        clips: in all of which somebody is seen. progress: called with (clips done, clips).
    Raises: UsageError for a network that looks at pictures; InvalidPoses for another keypoint layout.
    """
    inputs = classifier.preprocessing
    parts = [stretches(clip, inputs.people, inputs.seconds) for clip in clips]
    features = classifier.view_features(stretch for part in parts for stretch in part)
    for done, part in enumerate(parts, 1):
        vectors: Array = torch.cat(list(islice(features, len(part)))).numpy()
        yield vectors
        if progress:
            progress(done, len(parts))
