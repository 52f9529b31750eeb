"""Random changes of training clips, in batch, on keypoints in heatmap pixels. Draws no heatmaps, reads no files."""

from __future__ import annotations

from math import exp

import torch
from torch import Tensor

from poseact.heatmap import geometry
from poseact.train.settings import Augmentation

LONGEST_GAP = 0.25


def sample_frames(length: Tensor, clip_len: int, window: float, generator: torch.Generator) -> Tensor:
    """One random frame from each of `clip_len` equal parts of a random stretch of each video (paper, section 3.2).

    Where a part is shorter than a frame, neighbouring parts take the same frame.

    Args:
        length: (B,) int64 frames of each video.
        window: the stretch covers at least this share of the video.
    Returns: (B, clip_len) int64, ascending, each in [0, length).
    """
    device = length.device
    share = window + (1 - window) * _uniform((len(length), 1), generator, device)
    start = (1 - share) * _uniform((len(length), 1), generator, device)
    within = (torch.arange(clip_len, device=device) + _uniform((len(length), clip_len), generator, device)) / clip_len
    frames = ((start + share * within) * length[:, None]).long()
    return torch.minimum(frames, length[:, None] - 1)


def augment(
    xy: Tensor,
    score: Tensor,
    size: int,
    settings: Augmentation,
    flip_joints: tuple[int, ...],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Turn, scale, move, mirror and disturb each clip of a batch, every frame of a clip alike but for noise and loss.

    Args:
        xy: (B, T, M, K, 2) px of the square heatmap of side `size`.
        score: (B, T, M, K); 0 where a joint is missing, and it stays so.
        flip_joints: permutation (K,) that exchanges left and right.
    Returns: xy and score of the same shapes.
    """
    frame = (size, size)
    if settings.crop < 1:
        xy = geometry.random_resized_crop(xy, score, frame, frame, generator, (settings.crop, 1.0))
    xy = geometry.random_rotation(xy, score, frame, settings.rotation, generator)
    xy = geometry.random_scale(xy, score, frame, (exp(-settings.scale), exp(settings.scale)), generator)
    xy = geometry.random_shift(xy, score, frame, settings.shift, generator)
    xy = geometry.joint_noise(xy, score, settings.noise * size, generator)
    xy, score = geometry.random_flip(xy, score, size, flip_joints, generator, settings.flip)
    score = geometry.joint_dropout(score, settings.joint_dropout, generator, whole_clip=True)
    score = track_gap(score, settings.gap, generator)
    return xy, geometry.joint_dropout(score, settings.frame_dropout, generator)


def track_gap(score: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Scores (B, T, M, K) in which, with some probability, nobody is seen for up to LONGEST_GAP of a clip."""
    if not probability:
        return score
    count, frames = score.shape[:2]
    start, length, chance = _uniform((3, count, 1), generator, score.device)
    place = (torch.arange(frames, device=score.device) + 0.5) / frames
    missing = (place > start) & (place < start + LONGEST_GAP * length) & (chance < probability)
    return torch.where(missing[:, :, None, None], torch.zeros_like(score), score)


def mix(heatmaps: Tensor, target: Tensor, alpha: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mixup (Zhang et al., 2018): each clip and its target (B, C) blended with another's; alpha 0 changes nothing."""
    if not alpha:
        return heatmaps, target
    device = heatmaps.device
    # Beta(alpha, alpha) from two gamma variates; torch's own sampler takes no generator.
    gamma = torch._standard_gamma(torch.full((2, len(heatmaps)), alpha, device=device), generator=generator)
    share = gamma[0] / gamma.sum(0)
    other = torch.randperm(len(heatmaps), generator=generator, device=device)
    weight = share[:, None, None, None, None]
    return torch.lerp(heatmaps[other], heatmaps, weight), torch.lerp(target[other], target, share[:, None])


def _uniform(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.rand(shape, generator=generator, device=device)
