"""Stored poses -> batches of heatmaps: clips in memory, frame sampling, crop, augmentation, drawing on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from poseact.errors import InvalidPoses
from poseact.heatmap import draw, iter_evaluation_views
from poseact.poses.joints import without_weak_joints
from poseact.skeleton import layout as find_layout
from poseact.train.augment import augment, mix, sample_frames
from poseact.train.settings import TrainSettings
from poseact.types import Array, PoseSequence
from poseact.zoo import Preprocessing

PADDING = 0.25
VIEWS_AT_ONCE = 16


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
    """

    xy: tuple[Tensor, ...]
    score: tuple[Tensor, ...]
    image_size: tuple[tuple[int, int], ...]
    label: Tensor
    classes: tuple[str, ...]
    layout: str
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.xy)

    @property
    def length(self) -> Tensor:
        """(N,) int64 frames."""
        return torch.tensor([len(xy) for xy in self.xy])


def stack(sequences: Sequence[PoseSequence], classes: Sequence[str], preprocessing: Preprocessing) -> Clips:
    """Take the first people of each sequence, from the first to the last frame in which they are seen.

    Raises: InvalidPoses when nothing is left, layouts are mixed, or a label lies outside the classes.
    """
    layouts = {sequence.layout for sequence in sequences}
    if len(layouts) != 1:
        raise InvalidPoses(f"training needs sequences of one layout, got {sorted(layouts) or 'none at all'}")
    outside = [sequence for sequence in sequences if not 0 <= sequence.label < len(classes)]
    if outside:
        raise InvalidPoses(f"{outside[0].name}: label {outside[0].label} lies outside the {len(classes)} classes")
    people = preprocessing.people or max(len(sequence) for sequence in sequences)
    parts = []
    for sequence in sequences:
        seen = np.flatnonzero((sequence.keypoint_score[:people] > 0).any((0, 2)))
        if len(seen):
            frames = slice(seen[0], seen[-1] + 1)
            xy, score = without_weak_joints(
                sequence.keypoint[:people, frames], sequence.keypoint_score[:people, frames], preprocessing.min_score
            )
            parts.append((sequence, _with_people(xy, people), _with_people(score, people)))
    if not parts:
        raise InvalidPoses(f"none of the {len(sequences)} sequences shows a person")
    return Clips(
        xy=tuple(xy for _, xy, _ in parts),
        score=tuple(score for _, _, score in parts),
        image_size=tuple(sequence.image_size for sequence, _, _ in parts),
        label=torch.tensor([sequence.label for sequence, _, _ in parts]),
        classes=tuple(classes),
        layout=layouts.pop(),
        names=tuple(sequence.name for sequence, _, _ in parts),
    )


def _with_people(values: Array, people: int) -> Tensor:
    """(M', T, ...) of at most `people` rows -> (T, people, ...), the absent ones 0."""
    full = np.zeros((values.shape[1], people, *values.shape[2:]), np.float32)
    full[:, : len(values)] = values.swapaxes(0, 1)
    return torch.from_numpy(full)


def subject_box(xy: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (B, 2) and side (B,) of the square that holds all joints of all frames, a quarter larger (section 3.2).

    Args:
        xy: (B, T, M, K, 2). score: (B, T, M, K); joints with score 0 are left out.
    """
    missing = (score <= 0)[..., None]
    low = xy.masked_fill(missing, torch.inf).amin((1, 2, 3))
    high = xy.masked_fill(missing, -torch.inf).amax((1, 2, 3))
    side = (high - low).amax(1) * (1 + PADDING)
    seen = torch.isfinite(side)
    centre = torch.where(seen[:, None], (low + high) / 2, torch.zeros_like(low))
    return centre, torch.where(seen, side, torch.ones_like(side)).clamp(min=1)


@dataclass
class Random:
    """The random numbers of one epoch: which clips and frames (on the CPU), and how they are changed (on the device).

    Every process of a distributed run draws the same ones, and keeps its share of the clips.
    """

    order: torch.Generator
    change: torch.Generator

    @classmethod
    def of(cls, seed: int, device: torch.device) -> Random:
        return cls(torch.Generator().manual_seed(seed), torch.Generator(device=device).manual_seed(seed))


def training_batch(
    clips: Clips, rows: Sequence[int], settings: TrainSettings, random: Random, device: torch.device,
    share: slice = slice(None),
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Heatmaps (B, channels, clip_len, size, size) and soft targets (B, C) of some clips, freshly augmented.

    Args:
        share: the rows of the batch that this process looks at; all of them are drawn from the same random numbers.
    """
    frames = sample_frames(
        torch.tensor([len(clips.xy[row]) for row in rows]), settings.preprocessing.clip_len,
        settings.augmentation.window, random.order,
    )  # fmt: skip
    xy = torch.stack([clips.xy[row][chosen] for row, chosen in zip(rows, frames, strict=True)]).to(device)
    score = torch.stack([clips.score[row][chosen] for row, chosen in zip(rows, frames, strict=True)]).to(device)
    inputs, layout = settings.preprocessing, find_layout(clips.layout)
    size = settings.train_size or inputs.size
    centre, side = subject_box(xy, score)
    xy = ((xy - centre[:, None, None, None]) / side[:, None, None, None, None] + 0.5) * size
    xy, score = augment(xy, score, size, settings.augmentation, layout.flip_joints, random.change)
    target = F.one_hot(clips.label[list(rows)].to(device), len(clips.classes)).float()
    if not settings.augmentation.mixup:  # nobody needs the heatmaps of the other processes' clips
        xy, score, target, share = xy[share], score[share], target[share], slice(None)
    heatmaps = draw(xy, score, size, inputs.sigma, kind=inputs.kind, layout=layout, channels_last=True)
    heatmaps, target = mix(heatmaps, target, settings.augmentation.mixup, random.change)
    return heatmaps[share].contiguous(memory_format=torch.channels_last_3d), target[share]


def epoch_order(label: Tensor, batch_size: int, balance: float, generator: torch.Generator) -> list[list[int]]:
    """The clips of each batch of one pass, by number; a last batch that is not full is left out, unless it is alone.

    Args:
        label: (N,) classes. balance: see `TrainSettings`; above 0, clips are drawn with replacement.
    """
    count = len(label)
    if balance:
        chance = label.bincount().double()[label] ** -balance
        order = torch.multinomial(chance, count, replacement=True, generator=generator)
    else:
        order = torch.randperm(count, generator=generator)
    size = min(batch_size, count)
    return [part.tolist() for part in order[: count - count % size].split(size)]


@torch.inference_mode()
def view_outputs(
    network: Callable[[Tensor], Tensor], clips: Clips, settings: Preprocessing, device: torch.device
) -> Tensor:
    """(N, views, C) logits or embeddings of whole clips, by the views that recognition uses, a few at a time."""
    return torch.stack(
        [
            torch.cat([network(views.to(device)).float().cpu() for views in _views(clips, row, settings)])
            for row in range(len(clips))
        ]
    )


def _views(clips: Clips, row: int, settings: Preprocessing) -> Iterator[Tensor]:
    return iter_evaluation_views(
        clips.xy[row].transpose(0, 1), clips.score[row].transpose(0, 1), clips.image_size[row],
        clip_len=settings.clip_len, num_clips=settings.num_clips, size=settings.size, sigma=settings.sigma,
        kind=settings.kind, flip=settings.flip, sampler=settings.sampler, layout=find_layout(clips.layout),
        chunk=VIEWS_AT_ONCE,
    )  # fmt: skip
