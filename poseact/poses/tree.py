"""An annotation as named arrays beside plain values, and what a file says of all its videos. Knows no file format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from poseact import __version__
from poseact.errors import InvalidPoses, UsageError
from poseact.skeleton import declaration, register
from poseact.types import Array, PoseSequence

FORMAT = "poseact/poses/1"
_MOST_LAYOUTS = 100


def parted(annotation: Mapping[str, Any]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Part an annotation into its arrays and the rest; arrays inside a dict are named "others.keypoint"."""
    arrays: dict[str, Array] = {}
    rest: dict[str, Any] = {}
    for key, value in annotation.items():
        if isinstance(value, np.ndarray):
            arrays[key] = value
        elif isinstance(value, dict):
            inner, rest[key] = parted(value)
            arrays |= {f"{key}.{name}": array for name, array in inner.items()}
        else:
            rest[key] = value
    return arrays, rest


def whole(arrays: Mapping[str, Array], rest: object, where: str) -> dict[str, Any]:
    """Put an annotation together again. Raises: InvalidPoses for arrays that belong nowhere."""
    if not isinstance(rest, dict):
        raise InvalidPoses(f"{where}: what is said of the poses must be a dict, got {type(rest).__name__}")
    for path, array in arrays.items():
        *outer, name = path.split(".")
        place: Any = rest
        for key in outer:
            place = place.get(key) if isinstance(place, dict) else None
        if not isinstance(place, dict) or len(outer) > 1:
            raise InvalidPoses(f"{where}: the array {path[:60]!r} belongs to nothing")
        place[name] = array
    return rest


def as_json(value: object) -> str:
    """Plain values as one line of ASCII, equal values as equal lines."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=_plain)


def _plain(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"cannot write a {type(value).__name__}")


def declared_layouts(sequences: Iterable[PoseSequence]) -> list[dict[str, Any]]:
    """The layouts of poses that a reader cannot know, in order of appearance."""
    names = dict.fromkeys(sequence.layout for sequence in sequences)
    return [document for document in map(declaration, names) if document is not None]


def learn_layouts(documents: object, source: str) -> None:
    """Make the layouts known that a file declares. Raises: InvalidPoses."""
    if documents is None:
        return
    if not isinstance(documents, (list, tuple)) or len(documents) > _MOST_LAYOUTS:
        raise InvalidPoses(f"{source}: 'layouts' must be a list of at most {_MOST_LAYOUTS} layouts")
    for document in documents:
        try:
            register(document, f"{source}, layouts")
        except UsageError as error:
            raise InvalidPoses(str(error)) from None


def manifest(
    sequences: Iterable[PoseSequence], splits: Mapping[str, Iterable[str]], classes: Iterable[str]
) -> dict[str, Any]:
    """What a file says of all its videos, as plain values."""
    return {
        "format": FORMAT,
        "poseact": __version__,
        "split": {str(name): [str(video) for video in videos] for name, videos in splits.items()},
        "classes": [str(name) for name in classes],
        "layouts": declared_layouts(sequences),
    }
