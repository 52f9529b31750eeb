"""Window by window probabilities of one person, or of people together -> one answer. Runs no network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from poseact.errors import InvalidPoses
from poseact.recognize.result import named
from poseact.recognize.thresholds import Thresholds
from poseact.recognize.windows import windows
from poseact.types import Array, PoseSequence, Prediction, Segment


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a network says of one stretch.

    Attributes:
        probability: (classes,) float32.
        energy, strangeness: means over the views; see `poseact.recognize.strangeness`.
    """

    probability: Array
    energy: float
    strangeness: float


@dataclass(frozen=True)
class Answer:
    """What one person does, or what people do together.

    Attributes:
        predictions: every class, most probable first; the mean over the windows.
        segments: the most probable class of each window.
        frames: in which the people are seen, in the window that has most of them.
        energy, strangeness: means over the windows; None without any.
    """

    predictions: tuple[Prediction, ...]
    segments: tuple[Segment, ...]
    frames: int = 0
    energy: float | None = None
    strangeness: float | None = None


def answer(
    poses: PoseSequence,
    people: Sequence[int],
    *,
    seconds: float | None,
    labels: Sequence[str],
    thresholds: Thresholds,
    judge: Callable[[slice], Judgement],
) -> Answer:
    """Put the windows of a person together, or of people who are looked at as one.

    Args:
        people: their rows in `poses`, the one whom the segments name first. Who of them is there is enough.
        seconds: length of a window; None: the whole presence is one.
        labels, thresholds: of the model.
        judge: frames of a window -> what the model says of them.
    """
    present = seen(poses, people)
    parts = windows(poses.pts, present, seconds)
    if not parts:
        return Answer((), ())
    judged = [judge(slice(part.first, part.last + 1)) for part in parts]
    guesses = [ranked(one.probability, labels) for one in judged]
    frames = [int(present[part.first : part.last + 1].sum()) for part in parts]
    segments = tuple(
        Segment(
            start=float(poses.pts[part.first]), end=float(poses.pts[part.last]),
            first_frame=int(poses.frame_index[part.first]), last_frame=int(poses.frame_index[part.last]),
            person=int(poses.track_id[people[0]]), best=guess[0].label, probability=guess[0].probability,
            label=named(guess, count, one.strangeness, thresholds),
        )
        for part, one, guess, count in zip(parts, judged, guesses, frames, strict=True)
    )  # fmt: skip
    mean: Array = np.stack([one.probability for one in judged]).mean(0)
    return Answer(
        ranked(mean, labels), segments, max(frames), float(np.mean([one.energy for one in judged])),
        float(np.mean([one.strangeness for one in judged])),
    )  # fmt: skip


def ranked(probability: Array, labels: Sequence[str]) -> tuple[Prediction, ...]:
    """Probabilities (classes,) as predictions, most probable first."""
    order = np.argsort(-probability, kind="stable")
    return tuple(Prediction(labels[index], float(probability[index])) for index in order)


def seen(poses: PoseSequence, people: Sequence[int]) -> Array:
    """(T,) bool: frames with one of the people, rows of `poses`, at least."""
    present: Array = np.any(poses.box_score[list(people)] > 0, axis=0)
    return present


def longest_window(poses: PoseSequence, people: Sequence[int], seconds: float | None) -> slice:
    """The frames of the people's longest window. Raises: InvalidPoses when none of them is ever seen."""
    parts = windows(poses.pts, seen(poses, people), seconds)
    if not parts:
        raise InvalidPoses(
            f"{poses.name}: person {poses.track_id[people[0]]} is never seen, so there is nothing to draw"
        )
    longest = max(parts, key=lambda part: part.last - part.first)
    return slice(longest.first, longest.last + 1)
