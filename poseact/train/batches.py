"""Stored poses -> batches of heatmaps: clips in memory, frame sampling, crop, augmentation, drawing on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poseact.errors import InvalidPoses
from poseact.heatmap import draw, evaluation_views
from poseact.poses.joints import without_weak_joints
from poseact.skeleton import layout as find_layout
from poseact.train.augment import augment, mix, sample_frames
from poseact.train.settings import TrainSettings
from poseact.types import PoseSequence
from poseact.zoo import Preprocessing

PADDING = 0.25
VIEWS_AT_ONCE = 16


@dataclass(frozen=True)
class Clips:
    """N clips of one data set part, padded to the longest.

    Attributes:
        xy: (N, T, M, K, 2) float32 px; 0 where missing or beyond the end.
        score: (N, T, M, K) float32; 0 where missing or beyond the end.
        length: (N,) int64 frames.
        image_size: (N, 2) height and width, px.
        label: (N,) int64.
        classes: C names.
        layout: of the keypoints.
        names: N.
    """

    xy: Tensor
    score: Tensor
    length: Tensor
    image_size: Tensor
    label: Tensor
    classes: tuple[str, ...]
    layout: str
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.xy)

    def __getitem__(self, rows: Sequence[int]) -> Clips:
        index = torch.as_tensor(rows, dtype=torch.int64)
        return Clips(
            self.xy[index], self.score[index], self.length[index], self.image_size[index], self.label[index],
            self.classes, self.layout, tuple(self.names[row] for row in index.tolist()),
        )  # fmt: skip


def stack(sequences: Sequence[PoseSequence], classes: Sequence[str], preprocessing: Preprocessing) -> Clips:
    """Stack the first people of each sequence, from the first to the last frame in which they are seen.

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
            parts.append((sequence, xy, score))
    if not parts:
        raise InvalidPoses(f"none of the {len(sequences)} sequences shows a person")
    longest, joints = max(xy.shape[1] for _, xy, _ in parts), parts[0][1].shape[2]
    stacked_xy = np.zeros((len(parts), longest, people, joints, 2), np.float32)
    stacked_score = np.zeros((len(parts), longest, people, joints), np.float32)
    for row, (_, xy, score) in enumerate(parts):
        stacked_xy[row, : xy.shape[1], : len(xy)] = xy.swapaxes(0, 1)
        stacked_score[row, : xy.shape[1], : len(xy)] = score.swapaxes(0, 1)
    return Clips(
        xy=torch.from_numpy(stacked_xy),
        score=torch.from_numpy(stacked_score),
        length=torch.tensor([xy.shape[1] for _, xy, _ in parts]),
        image_size=torch.tensor([sequence.image_size for sequence, _, _ in parts]),
        label=torch.tensor([sequence.label for sequence, _, _ in parts]),
        classes=tuple(classes),
        layout=layouts.pop(),
        names=tuple(sequence.name for sequence, _, _ in parts),
    )


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


def training_batch(
    clips: Clips, settings: TrainSettings, generator: torch.Generator, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Heatmaps (B, channels, clip_len, size, size) and soft targets (B, C) of the given clips, freshly augmented."""
    length = clips.length.to(device)
    frames = sample_frames(length, settings.preprocessing.clip_len, settings.augmentation.window, generator)
    rows = torch.arange(len(clips), device=device)[:, None]
    xy, score = clips.xy.to(device)[rows, frames], clips.score.to(device)[rows, frames]
    centre, side = subject_box(xy, score)
    inputs, layout = settings.preprocessing, find_layout(clips.layout)
    xy = ((xy - centre[:, None, None, None]) / side[:, None, None, None, None] + 0.5) * inputs.size
    xy, score = augment(xy, score, inputs.size, settings.augmentation, layout.flip_joints, generator)
    heatmaps = draw(xy, score, inputs.size, inputs.sigma, kind=inputs.kind, layout=layout)
    heatmaps = heatmaps.contiguous(memory_format=torch.channels_last_3d)
    target = F.one_hot(clips.label.to(device), len(clips.classes)).float()
    return mix(heatmaps, target, settings.augmentation.mixup, generator)


def epoch_batches(
    clips: Clips, settings: TrainSettings, generator: torch.Generator, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """One pass over the clips in random order; a last batch that is not full is left out, unless it is the only one."""
    order = torch.randperm(len(clips), generator=generator, device=device).tolist()
    size = min(settings.batch_size, len(clips))
    for first in range(0, len(clips) - size + 1, size):
        yield training_batch(clips[order[first : first + size]], settings, generator, device)


@torch.inference_mode()
def evaluation_logits(network: nn.Module, clips: Clips, settings: Preprocessing, device: torch.device) -> Tensor:
    """(N, views, C) logits of whole clips, by the views that recognition uses."""
    logits = []
    for row in range(len(clips)):
        length = int(clips.length[row])
        height, width = clips.image_size[row].tolist()
        views = evaluation_views(
            clips.xy[row, :length].transpose(0, 1), clips.score[row, :length].transpose(0, 1), (height, width),
            clip_len=settings.clip_len, num_clips=settings.num_clips, size=settings.size, sigma=settings.sigma,
            kind=settings.kind, flip=settings.flip, sampler=settings.sampler,
        )  # fmt: skip
        parts = [network(part.to(device)).float().cpu() for part in views.split(VIEWS_AT_ONCE)]
        logits.append(torch.cat(parts))
    return torch.stack(logits)
