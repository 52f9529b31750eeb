"""CSV of MediaPipe's 33 pose landmarks, as people write them: a line per frame, or a line per landmark."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np

from poseact.errors import InvalidPoses
from poseact.poses.formats.reading import Reading
from poseact.poses.formats.sightings import Clip, Sighting, counted, sequence_from
from poseact.poses.formats.table import cell, number_rows, rows_of, whole
from poseact.skeleton import layout
from poseact.types import Array, PoseSequence

LAYOUT = "mediapipe33"
_AXES = {"x": "x", "y": "y", "z": "z", "v": "v", "vis": "v", "visibility": "v", "presence": "p", "score": "v"}
_NOISE = {"landmark", "lm", "pose", "point", "keypoint", "kp", "joint", "pos"}
_FRAME = {"frame", "frame id", "frame index", "frame idx", "frame number", "frame num", "frame no", "image", "image id"}
_PERSON = {"person", "person id", "pose id", "pose index", "track id", "id"}
_LANDMARK = {
    "landmark", "landmark id", "landmark index", "landmark idx", "landmark name", "joint", "keypoint", "point", "name",
}  # fmt: skip
_SHARES = 10  # landmarks are shares of the picture, a little outside of [0, 1] at most; pixels reach further


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where things stand; -1 where there is no such column."""

    frame: int
    person: int
    landmark: int
    plain: dict[str, int]  # x, y and v of tables with a line per landmark
    wide: dict[tuple[int, str], int]  # (landmark, axis) -> column of tables with a line per frame


def fits(rows: list[list[str]]) -> bool:
    """Whether a table has columns like those that are read."""
    if not rows:
        return False
    try:
        columns = _columns(rows[0], "")
    except InvalidPoses:
        return False
    return bool(columns.wide) or {"x", "y"} <= columns.plain.keys()


def parse(content: bytes | str, reading: Reading) -> PoseSequence:
    """The poses of one video.

    A line per frame has columns such as `nose_x`, `LEFT_EYE_INNER_y`, `x0` or `landmark_32_visibility`; a line per
    landmark has `frame`, `landmark` (a name or number), `x`, `y`, `visibility`. Without visibility, what is there is
    certain. Frames that are not listed are rows of zeros.

    Raises: InvalidPoses, LimitExceeded; UsageError where the size of the picture is not told and needed.
    """
    rows = rows_of(content, reading.source)
    columns = _columns(rows[0], reading.source)
    if columns.wide:
        sightings = _wide(rows[1:], columns, reading)
    elif columns.landmark >= 0 and {"x", "y"} <= columns.plain.keys():
        sightings = _long(rows[1:], columns, reading.source)
    else:
        raise InvalidPoses(
            f"{reading.source} has no columns of landmarks, such as nose_x, or x0, or frame, landmark, x and y"
        )
    if not sightings:
        raise InvalidPoses(f"{reading.source} holds no frame of a video")
    sightings = _in_pixels(sightings, reading)
    frames = counted((one.frame for one in sightings), reading.source)
    return sequence_from(
        sightings, frames, Clip(reading.name, reading.layout_of(33, {33: LAYOUT}), estimator="mediapipe"), reading
    )


def _columns(header: list[str], source: str) -> _Columns:
    frame, person, landmark = -1, -1, -1
    plain: dict[str, int] = {}
    wide: dict[tuple[str, str], int] = {}
    for column, title in enumerate(header):
        words = re.findall(r"[a-z]+|[0-9]+", title.lower())
        name = " ".join(words)
        if name in _FRAME:
            frame = column
        elif name in _PERSON:
            person = column
        elif name in _LANDMARK:
            landmark = column
        elif len(words) == 1 and words[0] in _AXES:
            plain[_AXES[words[0]]] = column
        else:
            axis, rest = _axis(words)
            if axis and rest:
                wide[rest, axis] = column
    return _Columns(frame, person, landmark, plain, {} if landmark >= 0 else _numbered(wide, source))


def _axis(words: list[str]) -> tuple[str, str]:
    """The axis that a column of a landmark holds, and what it says of the landmark."""
    rest = [word for word in words if word not in _NOISE]
    if rest and rest[-1] in _AXES:
        return _AXES[rest[-1]], " ".join(rest[:-1])
    if rest and rest[0] in _AXES:
        return _AXES[rest[0]], " ".join(rest[1:])
    return "", ""


