"""Where one shot of a video ends and the next begins, and people followed within shots. Decodes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np

from poseact.track import link, most_prominent
from poseact.track.similarity import area
from poseact.types import Array, Boxes, Keypoints, Track

SIDE = 32
CHANGE = 30.0
"""Mean change of a picture, in grey levels of 255, from which it may be another shot."""
SPIKE = 3.0
"""So many times more changes at a cut than just before and after it: fast motion changes all the time."""
LONGEST_STEP = 0.5
"""s; pictures further apart say nothing."""


def signature(image: Array) -> Array:
    """(32, 32, 3) uint8: the picture (H, W, 3), small."""
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def change(before: Array, after: Array) -> float:
    """Mean difference of two signatures, in grey levels."""
    return float(np.abs(before.astype(np.int16) - after).mean())


def shot_starts(changes: Sequence[float], pts: Array) -> list[int]:
    """The first frame of every shot, 0 first; empty without frames.

    Args:
        changes: T - 1 values, from each of T frames to the next. pts: (T,) s.
    """
    if not len(pts):
        return []
    found = np.asarray(changes, np.float64)
    around = np.maximum(np.r_[0.0, found][:-1], np.r_[found, 0.0][1:])
    cut = (found > CHANGE) & (found > SPIKE * around) & (np.diff(pts) <= LONGEST_STEP)
    return [0, *(np.flatnonzero(cut) + 1).tolist()]


def link_within_shots(
    boxes: Sequence[Boxes], keypoints: Sequence[Keypoints], pts: Array, starts: Sequence[int]
) -> list[Track]:
    """People followed through a video, as `poseact.track.link` does, but never across the beginning of a shot."""
    if len(starts) < 2:
        return link(boxes, keypoints, pts)
    found = [
        (first, track)
        for first, after in pairwise([*starts, len(pts)])
        for track in link(boxes[first:after], keypoints[first:after], pts[first:after])
    ]
    kept = most_prominent([float(np.sqrt(area(track.boxes)).sum()) for _, track in found], len(pts))
    return [_placed(found[row][1], found[row][0], len(pts), number) for number, row in enumerate(kept, start=1)]


def _placed(track: Track, first: int, frames: int, number: int) -> Track:
    """A track over some frames from `first` on -> the same over all frames."""

    def padded(values: Array) -> Array:
        whole = np.zeros((frames, *values.shape[1:]), values.dtype)
        whole[first : first + len(values)] = values
        return whole

    return replace(
        track, id=number, boxes=padded(track.boxes), box_score=padded(track.box_score), xy=padded(track.xy),
        score=padded(track.score), interpolated=padded(track.interpolated),
    )  # fmt: skip
