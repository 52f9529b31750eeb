"""Kinetics poses as PYSKL compresses them (people of all frames in one list), expanded. Knows no file.

PYSKL's DecompressPose removes the frames in which nobody was found (`squeeze=True`), so that time jumps; here T is
`total_frames` and those frames are rows of zeros, unless the published way is asked for. Its score threshold has no
effect in the published settings, so none is applied by default. A row of the result is a place in the order of
detections, not a person followed over time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from poseact.errors import InvalidPoses
from poseact.poses.dataset import Budget
from poseact.types import Array

MOST_PEOPLE = 10


@dataclass(frozen=True, slots=True)
class Kinetics:
    """How compressed poses are expanded.

    Attributes:
        min_box_score: people whose box has a lower score are left out.
        squeeze: leave out the frames in which nobody was found, as PYSKL and MMAction2 do.
        most_people: of a frame, those with the largest sums of joint scores where there are more.
    """

    min_box_score: float = 0.0
    squeeze: bool = False
    most_people: int = MOST_PEOPLE


def is_compressed(anno: dict[Any, Any]) -> bool:
    """Whether the keypoints of an annotation are (N, K, 3), the people of all frames one after the other."""
    keypoint = anno.get("keypoint")
    return "frame_inds" in anno and isinstance(keypoint, np.ndarray) and keypoint.ndim == 3


def decompressed(anno: dict[Any, Any], kinetics: Kinetics, where: str, budget: Budget) -> dict[Any, Any]:
    """The same annotation with keypoint (M, T, K, 2), keypoint_score (M, T, K) and bbox_score (M, T).

    Raises: InvalidPoses; LimitExceeded for more frames than a file of this size can hold.
    """
    keypoint = anno["keypoint"]
    if keypoint.shape[-1] != 3 or keypoint.shape[1] == 0 or keypoint.dtype.kind not in "iuf":
        raise InvalidPoses(f"{where}: compressed keypoints must be (people, joints, 3), got {keypoint.shape}")
    frame = _column(anno, "frame_inds", len(keypoint), where)
    box_score = _column(anno, "box_score", len(keypoint), where) if "box_score" in anno else np.ones(len(keypoint))
    total = _total(anno, frame, where)
    kept = np.flatnonzero(box_score >= kinetics.min_box_score)
    frame, box_score = frame[kept].astype(np.int64), box_score[kept]
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is refused where sequences are made
        people = keypoint[kept].astype(np.float32)
    frames_seen = np.arange(total)
    if kinetics.squeeze:
        frames_seen, frame = np.unique(frame, return_inverse=True)
        total = len(frames_seen)
        if not total:
            raise InvalidPoses(f"{where}: nobody is left, so that no frame is; read it without squeezing")
    frame, people, box_score = _few_per_frame(frame, people, box_score, kinetics.most_people)
    place = np.arange(len(frame)) - np.searchsorted(frame, frame)  # among the people of its frame
    rows, joints = int(place.max(initial=-1)) + 1, keypoint.shape[1]
    budget.spend(4 * rows * total * (3 * joints + 1) + 8 * total)
    full = np.zeros((rows, total, joints, 3), np.float32)
    full[place, frame] = people
    scores = np.zeros((rows, total), np.float32)
    scores[place, frame] = box_score
    rest = {key: value for key, value in anno.items() if key not in ("frame_inds", "box_score", "valid", "raw_file")}
    return {
        **rest, "keypoint": full[..., :2], "keypoint_score": full[..., 2], "bbox_score": scores, "total_frames": total,
        "frame_index": frames_seen,
    }  # fmt: skip


def _column(anno: dict[Any, Any], key: str, length: int, where: str) -> Array:
    value = anno[key]
    if not isinstance(value, np.ndarray) or value.shape != (length,):
        raise InvalidPoses(f"{where}: {key!r} must be an array of {length} numbers, one per person and frame")
    if not np.isfinite(value).all():
        raise InvalidPoses(f"{where}: {key!r} must be finite numbers")
    return value


def _total(anno: dict[Any, Any], frame: Array, where: str) -> int:
    total = anno.get("total_frames")
    if isinstance(total, (np.integer, np.ndarray)) and np.size(total) == 1:
        total = total.item()
    if not isinstance(total, int) or isinstance(total, bool) or not 0 < total < 2**31:
        raise InvalidPoses(f"{where}: 'total_frames' must be a number above 0, got {str(total)[:40]!r}")
    if frame.dtype.kind not in "iu" or (len(frame) and not 0 <= int(frame.min()) <= int(frame.max()) < total):
        raise InvalidPoses(f"{where}: 'frame_inds' must be frames from 0 to {total - 1}")
    return total


def _few_per_frame(frame: Array, people: Array, box_score: Array, most: int) -> tuple[Array, Array, Array]:
    """People sorted by frame, in the order of detection; the best ones where a frame has more than `most`."""
    order = np.argsort(frame, kind="stable")
    if len(frame) and np.bincount(frame).max() > most:
        by_score = np.lexsort((-people[..., 2].sum(1), frame))
        sorted_frame = frame[by_score]
        order = by_score[np.arange(len(frame)) - np.searchsorted(sorted_frame, sorted_frame) < most]
    return frame[order], people[order], box_score[order]
