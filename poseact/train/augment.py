"""Random changes of training clips, in batch, on keypoints in heatmap pixels. Draws no heatmaps, reads no files."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import torch
from torch import Tensor
from torch.nn import functional as F

from poseact.heatmap import geometry
from poseact.heatmap.sampling import Sampler
from poseact.skeleton import Layout
from poseact.train.settings import Augmentation

LONGEST_GAP = 0.25


@dataclass(frozen=True)
class TimeSpan:
    """Which part of each of B videos a clip shows, and how time runs in it.

    Attributes:
        start, share: (B, 1) shares of the video, where the part begins and how long it is.
        exponent: (B, 1): time t in [0, 1) of the clip is t ** exponent of the part; None: time runs evenly.
    """

    start: Tensor
    share: Tensor
    exponent: Tensor | None = None


def sample_frames(
    length: Tensor, clip_len: int, window: float, generator: torch.Generator, speed: float = 0.0,
    sampler: Sampler = "even",
) -> Tensor:  # fmt: skip
    """The frames of a training clip of each video, from a random stretch of it (paper, section 3.2).

    "even" takes one random frame of each of `clip_len` equal parts; where a part is shorter than a frame, neighbouring
    parts take the same one. The published samplers do so in stretches of two clip lengths at least; of shorter ones
    they take consecutive frames with skips at random places, and stretches shorter than a clip are read in a loop from
    a random start, as evaluation does. Where the pace changes, all of them are "even".

    Args:
        length: (B,) int64 frames of each video.
        window: the stretch covers at least this share of the video.
        speed: how much the pace changes within the clip, see `Augmentation`.
    Returns: (B, clip_len) int64, each in [0, length), ascending but for loops.
    """
    return frames_of(random_span(length, window, generator, speed), length, clip_len, generator, sampler)


def random_span(length: Tensor, window: float, generator: torch.Generator, speed: float = 0.0) -> TimeSpan:
    """A random stretch of each video of (B,) frames. Args: as for `sample_frames`."""
    count = (len(length), 1)
    share = window + (1 - window) * _uniform(count, generator, length.device)
    start = (1 - share) * _uniform(count, generator, length.device)
    if not speed:
        return TimeSpan(start, share)
    return TimeSpan(start, share, (speed * (2 * _uniform(count, generator, length.device) - 1)).exp())


def frames_of(
    span: TimeSpan, length: Tensor, clip_len: int, generator: torch.Generator, sampler: Sampler = "even"
) -> Tensor:
    """The frames of a clip from a stretch of each video. Args, returns: as for `sample_frames`."""
    if sampler != "even" and span.exponent is None:
        first = (span.start * length[:, None]).long()
        return first + _published((span.share * length[:, None]).ceil().long(), clip_len, generator)
    within = torch.arange(clip_len, device=length.device) + _uniform((len(length), clip_len), generator, length.device)
    time = within / clip_len
    if span.exponent is not None:
        time = time**span.exponent
    frames = ((span.start + span.share * time) * length[:, None]).long()
    return torch.minimum(frames, length[:, None] - 1)


def _published(length: Tensor, clip_len: int, generator: torch.Generator) -> Tensor:
    """(B, clip_len) frames of stretches of (B, 1) frames, as the published samplers draw them in training."""
    step = torch.arange(clip_len, device=length.device)
    size, device = (len(length), clip_len), length.device
    looped = ((_uniform((len(length), 1), generator, device) * length).long() + step) % length
    order = _uniform((len(length), clip_len + 1), generator, device).argsort(1).argsort(1)
    skipping = step + (order < length - clip_len).cumsum(1)[:, :-1]
    borders = torch.arange(clip_len + 1, device=device) * length // clip_len
    of_parts = borders[:, :-1] + (_uniform(size, generator, device) * borders.diff(dim=1)).long()
    return torch.where(length < clip_len, looped, torch.where(length < 2 * clip_len, skipping, of_parts))


def deform(
    xy: Tensor, score: Tensor, settings: Augmentation, layout: Layout, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Change the build of the people of a batch, how they are seen, and how much of them; before a box is laid around.

    Args:
        xy: (B, T, M, K, 2), any unit; all frames of a clip change alike. score: (B, T, M, K); 0 where a joint is
            missing.
    """
    if settings.bones:
        xy = geometry.random_bones(xy, score, layout, settings.bones, generator)
    if settings.stretch or settings.shear:
        xy = geometry.random_shear(xy, score, settings.stretch, settings.shear, generator)
    if settings.part_dropout:
        score = geometry.part_dropout(score, settings.part_dropout, layout, generator)
    return xy, score


def augment(
    xy: Tensor,
    score: Tensor,
    size: int,
    settings: Augmentation,
    flip_joints: tuple[int, ...],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Turn, scale, move, mirror and disturb each clip of a batch, every frame of a clip alike but for noise and loss.

    Args:
        xy: (B, T, M, K, 2) px of the square heatmap of side `size`.
        score: (B, T, M, K); 0 where a joint is missing, and it stays so.
        flip_joints: permutation (K,) that exchanges left and right.
    Returns: xy and score of the same shapes, and (B, 3, 2) px, where the top right, bottom left and bottom right corner
        of the square came to lie, so that pictures can go the same way.
    """
    corners = torch.tensor([(size, 0), (0, size), (size, size)], dtype=xy.dtype, device=xy.device)
    corners = corners.expand(*xy.shape[:3], 3, 2)
    moved = _moved(torch.cat((xy, corners), 3), F.pad(score, (0, 3), value=1.0), size, settings, generator)
    xy, corners = moved[..., :-3, :], moved[:, 0, 0, -3:]
    xy = geometry.joint_noise(xy, score, settings.noise * size, generator)
    mirrored = _uniform((len(xy), 1, 1, 1), generator, xy.device) < settings.flip
    xy, score = geometry.flip_some(xy, score, size, flip_joints, mirrored)
    x, y = corners.unbind(-1)
    corners = torch.stack((torch.where(mirrored[:, 0, 0], size - x, x), y), -1)
    score = geometry.joint_dropout(score, settings.joint_dropout, generator, whole_clip=True)
    score = track_gap(score, settings.gap, generator)
    return xy, geometry.joint_dropout(score, settings.frame_dropout, generator), corners


def _moved(xy: Tensor, score: Tensor, size: int, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """The changes that move the whole square."""
    frame = (size, size)
    if settings.crop < 1:
        xy = geometry.random_resized_crop(xy, score, frame, frame, generator, (settings.crop, 1.0))
    xy = geometry.random_rotation(xy, score, frame, settings.rotation, generator)
    xy = geometry.random_scale(xy, score, frame, (exp(-settings.scale), exp(settings.scale)), generator)
    return geometry.random_shift(xy, score, frame, settings.shift, generator)


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
