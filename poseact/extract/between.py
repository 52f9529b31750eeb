"""What is not looked at: boxes between two detections, and poses between two estimates. Decodes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment

from poseact.detect import Detector
from poseact.track.similarity import area, iou, keypoint_similarity
from poseact.types import Array, Boxes, Keypoints, Track

SAME = 0.5
"""Overlap from which two boxes, a few frames apart, are one person who moved little."""
ALIKE = 0.65
"""Object keypoint similarity of two poses from which those between them are interpolated. On 13 clips of sport and
daily life, with every second frame looked at, four of ten others lie below; the mean of those interpolated is 0.93.
"""
BODY_SHARE = 0.53
"""Of a box that the body in it covers, as in COCO's evaluation."""
CERTAIN = 0.3
"""Boxes from this score have to be found again; weaker ones may come and go."""


def every_nth(count: int, step: int) -> list[int]:
    """Positions 0, step, 2 step, ... and the last of so many frames."""
    return sorted({*range(0, count, step), count - 1}) if count else []


def sparsely_detected(detector: Detector, images: Sequence[Array], step: int) -> list[Boxes]:
    """The people of each image, detected in every `step`-th one and the last, and interpolated in between.

    Where somebody is not found again at about the same place, all images in between are detected as well.
    """
    keys = every_nth(len(images), step)
    found = dict(zip(keys, detector([images[key] for key in keys]), strict=True))
    missing: list[int] = []
    for first, last in pairwise(keys):
        moved = _moved(found[first], found[last])
        if moved is None:
            missing += range(first + 1, last)
            continue
        for key in range(first + 1, last):
            share = (key - first) / (last - first)
            found[key] = Boxes(*((1 - share) * before + share * after for before, after in moved))
    found |= dict(zip(missing, detector([images[key] for key in missing]), strict=True)) if missing else {}
    return [found[key] for key in range(len(images))]


def _moved(before: Boxes, after: Boxes) -> list[tuple[Array, Array]] | None:
    """((N, 4), (N, 4)) boxes and ((N,), (N,)) scores of the people in both; None when somebody was lost or is new."""
    overlap = iou(before.xyxy, after.xyxy)
    rows, columns = linear_sum_assignment(-overlap)
    same = overlap[rows, columns] >= SAME
    rows, columns = rows[same], columns[same]
    for boxes, kept in ((before, rows), (after, columns)):
        lost = np.ones(len(boxes), bool)
        lost[kept] = False
        if (boxes.score[lost] >= CERTAIN).any():
            return None
    return [(before.xyxy[rows], after.xyxy[columns]), (before.score[rows], after.score[columns])]


def moved_far(track: Track, at: Array) -> Array:
    """(T,) where poses between two looks should not be interpolated, as the two are too unlike.

    Args:
        at: (k,) ascending positions of the looks among all T frames.
    """
    present = track.present
    far = np.zeros(len(present), bool)
    for first, last in pairwise(at.tolist()):
        if last - first > 1 and present[first] and present[last] and not _alike(track, first, last):
            far[first + 1 : last] = True
    return far


def _alike(track: Track, first: int, last: int) -> bool:
    before, after = (Keypoints(track.xy[[row]], track.score[[row]]) for row in (first, last))
    scale = np.sqrt(BODY_SHARE * np.maximum(area(track.boxes[[first]]), area(track.boxes[[last]])))
    return float(keypoint_similarity(before, after, scale[:, None], np.ones((1, 1)))[0, 0]) >= ALIKE


def seen_anew(before: Track, after: Track) -> Track:
    """The track `after`, whose poses are no longer marked as interpolated where they were estimated meanwhile."""
    estimated = (before.xy != after.xy).any((1, 2))
    return replace(after, interpolated=after.interpolated & ~estimated)


def spread(track: Track, at: Array, times: Array) -> Track:
    """A track over some frames -> over all of them, interpolated and marked between frames in which it is present.

    Args:
        at: (k,) ascending positions of the track's frames among all T. times: (T,) s of all frames.
    Returns: a joint that is missing at either side is missing in between.
    """
    right = np.searchsorted(at, np.arange(len(times)), side="left").clip(0, len(at) - 1)
    left = np.where(at[right] == np.arange(len(times)), right, (right - 1).clip(0))
    outside = (np.arange(len(times)) < at[0]) | (np.arange(len(times)) > at[-1])
    there = track.present[left] & track.present[right] & ~outside
    span = times[at[right]] - times[at[left]]
    share = np.where(span > 0, (times - times[at[left]]) / np.where(span > 0, span, 1), 0.0)

    def mixed(values: Array) -> Array:
        weight = share.reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray((1 - weight) * values[left] + weight * values[right], values.dtype)

    known = there[:, None] & (track.score[left] > 0) & (track.score[right] > 0)
    return replace(
        track, boxes=mixed(track.boxes) * there[:, None], box_score=mixed(track.box_score) * there,
        xy=mixed(track.xy) * known[..., None], score=mixed(track.score) * known,
        interpolated=there & ((left != right) | track.interpolated[left]),
    )  # fmt: skip
