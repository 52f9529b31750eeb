"""COCO keypoints JSON: annotations of images (COCO, PoseTrack, COCO-VID) and lists of results, with track ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from poseact.errors import InvalidPoses
from poseact.poses.dataset import PoseDataset, classes_of, splits_of
from poseact.poses.formats.frame_names import LAST_FRAME, positions
from poseact.poses.formats.reading import (
    Reading,
    corners_of,
    named_layout,
    number,
    numbers,
    order_of,
    size_of,
    triplets,
    whole_number,
)
from poseact.poses.formats.sightings import Clip, Sighting, counted, sequence_from
from poseact.poses.tree import learn_layouts
from poseact.skeleton import known_layouts, layout
from poseact.texts import natural_order
from poseact.types import PoseSequence

LAYOUTS = {17: "coco17"}
_TRACKS = ("track_id", "instance_id", "tracking_id")
_VIDEOS = ("video_id", "vid_id")
_FRAMES = ("frame_id", "frame_index", "frame_number")


_People = dict[int, list[tuple[str, dict[str, Any], str]]]  # picture id -> layout, annotation, where it stands


@dataclass(frozen=True, slots=True)
class _Picture:
    """One entry of 'images': whose frame it is."""

    id: int
    video: str
    folder: str
    name: str
    frame: int | None
    size: tuple[int, int] | None
    time: float | None


def fits(document: object) -> bool:
    """Whether this is annotations, or a list of results."""
    if isinstance(document, dict):
        return isinstance(document.get("images"), list) and isinstance(document.get("annotations"), list)
    first = document[0] if isinstance(document, list) and document else None
    return (
        isinstance(first, dict)
        and isinstance(first.get("image_id"), int)
        and isinstance(first.get("keypoints"), list)
        and "category_id" in first
    )


def parse(document: object, reading: Reading) -> PoseDataset:
    """All videos of a document.

    Pictures belong to the video that they name (`video_id`, `vid_id`), else to that of their folder, and are ordered by
    `frame_id`, else by the number in their name. In lists of results the number of the picture is the frame.
    Visibility 1 and 2 are a score of 1; scores, where there are any, stand in `keypoint_scores` or in their place.
    People are in the order of `people` in the entry of their video, track ids that we write there; else by their ids.
    `camera_motion` there, which we write too, is how the camera moved.
    `timestamp` is in seconds where we wrote the document, and passed over elsewhere and where the user tells the fps.

    Raises: InvalidPoses, LimitExceeded.
    """
    if isinstance(document, list):
        return PoseDataset([_results(document, reading)])
    if not isinstance(document, dict) or not fits(document):
        raise InvalidPoses(f"{reading.source} holds no 'images' and 'annotations' and is no list of results")
    own = document.get("poseact")
    own = own if isinstance(own, dict) else {}
    learn_layouts(own.get("layouts"), reading.source)
    timed = "poseact" in document and reading.hints.fps is None
    pictures = [
        _picture(one, f"{reading.source}, image {place}", timed) for place, one in enumerate(document["images"])
    ]
    if len({picture.id for picture in pictures}) < len(pictures):
        raise InvalidPoses(f"{reading.source}: two images have the same id")
    layouts = _layouts(document.get("categories"), reading)
    people = _people(document["annotations"], layouts, reading.source)
    videos = _videos(document.get("videos"), reading.source)
    of_video: dict[str, list[_Picture]] = {}
    for picture in pictures:
        of_video.setdefault(picture.video, []).append(picture)
    names = _clip_names(of_video, videos, reading.name)
    sequences = [
        _video(listed, people, videos.get(video, {}), _Named(names[video], next(iter(layouts.values()), "")), reading)
        for video, listed in of_video.items()
    ]
    if not sequences:
        raise InvalidPoses(f"{reading.source} lists no images, so that there is no frame")
    return PoseDataset(
        sequences, splits_of(own.get("split"), reading.budget), classes_of(own.get("classes"), reading.budget)
    )


def _results(document: list[Any], reading: Reading) -> PoseSequence:
    sightings = []
    for place, one in enumerate(document):
        where = f"{reading.source}, result {place}"
        if not isinstance(one, dict):
            raise InvalidPoses(f"{where} must be an object")
        frame = whole_number(one.get("image_id"), f"{where}, image_id")
        if frame < 0:
            raise InvalidPoses(f"{where}: image_id {frame} is no position in a video")
        sightings += _sighting(one, frame, where)
    name = reading.layout_of(len(sightings[0].score) if sightings else None, LAYOUTS)
    return sequence_from(
        sightings, counted((one.frame for one in sightings), reading.source), Clip(reading.name, name), reading
    )


def _sighting(one: dict[str, Any], frame: int, where: str) -> list[Sighting]:
    """The pose of one annotation or result; none where it has no keypoints, or none that is seen."""
    if not one.get("keypoints"):
        return []
    xy, score = triplets(one["keypoints"], f"{where}, keypoints")
    told = one.get("keypoint_scores") or one.get("scores")
    if told:
        told = numbers(told, f"{where}, keypoint_scores")
        if len(told) != len(score):
            raise InvalidPoses(f"{where}: {len(told)} scores of {len(score)} keypoints")
        score = np.where(score > 0, told, 0)
    if not (score > 0).any():
        return []
    key = next((key for key in _TRACKS if one.get(key) is not None), None)
    return [
        Sighting(
            frame, xy, score, None if key is None else whole_number(one[key], f"{where}, {key}"),
            corners_of(one["bbox"], f"{where}, bbox") if one.get("bbox") else None,
            None if one.get("score") is None else number(one["score"], where),
        )
    ]  # fmt: skip


def _picture(given: object, where: str, timed: bool) -> _Picture:
    if not isinstance(given, dict):
        raise InvalidPoses(f"{where} must be an object")
    path = str(given.get("file_name") or "")[:500]
    folder, _, name = path.replace("\\", "/").rpartition("/")
    video = next((str(given[key])[:200] for key in _VIDEOS if given.get(key) is not None), None)
    key = next((key for key in _FRAMES if given.get(key) is not None), None)
    return _Picture(
        whole_number(given.get("id"), f"{where}, id"), f"#{video}" if video is not None else folder, folder, name,
        None if key is None else whole_number(given[key], f"{where}, {key}"),
        size_of(given.get("height"), given.get("width"), where),
        number(given["timestamp"], f"{where}, timestamp") if timed and given.get("timestamp") is not None else None,
    )  # fmt: skip


def _people(annotations: list[Any], layouts: dict[int, str], source: str) -> _People:
    """Picture id -> its people."""
    found: _People = {}
    for place, one in enumerate(annotations):
        where = f"{source}, annotation {place}"
        if not isinstance(one, dict):
            raise InvalidPoses(f"{where} must be an object")
        category = one.get("category_id")
        name = layouts.get(category, "") if isinstance(category, int) else ""
        found.setdefault(whole_number(one.get("image_id"), f"{where}, image_id"), []).append((name, one, where))
    return found


def _layouts(categories: object, reading: Reading) -> dict[int, str]:
    """Category id -> name of the layout, for the categories that name their keypoints."""
    if not isinstance(categories, list) or reading.hints.layout is not None:
        return {}
    found = {}
    for one in categories:
        names = one.get("keypoints") if isinstance(one, dict) else None
        if not names or not isinstance(one.get("id"), int):
            continue
        where = f"{reading.source}, category {str(one.get('name'))[:60]!r}"
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) > 512:
            raise InvalidPoses(f"{where}: 'keypoints' must be a list of names")
        declared = one.get("layout")
        if isinstance(declared, str) and declared in known_layouts() and list(layout(declared).keypoints) == names:
            found[one["id"]] = declared
        else:
            found[one["id"]] = named_layout(f"{one.get('name')}{len(names)}", names, _limbs(one), where).name
    return found


def _limbs(category: dict[str, Any]) -> list[tuple[int, int]]:
    """COCO counts keypoints from 1."""
    skeleton = category.get("skeleton")
    return [
        (limb[0] - 1, limb[1] - 1)
        for limb in (skeleton if isinstance(skeleton, list) else [])[:2048]
        if isinstance(limb, list) and len(limb) == 2 and all(type(end) is int for end in limb)
    ]


def _videos(given: object, source: str) -> dict[str, dict[str, Any]]:
    if given is None:
        return {}
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise InvalidPoses(f"{source}: 'videos' must be a list of objects")
    return {f"#{str(one.get('id'))[:200]}": one for one in given}


def _clip_names(of_video: dict[str, list[_Picture]], videos: dict[str, dict[str, Any]], alone: str) -> dict[str, str]:
    """The name of each video: as the file says, else that of its folder, made distinct by its path."""
    names = {}
    for video, pictures in of_video.items():
        told = videos.get(video, {}).get("name") or videos.get(video, {}).get("file_name")
        folders = {picture.folder for picture in pictures}
        folder = folders.pop() if len(folders) == 1 else ""
        names[video] = str(told)[:500] if told else folder or (video.removeprefix("#") if len(of_video) > 1 else alone)
    short = {video: name.rsplit("/", 1)[-1] for video, name in names.items() if not videos.get(video, {}).get("name")}
    return {**names, **short} if len(set({**names, **short}.values())) == len(names) else names


@dataclass(frozen=True, slots=True)
class _Named:
    """The name of a video, and the layout of its people if none is there."""

    video: str
    layout: str


def _video(
    pictures: list[_Picture], people: _People, about: dict[str, Any], named: _Named, reading: Reading
) -> PoseSequence:
    where = f"{reading.source} ({named.video[:60]!r})"
    frame_of = _frames(pictures, where)
    sizes = {picture.size for picture in pictures}
    if len(sizes) > 1:
        raise InvalidPoses(f"{where}: its pictures have different sizes, so they are no frames of one video")
    found = [
        (layout_name, sighting)
        for picture in pictures
        for layout_name, one, at in people.get(picture.id, [])
        for sighting in _sighting(one, frame_of[picture.id], at)
    ]
    layouts = {layout_name for layout_name, _ in found} or {named.layout}
    if len(layouts) > 1:
        raise InvalidPoses(f"{where}: people of different layouts of keypoints: {', '.join(sorted(layouts))[:120]}")
    joints = len(found[0][1].score) if found else None
    layout_name = layouts.pop() or reading.layout_of(joints, LAYOUTS)
    if joints and layout_name in known_layouts() and len(layout(layout_name).keypoints) != joints:
        raise InvalidPoses(f"{where}: poses of {joints} joints, but its category names another number of keypoints")
    fps = None if about.get("fps") is None else number(about["fps"], f"{where}, fps")
    clip = Clip(
        named.video,
        layout_name,
        sizes.pop() or size_of(about.get("height"), about.get("width"), where),
        fps if fps and fps > 0 else None,
        -1 if about.get("label") is None else whole_number(about["label"], f"{where}, label"),
        order=order_of(about.get("people")),
        camera=about.get("camera_motion"),
    )
    sequence = sequence_from([one for _, one in found], sorted(frame_of.values()), clip, reading)
    times = {frame_of[picture.id]: picture.time for picture in pictures}
    given = [times[frame] for frame in sorted(times)]
    return sequence if None in given else replace(sequence, pts=np.array(given, np.float64))


def _frames(pictures: list[_Picture], where: str) -> dict[int, int]:
    """Picture id -> position in its video."""
    numbered = [picture.frame for picture in pictures]
    if None not in numbered:
        told = [frame for frame in numbered if frame is not None]
        first = min(told) if min(told) > LAST_FRAME else 0  # PoseTrack's begin with the number of the video
        if len(set(told)) < len(told):
            raise InvalidPoses(f"{where}: two pictures are the same frame")
        return {picture.id: frame - first for picture, frame in zip(pictures, told, strict=True)}
    names = [picture.name for picture in pictures]
    if len(set(names)) == len(names) and all(names):
        return {picture.id: frame for picture, frame in zip(pictures, positions(names), strict=True)}
    ordered = sorted(pictures, key=lambda picture: (natural_order(picture.name), picture.id))
    return {picture.id: rank for rank, picture in enumerate(ordered)}
