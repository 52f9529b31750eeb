"""What a look at a video found, and what lies between its frames. Decodes nothing, runs no network."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from poseact.extract.between import spread
from poseact.extract.camera import CameraMotion
from poseact.extract.shots import change, signature
from poseact.types import Array, Boxes, Frame, Keypoints, Track
from poseact.video import VideoReader


@dataclass
class Look:
    """What the first look at a video found, frame by frame, and the pictures that the second one need not decode again.

    Attributes:
        boxes, keypoints: the people of each frame. accurate: whether their joints are final.
        index, pts: number and time of each frame. size: height and width, px.
        changes: how much each frame but the first differs from the one before. camera: see `CameraMotion`.
        keeps: bytes of pictures that are kept at most. kept: these, by number.
    """

    boxes: list[Boxes] = field(default_factory=list)
    keypoints: list[Keypoints] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    pts: list[float] = field(default_factory=list)
    accurate: list[bool] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    camera: list[Array] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    keeps: int = 0
    kept: dict[int, Frame] = field(default_factory=dict)
    _kept_bytes: int = 0
    _latest: Array | None = None
    _motion: CameraMotion = field(default_factory=CameraMotion)

    def remember(self, batch: list[Frame], people: list[Boxes]) -> None:
        """Take the next pictures; `people` are those in each, who hide the background that shows the camera's move."""
        height, width = batch[0].image.shape[:2]
        self.size = (int(height), int(width))
        for frame, boxes in zip(batch, people, strict=True):
            self.camera.append(self._motion(frame.image, boxes))
            small = signature(frame.image)
            if self._latest is not None:
                self.changes.append(change(self._latest, small))
            self._latest = small
            self.index.append(frame.index)
            self.pts.append(frame.pts)
            if self._kept_bytes + frame.image.nbytes <= self.keeps:
                self.kept[frame.index] = frame
                self._kept_bytes += frame.image.nbytes


def in_between(
    reader: VideoReader, planned: Array, wanted: Array, look: Look, tracks: list[Track]
) -> tuple[Array, Array, list[Track], Array]:
    """The looks and the planned frames between two of them, but where a wanted frame could not be decoded.

    Returns: (T,) index, (T,) pts, tracks over these frames, and where among them the looks are.
    """
    seen = np.isin(wanted, look.index)
    after = np.searchsorted(wanted, planned)
    before = np.where(wanted[after] == planned, after, after - 1)
    index = planned[seen[before] & seen[after]]
    at = np.searchsorted(index, look.index)
    announced = reader.times(index)
    pts = np.interp(announced, announced[at], look.pts)
    return index, pts, [spread(track, at, pts) for track in tracks], at
