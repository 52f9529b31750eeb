"""All layouts that this process knows: the built-in ones, and those that a TOML file, poses or a model declare."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from poseact.errors import LimitExceeded, UsageError
from poseact.files import read_regular
from poseact.skeleton.builtin import COCO17, NAMES, builtin
from poseact.skeleton.definition import Layout, from_document, to_document

_LARGEST_FILE = 1_000_000
_MOST_DECLARED = 1000
_declared: dict[str, Layout] = {}


def known_layouts() -> tuple[str, ...]:
    """The names of all layouts, the built-in ones first."""
    return (*NAMES, *_declared)


def layout(name: str) -> Layout:
    """Look a layout up by name. Raises: UsageError for an unknown name."""
    if name in _declared:
        return _declared[name]
    if name in NAMES:
        return builtin(name)
    raise UsageError(
        f"unknown keypoint layout {name!r}; known are {', '.join(known_layouts())}; declare another in a TOML file"
    )


def own_keypoints(name: str) -> tuple[str, ...]:
    """The joints of a declared layout; none for a built-in one, whose name says all. Raises: as `layout`."""
    return () if name in NAMES else layout(name).keypoints


def register(document: object, where: str) -> Layout:
    """Make a declared layout known by its name, as poses and models carry it. Declaring it again is no mistake.

    Raises: UsageError for a document that is no layout, and for another one under a known name.
    """
    new = from_document(document, where, COCO17.keypoints)
    if unnamed(new.name) or new.name == "auto":
        raise UsageError(f"{where}: {new.name!r} is the name of poses without a layout; choose another name")
    if new.name in known_layouts():
        if layout(new.name) != new:
            raise UsageError(f"{where}: there is another layout {new.name!r} with other keypoints; choose another name")
        return layout(new.name)
    if len(_declared) >= _MOST_DECLARED:
        raise UsageError(f"{where}: more than {_MOST_DECLARED} layouts are declared")
    _declared[new.name] = new
    return new


def load_layout(path: Path) -> Layout:
    """Read a layout from a TOML file and make it known. Raises: UsageError."""
    path = Path(path)
    try:
        document = tomllib.loads(read_regular(path, _LARGEST_FILE).decode())
        str(document)  # a ValueError for a number of thousands of digits, which no message could name
    except (OSError, ValueError, LimitExceeded, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"the layout {path} cannot be read as TOML: {reason}") from error
    return register(document, str(path))


def declaration(name: str) -> dict[str, Any] | None:
    """What has to travel with poses of this layout: None for a built-in layout, and for a name that says no more."""
    return to_document(_declared[name]) if name in _declared else None


def unnamed(name: str) -> bool:
    """Whether this is the name of poses whose layout nobody told: "21-joints" for example."""
    return re.fullmatch(r"\d+-joints", name) is not None
