"""One part of a data set, so that several machines share the work without talking to each other. Pure arithmetic."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from poseact.errors import UsageError
from poseact.extract.clips import Clip


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` of `count`, counted from 1.

    Which part a clip belongs to depends on its name alone, so it stays there when other clips come and go.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Of `i/n`. Raises: UsageError."""
        match = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise UsageError(f"--shard {text}: write i/n with i from 1 to n, such as 1/4 for the first of four parts")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def holds(self, name: str) -> bool:
        """Whether the clip of this name belongs to this part."""
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1

    def of(self, clips: Iterable[Clip]) -> list[Clip]:
        """The clips of this part, in their order."""
        return [clip for clip in clips if self.holds(clip.name)]
