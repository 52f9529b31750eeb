"""What one stage hands to the next: frozen dataclasses of arrays, validated where they are made. No computation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseact.errors import InvalidPoses

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes:
        path: as given by the user.
        width, height: px of the upright picture, after rotation.
        fps: frames/s, nominal (average).
        frame_count: frames that a full decode is expected to yield.
        duration: s.
        codec: the decoder's short name, "h264" for example.
        rotation: degrees counter-clockwise by which the stored picture is turned to stand upright: 0, 90, 180 or 270.
    """

    path: str
    width: int
    height: int
    fps: float
    frame_count: int
    duration: float
    codec: str
    rotation: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of video that could not be decoded.

    Attributes:
        start, end: s; end may equal start when the length is unknown.
        frames: how many frames are missing, at least.
        reason: one line.
    """

    start: float
    end: float
    frames: int
    reason: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture.

    Attributes:
        index: position in presentation order, from 0.
        pts: s from the first frame of the stream.
        image: (H, W, 3) uint8 RGB, upright.
    """

    index: int
    pts: float
    image: Array


@dataclass(frozen=True, slots=True)
class Boxes:
    """Person boxes of one frame.

    Attributes:
        xyxy: (N, 4) float32, px of the upright frame: left, top, right, bottom.
        score: (N,) float32 in [0, 1], in descending order where a detector made them.
    """

    xyxy: Array
    score: Array

    def __post_init__(self) -> None:
        if self.xyxy.ndim != 2 or self.xyxy.shape[1] != 4 or self.score.shape != self.xyxy.shape[:1]:
            raise InvalidPoses(f"boxes {self.xyxy.shape} and scores {self.score.shape} disagree")

    def __len__(self) -> int:
        return len(self.xyxy)

    def __getitem__(self, rows: Any) -> Boxes:
        return Boxes(self.xyxy[rows], self.score[rows])

    @classmethod
    def empty(cls) -> Boxes:
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class Keypoints:
    """2D keypoints of the people in one frame.

    Attributes:
        xy: (N, K, 2) float32, pixels of the upright source frame, origin at the top left, x right, y down.
        score: (N, K) float32 in [0, 1]; 0 means "not seen", and then xy is 0 as well.
    """

    xy: Array
    score: Array

    def __post_init__(self) -> None:
        if self.xy.shape != (*self.score.shape, 2):
            raise InvalidPoses(f"keypoints {self.xy.shape} and scores {self.score.shape} disagree")

    def __len__(self) -> int:
        return len(self.xy)

    def __getitem__(self, rows: Any) -> Keypoints:
        return Keypoints(self.xy[rows], self.score[rows])

    @classmethod
    def empty(cls, joints: int = 17) -> Keypoints:
        return cls(np.zeros((0, joints, 2), np.float32), np.zeros((0, joints), np.float32))


