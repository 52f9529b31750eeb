"""Tracks -> PoseSequence and back, and the choice of people in a sequence. Reads and writes no file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from poseact.errors import InvalidPoses, UsageError
from poseact.types import ARRAYS_OF_PEOPLE, LINES_OF_PEOPLE, Array, PoseSequence, Provenance, Track


def from_tracks(
    tracks: Sequence[Track],
    image_size: tuple[int, int],
    fps: float,
    pts: Array,
    frame_index: Array,
    name: str = "",
    label: int = -1,
    provenance: Provenance | None = None,
    layout: str = "coco17",
    joints: int = 17,
) -> PoseSequence:
    """Put the people of one video together.

    Args:
        tracks: M tracks over the same T frames.
        image_size: (height, width) px.
        fps: frames/s of the source.
        pts: (T,) s. frame_index: (T,) positions in the source.
        joints: K when there is no track to tell it.
    Raises: InvalidPoses for tracks of other lengths.
    """
    pts, frame_index = np.asarray(pts, np.float64), np.asarray(frame_index, np.int64)
    if not tracks:
        empty = nobody(image_size, fps, pts, frame_index, name, label, layout, joints)
        return replace(empty, provenance=provenance or Provenance())
    lengths = {len(track.boxes) for track in tracks}
    if lengths != {len(pts)}:
        raise InvalidPoses(f"{name or 'poses'}: tracks of {sorted(lengths)} frames but {len(pts)} times; give one each")
    return PoseSequence(
        keypoint=np.stack([track.xy for track in tracks]).astype(np.float32),
        keypoint_score=np.stack([track.score for track in tracks]).astype(np.float32),
        image_size=image_size,
        fps=fps,
        pts=pts,
        frame_index=frame_index,
        track_id=np.array([track.id for track in tracks], np.int64),
        boxes=np.stack([track.boxes for track in tracks]).astype(np.float32),
        box_score=np.stack([track.box_score for track in tracks]).astype(np.float32),
        interpolated=np.stack([track.interpolated for track in tracks]).astype(bool),
        layout=layout,
        name=name,
        label=label,
        provenance=provenance or Provenance(),
    )


def nobody(
    image_size: tuple[int, int],
    fps: float,
    pts: Array,
    frame_index: Array,
    name: str = "",
    label: int = -1,
    layout: str = "coco17",
    joints: int = 17,
) -> PoseSequence:
    """A sequence of T frames in which no person is seen (M = 0)."""
    frames = len(pts)
    return PoseSequence(
        keypoint=np.zeros((0, frames, joints, 2), np.float32),
        keypoint_score=np.zeros((0, frames, joints), np.float32),
        image_size=image_size,
        fps=fps,
        pts=np.asarray(pts, np.float64),
        frame_index=np.asarray(frame_index, np.int64),
        track_id=np.zeros(0, np.int64),
        boxes=np.zeros((0, frames, 4), np.float32),
        box_score=np.zeros((0, frames), np.float32),
        interpolated=np.zeros((0, frames), bool),
        layout=layout,
        name=name,
        label=label,
    )


def choose(sequence: PoseSequence, ids: Sequence[int]) -> PoseSequence:
    """Keep the people with these track ids, in this order, and nobody else.

    Raises: UsageError for an id that is not among the M people; `everybody` adds those who were not chosen.
    """
    row_of = {number: row for row, number in enumerate(sequence.track_id.tolist())}
    strange = next((number for number in ids if number not in row_of), None)
    if strange is not None:
        people = ", ".join(map(str, row_of)) or "nobody"
        raise UsageError(f"there is no person {strange}; the people are {people}")
    rows = [row_of[number] for number in ids]
    arrays = {name: getattr(sequence, name)[rows] for name in ARRAYS_OF_PEOPLE}
    lines: dict[str, Any] = {name: tuple(getattr(sequence, name)[row] for row in rows) for name in LINES_OF_PEOPLE}
    return replace(sequence, **arrays, **lines, others=None)


def sequence_tracks(sequence: PoseSequence) -> list[Track]:
    """The people of a sequence as tracks, to choose among stored people by the same rules as among fresh ones."""
    return [
        Track(
            int(sequence.track_id[row]),
            sequence.boxes[row],
            sequence.box_score[row],
            sequence.keypoint[row],
            sequence.keypoint_score[row],
            sequence.interpolated[row],
        )
        for row in range(len(sequence))
    ]


def visible_boxes(keypoint: Array, keypoint_score: Array) -> tuple[Array, Array]:
    """Boxes around what is seen, for poses that come without any.

    Args:
        keypoint: (..., K, 2) px. keypoint_score: (..., K); a joint counts as seen above 0.
    Returns:
        (..., 4) float32 px xyxy and (...,) float32 mean score of the joints seen; both 0 where there is none.
    """
    seen: Array = np.asarray(keypoint_score > 0)
    if seen.shape[-1] == 0:
        return np.zeros((*seen.shape[:-1], 4), np.float32), np.zeros(seen.shape[:-1], np.float32)
    low = np.where(seen[..., None], keypoint, np.inf).min(-2)
    high = np.where(seen[..., None], keypoint, -np.inf).max(-2)
    someone: Array = np.asarray(seen.any(-1))
    boxes = np.where(someone[..., None], np.concatenate([low, high], -1), 0.0)
    with np.errstate(over="ignore"):  # scores of a damaged file; PoseSequence refuses what is not finite
        score = np.where(seen, keypoint_score, 0).sum(-1) / np.maximum(seen.sum(-1), 1)
    return boxes.astype(np.float32), score.astype(np.float32)
