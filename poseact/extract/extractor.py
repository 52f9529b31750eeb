"""Video -> poses of everybody in it: read, detect, estimate, link, choose, refine. Knows nothing of actions.

The first look at a video finds everybody with a light estimator, which is enough to follow people and to choose among
them; the second look spends the accurate estimator on the chosen people alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from poseact import __version__
from poseact.detect import Detector
from poseact.errors import InvalidVideo, NoPerson
from poseact.extract.plan import EVERY_FRAME, FramePlan
from poseact.pose import PictureEstimator, PoseEstimator
from poseact.poses import from_tracks, judged
from poseact.track import Selection, link, select
from poseact.types import Array, Boxes, Frame, Gap, Keypoints, PoseSequence, Provenance, Track, VideoInfo
from poseact.video import VideoReader, open_video

Progress = Callable[[int, int], None]
KEPT_BYTES = 256 << 20
"""Pictures of the first look that are kept for the second one; beyond that they are decoded again."""


@dataclass
class Timings:
    """Seconds spent per stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


@dataclass(frozen=True)
class Extraction:
    """What was seen in one video.

    Attributes:
        info: of the video.
        gaps: stretches that could not be decoded.
        poses: everybody who was tracked, one row per person in the order of the tracks, over the frames that were
            looked at, with the scores and reasons of the selection; `others` is None.
        selection: who was chosen and why; None when nobody was seen.
        timings: seconds per stage: "decode", "detect", "pose", "track".
    """

    info: VideoInfo
    gaps: tuple[Gap, ...]
    poses: PoseSequence
    selection: Selection | None
    timings: dict[str, float]


@dataclass(frozen=True)
class Extractor:
    """The networks, composed. Memory grows with the poses of a video, not with its pictures.

    Attributes:
        detector: of people; None where the scout finds them itself.
        scout: the light estimator that looks at everybody, in their boxes or in whole pictures.
        estimator: the accurate one that looks at the chosen people; None: the scout's poses are final.
        weights: sha256 by role, kept with the poses.
        decoder: "auto", "pyav", "opencv" or "decord".
        batch_size: frames that are detected together.
        max_boxes: at most so many people of a frame, those with the strongest boxes, are estimated and followed.
    """

    detector: Detector | None
    scout: PoseEstimator | PictureEstimator
    estimator: PoseEstimator | None = None
    weights: dict[str, str] = field(default_factory=dict)
    decoder: str = "auto"
    batch_size: int = 16
    max_boxes: int = 6

    def __call__(
        self, path: str | Path, plan: FramePlan = EVERY_FRAME, *, person: str = "auto", refined: int = 1,
        progress: Progress | None = None,
    ) -> Extraction:  # fmt: skip
        """Extract the poses of everybody in a video.

        Args:
            plan: which frames to look at.
            person: the rule by which people are chosen, see `poseact.track.select`.
            refined: the accurate estimator looks at the best so many people, and at all whom the rule chooses.
            progress: called with (frames done, frames planned).
        Raises: InvalidVideo, LimitExceeded, UsageError for a track id that does not exist.
        """
        timings = Timings()
        with timings.stage("decode"):
            reader = open_video(path, self.decoder)
        with reader:
            wanted = plan.indices(reader.info)
            looks = 1 if self.estimator is None else 2
            report = _Steps(progress, looks * len(wanted))
            first = self._first_look(reader, wanted, timings, report)
            if not first.index:
                raise InvalidVideo(f"{path}: no frame could be decoded; the file is damaged or not a video")
            gaps = tuple(reader.gaps)
            with timings.stage("track"):
                tracks = link(first.boxes, first.keypoints, np.array(first.pts))
                selection = _selected(tracks, first.size, person)
            final: tuple[int, ...] = ()  # tracks with poses of the accurate estimator
            if self.estimator is not None and selection is not None:
                final = selection.ids if selection.by_id else max(selection.ids, selection.ranked[:refined], key=len)
                tracks = self._second_look(reader, first, tracks, final, timings, report)
            report.finish()
        poses = from_tracks(
            tracks, first.size, reader.info.fps, np.array(first.pts), np.array(first.index), Path(path).stem,
            provenance=self._provenance(path),
        )  # fmt: skip
        accurate = self.estimator or self.scout
        estimators = [(accurate if number in final else self.scout).name for number in poses.track_id]
        return Extraction(reader.info, gaps, judged(poses, selection, estimators), selection, timings.seconds)

    def _first_look(self, reader: VideoReader, wanted: Array, timings: Timings, report: _Steps) -> _Look:
        look = _Look()
        frames = reader.frames(None if len(wanted) == reader.info.frame_count else wanted)
        while batch := _next(frames, self.batch_size, timings):
            boxes, keypoints = self._everybody([frame.image for frame in batch], timings)
            look.boxes += boxes
            look.keypoints += keypoints
            look.remember(batch)
            report.add(len(batch))
        return look

    def _everybody(self, images: list[Array], timings: Timings) -> tuple[list[Boxes], list[Keypoints]]:
        """The people in each picture: their boxes, at most `max_boxes`, and their joints."""
        if isinstance(self.scout, PictureEstimator):
            with timings.stage("pose"):
                found = self.scout.everybody(images)
            return [boxes[: self.max_boxes] for boxes, _ in found], [people[: self.max_boxes] for _, people in found]
        assert self.detector is not None
        with timings.stage("detect"):
            boxes = [found[: self.max_boxes] for found in self.detector(images)]
        with timings.stage("pose"):
            return boxes, self.scout(images, boxes)

    def _second_look(
        self,
        reader: VideoReader,
        first: _Look,
        tracks: list[Track],
        ids: tuple[int, ...],
        timings: Timings,
        report: _Steps,
    ) -> list[Track]:
        assert self.estimator is not None
        chosen = [track for track in tracks if track.id in ids]
        position = {index: row for row, index in enumerate(first.index)}
        refined = {track.id: (track.xy.copy(), track.score.copy()) for track in chosen}
        needed = sorted(position[index] for index in first.index if any(t.present[position[index]] for t in chosen))
        again = [first.index[row] for row in needed if first.index[row] not in first.kept]
        frames = _merged(first.kept, (first.index[row] for row in needed), reader.frames(again) if again else iter(()))
        while batch := _next(frames, self.batch_size, timings):
            rows = [position[frame.index] for frame in batch]
            there = [[track for track in chosen if track.present[row]] for row in rows]
            boxes = [
                Boxes(
                    np.stack([t.boxes[row] for t in people]), np.array([t.box_score[row] for t in people], np.float32)
                )
                for row, people in zip(rows, there, strict=True)
            ]
            with timings.stage("pose"):
                keypoints = self.estimator([frame.image for frame in batch], boxes)
            for row, people, found in zip(rows, there, keypoints, strict=True):
                for track, xy, score in zip(people, found.xy, found.score, strict=True):
                    refined[track.id][0][row], refined[track.id][1][row] = xy, score
            report.add(len(batch))
        return [
            replace(track, xy=refined[track.id][0], score=refined[track.id][1]) if track.id in refined else track
            for track in tracks
        ]

    def _provenance(self, path: str | Path) -> Provenance:
        estimator = self.estimator or self.scout
        detector = self.detector or self.scout
        return Provenance(str(path), detector.name, estimator.name, self.weights, __version__)


