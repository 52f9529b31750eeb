"""The clips of a data set part as tensors in memory, and where their subject is. Draws nothing, reads no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from poseact.errors import InvalidPoses
from poseact.heatmap.crop import NARROW
from poseact.poses.joints import without_weak_joints
from poseact.poses.steady import steadied
from poseact.recognize.videos import VideoPictures
from poseact.recognize.windows import windows
from poseact.types import Array, PoseSequence
from poseact.zoo import Preprocessing

PADDING = 0.25
T = TypeVar("T")


@dataclass(frozen=True)
class Clips:
    """N clips of one data set part; memory is that of their keypoints.

    Attributes:
        xy: N tensors (T, M, K, 2) float32 px; 0 where missing. T differs, M is the same for all.
        score: N tensors (T, M, K) float32; 0 where missing.
        image_size: N times height and width, px.
        label: (N,) int64.
        classes: C names.
        layout: of the keypoints.
        names: N.
        soft: (N, C) float32 targets that add up to 1, where a teacher has a say; None: the labels alone.
        numbers: N tensors (T,) int64, positions of the frames in their video.
        videos: N, for networks that look at pictures, and then keypoints and sizes are in px of these; else none.
        windows: N times the stretches of frames that are looked at one by one, as `recognize` does; none: whole clips.
    """

    xy: tuple[Tensor, ...]
    score: tuple[Tensor, ...]
    image_size: tuple[tuple[int, int], ...]
    label: Tensor
    classes: tuple[str, ...]
    layout: str
    names: tuple[str, ...]
    soft: Tensor | None = None
    numbers: tuple[Tensor, ...] = ()
    videos: tuple[VideoPictures, ...] = ()
    windows: tuple[tuple[slice, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.xy)

    def chosen(self, rows: Sequence[int]) -> Clips:
        """Some of the clips."""

        def of(values: tuple[T, ...]) -> tuple[T, ...]:
            return tuple(values[row] for row in rows if values)

        soft = None if self.soft is None else self.soft[list(rows)]
        return replace(
            self, xy=of(self.xy), score=of(self.score), image_size=of(self.image_size), label=self.label[list(rows)],
            names=of(self.names), soft=soft, numbers=of(self.numbers), videos=of(self.videos), windows=of(self.windows),
        )  # fmt: skip

    def targets(self, rows: Sequence[int]) -> Tensor:
        """(len(rows), C) float32: what training aims at for some of the clips."""
        chosen = list(rows)
        return F.one_hot(self.label[chosen], len(self.classes)).float() if self.soft is None else self.soft[chosen]

    @property
    def length(self) -> Tensor:
        """(N,) int64 frames."""
        return torch.tensor([len(xy) for xy in self.xy])


def stack(
    sequences: Sequence[PoseSequence], classes: Sequence[str], preprocessing: Preprocessing,
    seconds: float | None = None,
) -> Clips:  # fmt: skip
    """Take the first people of each sequence; those of which nobody is seen are left out.

    Networks that are trained on clips of some length, `preprocessing.seconds`, look at the frames from the first to the
    last one in which somebody is seen, as their windows do; others look at whole clips, as in the papers.

    Args:
        seconds: length of the windows into which longer clips are cut when the network is judged; None: whole clips.
            Steady poses are in px of the middle frame of their window; frames of no window stay as they are.
    Raises: InvalidPoses when nothing is left, layouts are mixed, or a label lies outside the classes.
    """
    layouts = {sequence.layout for sequence in sequences}
    if len(layouts) != 1:
        raise InvalidPoses(f"training needs sequences of one layout, got {sorted(layouts) or 'none at all'}")
    outside = [sequence for sequence in sequences if not 0 <= sequence.label < len(classes)]
    if outside:
        raise InvalidPoses(f"{outside[0].name}: label {outside[0].label} lies outside the {len(classes)} classes")
    people = preprocessing.people or max(len(sequence) for sequence in sequences)
    shown = [(one, clip) for one in sequences if (clip := _clip(one, people, preprocessing, seconds)) is not None]
    if not shown:
        raise InvalidPoses(f"none of the {len(sequences)} sequences shows a person")
    return Clips(
        xy=tuple(clip.xy for _, clip in shown),
        score=tuple(clip.score for _, clip in shown),
        image_size=tuple(sequence.image_size for sequence, _ in shown),
        label=torch.tensor([sequence.label for sequence, _ in shown]),
        classes=tuple(classes),
        layout=layouts.pop(),
        names=tuple(sequence.name for sequence, _ in shown),
        numbers=tuple(clip.numbers for _, clip in shown),
        windows=tuple(clip.windows for _, clip in shown) if seconds is not None else (),
    )


class _Clip(NamedTuple):
    """Of one clip what `Clips` has of all."""

    xy: Tensor
    score: Tensor
    numbers: Tensor
    windows: tuple[slice, ...]


def _clip(sequence: PoseSequence, people: int, preprocessing: Preprocessing, seconds: float | None) -> _Clip | None:
    """The people of a sequence as training sees them; None where nobody is seen. Args: as for `stack`."""
    seen = np.flatnonzero((sequence.keypoint_score[:people] > 0).any((0, 2)))
    if not len(seen):
        return None
    frames = slice(seen[0], seen[-1] + 1) if preprocessing.seconds is not None else slice(None)
    xy, score = without_weak_joints(
        sequence.keypoint[:people, frames], sequence.keypoint_score[:people, frames], preprocessing.min_score
    )
    if not (score > 0).any():
        return None
    cut = _windows(sequence, people, frames, seconds) if seconds is not None else (slice(None),)
    if preprocessing.steady:
        xy = xy.copy()
        for window in cut:
            xy[:, window] = steadied(xy[:, window], sequence.camera[frames][window])
    numbers = torch.from_numpy(sequence.frame_index[frames].astype(np.int64))
    return _Clip(_with_people(xy, people), _with_people(score, people), numbers, cut)


def _windows(sequence: PoseSequence, people: int, frames: slice, seconds: float) -> tuple[slice, ...]:
    """The windows of a sequence, as `recognize` and `evaluate` cut it, within some of its frames."""
    present: Array = np.asarray((sequence.box_score[:people, frames] > 0).any(0))
    found = windows(sequence.pts[frames], present, seconds)
    return tuple(slice(one.first, one.last + 1) for one in found) or (slice(None),)


def _with_people(values: Array, people: int) -> Tensor:
    """(M', T, ...) of at most `people` rows -> (T, people, ...), the absent ones 0."""
    full = np.zeros((values.shape[1], people, *values.shape[2:]), np.float32)
    full[:, : len(values)] = values.swapaxes(0, 1)
    return torch.from_numpy(full)


def subject_box(xy: Tensor, score: Tensor, whole: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Centre (B, 2) and side (B,) of the square that holds all joints of all frames, a quarter larger (section 3.2).

    Args:
        xy: (B, T, M, K, 2). score: (B, T, M, K); joints with score 0 are left out.
        whole: (B, 2) height and width of the pictures, px; who is narrower or lower than `NARROW`, or not seen at all,
            gets the square that holds the picture, as in evaluation.
    """
    missing = (score <= 0)[..., None]
    low = xy.masked_fill(missing, torch.inf).amin((1, 2, 3))
    high = xy.masked_fill(missing, -torch.inf).amax((1, 2, 3))
    extent = high - low
    cut = torch.isfinite(extent).all(1)
    if whole is None:
        whole = torch.zeros_like(low)
    else:
        cut &= extent.amin(1) >= NARROW
    centre = torch.where(cut[:, None], (low + high) / 2, whole.flip(1) / 2)
    return centre, torch.where(cut, extent.amax(1) * (1 + PADDING), whole.amax(1)).clamp(min=1)
