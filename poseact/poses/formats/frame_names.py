"""Positions in a video out of the names of its frames. Reads no file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from poseact.texts import natural_order

LAST_FRAME = 10_000_000  # no video is longer: more than 90 hours of 30 frames/s
_DIGITS = re.compile(r"\d+")


def positions(names: Sequence[str]) -> list[int]:
    """The position of each frame by its name: the last number in it, else its rank.

    The numbers count if all have one, no two the same, and none is larger than those of a video, as times are.

    Args:
        names: distinct names of files, without folders.
    """
    stems = [name.rsplit(".", 1)[0] for name in names]
    found = [_DIGITS.findall(stem) for stem in stems]
    if all(found):
        last = [int(digits[-1][:15]) for digits in found]
        if len(set(last)) == len(last) and max(last, default=0) <= LAST_FRAME:
            return last
    rank = {name: number for number, name in enumerate(sorted(names, key=natural_order))}
    return [rank[name] for name in names]
