"""Who of the people in a sequence is chosen, and how that is decided again later. Reads and writes no file.

A sequence holds the chosen people as its rows, best first, and everybody else who was tracked in `others`. That is how
it is stored, too: PYSKL and MMAction2 read the chosen ones as `keypoint` and ignore the rest, and poseact can choose
anew from stored poses, without the video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from poseact.poses.sequence import choose, sequence_tracks
from poseact.track import Selection, select
from poseact.types import ARRAYS_OF_PEOPLE, LINES_OF_PEOPLE, PoseSequence


def everybody(sequence: PoseSequence) -> PoseSequence:
    """Chosen people and others as the rows of one sequence, in this order; `others` is then None."""
    others = sequence.others
    if others is None:
        return sequence
    both = (sequence, others)
    arrays: dict[str, Any] = {name: np.concatenate([getattr(one, name) for one in both]) for name in ARRAYS_OF_PEOPLE}
    lines = {name: getattr(sequence, name) + getattr(others, name) for name in LINES_OF_PEOPLE}
    return replace(sequence, **arrays, **lines, others=None)


def foremost(sequence: PoseSequence, count: int) -> PoseSequence:
    """The first `count` people of `everybody` as the chosen ones, the rest as `others`; nobody is lost."""
    people = everybody(sequence)
    ids = [int(number) for number in people.track_id]
    rest = choose(people, ids[count:])
    return replace(choose(people, ids[:count]), others=rest if len(rest) else None)


def judged(sequence: PoseSequence, selection: Selection | None, estimators: Sequence[str] = ()) -> PoseSequence:
    """The same people, with their scores and reasons.

    Args:
        selection: the judgement on all of them; None when there is nobody.
        estimators: M names of the networks that the final poses of each person come from; as they are when empty.
    """
    if selection is None:
        return sequence
    ids = [int(number) for number in sequence.track_id]
    return replace(
        sequence,
        person_score=np.array([selection.scores[number] for number in ids], np.float32),
        person_reason=tuple(selection.reasons[number] for number in ids),
        person_estimator=tuple(estimators) or sequence.person_estimator,
    )


def ranked(sequence: PoseSequence, selection: Selection | None, max_persons: int) -> PoseSequence:
    """Everybody best first: the first `max_persons` are chosen, the rest are others.

    Args:
        selection: of the people in `sequence`; None when there is nobody. Where it was a track id that was asked for,
            this person alone is chosen.
    """
    if selection is None:
        return sequence
    people = choose(judged(everybody(sequence), selection), selection.ranked)
    return foremost(people, 1 if selection.by_id else max_persons)


def reselect(sequence: PoseSequence, rule: str, max_persons: int) -> PoseSequence:
    """Choose again among everybody who was stored, by the rules of `poseact.track.select`.

    Args:
        rule: auto, largest, central, longest, moving, all, or a track id.
        max_persons: at most so many people are chosen.
    Raises: UsageError for an unknown rule or id.
    """
    people = everybody(sequence)
    if not len(people):
        return people
    selection = select(sequence_tracks(people), people.image_size, rule)
    return ranked(people, selection, max_persons)
