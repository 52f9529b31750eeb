"""Names as text: lists of them, their natural order, and how any of them is stored. Knows nothing of what they name."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DIGITS = re.compile(r"(\d{1,18})")


def first_few(names: Sequence[str], count: int) -> str:
    """The first names, and how many there are beside them: `a, b and 3 more`."""
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more


def listed(text: str) -> list[str]:
    """The names between the commas, without blanks around them and without empty ones."""
    return [name.strip() for name in text.split(",") if name.strip()]


def natural_order(name: str) -> tuple[list[tuple[int, str]], str]:
    """A key that sorts names as people count: frame2 before frame10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(name)], name


def escape_surrogates(text: str) -> str:
    """The text with undecodable bytes of a file name as escapes, so that it can be stored as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
