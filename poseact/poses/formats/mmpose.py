"""MMPose's predictions JSON: what its demos (`instance_info`) and its inferencer (plain lists) save."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from poseact.errors import InvalidPoses
from poseact.poses.formats.frame_names import positions
from poseact.poses.formats.reading import Reading, named_layout, number, numbers, order_of, whole_number
from poseact.poses.formats.sightings import Clip, Sighting, sequence_from
from poseact.types import Array, PoseSequence

LAYOUTS = {17: "coco17", 26: "halpe26"}


def fits(document: object) -> bool:
    """Whether this is a document of a demo, a list of frames, a list of instances, or one of these per frame."""
    if isinstance(document, dict):
        return isinstance(document.get("instance_info"), list)
    first = next((one for one in document if one), None) if isinstance(document, list) else None
    first = first[0] if isinstance(first, list) else first
    return isinstance(first, dict) and (
        isinstance(first.get("instances"), list)
        or (isinstance(first.get("keypoints"), list) and isinstance(first.get("keypoint_scores"), list))
    )


def fits_frame(document: object) -> bool:
    """Whether this is the list of the people in one picture, as both save it for pictures."""
    listed = document.get("instance_info") if isinstance(document, dict) else document
    first = listed[0] if isinstance(listed, list) and listed else None
    return fits(document) and isinstance(first, dict) and "keypoints" in first


def parse(document: object, reading: Reading) -> PoseSequence:
    """The video of a document. Every frame that was looked at is listed, so there is a row for each and no other.

    Where `meta_info` names the joints, they are the layout; `people` in it, which we write, is the order of the track
    ids, and `camera_motion` how the camera moved. Raises: InvalidPoses, LimitExceeded.
    """
    listed, meta = _parts(document, reading.source)
    frames: list[int] = []
    sightings: list[Sighting] = []
    for frame, people, where in _frames(listed, reading.source):
        frames.append(frame)
        sightings += _sightings(people, frame, where)
    return _video(frames, sightings, meta, reading)


def parse_frames(frames: Iterable[tuple[str, object]], reading: Reading) -> PoseSequence:
    """Name and document of each picture; the last number in a name is the position in the video. Raises: as `parse`."""
    names: list[str] = []
    sightings: list[Sighting] = []
    meta: object = None
    for name, document in frames:
        people, told = _parts(document, f"{reading.source}, {name}")
        meta = meta or told
        sightings += _sightings(people, len(names), f"{reading.source}, {name}")
        names.append(name)
    places = positions(names)
    return _video(places, [replace(one, frame=places[one.frame]) for one in sightings], meta, reading)


def _parts(document: object, source: str) -> tuple[list[Any], object]:
    """What is listed, and `meta_info`."""
    meta = document.get("meta_info") if isinstance(document, dict) else None
    listed = document.get("instance_info") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise InvalidPoses(f"{source} is no list of frames and has no 'instance_info'")
    return listed, meta


def _sightings(people: list[Any], frame: int, where: str) -> list[Sighting]:
    return [_sighting(person, frame, f"{where}, instance {place}") for place, person in enumerate(people)]


def _video(frames: list[int], sightings: list[Sighting], meta: object, reading: Reading) -> PoseSequence:
    if len(set(frames)) < len(frames):
        raise InvalidPoses(f"{reading.source}: a frame is listed twice")
    joints = len(sightings[0].score) if sightings else None
    told = meta if isinstance(meta, dict) else {}
    clip = Clip(
        reading.name, _layout(meta, joints, reading), estimator="mmpose", order=order_of(told.get("people")),
        camera=told.get("camera_motion"),
    )  # fmt: skip
    return sequence_from(sightings, sorted(frames), clip, reading)


def _frames(listed: list[Any], source: str) -> Iterator[tuple[int, list[Any], str]]:
    """Position, people and name of each frame; a bare list of people is a video of one frame."""
    if listed and all(isinstance(one, dict) and "instances" not in one for one in listed):
        listed = [listed]
    for place, one in enumerate(listed):
        where = f"{source}, frame {place}"
        people = one.get("instances") if isinstance(one, dict) else one
        if not isinstance(people, list):
            raise InvalidPoses(f"{where} has no list of 'instances'")
        told = one.get("frame_id") if isinstance(one, dict) else None
        yield place if told is None else whole_number(told, f"{where}, frame_id"), people, where


def _sighting(person: object, frame: int, where: str) -> Sighting:
    if not isinstance(person, dict):
        raise InvalidPoses(f"{where} must be an object")
    points = person.get("keypoints")
    if not isinstance(points, list) or not points or len(points) > 2048:
        raise InvalidPoses(f"{where}: 'keypoints' must be a list of points")
    rows = [numbers(point, f"{where}, keypoints") for point in points]
    if {row.shape for row in rows} != {(2,)}:
        raise InvalidPoses(f"{where}: every one of 'keypoints' must be x and y; 3D poses are not read")
    xy = np.stack(rows)
    score = numbers(person.get("keypoint_scores"), f"{where}, keypoint_scores")
    if len(score) != len(xy):
        raise InvalidPoses(f"{where}: {len(score)} scores of {len(xy)} keypoints")
    track = person.get("track_id")
    box_score = person.get("bbox_score")
    return Sighting(
        frame, xy, score, None if track is None else whole_number(track, f"{where}, track_id"),
        _box(person.get("bbox"), f"{where}, bbox"), None if box_score is None else number(box_score, where),
    )  # fmt: skip


def _box(given: object, where: str) -> Array | None:
    """left, top, right, bottom, which MMPose puts into a list of one."""
    if isinstance(given, list) and given and isinstance(given[0], list):
        given = given[0]
    if not given:
        return None
    box = numbers(given, where)
    if len(box) not in (4, 5):
        raise InvalidPoses(f"{where} must be left, top, right and bottom")
    return box[:4]


def _layout(meta: object, joints: int | None, reading: Reading) -> str:
    """The layout as the user tells it, else as `meta_info` names its joints, else by their number."""
    names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if reading.hints.layout is not None or not isinstance(meta, dict) or not isinstance(names, dict) or not names:
        return reading.layout_of(joints, LAYOUTS)
    where = f"{reading.source}, meta_info"
    keypoints = [names.get(str(place)) for place in range(len(names))]
    if (joints is not None and len(names) != joints) or not all(isinstance(name, str) for name in keypoints):
        raise InvalidPoses(f"{where}: 'keypoint_id2name' must name the {joints} joints by their numbers")
    links = meta.get("skeleton_links")
    limbs = [
        (link[0], link[1])
        for link in (links if isinstance(links, list) else [])[:2048]
        if isinstance(link, list) and len(link) == 2 and all(type(end) is int for end in link)
    ]
    name = f"{meta.get('dataset_name') or 'mmpose'}-{len(names)}"
    return named_layout(name, [str(name) for name in keypoints], limbs, where).name
