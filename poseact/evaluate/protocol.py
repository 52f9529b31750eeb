"""The published evaluation of a classifier: every view of every clip, softmax, mean. Knows nothing of files.

Source: PoseConv3D, section 4.1: 10 clips sampled uniformly, each also mirrored; the probabilities of the views are
averaged. Networks that were trained on clips of a known length, whose cards say `seconds`, see longer clips window by
window, as recognition does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from poseact.errors import InvalidPoses
from poseact.evaluate.scores import Scores
from poseact.recognize import Classifier, Stretch
from poseact.recognize.pictures import Shown
from poseact.recognize.windows import windows
from poseact.types import Array, PoseSequence

Progress = Callable[[int, int | None], None]
Videos = Mapping[str, Shown]
"""{clip name: the pictures behind its poses}."""


def seen(clip: PoseSequence, people: int | None) -> bool:
    """Whether there is anything to look at: a joint of one of the first `people`, or of anybody for None."""
    return bool((clip.keypoint_score[:people] > 0).any())


def stretches(
    clip: PoseSequence, people: int | None, seconds: float | None, pictures: Shown | None = None
) -> list[Stretch]:
    """What a network looks at in one clip: the whole of it, as published, or windows of about `seconds`."""
    if seconds is None:
        return [Stretch(clip, pictures=pictures)]
    present: Array = np.asarray((clip.box_score[:people] > 0).any(0))
    parts = windows(clip.pts, present, seconds) if present.any() else []
    shown = [Stretch(clip, frames=slice(part.first, part.last + 1), pictures=pictures) for part in parts]
    return shown or [Stretch(clip, pictures=pictures)]


def view_logits(
    classifier: Classifier, clips: Sequence[PoseSequence], *, seconds: float | None, progress: Progress | None = None,
    videos: Videos | None = None,
) -> Iterator[Tensor]:  # fmt: skip
    """(streams, views, classes) logits of each clip, those of all its windows one after the other.

    Args:
        clips: in all of which somebody is seen. seconds: length of the windows; None: whole clips.
        progress: called with (clips done, clips).
        videos: for networks that look at pictures.
    Raises: as a call of the classifier.
    """
    people = classifier.preprocessing.people
    behind = videos if videos is not None and classifier.sees_pictures else {}
    parts = [stretches(clip, people, seconds, behind.get(clip.name)) for clip in clips]
    logits = classifier.view_logits(stretch for part in parts for stretch in part)
    for done, part in enumerate(parts, 1):
        yield torch.cat(list(islice(logits, len(part))), 1)
        if progress:
            progress(done, len(parts))


def scores_of(
    classifier: Classifier, clips: Sequence[PoseSequence], *, seconds: float | None, progress: Progress | None = None,
    videos: Videos | None = None,
) -> Scores:  # fmt: skip
    """The probabilities of clips by one classifier. Args and raises: as above; InvalidPoses for no clips."""
    if not clips:
        raise InvalidPoses("nobody is seen in any of the clips, so there is nothing to evaluate")
    judged, untempered = [], []
    for logits in view_logits(classifier, clips, seconds=seconds, progress=progress, videos=videos):
        judged.append(classifier.judged(logits, classifier.card.temperature))
        untempered.append(classifier.fused(classifier.probabilities(logits)))
    return Scores(
        classifier.card.name, np.stack([one.probability for one in judged]),
        np.array([clip.label for clip in clips], np.int64), tuple(clip.name for clip in clips),
        np.array([one.energy for one in judged]), np.stack(untempered),
        np.array([one.strangeness for one in judged]),
    )  # fmt: skip