@dataclass
class _Look:
    """What the first look found, and the pictures that the second one need not decode again."""

    boxes: list[Boxes] = field(default_factory=list)
    keypoints: list[Keypoints] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    pts: list[float] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    kept: dict[int, Frame] = field(default_factory=dict)
    kept_bytes: int = 0

    def remember(self, batch: list[Frame]) -> None:
        height, width = batch[0].image.shape[:2]
        self.size = (int(height), int(width))
        for frame in batch:
            self.index.append(frame.index)
            self.pts.append(frame.pts)
            if self.kept_bytes + frame.image.nbytes <= KEPT_BYTES:
                self.kept[frame.index] = frame
                self.kept_bytes += frame.image.nbytes


@dataclass
class _Steps:
    """Progress over both looks."""

    tell: Progress | None
    total: int
    done: int = 0

    def add(self, frames: int) -> None:
        self.done = min(self.done + frames, self.total)
        if self.tell:
            self.tell(self.done, self.total)

    def finish(self) -> None:
        if self.tell:
            self.tell(self.total, self.total)


def _selected(tracks: list[Track], size: tuple[int, int], person: str) -> Selection | None:
    try:
        return select(tracks, size, person)
    except NoPerson:
        return None


def _next(frames: Iterator[Frame], count: int, timings: Timings) -> list[Frame]:
    with timings.stage("decode"):
        return list(islice(frames, count))


def _merged(kept: dict[int, Frame], wanted: Iterable[int], decoded: Iterator[Frame]) -> Iterator[Frame]:
    """The wanted frames in order, from memory or, one after the other, from the decoder; damaged ones are left out."""
    waiting = next(decoded, None)
    for index in wanted:
        if index in kept:
            yield kept[index]
        elif waiting is not None and waiting.index == index:
            yield waiting
            waiting = next(decoded, None)
