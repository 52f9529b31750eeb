"""OpenPose's folders of JSON, one file per frame (`--write_json`): read and written. BODY_25 and COCO_18."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from poseact.errors import InvalidPoses, UsageError
from poseact.poses.formats.frame_names import positions
from poseact.poses.formats.reading import Reading, triplets, whole_number
from poseact.poses.formats.sightings import Clip, Sighting, sequence_from
from poseact.types import Array, PoseSequence

LAYOUTS = {25: "body25", 18: "coco18"}
SUFFIX = "_keypoints.json"
_NUMBERED = re.compile(rf"(.*)_[0-9]{{12}}{re.escape(SUFFIX)}", re.DOTALL)  # as OpenPose names the frames of a video
_KEYS = ("pose_keypoints_2d", "pose_keypoints")  # the second until version 1.0
_EMPTY = (
    "face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d", "pose_keypoints_3d", "face_keypoints_3d",
    "hand_left_keypoints_3d", "hand_right_keypoints_3d",
)  # fmt: skip


def fits(document: object) -> bool:
    """Whether this is what OpenPose writes for a frame."""
    return isinstance(document, dict) and isinstance(document.get("people"), list)


def parse(frames: Iterable[tuple[str, object]], reading: Reading) -> PoseSequence:
    """The frames of one video.

    Args:
        frames: name of the file and its document, each. The last number in a name is the position in the video.
            OpenPose writes a file for every frame that it looked at, so there is a row for each file and no other.
    Raises: InvalidPoses, for frames of several videos as well; UsageError for coordinates that are shares of a picture
        whose size nobody told.
    """
    names: list[str] = []
    sightings: list[Sighting] = []
    for name, document in frames:
        sightings += people(document, len(names), f"{reading.source}, {name}")
        names.append(name)
    _refuse_several(names, reading.source)
    numbers = positions(names)
    sightings = [replace(one, frame=numbers[one.frame]) for one in sightings]
    sightings = _in_pixels(sightings, reading)
    layout = reading.layout_of(len(sightings[0].score) if sightings else None, LAYOUTS)
    clip = Clip(reading.name, layout, estimator="openpose")
    return sequence_from(sightings, sorted(numbers), clip, reading)


def _refuse_several(names: list[str], source: str) -> None:
    videos = list(dict.fromkeys(match[1] for match in map(_NUMBERED.fullmatch, names) if match))
    if len(videos) > 1:
        told = ", ".join(repr(video[:60]) for video in videos[:5]) + " and others" * (len(videos) > 5)
        raise InvalidPoses(f"{source} holds frames of {len(videos)} videos, {told}; put each into a folder")


def people(document: object, frame: int, where: str) -> Iterator[Sighting]:
    """The people of one frame. Raises: InvalidPoses."""
    if not isinstance(document, dict) or not isinstance(document.get("people"), list):
        raise InvalidPoses(f"{where} is no frame of OpenPose: it has no list of 'people'")
    for person in document["people"]:
        if not isinstance(person, dict):
            raise InvalidPoses(f"{where}: a person must be an object")
        key = next((key for key in _KEYS if person.get(key)), None)
        if key is not None:  # people of whom only hands or a face were found have an empty list
            xy, score = triplets(person[key], f"{where}, {key}")
            yield Sighting(frame, xy, score, _track(person.get("person_id"), where))


def _track(given: object, where: str) -> int | None:
    """OpenPose writes [-1] where it does not track."""
    if isinstance(given, list):
        given = given[0] if given else None
    return None if given is None else whole_number(given, f"{where}, person_id")


def _in_pixels(sightings: list[Sighting], reading: Reading) -> list[Sighting]:
    """Coordinates as `--keypoint_scale` 3 and 4 write them, shares of the picture in [0, 1] or [-1, 1], as pixels."""
    seen = [sighting.xy[sighting.score > 0] for sighting in sightings]
    every = np.concatenate(seen) if seen else np.zeros((0, 2))
    every = every[~np.isnan(every).any(1)]
    if not len(every) or np.abs(every).max() > 1:
        return sightings
    size = reading.size_of_shares()
    low, scale = (-1, size / 2) if every.min() < 0 else (0, size)
    return [replace(one, xy=(one.xy - low) * scale) for one in sightings]


def documents(sequence: PoseSequence) -> Iterator[tuple[str, dict[str, Any]]]:
    """The frames of one video as OpenPose would have written them: name of the file and document, each.

    The number in a name is the position in the source video. Frame rate, size, labels and boxes have no place in it.

    Raises: UsageError for poses of another layout.
    """
    if sequence.layout not in LAYOUTS.values():
        raise UsageError(
            f"{sequence.name}: OpenPose's files hold {' or '.join(LAYOUTS.values())} poses, these are "
            f"{sequence.layout}; add --to-layout {LAYOUTS[25]}"
        )
    stem = re.sub(r"[^\w.-]+", "-", sequence.name).lstrip(".-")[-40:] or "video"
    for place, number in enumerate(sequence.frame_index.tolist()):
        there = [row for row in range(len(sequence)) if (sequence.keypoint_score[row, place] > 0).any()]
        found = [
            {
                "person_id": [int(sequence.track_id[row])],
                "pose_keypoints_2d": _flat(sequence.keypoint[row, place], sequence.keypoint_score[row, place]),
                **{key: [] for key in _EMPTY},
            }
            for row in there
        ]
        yield f"{stem}_{number:012d}{SUFFIX}", {"version": 1.3, "people": found}


def _flat(xy: Array, score: Array) -> list[float]:
    return [float(one) for one in np.concatenate([xy, score[:, None]], 1).ravel()]
