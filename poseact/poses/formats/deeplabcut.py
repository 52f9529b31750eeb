"""DeepLabCut's CSV: header rows scorer, (individuals,) bodyparts, coords; any joints of any animal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poseact.errors import InvalidPoses
from poseact.poses.formats.frame_names import positions
from poseact.poses.formats.reading import MOST_JOINTS, Reading, named_layout
from poseact.poses.formats.sightings import Clip, Sighting, sequence_from
from poseact.poses.formats.table import number_rows, rows_of, whole
from poseact.types import PoseSequence

_HEADERS = ("scorer", "individuals", "bodyparts", "coords")
_COORDS = ("x", "y", "likelihood")


@dataclass(frozen=True, slots=True)
class _Header:
    """What the columns are.

    Attributes:
        lines: rows of the header.
        scorer: the network.
        index: how many columns name the frame.
        place: (individual, body part, coordinate) -> column.
    """

    lines: int
    scorer: str
    index: int
    place: dict[tuple[str, str, str], int]


def fits(rows: list[list[str]]) -> bool:
    """Whether a table begins like DeepLabCut's."""
    return bool(rows) and rows[0][0].strip() == "scorer"


def parse(content: bytes | str, reading: Reading) -> PoseSequence:
    """The poses of one video; individuals are people in the order of the columns, with ids from 1.

    The body parts become a layout that bears the name of the scorer, unless there is one with these names, so that
    `remapped` brings them into any declared layout by name. Labelled data have no likelihood: what is labelled is
    certain.

    Raises: InvalidPoses, LimitExceeded.
    """
    rows = rows_of(content, reading.source)
    header = _header(rows, reading.source)
    individuals = list(dict.fromkeys(individual for individual, _, _ in header.place))
    parts = list(dict.fromkeys(part for _, part, _ in header.place))
    if len(parts) > MOST_JOINTS:
        raise InvalidPoses(f"{reading.source}: {len(parts)} body parts; at most {MOST_JOINTS} are read")
    body = rows[header.lines :]
    frames = _frames(body, header, reading.source)
    columns = list(header.place.values())
    values = number_rows(body, columns, reading.source, header.lines + 1)
    column = {key: place for place, key in enumerate(header.place)}
    reading.budget.spend(len(body) * len(individuals) * (len(parts) * 24 + 512))
    sightings = []
    for number, individual in enumerate(individuals, start=1):
        joints = np.full((len(body), len(parts), 3), np.nan)
        for place, part in enumerate(parts):
            for axis, coord in enumerate(_COORDS):
                key = (individual, part, coord)
                if key in column:
                    joints[:, place, axis] = values[:, column[key]]
            if (individual, part, "x") in column and (individual, part, "likelihood") not in column:
                joints[:, place, 2] = 1
        seen = (~np.isnan(joints).any(-1) & (joints[..., 2] > 0)).any(-1)
        sightings += [
            Sighting(frames[row], joints[row, :, :2], joints[row, :, 2], number) for row in np.flatnonzero(seen)
        ]
    if reading.hints.layout is not None:
        layout = reading.layout_of(len(parts), {})
    else:
        layout = named_layout(header.scorer or "deeplabcut", parts, [], reading.source).name
    return sequence_from(sightings, sorted(frames), Clip(reading.name, layout, estimator="deeplabcut"), reading)


def _header(rows: list[list[str]], source: str) -> _Header:
    found: dict[str, list[str]] = {}
    for row in rows[:4]:
        if row[0].strip() in _HEADERS:
            found[row[0].strip()] = [text.strip() for text in row]
    missing = [name for name in ("scorer", "bodyparts", "coords") if name not in found]
    if missing:
        raise InvalidPoses(f"{source} is no table of DeepLabCut: it has no header row {missing[0]!r}")
    parts, coords = found["bodyparts"], found["coords"]
    individuals = found.get("individuals", [""] * len(parts))
    if not len(parts) == len(coords) == len(individuals) == len(found["scorer"]):
        raise InvalidPoses(f"{source}: the header rows have different lengths")
    index = next((place for place in range(1, len(parts)) if parts[place]), len(parts))
    place: dict[tuple[str, str, str], int] = {}
    for column in range(index, len(parts)):
        key = (individuals[column], parts[column], coords[column])
        if coords[column] not in _COORDS or key in place:
            raise InvalidPoses(f"{source}, column {column + 1}: {' '.join(key)[:80]!r} is unexpected or there twice")
        place[key] = column
    for individual, part, _ in place:
        if (individual, part, "x") not in place or (individual, part, "y") not in place:
            raise InvalidPoses(f"{source}: the body part {part[:60]!r} has no x or no y")
    if not place:
        raise InvalidPoses(f"{source} has no body parts")
    return _Header(len(found), found["scorer"][index], index, place)


def _frames(body: list[list[str]], header: _Header, source: str) -> list[int]:
    """The position of each row: its number, or that of the picture that it names (labelled data)."""
    cells = [row[header.index - 1].strip() if len(row) >= header.index else "" for row in body]
    names = [text.replace("\\", "/").rsplit("/", 1)[-1] for text in cells]
    if header.index > 1 or not all(text.replace(".", "", 1).isdecimal() for text in cells):
        frames = positions(names) if len(set(names)) == len(names) else list(range(len(names)))
    else:
        frames = [whole(text, f"{source}, line {header.lines + 1 + row}") for row, text in enumerate(cells)]
    if len(set(frames)) < len(frames):
        raise InvalidPoses(f"{source}: a frame is there twice")
    return frames
