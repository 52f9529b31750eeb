"""Text from outside made safe for a terminal and for JSON: one line, valid Unicode, strict numbers. Prints nothing."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any


def one_line(text: object) -> str:
    """The text with control characters, line ends and bytes that are no Unicode written as escapes.

    A file may be called anything; on a terminal its name must neither break the line nor move the cursor.
    """
    return "".join(_visible(character) for character in str(text))


def _visible(character: str) -> str:
    if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def valid_unicode(text: str) -> str:
    """The text with undecodable bytes of a file name as U+FFFD, so that it can be stored as JSON."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def json_line(document: Mapping[str, Any]) -> str:
    """One line of strict JSON in UTF-8. Raises: ValueError for numbers that JSON lacks, such as NaN."""
    return valid_unicode(json.dumps(document, ensure_ascii=False, allow_nan=False))


def seconds(value: float) -> str:
    """A duration for people: 0.4 s, 12.3 s, 2 min 05 s."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s"
