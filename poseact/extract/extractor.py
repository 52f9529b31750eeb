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
from math import inf
from pathlib import Path

import numpy as np

from poseact import __version__
from poseact.detect import Detector
from poseact.errors import InvalidVideo, NoPerson
from poseact.extract.between import every_nth, moved_far, seen_anew, sparsely_detected
from poseact.extract.look import Look, in_between
from poseact.extract.plan import EVERY_FRAME, FramePlan
from poseact.extract.planned import planned_frames, shown_between
from poseact.extract.shots import link_within_shots, shot_starts
from poseact.pose import PictureEstimator, PoseEstimator
from poseact.poses import from_tracks, judged, shared_out
from poseact.track import Selection, select
from poseact.track.link import STRONG
from poseact.types import Array, Boxes, Frame, Gap, Keypoints, PoseSequence, Provenance, Track, VideoInfo
from poseact.video import DEFAULT_LIMITS, IMAGE_FPS, Limits, VideoReader, open_video

Progress = Callable[[int, int], None]
CROWD = 50
"""People of a frame who are followed, where so many are surely there."""
BATCH_BYTES = 256 << 20
"""Pictures that are looked at together."""
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
        shots: the first frame of each shot, by its number in the video; tracks never cross from one to the next.
        announced: frames of the stretch. planned: those of them that were to be looked at.
    """

    info: VideoInfo
    gaps: tuple[Gap, ...]
    poses: PoseSequence
    selection: Selection | None
    timings: dict[str, float]
    shots: tuple[int, ...] = ()
    announced: int = 0
    planned: int = 0


@dataclass(frozen=True)
class Extractor:
    """The networks, composed. Memory grows with the poses of a video, not with its pictures.

    Attributes:
        detector: of people; None where the scout finds them itself.
        scout: the light estimator that looks at everybody, in their boxes or in whole pictures.
        estimator: the accurate one that looks at the chosen people; None: the scout's poses are final.
        weights: sha256 by role, kept with the poses.
        decoder: "auto", "pyav", "opencv" or "decord".
        batch_size: frames that are detected together; fewer of large pictures, which take `BATCH_BYTES` at most.
        limits: of what a video may announce. image_fps: pictures per second of folders of images.
        detect_every: people are detected in every so many looked-at frames, and wherever somebody appears or is lost;
            in between their boxes are interpolated.
        pose_every: of the frames of the plan, only every so many are looked at, and those between them where a chosen
            person moves far; other poses in between are interpolated, and marked.
        max_boxes: of a frame so many people, those with the strongest boxes, are estimated and followed; of a crowd up
            to `CROWD`, whose boxes are strong enough to start a track.
        open_video: `poseact.video.open_video`, or `DecodingAhead.open`.
    """

    detector: Detector | None
    scout: PoseEstimator | PictureEstimator
    estimator: PoseEstimator | None = None
    weights: dict[str, str] = field(default_factory=dict)
    decoder: str = "auto"
    batch_size: int = 16
    max_boxes: int = 6
    open_video: Callable[..., VideoReader] = open_video
    limits: Limits = DEFAULT_LIMITS
    image_fps: float = IMAGE_FPS
    detect_every: int = 1
    pose_every: int = 1

    def __call__(
        self, path: str | Path, plan: FramePlan = EVERY_FRAME, *, person: str = "auto", refined: int = 1,
        progress: Progress | None = None, start: float = 0.0, end: float = inf,
    ) -> Extraction:  # fmt: skip
        """Extract the poses of everybody in a video.

        Args:
            plan: which frames to look at.
            person: the rule by which people are chosen, see `poseact.track.select`.
            refined: the accurate estimator looks at the best so many people, and at all whom the rule chooses.
            progress: called with (frames done, frames planned).
            start, end: s; what is shown before and after them is not looked at.
        Raises: InvalidVideo, LimitExceeded, UsageError for a track id that does not exist.
        """
        timings = Timings()
        with timings.stage("decode"):
            reader = self.open_video(path, self.decoder, self.limits, self.image_fps)
        with reader:
            shown = shown_between(reader, start, end)
            planned = planned_frames(reader, plan, shown)
            wanted = planned[every_nth(len(planned), self.pose_every)]
            looks = 1 if self.estimator is None else 2
            viewing = _Viewing(reader, timings, progress, looks * len(wanted))
            first = self._first_look(viewing, wanted, refined)
            if not first.index:
                raise InvalidVideo(f"{path}: no frame could be decoded; the file is damaged or not a video")
            gaps = tuple(reader.gaps)
            with timings.stage("track"):
                starts = shot_starts(first.changes, np.array(first.pts))
                tracks = link_within_shots(first.boxes, first.keypoints, np.array(first.pts), starts)
                selection = _selected(tracks, first.size, person)
            final: tuple[int, ...] = ()  # tracks with poses of the accurate estimator
            if self.estimator is not None and selection is not None:
                final = selection.ids if selection.by_id else max(selection.ids, selection.ranked[:refined], key=len)
                tracks = self._second_look(viewing, first, tracks, final)
            pts, index, camera = np.array(first.pts), np.array(first.index), np.stack(first.camera)
            if self.pose_every > 1:
                index, pts, tracks, at = in_between(reader, planned, wanted, first, tracks)
                camera = shared_out(camera, at, pts)
                chosen = final or (selection.ids if selection is not None else ())
                tracks = self._look_between(viewing, index, tracks, at, chosen)
            viewing.finish()
        accurate = self.estimator or self.scout
        poses = from_tracks(
            tracks, first.size, reader.info.fps, pts, index, Path(path).stem, provenance=self._provenance(path),
            layout=accurate.layout.name, joints=len(accurate.layout.keypoints),
        )  # fmt: skip
        estimators = [(accurate if number in final else self.scout).name for number in poses.track_id]
        shots = tuple(first.index[row] for row in starts)
        return Extraction(
            reader.info, gaps, replace(judged(poses, selection, estimators), camera=camera), selection,
            timings.seconds, shots, len(shown), len(planned),
        )  # fmt: skip

    def _first_look(self, viewing: _Viewing, wanted: Array, refined: int) -> Look:
        look = Look(keeps=0 if self.estimator is None else KEPT_BYTES)
        frames = viewing.reader.frames(None if len(wanted) == viewing.reader.info.frame_count else wanted)
        while batch := viewing.next(frames, self.batch_size):
            boxes, keypoints, accurate = self._everybody([frame.image for frame in batch], refined, viewing.timings)
            look.accurate += accurate
            look.boxes += boxes
            look.keypoints += keypoints
            with viewing.timings.stage("track"):
                look.remember(batch, boxes)
            viewing.done(len(batch))
        return look

    def _everybody(
        self, images: list[Array], refined: int, timings: Timings
    ) -> tuple[list[Boxes], list[Keypoints], list[bool]]:
        """The people in each picture who are followed: their boxes, their joints, and whether these are final.

        Where there are no more people than would be refined, the accurate estimator looks at once.
        """
        if isinstance(self.scout, PictureEstimator):
            with timings.stage("pose"):
                found = self.scout.everybody(images)
            followed = [self._followed(boxes) for boxes, _ in found]
            people = [keypoints[row] for row, (_, keypoints) in zip(followed, found, strict=True)]
            return [boxes[row] for row, (boxes, _) in zip(followed, found, strict=True)], people, [False] * len(images)
        assert self.detector is not None
        with timings.stage("detect"):
            detected = sparsely_detected(self.detector, images, self.detect_every)
            boxes = [one[self._followed(one)] for one in detected]
        final = [self.estimator is not None and len(one) <= refined for one in boxes]
        keypoints: dict[int, Keypoints] = {}
        with timings.stage("pose"):
            for look, accurate in ((self.scout, False), (self.estimator, True)):
                rows = [row for row, known in enumerate(final) if known == accurate]
                if look is not None and rows:
                    estimated = look([images[row] for row in rows], [boxes[row] for row in rows])
                    keypoints |= dict(zip(rows, estimated, strict=True))
        return boxes, [keypoints[row] for row in range(len(images))], final

    def _followed(self, boxes: Boxes) -> Array:
        """(n,) int64 ascending: the rows of the people of a frame who are followed."""
        crowd = min(int((boxes.score >= STRONG).sum()), CROWD)
        strongest = np.argsort(-boxes.score, kind="stable")
        return np.sort(strongest[: max(self.max_boxes, crowd)])

    def _second_look(
        self, viewing: _Viewing, first: Look, tracks: list[Track], ids: tuple[int, ...]
    ) -> list[Track]:  # fmt: skip
        assert self.estimator is not None
        chosen = [track for track in tracks if track.id in ids]
        wanted = np.zeros(len(first.index), bool)
        for track in chosen:
            wanted |= track.present & (track.interpolated | ~np.asarray(first.accurate))
        needed = np.flatnonzero(wanted).tolist()
        again = [first.index[row] for row in needed if first.index[row] not in first.kept]
        decoded = viewing.reader.frames(again) if again else iter(())
        frames = _merged(first.kept, (first.index[row] for row in needed), decoded)
        new = self._estimated(viewing, self.estimator, frames, first.index, chosen)
        return [new.get(track.id, track) for track in tracks]

    def _look_between(
        self, viewing: _Viewing, index: Array, tracks: list[Track], at: Array, ids: tuple[int, ...]
    ) -> list[Track]:
        """Estimate the chosen people between two looks as well, where they moved far; `at`: positions in `index`."""
        estimator = self.estimator or self.scout
        chosen = [track for track in tracks if track.id in ids]
        if isinstance(estimator, PictureEstimator) or not chosen:
            return tracks
        moved = np.any([moved_far(track, at) for track in chosen], axis=0)
        if not moved.any():
            return tracks
        new = self._estimated(viewing, estimator, viewing.reader.frames(index[moved]), index.tolist(), chosen)
        return [seen_anew(track, new[track.id]) if track.id in new else track for track in tracks]

    def _estimated(
        self, viewing: _Viewing, estimator: PoseEstimator, frames: Iterator[Frame], index: list[int],
        tracks: list[Track],
    ) -> dict[int, Track]:  # fmt: skip
        """The tracks, by id, with new poses in these frames; `index` numbers the frames of the tracks."""
        position = {number: row for row, number in enumerate(index)}
        new = {track.id: (track.xy.copy(), track.score.copy()) for track in tracks}
        present = [(track, track.present) for track in tracks]
        while batch := viewing.next(frames, self.batch_size):
            rows = [position[frame.index] for frame in batch]
            there = [[track for track, seen in present if seen[row]] for row in rows]
            boxes = [
                Boxes(
                    np.stack([t.boxes[row] for t in people]), np.array([t.box_score[row] for t in people], np.float32)
                )
                for row, people in zip(rows, there, strict=True)
            ]
            with viewing.timings.stage("pose"):
                keypoints = estimator([frame.image for frame in batch], boxes)
            for row, people, found in zip(rows, there, keypoints, strict=True):
                for track, xy, score in zip(people, found.xy, found.score, strict=True):
                    new[track.id][0][row], new[track.id][1][row] = xy, score
            viewing.done(len(batch))
        return {track.id: replace(track, xy=new[track.id][0], score=new[track.id][1]) for track in tracks}

    def _provenance(self, path: str | Path) -> Provenance:
        estimator = self.estimator or self.scout
        detector = self.detector or self.scout
        return Provenance(str(path), detector.name, estimator.name, self.weights, __version__)


@dataclass
class _Viewing:
    """A video that is being looked at, the seconds per stage so far, and progress over all looks."""

    reader: VideoReader
    timings: Timings
    tell: Progress | None
    total: int
    looked_at: int = 0

    def next(self, frames: Iterator[Frame], count: int) -> list[Frame]:
        """At most so many frames, and at most `BATCH_BYTES` of them, but one at least while there are any."""
        batch: list[Frame] = []
        size = 0
        with self.timings.stage("decode"):
            for frame in islice(frames, count):
                batch.append(frame)
                size += frame.image.nbytes
                if size + frame.image.nbytes > BATCH_BYTES:
                    break
        return batch

    def done(self, frames: int) -> None:
        self.looked_at = min(self.looked_at + frames, self.total)
        if self.tell:
            self.tell(self.looked_at, self.total)

    def finish(self) -> None:
        if self.tell:
            self.tell(self.total, self.total)


def _selected(tracks: list[Track], size: tuple[int, int], person: str) -> Selection | None:
    try:
        return select(tracks, size, person)
    except NoPerson:
        return None


def _merged(kept: dict[int, Frame], wanted: Iterable[int], decoded: Iterator[Frame]) -> Iterator[Frame]:
    """The wanted frames in order, from memory or, one after the other, from the decoder; damaged ones are left out."""
    waiting = next(decoded, None)
    for index in wanted:
        if index in kept:
            yield kept[index]
        elif waiting is not None and waiting.index == index:
            yield waiting
            waiting = next(decoded, None)
