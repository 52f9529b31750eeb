"""Poses of one keypoint layout as poses of another. Reads and writes no file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from poseact.errors import InvalidPoses, UsageError
from poseact.poses.dataset import PoseDataset
from poseact.skeleton import Layout, correspondence, layout, unnamed
from poseact.types import Array, PoseSequence


def remapped(sequence: PoseSequence, target: Layout) -> PoseSequence:
    """The same people with the joints of `target`.

    A joint that both layouts have is copied. One that the target declares as the mean of others, such as the neck, is
    their mean, and its score the lowest of theirs; where one of them is not seen, neither is the mean. Every other
    joint has score 0 and position 0. Boxes stay as they are; where no joint is left of a person, they are 0.

    Raises: UsageError for poses of a layout that is not known, and for layouts without a common joint.
    """
    if sequence.layout == target.name:
        return sequence
    if unnamed(sequence.layout):
        raise UsageError(f"{sequence.name}: nobody told which joints the {sequence.layout} are; say it with --layout")
    parts = correspondence(layout(sequence.layout), target)
    if not any(parts):
        raise UsageError(f"{sequence.layout} and {target.name} have no joint in common; declare 'places' in the layout")
    return _with_parts(sequence, parts, target.name)


def _with_parts(sequence: PoseSequence, parts: tuple[tuple[int, ...], ...], name: str) -> PoseSequence:
    xy, score = _joints(sequence.keypoint, sequence.keypoint_score, parts)
    seen: Array = np.asarray((score > 0).any(-1))
    others = None if sequence.others is None else _with_parts(sequence.others, parts, name)
    return replace(
        sequence,
        keypoint=xy,
        keypoint_score=score,
        boxes=np.where(seen[..., None], sequence.boxes, np.float32(0)),
        box_score=np.where(seen, sequence.box_score, np.float32(0)),
        layout=name,
        others=others,
    )


def _joints(xy: Array, score: Array, parts: tuple[tuple[int, ...], ...]) -> tuple[Array, Array]:
    """(M, T, K, 2), (M, T, K) -> (M, T, len(parts), 2), (M, T, len(parts))."""
    joints = np.zeros((*xy.shape[:2], len(parts), 2), np.float32)
    scores = np.zeros((*xy.shape[:2], len(parts)), np.float32)
    for joint, rows in enumerate(parts):
        if len(rows) == 1:
            joints[:, :, joint], scores[:, :, joint] = xy[:, :, rows[0]], score[:, :, rows[0]]
        elif rows:
            lowest = score[:, :, rows].min(-1)
            mean = xy[:, :, rows].mean(-2, dtype=np.float64).astype(np.float32)
            seen = lowest > 0
            joints[:, :, joint], scores[:, :, joint] = np.where(seen[..., None], mean, 0), np.where(seen, lowest, 0)
    return joints, scores


def dataset_as(dataset: PoseDataset, target: Layout) -> PoseDataset:
    """Every clip with the joints of `target`. Raises: as `remapped`."""
    return PoseDataset([remapped(one, target) for one in dataset.annotations], dataset.splits, dataset.classes)


def declared_as(dataset: PoseDataset, own: Layout) -> PoseDataset:
    """Poses whose joints are those of `own`, whatever the file said or assumed; no joint moves.

    Raises: InvalidPoses where their number differs.
    """
    for sequence in dataset.annotations:
        if sequence.keypoint.shape[2] != len(own.keypoints):
            raise InvalidPoses(
                f"{sequence.name}: the poses have {sequence.keypoint.shape[2]} joints, but the layout {own.name} has "
                f"{len(own.keypoints)}"
            )
    return PoseDataset(
        [_declared(sequence, own.name) for sequence in dataset.annotations], dataset.splits, dataset.classes
    )


def _declared(sequence: PoseSequence, name: str) -> PoseSequence:
    others = None if sequence.others is None else _declared(sequence.others, name)
    return replace(sequence, layout=name, others=others)
