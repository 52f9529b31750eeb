"""Ultralytics' predictions JSON: `results[n].to_json()` of pose models, as a list of frames, as lines, or as files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from poseact.errors import InvalidPoses
from poseact.poses.formats.frame_names import positions
from poseact.poses.formats.reading import Reading, number, numbers, whole_number
from poseact.poses.formats.sightings import Clip, Sighting, sequence_from
from poseact.types import Array, PoseSequence

LAYOUTS = {17: "coco17"}


def fits(document: object) -> bool:
    """Whether this is a list of the people in a frame, or of such lists."""
    if not isinstance(document, list):
        return False
    first = next((one for one in document if one), None)
    first = first[0] if isinstance(first, list) else first
    return isinstance(first, dict) and isinstance(first.get("box"), dict) and "confidence" in first


def fits_frame(document: object) -> bool:
    """Whether this is the list of the people in one frame."""
    return fits(document) and isinstance(document, list) and isinstance(document[0], dict)


def parse(document: object, reading: Reading) -> PoseSequence:
    """A list with one entry per frame, which is the list of its people; a bare list of people is a single frame.

    Raises: InvalidPoses, LimitExceeded; UsageError for shares of a picture whose size nobody told.
    """
    if not isinstance(document, list):
        raise InvalidPoses(f"{reading.source} is no list of frames")
    frames = [document] if document and all(isinstance(one, dict) for one in document) else document
    return parse_frames(((str(frame), people) for frame, people in enumerate(frames)), reading)


def parse_frames(frames: Iterable[tuple[str, object]], reading: Reading) -> PoseSequence:
    """Name and document of each frame; the last number in a name is the position in the video. Raises: as `parse`."""
    names: list[str] = []
    sightings: list[Sighting] = []
    for name, people in frames:
        where = f"{reading.source}, frame {name}"
        if not isinstance(people, list):
            raise InvalidPoses(f"{where} must be a list of people")
        for place, person in enumerate(people):
            sightings += _sighting(person, len(names), f"{where}, person {place}")
        names.append(name)
    places = positions(names)
    sightings = _in_pixels([replace(one, frame=places[one.frame]) for one in sightings], reading)
    layout = reading.layout_of(len(sightings[0].score) if sightings else None, LAYOUTS)
    return sequence_from(sightings, sorted(places), Clip(reading.name, layout, estimator="ultralytics"), reading)


def _sighting(person: object, frame: int, where: str) -> list[Sighting]:
    """One person; none for a detection without keypoints."""
    if not isinstance(person, dict):
        raise InvalidPoses(f"{where} must be an object")
    points = person.get("keypoints")
    if points is None:
        return []
    if not isinstance(points, dict):
        raise InvalidPoses(f"{where}: 'keypoints' must hold x and y")
    x, y = (numbers(points.get(axis), f"{where}, keypoints, {axis}") for axis in "xy")
    score = np.ones(len(x))
    if points.get("visible") is not None:
        score = numbers(points["visible"], f"{where}, keypoints, visible")
    if not len(x) == len(y) == len(score):
        raise InvalidPoses(f"{where}: {len(x)} x, {len(y)} y and {len(score)} scores of keypoints")
    xy = np.stack([x, y], 1)
    score = np.where((xy == 0).all(1), 0, score)  # how ultralytics writes joints that it does not see
    track, confidence = person.get("track_id"), person.get("confidence")
    return [
        Sighting(
            frame, xy, score, None if track is None else whole_number(track, f"{where}, track_id"),
            _box(person.get("box"), f"{where}, box"), None if confidence is None else number(confidence, where),
        )
    ]  # fmt: skip


def _box(given: object, where: str) -> Array | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise InvalidPoses(f"{where} must hold x1, y1, x2 and y2")
    return numbers([given.get(side) for side in ("x1", "y1", "x2", "y2")], where)


def _in_pixels(sightings: list[Sighting], reading: Reading) -> list[Sighting]:
    """What `normalize=True` wrote, shares of the picture, as pixels."""
    largest = max((np.abs(np.nan_to_num(one.xy)).max(initial=0) for one in sightings), default=0)
    if not 0 < largest <= 1.5:
        return sightings
    size = reading.size_of_shares()
    return [
        replace(one, xy=one.xy * size, box=None if one.box is None else one.box * np.tile(size, 2)) for one in sightings
    ]
