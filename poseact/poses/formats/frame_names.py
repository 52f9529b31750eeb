"""Positions in a video out of the names of its frames. Reads no file."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DIGITS = re.compile(r"\d+")


def in_order(name: str) -> tuple[list[tuple[int, str]], str]:
    """A key that sorts names as people count: frame2 before frame10."""
    parts = [(int(part[:18]), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
    return parts, name


def positions(names: Sequence[str]) -> list[int]:
    """The position of each frame by its name: the last number in it if all have one and no two the same, else its rank.

    Args:
        names: distinct names of files, without folders.
    """
    stems = [name.rsplit(".", 1)[0] for name in names]
    found = [_DIGITS.findall(stem) for stem in stems]
    if all(found):
        last = [int(digits[-1][:15]) for digits in found]
        if len(set(last)) == len(last):
            return last
    rank = {name: number for number, name in enumerate(sorted(names, key=in_order))}
    return [rank[name] for name in names]
