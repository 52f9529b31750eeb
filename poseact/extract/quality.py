"""How good the poses of a clip are, in figures and in a word. Opens no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any

import numpy as np

from poseact.types import PoseSequence

GOOD, CHECK, POOR = "good", "check", "poor"
VERDICTS = (POOR, CHECK, GOOD)
PRESENT = (0.5, 0.9)
SCORE = (0.3, 0.45)
HEIGHT = (30.0, 60.0)
INTERPOLATED = 0.5
DECODED = 0.95


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known of one clip and its first person.

    Attributes:
        nominal: frames that the video announces for the clip, 0 when nobody knows. decoded: frames with poses.
        planned: frames that were to be looked at, 0 when nobody knows; below `nominal` where not every frame was.
        gaps: stretches of the video that could not be decoded.
        shots: 1 more than the cuts within the clip; 0 when nobody knows.
        people: who were followed.
        present: share of the frames in which the person is there; 0 without a person.
        interpolated: share of those in which the pose was filled in.
        score: mean of the joints that were seen. height: median of the boxes, px.
    """

    nominal: int
    planned: int
    decoded: int
    gaps: int
    shots: int
    people: int
    present: float
    interpolated: float
    score: float
    height: float


def quality_of(poses: PoseSequence, *, nominal: int = 0, planned: int = 0, gaps: int = 0, shots: int = 0) -> Quality:
    """Of stored poses; what only the video tells is left at 0 where it is not known."""
    people = len(poses) + (len(poses.others) if poses.others is not None else 0)
    frames = len(poses.pts)
    there = poses.box_score[0] > 0 if len(poses) else np.zeros(frames, bool)
    seen = poses.keypoint_score[0][poses.keypoint_score[0] > 0] if there.any() else np.zeros(0)
    boxes = poses.boxes[0][there].astype(np.float64) if there.any() else np.zeros((0, 4))
    return Quality(
        nominal, planned, frames, gaps, shots, people,
        round(float(there.mean()), 4) if frames else 0.0,
        round(float(poses.interpolated[0][there].mean()), 4) if there.any() else 0.0,
        round(float(seen.mean()), 4) if len(seen) else 0.0,
        round(float(np.median(boxes[:, 3] - boxes[:, 1])), 1) if len(boxes) else 0.0,
    )  # fmt: skip


def verdict(quality: Quality) -> tuple[str, str]:
    """One of `VERDICTS`, and why, in a few words; no words for a good one."""
    found = list(_doubts(quality))
    if not found:
        return GOOD, ""
    worst = POOR if any(poor for poor, _ in found) else CHECK
    return worst, ", ".join(words for _, words in found)


def _doubts(quality: Quality) -> Iterator[tuple[bool, str]]:
    """(whether that alone makes it poor, words)."""
    if quality.people == 0:
        yield True, "nobody was seen"
        return
    for value, (poor, doubtful), words in (
        (quality.present, PRESENT, f"the person is there in {quality.present:.0%} of the frames"),
        (quality.score, SCORE, f"joints are seen with a score of {quality.score:.2f}"),
        (quality.height, HEIGHT, f"the person is {quality.height:.0f} px high"),
    ):
        if value < doubtful:
            yield value < poor, words
    if quality.interpolated > INTERPOLATED:
        yield False, f"{quality.interpolated:.0%} of the poses are filled in"
    if quality.gaps:
        yield False, f"{quality.gaps} gap{'s' * (quality.gaps > 1)} in the video"
    elif quality.planned and quality.decoded < DECODED * quality.planned:
        yield False, f"{quality.decoded} of {quality.planned} frames could be decoded"
    if quality.shots > 1:
        yield False, f"{quality.shots - 1} shot cut{'s' * (quality.shots > 2)}"


def to_document(quality: Quality) -> dict[str, Any]:
    """For JSON."""
    return asdict(quality)


def from_document(document: Mapping[str, Any]) -> Quality | None:
    """From JSON; None for what is not a quality."""
    try:
        values: dict[str, Any] = {
            one.name: (int if one.type == "int" else float)(document[one.name]) for one in fields(Quality)
        }
        return Quality(**values) if all(map(isfinite, values.values())) else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
