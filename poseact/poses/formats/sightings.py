"""People seen in single frames -> the poses of a video: what all foreign formats have in common. Reads no file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, gcd

import numpy as np

from poseact.errors import InvalidPoses
from poseact.poses.formats.reading import MOST_JOINTS, Reading, camera_of
from poseact.poses.sequence import visible_boxes
from poseact.skeleton import known_layouts, layout
from poseact.types import Array, PoseSequence, Provenance

_LARGEST = 1e7  # px: no picture is larger, and float32 still tells halves of a pixel
FEWEST_SEEN = 100  # at least one of so many frames must be listed where empty frames are not
FREE_FRAMES = 10_000
_TELLING = 8  # distances between fewer frames are multiples of something by chance


@dataclass(frozen=True, slots=True)
class Sighting:
    """One person in one frame, as a file tells it.

    Attributes:
        frame: position in the video.
        xy: (K, 2) px. score: (K,); joints with NaN or a score of 0 or less are not seen.
        track: who it is, where a tracker said so; negative ids, as some write for who is not followed, are none.
        box: (4,) px xyxy, where the file tells.
        box_score: where the file tells.
    """

    frame: int
    xy: Array
    score: Array
    track: int | None = None
    box: Array | None = None
    box_score: float | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """What a file says of a video beside the people in it.

    Attributes:
        order: track ids, the first of them the first row.
        camera: how it moved, as the file tells it; see `camera_of`.
    """

    name: str
    layout: str
    image_size: tuple[int, int] | None = None
    fps: float | None = None
    label: int = -1
    source: str = ""
    estimator: str = ""
    order: tuple[int, ...] = ()
    camera: object = None


def counted(seen: Iterable[int], source: str) -> range:
    """The frames of a file that lists only those with a person, as `spanned`.

    Raises: InvalidPoses where hardly any frame is listed, so that the numbers are no positions in a video.
    """
    numbers = sorted(set(seen))
    if not numbers:
        return range(0)
    if numbers[0] < 0:
        raise InvalidPoses(f"{source}: frame {numbers[0]} is no position in a video")
    frames = spanned(numbers)
    if len(frames) > FREE_FRAMES + FEWEST_SEEN * len(numbers):
        raise InvalidPoses(f"{source}: {len(numbers)} frames up to {numbers[-1]}: these are no frames of one video")
    return frames


def spanned(numbers: Sequence[int]) -> range:
    """All frames of a video of which some are listed: from 0, or 1 where the first is 1, to the last.

    Where only every n-th frame was looked at, so that all of many distances are multiples of n, only these are taken.

    Args:
        numbers: positions, ascending, each once.
    """
    if not numbers:
        return range(0)
    step = gcd(*(after - before for before, after in pairwise(numbers))) if len(numbers) >= _TELLING else 1
    return range(1 if step == numbers[0] == 1 else numbers[0] % step, numbers[-1] + 1, step)


def sequence_from(sightings: Sequence[Sighting], frames: Sequence[int], clip: Clip, reading: Reading) -> PoseSequence:
    """Put the people of one video together.

    People with track ids are rows, those that the clip orders first, then in the order of their ids. People without
    one follow, and there a row is a place in the order of its frame, not a person followed over time. Frames without a
    person are rows of zeros.

    Args:
        frames: T positions in the video that were looked at, ascending.
    Raises: InvalidPoses; LimitExceeded for more people and frames than a file of this size can hold.
    """
    where = f"{reading.source} ({clip.name[:60]!r})" if clip.name else reading.source
    if not len(frames):
        raise InvalidPoses(f"{where} holds no frame of a video")
    joints = {len(sighting.score) for sighting in sightings}
    if len(joints) > 1 or (joints and not 0 < max(joints) <= MOST_JOINTS):
        raise InvalidPoses(f"{where}: people with {', '.join(map(str, sorted(joints)[:5]))} joints; one number must do")
    count = joints.pop() if joints else _joints_of(clip.layout)
    sightings = [one for one in sightings if (one.score > 0).any() or one.box is not None]
    rows, ids = _rows(sightings, clip.order)
    times = {int(frame): place for place, frame in enumerate(frames)}
    total = len(times)
    reading.budget.spend(len(ids) * total * (12 * count + 21) + 64 * total)
    keypoint = np.zeros((len(ids), total, count, 2), np.float32)
    score = np.zeros((len(ids), total, count), np.float32)
    boxes, box_score = np.zeros((len(ids), total, 4), np.float32), np.zeros((len(ids), total), np.float32)
    for row, sighting in zip(rows, sightings, strict=True):
        place = times.get(sighting.frame)
        if place is None:
            raise InvalidPoses(f"{where}: a person in frame {sighting.frame}, which is none of the frames")
        keypoint[row, place], score[row, place] = _joints(sighting, where)
        boxes[row, place], box_score[row, place] = _box(sighting, keypoint[row, place], score[row, place], where)
    image_size = reading.hints.image_size or clip.image_size or _extent(keypoint, boxes, reading)
    fps = reading.fps(clip.fps)
    frame_index = np.asarray(frames, np.int64)
    return PoseSequence(
        keypoint=keypoint, keypoint_score=score, image_size=image_size, fps=fps, pts=frame_index / fps,
        frame_index=frame_index, track_id=np.array(ids, np.int64), boxes=boxes, box_score=box_score,
        interpolated=np.zeros((len(ids), total), bool), layout=clip.layout, name=clip.name, label=clip.label,
        provenance=Provenance(source=clip.source, estimator=clip.estimator), camera=camera_of(clip.camera, total),
    )  # fmt: skip


def _joints_of(name: str) -> int:
    return len(layout(name).keypoints) if name in known_layouts() else int(name.split("-", maxsplit=1)[0])


def _rows(sightings: Sequence[Sighting], order: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """The row of each sighting, and the id of each row; who has the id of somebody else in the frame has none."""
    tracks = sorted({one.track for one in sightings if one.track is not None and one.track >= 0})
    place_of = {track: place for place, track in enumerate(dict.fromkeys(order))}
    known = sorted(tracks, key=lambda track: place_of.get(track, len(place_of)))
    row_of: dict[int | None, int] = {track: row for row, track in enumerate(known)}
    taken: set[tuple[int, int]] = set()
    nameless: dict[int, int] = {}
    rows = []
    for sighting in sightings:
        row = row_of.get(sighting.track, -1)
        if row < 0 or (sighting.frame, row) in taken:
            row = len(known) + nameless.get(sighting.frame, 0)
            nameless[sighting.frame] = row - len(known) + 1
        taken.add((sighting.frame, row))
        rows.append(row)
    first = max(known, default=0) + 1
    return rows, [*known, *range(first, first + max(nameless.values(), default=0))]


def _joints(sighting: Sighting, where: str) -> tuple[Array, Array]:
    """(K, 2) and (K,) float32; zeros where not seen, scores in [0, 1]."""
    score = np.nan_to_num(sighting.score, nan=0.0).clip(0, 1)
    seen = (score > 0) & ~np.isnan(sighting.xy).any(-1)
    xy = np.where(seen[:, None], sighting.xy, 0)
    if (np.abs(xy) > _LARGEST).any():
        raise InvalidPoses(f"{where}: {np.abs(xy).max():g} is no coordinate in a picture")
    return xy.astype(np.float32), np.where(seen, score, 0).astype(np.float32)


def _box(sighting: Sighting, xy: Array, score: Array, where: str) -> tuple[Array, float]:
    box, mean = visible_boxes(xy, score)
    if sighting.box is not None and np.isfinite(sighting.box).all():
        if sighting.box.shape != (4,) or (np.abs(sighting.box) > _LARGEST).any():
            raise InvalidPoses(f"{where}: a box must be four coordinates in a picture")
        box = sighting.box
    told = sighting.box_score if box.any() else None
    return box, min(told, 1.0) if told is not None and told > 0 else float(mean)


def _extent(keypoint: Array, boxes: Array, reading: Reading) -> tuple[int, int]:
    """The smallest picture that everything fits into, for files that tell no size."""
    reading.assumed["the size of the picture from what is seen (--image-size)"] = None
    right, bottom = (
        max(float(keypoint[..., axis].max(initial=0)), float(boxes[..., axis + 2].max(initial=0))) for axis in (0, 1)
    )
    return max(1, ceil(bottom)), max(1, ceil(right))
