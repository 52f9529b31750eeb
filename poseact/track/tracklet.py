"""A person while being followed: which detection in which frame, and where the next one is expected. No association."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from poseact.types import Array, Boxes, Keypoints, Track

_STEPS = 3
_MAX_SPEED = 3.0  # heights/s: beyond this the velocity is a jump of the detector, not of the person


@dataclass(frozen=True)
class Scene:
    """All detections of a video: T frames of boxes and keypoints, row n of one belongs to row n of the other.

    Attributes:
        boxes, keypoints: T entries. pts: (T,) s, ascending.
    """

    boxes: Sequence[Boxes]
    keypoints: Sequence[Keypoints]
    pts: Array

    @cached_property
    def interval(self) -> float:
        """Typical time in s between two frames that were looked at; 0 for a single frame."""
        return float(np.median(np.diff(self.pts))) if len(self.pts) > 1 else 0.0

    def watched(self, first: int, last: int) -> float:
        """Time in s between two frames that was really looked at: what lies between two windows of a plan is not."""
        return (last - first) * self.interval


@dataclass(slots=True)
class Tracklet:
    """Detections of one person: in frame `frames[i]` (ascending) it is row `rows[i]`."""

    frames: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)

    def add(self, frame: int, row: int) -> None:
        """Append a sighting after the last, or put one before the first."""
        if self.frames and frame < self.frames[0]:
            self.frames.insert(0, frame)
            self.rows.insert(0, row)
        else:
            self.frames.append(frame)
            self.rows.append(row)

    def box(self, scene: Scene, position: int) -> Array:
        """(4,) xyxy px of the sighting at `position` (-1 is the last)."""
        return scene.boxes[self.frames[position]].xyxy[self.rows[position]].astype(np.float64)

    def joints(self, scene: Scene, position: int) -> tuple[Array, Array]:
        """(K, 2) px and (K,) scores of the sighting at `position`."""
        people = scene.keypoints[self.frames[position]]
        row = self.rows[position]
        return people.xy[row], people.score[row]

    def velocity(self, scene: Scene, end: int) -> Array:
        """(2,) px/s of the box centre near an end (-1 the last sighting, 0 the first), limited to human speeds.

        The mean over up to `_STEPS` steps: one step alone is mostly the detector's jitter.
        """
        other = max(-len(self.frames), -1 - _STEPS) if end == -1 else min(_STEPS, len(self.frames) - 1)
        elapsed = scene.pts[self.frames[end]] - scene.pts[self.frames[other]]
        if elapsed == 0:
            return np.zeros(2)
        last, first = self.box(scene, end), self.box(scene, other)
        speed: Array = (last[:2] + last[2:] - first[:2] - first[2:]) / 2 / elapsed
        limit = _MAX_SPEED * max(last[3] - last[1], last[2] - last[0])
        return speed * min(1.0, limit / max(float(np.linalg.norm(speed)), 1e-9))

    def to_track(self, scene: Scene, number: int) -> Track:
        """The tracklet as a Track with zeros where the person is not seen."""
        length, joints = len(scene.pts), scene.keypoints[self.frames[0]].xy.shape[1]
        boxes, box_score = np.zeros((length, 4), np.float32), np.zeros(length, np.float32)
        xy, score = np.zeros((length, joints, 2), np.float32), np.zeros((length, joints), np.float32)
        for frame, row in zip(self.frames, self.rows, strict=True):
            boxes[frame], box_score[frame] = scene.boxes[frame].xyxy[row], scene.boxes[frame].score[row]
            xy[frame], score[frame] = scene.keypoints[frame].xy[row], scene.keypoints[frame].score[row]
        return Track(number, boxes, box_score, xy, score, np.zeros(length, bool))
