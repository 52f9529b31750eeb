"""JSON of people who need not be trusted: size, depth and damage end in one line. What it means is not judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from poseact.errors import InvalidPoses
from poseact.files import read_regular

LARGEST_JSON = 256 * 2**20  # bytes; Python needs up to some twenty times as much for it


def read_json(path: Path) -> Any:
    """The document in a file. Raises: InvalidPoses, LimitExceeded."""
    return parse_json(read_bytes(path), str(path))


def read_bytes(path: Path, largest: int = LARGEST_JSON) -> bytes:
    """The content of a file of text. Raises: InvalidPoses when it cannot be read or is empty, LimitExceeded."""
    try:
        content = read_regular(path, largest, "split it by video")
    except OSError as error:
        raise InvalidPoses(f"cannot read {path}: {error.strerror or error}; check the path") from None
    if not content.strip():
        raise InvalidPoses(f"{path} is empty; get it again")
    return content


def parse_json(content: bytes | str, source: str) -> Any:
    """The document in a text. Raises: InvalidPoses."""
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        return json.loads(text)
    except RecursionError:
        raise InvalidPoses(f"{source} is nested too deeply to be poses") from None
    except ValueError as error:  # of the syntax, the encoding, and numbers of thousands of digits
        raise InvalidPoses(f"{source} is damaged or no JSON: {str(error).splitlines()[0][:120]}") from None
