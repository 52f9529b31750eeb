"""AlphaPose's results JSON: its own list (17 or 26 joints), the `cmu` and `open` forms, and PoseFlow's tracked one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from poseact.errors import InvalidPoses
from poseact.poses.formats.frame_names import positions
from poseact.poses.formats.reading import Reading, corners_of, triplets, whole_number
from poseact.poses.formats.sightings import Clip, Sighting, counted, sequence_from
from poseact.types import PoseSequence

LAYOUTS = {17: "coco17", 26: "halpe26", 18: "coco18"}
_KEYS = ("keypoints", "joints", "pose_keypoints_2d")


def fits(document: object) -> bool:
    """Whether this is AlphaPose's list, or an object with the people of each picture."""
    if isinstance(document, dict):
        people = next((people for people in map(_listed, document.values()) if people != []), None) or [None]
        return isinstance(people[0], dict) and any(key in people[0] for key in _KEYS)
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and isinstance(first.get("image_id"), str) and "keypoints" in first


def shows_nobody(document: object) -> bool:
    """Whether this is what is written of a clip in which nobody is seen: no result, no picture, or empty ones."""
    return document == [] or (isinstance(document, dict) and all(_listed(one) == [] for one in document.values()))


def parse(document: object, reading: Reading) -> PoseSequence:
    """The video of a document. Frames without a person are not listed; they are rows of zeros, from frame 0 on.

    AlphaPose's score of a person is no probability (it may exceed 3), so the mean score of the joints stands for it.

    Raises: InvalidPoses, LimitExceeded.
    """
    seen = list(_people(document, reading.source))
    names = list(dict.fromkeys(name for name, _, _ in seen))
    frame_of = dict(zip(names, positions(names), strict=True))
    sightings = [_sighting(person, frame_of[name], where) for name, person, where in seen]
    if {one.track for one in sightings} == {0}:  # what stands there when nobody is tracked
        sightings = [replace(one, track=None) for one in sightings]
    layout = reading.layout_of(len(sightings[0].score) if sightings else None, LAYOUTS)
    clip = Clip(reading.name, layout, estimator="alphapose")
    return sequence_from(sightings, counted((one.frame for one in sightings), reading.source), clip, reading)


def _people(document: object, source: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Name of the picture, the person, and where it stands."""
    if not fits(document):
        raise InvalidPoses(f"{source} is no list of AlphaPose's results")
    if isinstance(document, dict):
        for name, picture in document.items():
            listed = _listed(picture)
            if not isinstance(listed, list):
                raise InvalidPoses(f"{source}, {name[:60]!r} has no list of people")
            for place, person in enumerate(listed):
                yield name, _object(person, f"{source}, {name[:60]!r}, person {place}"), f"{source}, {name[:60]!r}"
    elif isinstance(document, list):
        for place, person in enumerate(document):
            where = f"{source}, result {place}"
            name = _object(person, where).get("image_id")
            if not isinstance(name, str):
                raise InvalidPoses(f"{where}: 'image_id' must be the name of a picture")
            yield name, person, where


def _listed(picture: object) -> Any:
    """The people of a picture, in the forms `cmu` and `open` and in what PoseFlow tracked; None for anything else."""
    people = picture.get("bodies", picture.get("people")) if isinstance(picture, dict) else picture
    return people if isinstance(people, list) else None


def _object(person: object, where: str) -> dict[str, Any]:
    if not isinstance(person, dict):
        raise InvalidPoses(f"{where} must be an object")
    return person


def _sighting(person: dict[str, Any], frame: int, where: str) -> Sighting:
    key = next((key for key in _KEYS if key in person), _KEYS[0])
    xy, score = triplets(person.get(key), f"{where}, {key}")
    box = person.get("box")
    corners = None if box is None else corners_of(box, f"{where}, box")
    return Sighting(frame, xy, score, _track(person.get("idx"), where), corners)


def _track(given: object, where: str) -> int | None:
    """The id of a tracker; a list of them where several detections were merged, the first being the person's."""
    while isinstance(given, list):
        given = given[0] if given else None
    return None if given is None else whole_number(given, f"{where}, idx")
