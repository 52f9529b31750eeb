"""Fills what lies between two sightings of the same person. Decides nothing about who is the same person."""

from __future__ import annotations

import numpy as np

from poseact.types import Array, Track

TRUST = 0.5
"""Factor on the interpolated scores, which are guesses and must weigh less than sightings."""


def fill_gaps(track: Track, pts: Array, max_gap: float = float("inf")) -> Track:
    """Interpolate a track linearly in time inside its gaps; outside its sightings it stays empty.

    Args:
        pts: (T,) s of the frames.
        max_gap: s between the two sightings around a gap; longer gaps stay empty.
    Returns:
        A new track; `interpolated` is true exactly where a frame was filled, besides where it was true before. A joint
        that one of the two sightings does not show stays unseen (0).
    """
    seen = np.flatnonzero(track.present)
    if len(seen) == 0:
        return track
    frames = np.arange(seen[0], seen[-1] + 1)
    after = np.searchsorted(seen, frames)
    left, right = seen[np.maximum(after - 1, 0)], seen[after]
    gap = ~track.present[frames] & (pts[right] - pts[left] <= max_gap)
    frames, left, right = frames[gap], left[gap], right[gap]
    share = ((pts[frames] - pts[left]) / np.maximum(pts[right] - pts[left], 1e-9)).astype(np.float32)

    def between(values: Array) -> Array:
        weight = share.reshape(-1, *[1] * (values.ndim - 1))
        return (1 - weight) * values[left] + weight * values[right]

    both = (track.score[left] > 0) & (track.score[right] > 0)  # (gaps, K)
    boxes, box_score = track.boxes.copy(), track.box_score.copy()
    xy, score, interpolated = track.xy.copy(), track.score.copy(), track.interpolated.copy()
    boxes[frames] = between(track.boxes)
    box_score[frames] = TRUST * between(track.box_score)
    xy[frames] = between(track.xy) * both[..., None]
    score[frames] = TRUST * between(track.score) * both
    interpolated[frames] = True
    return Track(track.id, boxes, box_score, xy, score, interpolated)
