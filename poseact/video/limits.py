"""How much a video file may ask for. Reads nothing."""

from __future__ import annotations

from dataclasses import dataclass

from poseact.errors import LimitExceeded

MAX_PIXELS = 8192 * 8192
"""Largest picture that is decoded, px: 8192 x 8192 or the same area in another shape."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a video may announce; a file that exceeds it is refused before it is read.

    Attributes:
        pixels: of one picture. frames: pictures; None: any number. seconds: duration; None: any.
    """

    pixels: int = MAX_PIXELS
    frames: int | None = None
    seconds: float | None = None

    def check_pixels(self, width: int, height: int, name: str) -> None:
        """Raises: LimitExceeded for pictures that would exhaust the memory."""
        if width * height > self.pixels:
            raise LimitExceeded(
                f"{name} has pictures of {width}x{height} px, more than the allowed {self.pixels} px; "
                f"scale it down first, or allow more (`extract-poses --max-pixels`)"
            )

    def check_frames(self, count: int, name: str) -> None:
        """Raises: LimitExceeded."""
        if self.frames is not None and count > self.frames:
            raise LimitExceeded(
                f"{name} has {count} frames or more, and {self.frames} are allowed; cut it, or raise --max-frames"
            )

    def check_seconds(self, seconds: float, name: str) -> None:
        """Raises: LimitExceeded."""
        if self.seconds is not None and seconds > self.seconds:
            raise LimitExceeded(
                f"{name} lasts {seconds:.0f} s, and {self.seconds:g} s are allowed; cut it, or raise --max-seconds"
            )


DEFAULT_LIMITS = Limits()