@dataclass(frozen=True, slots=True)
class Track:
    """One person over the frames that were looked at (T of them, whether or not the person is seen there).

    Attributes:
        id: from 1, in order of appearance.
        boxes: (T, 4) float32 px xyxy; zeros where the person is absent.
        box_score: (T,) float32 in [0, 1]; 0 where absent.
        xy: (T, K, 2) float32 px; zeros where absent.
        score: (T, K) float32 in [0, 1]; 0 where absent.
        interpolated: (T,) bool: present, but filled in between two sightings.
    """

    id: int
    boxes: Array
    box_score: Array
    xy: Array
    score: Array
    interpolated: Array

    def __post_init__(self) -> None:
        frames = len(self.boxes)
        shapes = (self.boxes.shape, self.box_score.shape, self.xy.shape, self.score.shape, self.interpolated.shape)
        joints = self.score.shape[-1]
        if shapes != ((frames, 4), (frames,), (frames, joints, 2), (frames, joints), (frames,)):
            raise InvalidPoses(f"track {self.id}: shapes {shapes} disagree")

    @property
    def present(self) -> Array:
        """(T,) bool: seen or interpolated."""
        return self.box_score > 0


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where poses come from: source path, detector and estimator names, sha256 of their weights, poseact version."""

    source: str = ""
    detector: str = ""
    estimator: str = ""
    weights: dict[str, str] = field(default_factory=dict)
    poseact: str = ""


def _unjudged() -> Array:
    return np.zeros(0, np.float32)


def _unknown_camera() -> Array:
    return np.zeros((0, 4), np.float32)


def still_camera(frames: int) -> Array:
    """(frames, 4) float32: the `PoseSequence.camera` of one that never moves."""
    return np.tile(np.array([1, 0, 0, 0], np.float32), (frames, 1))


ARRAYS_OF_PEOPLE = (
    "keypoint", "keypoint_score", "track_id", "boxes", "box_score", "interpolated", "person_score",
)  # fmt: skip
LINES_OF_PEOPLE = ("person_reason", "person_estimator")
"""The attributes of a `PoseSequence` that have one row, or one line, per person."""


@dataclass(frozen=True, slots=True)
class PoseSequence:
    """The (x, y, score) triplets of the people in one video.

    T counts the frames that were looked at: all decoded frames, or a uniform subset of them. A frame without a person
    is a row of zeros, never a missing row. The M people are those who were chosen, best first; who was tracked besides
    is in `others`, so that the choice can be made again without looking at the video (`poseact.poses.reselect`).

    Attributes:
        keypoint: (M, T, K, 2) float32 px, origin at the top left, x right, y down; 0 where not seen.
        keypoint_score: (M, T, K) float32 in [0, 1].
        image_size: (height, width) px.
        fps: frames/s of the source.
        pts: (T,) float64 s.
        frame_index: (T,) int64, positions in the source video.
        track_id: (M,) int64, of each person another one; those of `others` too.
        boxes: (M, T, 4) float32 px xyxy; zeros where absent.
        box_score: (M, T) float32; 0 where absent.
        interpolated: (M, T) bool.
        layout: name of the keypoint layout.
        name: identifier, the `frame_dir` of the PYSKL format.
        label: class index, -1 when unknown.
        provenance: where the poses come from.
        person_score: (M,) float32, the value of each person under the rule of the choice, larger is better; 0 where
            nobody has judged.
        person_reason: M lines that say what speaks for each person; empty where nobody has judged.
        person_estimator: M names of the networks that the final poses of each person come from; empty when unknown.
        others: the people who were not chosen, best first, over the same frames; None when there is nobody else.
        camera: (T, 4) float32 (a, b, x, y), how the background moved from each row before to this one: what was at
            (u, v) px there is at (a u - b v + x, b u + a v + y) here; (1, 0, 0, 0) in the first row, where the camera
            stood still, and where nobody knows.
    """

    keypoint: Array
    keypoint_score: Array
    image_size: tuple[int, int]
    fps: float
    pts: Array
    frame_index: Array
    track_id: Array
    boxes: Array
    box_score: Array
    interpolated: Array
    layout: str = "coco17"
    name: str = ""
    label: int = -1
    provenance: Provenance = field(default_factory=Provenance)
    person_score: Array = field(default_factory=_unjudged)
    person_reason: tuple[str, ...] = ()
    person_estimator: tuple[str, ...] = ()
    others: PoseSequence | None = None
    camera: Array = field(default_factory=_unknown_camera)

    def __post_init__(self) -> None:
        if self.keypoint.ndim != 4 or self.keypoint.shape[-1] != 2:
            raise InvalidPoses(f"{self.name or 'poses'}: keypoint must be (M, T, K, 2), got {self.keypoint.shape}")
        people, frames, joints, _ = self.keypoint.shape
        if people and len(self.person_score) == 0:
            object.__setattr__(self, "person_score", np.zeros(people, np.float32))
        if len(self.camera) == 0:
            object.__setattr__(self, "camera", still_camera(frames))
        for attribute in LINES_OF_PEOPLE:
            object.__setattr__(self, attribute, tuple(getattr(self, attribute)) or ("",) * people)
            if len(getattr(self, attribute)) != people:
                raise InvalidPoses(f"{self.name or 'poses'}: {attribute} must be {people} lines, one per person")
        expected = {
            "keypoint_score": (people, frames, joints), "pts": (frames,), "frame_index": (frames,),
            "track_id": (people,), "boxes": (people, frames, 4), "box_score": (people, frames),
            "interpolated": (people, frames), "person_score": (people,), "camera": (frames, 4),
        }  # fmt: skip
        for attribute, shape in expected.items():
            seen = getattr(self, attribute).shape
            if seen != shape:
                raise InvalidPoses(f"{self.name or 'poses'}: {attribute} must be {shape}, got {seen}")
        if not (np.isfinite(self.keypoint).all() and np.isfinite(self.keypoint_score).all()):
            raise InvalidPoses(f"{self.name or 'poses'}: keypoints must be finite numbers")
        if not np.isfinite(self.camera).all():
            raise InvalidPoses(f"{self.name or 'poses'}: camera must be finite numbers")
        if self.others is not None and self.others.keypoint.shape[1:] != self.keypoint.shape[1:]:
            raise InvalidPoses(f"{self.name or 'poses'}: the people who were not chosen have other frames or joints")

    def __len__(self) -> int:
        """The number of people."""
        return len(self.keypoint)


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class and its probability in [0, 1]."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time in which a person does one thing: start and end in s, and in frames [first, last].

    `best` is the most probable class, and `probability` is its; `label` is that class too, or "unknown".
    """

    start: float
    end: float
    first_frame: int
    last_frame: int
    person: int
    label: str
    probability: float
    best: str


__all__ = [
    "ARRAYS_OF_PEOPLE", "LINES_OF_PEOPLE", "Array", "Boxes", "Frame", "Gap", "Keypoints", "PoseSequence",
    "Prediction", "Provenance", "Segment", "Track", "VideoInfo", "still_camera",
]  # fmt: skip
