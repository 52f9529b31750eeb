"""Random changes of training clips, in batch, on keypoints in box coordinates. Draws no heatmaps, reads no files."""

from __future__ import annotations

import torch
from torch import Tensor

from poseact.train.settings import Augmentation


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
    xy: Tensor, score: Tensor, settings: Augmentation, flip_joints: tuple[int, ...], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Move, turn, stretch, mirror and disturb each clip of a batch, every frame of a clip alike but for the noise.

    Args:
        xy: (B, T, M, K, 2) in box coordinates: 0 and 1 are the sides of the subject's square box.
        score: (B, T, M, K); 0 where a joint is missing, and it stays so.
        flip_joints: permutation (K,) that exchanges left and right.
    Returns: xy and score of the same shapes, new tensors.
    """
    clips, device = len(xy), xy.device

    def spread(width: float, *shape: int) -> Tensor:
        return (2 * _uniform((clips, *shape), generator, device) - 1) * width

    angle, zoom, aspect = spread(settings.rotation), spread(settings.scale).exp(), spread(settings.aspect).exp()
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    matrix = torch.stack([torch.stack([cos * aspect, -sin], 1), torch.stack([sin * aspect, cos], 1)], 1)  # (B, 2, 2)
    shift = spread(settings.shift, 2) + 0.5
    moved = torch.einsum("btmki,bji->btmkj", xy - 0.5, matrix) + shift[:, None, None, None]
    moved += settings.noise * torch.randn(xy.shape, generator=generator, device=device)

    mirrored = _uniform((clips,), generator, device) < settings.flip
    swapped = moved[..., flip_joints, :] * torch.tensor([-1.0, 1.0], device=device) + torch.tensor(
        [1.0, 0.0], device=device
    )
    moved = torch.where(mirrored[:, None, None, None, None], swapped, moved)
    score = torch.where(mirrored[:, None, None, None], score[..., flip_joints], score)

    joints = xy.shape[3]
    kept = _uniform((clips, 1, 1, joints), generator, device) >= settings.joint_dropout
    kept = kept & (_uniform(tuple(score.shape), generator, device) >= settings.frame_dropout)
    return moved, score * kept


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
