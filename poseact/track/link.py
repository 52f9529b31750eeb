"""Detections -> tracks: association frame by frame, then stitching over the whole video. Knows no image and no file."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from poseact.errors import InvalidPoses
from poseact.track.gaps import fill_gaps
from poseact.track.similarity import area, iou, keypoint_similarity, suppress_duplicates
from poseact.track.stitch import stitch
from poseact.track.tracklet import Scene, Tracklet
from poseact.types import Array, Boxes, Keypoints, Track

STRONG = 0.35
"""Box score from which a detection may start a track. Where no box of the video reaches it, `WEAK` does."""
WEAK = 0.15
"""Box score from which a detection may continue a track."""
MATCH = 0.3
"""Smallest mean of box overlap and keypoint similarity, in [0, 1], that continues a track."""
PATIENCE = 0.5
"""s for which a lost track waits for its person, at least two steps."""
MAX_GAP = 1.0
"""s over which torn tracks are stitched, at least one step."""
MIN_SIGHTINGS = 2
"""Tracks seen less often are dropped in videos of 8 frames and more, unless nothing else is left."""
_FORESIGHT = 0.5  # s: nobody keeps a velocity for longer
PERSON_FRAMES = 1_000_000
FEWEST_KEPT = 20


def link(boxes: Sequence[Boxes], keypoints: Sequence[Keypoints], pts: Array) -> list[Track]:
    """Follow people through a video.

    `PATIENCE` and `MAX_GAP` count only time that was looked at, so that people are recognised in the next window when
    `pts` come in windows.

    Args:
        boxes, keypoints: T entries, one per frame that was looked at; row n of both is the same person.
        pts: (T,) s, strictly ascending; steps may be large (a sparse subset of the video) and uneven.
    Returns:
        Tracks with ids from 1 in order of appearance; gaps inside a track are interpolated and marked. Of long videos
        with very many people only the `most_prominent`.
    Raises:
        InvalidPoses: the inputs disagree in length, or time does not ascend.
    """
    _check(boxes, keypoints, pts)
    if len(pts) == 0:
        return []
    scene = Scene(*_distinct(boxes, keypoints), np.asarray(pts, np.float64))
    best = max((float(frame.score.max()) for frame in scene.boxes if len(frame)), default=0.0)
    patience = max(PATIENCE, 2.01 * scene.interval)
    tracklets = _follow(scene, STRONG if best >= STRONG else WEAK, patience)
    _extend_back(tracklets, scene, patience)
    tracklets = stitch(tracklets, scene, max(MAX_GAP, 1.01 * scene.interval))
    if len(pts) >= 8:
        lasting = [tracklet for tracklet in tracklets if len(tracklet.frames) >= MIN_SIGHTINGS]
        tracklets = lasting or tracklets
    kept = most_prominent([_prominence(tracklet, scene) for tracklet in tracklets], len(pts))
    tracklets = [tracklets[row] for row in kept]
    tracklets.sort(key=lambda tracklet: (tracklet.frames[0], tracklet.rows[0]))
    return [fill_gaps(tracklet.to_track(scene, n), scene.pts) for n, tracklet in enumerate(tracklets, start=1)]


def most_prominent(prominence: Sequence[float], frames: int) -> list[int]:
    """Rows of the people who are kept of a video, ascending: so many that memory does not grow with their number.

    A track takes room in every frame: hundreds of passers-by in an hour of video would fill any memory.

    Args:
        prominence: of each person. frames: of the video.
    """
    most = max(FEWEST_KEPT, PERSON_FRAMES // max(frames, 1))
    if len(prominence) <= most:
        return list(range(len(prominence)))
    logging.getLogger("poseact").warning(
        "%d people were followed over %d frames; the %d who are seen longest and largest are kept",
        len(prominence), frames, most,
    )  # fmt: skip
    return sorted(sorted(range(len(prominence)), key=lambda row: -prominence[row])[:most])


def _prominence(tracklet: Tracklet, scene: Scene) -> float:
    """How long and how large somebody is seen: the sum of the square roots of the boxes, px."""
    boxes = np.stack([scene.boxes[frame].xyxy[row] for frame, row in zip(tracklet.frames, tracklet.rows, strict=True)])
    return float(np.sqrt(area(boxes)).sum())


def _check(boxes: Sequence[Boxes], keypoints: Sequence[Keypoints], pts: Array) -> None:
    if not len(boxes) == len(keypoints) == len(pts):
        raise InvalidPoses(
            f"{len(boxes)} frames of boxes, {len(keypoints)} of keypoints, {len(pts)} times; give one each"
        )
    for frame, (found, people) in enumerate(zip(boxes, keypoints, strict=True)):
        if len(found) != len(people):
            raise InvalidPoses(f"frame {frame}: {len(found)} boxes, keypoints of {len(people)} people; give one each")
    if len(pts) > 1 and not (np.diff(pts) > 0).all():
        raise InvalidPoses("frame times must ascend; sort the frames by time and drop doubles")


def _distinct(boxes: Sequence[Boxes], keypoints: Sequence[Keypoints]) -> tuple[list[Boxes], list[Keypoints]]:
    """Detections of at least `WEAK` score, every person once, best first."""
    kept_boxes, kept_keypoints = [], []
    for found, people in zip(boxes, keypoints, strict=True):
        usable = np.flatnonzero(found.score >= WEAK)
        rows = usable[suppress_duplicates(found[usable], people[usable])]
        kept_boxes.append(found[rows])
        kept_keypoints.append(people[rows])
    return kept_boxes, kept_keypoints


def _follow(scene: Scene, start: float, patience: float) -> list[Tracklet]:
    """Forward in time: strong detections first, then weak ones for the tracks that are left; strong ones left start."""
    tracklets: list[Tracklet] = []
    alive: list[Tracklet] = []
    for frame, found in enumerate(scene.boxes):
        alive = [item for item in alive if scene.watched(item.frames[-1], frame) <= patience]
        left = _match(alive, scene, frame, np.flatnonzero(found.score >= start))
        waiting = [item for item in alive if item.frames[-1] != frame]
        _match(waiting, scene, frame, np.flatnonzero(found.score < start))
        started = [Tracklet([frame], [row]) for row in left]
        alive += started
        tracklets += started
    return tracklets


def _extend_back(tracklets: list[Tracklet], scene: Scene, patience: float) -> None:
    """Backward in time: detections that nobody owns continue the tracks that begin after them, in place."""
    owned = {(frame, row) for item in tracklets for frame, row in zip(item.frames, item.rows, strict=True)}
    begins = sorted(tracklets, key=lambda item: item.frames[0])
    alive: list[Tracklet] = []
    for frame in range(len(scene.pts) - 2, -1, -1):
        while begins and begins[-1].frames[0] > frame:
            alive.append(begins.pop())
        alive = [item for item in alive if scene.watched(frame, item.frames[0]) <= patience]
        free = np.array([row for row in range(len(scene.boxes[frame])) if (frame, row) not in owned], int)
        _match(alive, scene, frame, free, end=0)


def _match(waiting: list[Tracklet], scene: Scene, frame: int, rows: Array, end: int = -1) -> list[int]:
    """Give detections `rows` of `frame` to the tracklets that fit best (Hungarian method), in place.

    Args:
        end: which end of the tracklets is continued, -1 the last sighting or 0 the first.
    Returns:
        The rows that nobody took.
    """
    if not waiting or len(rows) == 0:
        return [int(row) for row in rows]
    alike = _similarity(waiting, scene, frame, rows, end)
    taken = set()
    for item, column in zip(*linear_sum_assignment(-alike), strict=True):
        if alike[item, column] >= MATCH:
            waiting[item].add(frame, int(rows[column]))
            taken.add(column)
    return [int(row) for column, row in enumerate(rows) if column not in taken]


def _similarity(waiting: list[Tracklet], scene: Scene, frame: int, rows: Array, end: int) -> Array:
    """(tracklets, rows) mean of box overlap and keypoint similarity, at the last or the predicted place: the better."""
    seen = np.array([item.box(scene, end) for item in waiting])  # (N, 4)
    xy, score = (np.stack(part) for part in zip(*(item.joints(scene, end) for item in waiting), strict=True))
    elapsed = np.array([scene.pts[frame] - scene.pts[item.frames[end]] for item in waiting])
    shift = (
        np.array([item.velocity(scene, end) for item in waiting]) * np.clip(elapsed, -_FORESIGHT, _FORESIGHT)[:, None]
    )  # (N, 2) px
    found, people = scene.boxes[frame].xyxy[rows].astype(np.float64), scene.keypoints[frame][rows]
    scale = np.sqrt(np.maximum(area(seen)[:, None], area(found)[None]))
    # Limbs move about two body scales per second when fast: the tolerance grows with the time that has passed.
    looseness = np.minimum(1.5 + 8.0 * np.abs(elapsed), 5.0)[:, None]
    # Boxes alone do not carry a track over a cut: people before and after it often stand in the same place. Nobody
    # changes posture within a frame of film, but between frames of a sparse subset anybody may.
    least = np.clip(0.35 - np.abs(elapsed), 0.1, None)[:, None]
    best = np.zeros((len(waiting), len(rows)))
    for offset in (np.zeros_like(shift), shift):
        overlap = iou(seen + np.tile(offset, 2), found)
        agree = keypoint_similarity(Keypoints(xy + offset[:, None], score), people, scale, looseness)
        best = np.maximum(best, np.where(agree >= least, (overlap + agree) / 2, 0.0))
    return best
