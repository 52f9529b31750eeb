"""Positions in a video out of the names of its frames. Reads no file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from poseact.texts import natural_order

_DIGITS = re.compile(r"\d+")


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
    rank = {name: number for number, name in enumerate(sorted(names, key=natural_order))}
    return [rank[name] for name in names]