def _numbered(wide: dict[tuple[str, str], int], source: str) -> dict[tuple[int, str], int]:
    """Columns by the number of their landmark; those of no landmark are left out."""
    numbers = {int(name) for name, _ in wide if name.isdecimal() and len(name) < 6}
    first = 1 if numbers and 0 not in numbers else 0
    if numbers and numbers != set(range(first, first + 33)):
        raise InvalidPoses(f"{source} has landmarks from {min(numbers)} to {max(numbers)}, not the 33 of a pose")
    found = {}
    for (name, axis), column in wide.items():
        number = _landmark(name, first)
        if number is not None:
            found[number, axis] = column
    for number, axis in list(found):
        if (number, "x" if axis == "y" else "y") not in found and axis in "xy":
            raise InvalidPoses(f"{source}: the landmark {number} has no x or no y")
    return found


@cache
def _landmark(name: str, first: int = 0) -> int | None:
    """The number of a landmark by its number or name, whatever the order of its words: MOUTH_LEFT, left_mouth."""
    words = sorted(re.findall(r"[a-z]+|[0-9]+", name.lower()))
    if len(words) == 1 and words[0].isdecimal():
        number = int(words[0][:9]) - first
        return number if 0 <= number < 33 else None
    known = [sorted(joint.split("_")) for joint in layout(LAYOUT).keypoints]
    return known.index(words) if words in known else None


def _wide(rows: list[list[str]], columns: _Columns, reading: Reading) -> list[Sighting]:
    keys = list(columns.wide)
    values = number_rows(rows, [columns.wide[key] for key in keys], reading.source, 2)
    reading.budget.spend(len(rows) * 33 * 24)
    joints = np.full((len(rows), 33, 3), np.nan)
    for place, (number, axis) in enumerate(keys):
        if axis in "xyv":
            joints[:, number, "xyv".index(axis)] = values[:, place]
    for number in range(33):
        if (number, "v") not in columns.wide:
            joints[:, number, 2] = 1
    sightings = []
    for place, row in enumerate(rows):
        frame, person = _whose(row, place, columns, f"{reading.source}, line {place + 2}")
        sightings.append(Sighting(frame, joints[place, :, :2], joints[place, :, 2], person))
    return sightings


def _whose(row: list[str], frame: int, columns: _Columns, where: str) -> tuple[int, int | None]:
    """The frame and the person of a line; `frame` where no column tells it."""
    if len(row) <= max(columns.frame, columns.person):
        raise InvalidPoses(f"{where} has {len(row)} cells, fewer than the table; is it cut off?")
    person = row[columns.person].strip() if columns.person >= 0 else ""
    return (
        frame if columns.frame < 0 else whole(row[columns.frame], where),
        whole(person, where) if person else None,
    )


def _long(rows: list[list[str]], columns: _Columns, source: str) -> list[Sighting]:
    width = max(columns.landmark, *columns.plain.values()) + 1
    found: dict[tuple[int, int | None], Array] = {}
    for place, row in enumerate(rows):
        where = f"{source}, line {place + 2}"
        if len(row) < width:
            raise InvalidPoses(f"{where} has {len(row)} cells, the table has {width}; is it cut off?")
        number = _landmark(row[columns.landmark])
        if number is None:
            raise InvalidPoses(f"{where}: {row[columns.landmark][:40]!r} is none of the 33 landmarks of a pose")
        frame, person = _whose(row, place // 33, columns, where)
        joints = found.setdefault((frame, person), np.full((33, 3), np.nan))
        if not np.isnan(joints[number]).all():
            raise InvalidPoses(f"{where}: the landmark {number} of frame {frame} is there twice")
        visibility = cell(row[columns.plain["v"]], where) if "v" in columns.plain else 1.0
        joints[number] = cell(row[columns.plain["x"]], where), cell(row[columns.plain["y"]], where), visibility
    return [Sighting(frame, joints[:, :2], joints[:, 2], person) for (frame, person), joints in found.items()]


def _in_pixels(sightings: list[Sighting], reading: Reading) -> list[Sighting]:
    largest = max((float(np.abs(np.nan_to_num(one.xy)).max()) for one in sightings), default=0.0)
    if not 0 < largest <= _SHARES:
        return sightings
    size = reading.size_of_shares("landmarks")
    return [Sighting(one.frame, one.xy * size, one.score, one.track) for one in sightings]
