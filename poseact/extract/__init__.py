"""Video -> poses of everybody in it. Knows nothing of actions."""

from typing import TYPE_CHECKING, Any

from poseact.extract.plan import EVERY_FRAME, FramePlan

if TYPE_CHECKING:
    from poseact.extract.extractor import Extraction, Extractor, Timings

__all__ = ["EVERY_FRAME", "Extraction", "Extractor", "FramePlan", "Timings"]


def __getattr__(name: str) -> Any:
    """What needs the networks' libraries is loaded when it is asked for: lists and records are read without."""
    if name in __all__:
        from poseact.extract import extractor

        return getattr(extractor, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
