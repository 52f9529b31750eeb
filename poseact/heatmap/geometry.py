"""Training augmentation of keypoints before they are drawn: batched, on any device, from an explicit generator.

Keypoints are (V, T, M, K, 2) in the pixels of a frame (height, width), scores (V, T, M, K). The geometric functions
draw once per view, so that a clip is turned, scaled or cut as a whole; all return new tensors. A joint is missing when
its score is 0 or both its coordinates are exactly 0; a missing joint stays as it is, so that no later step sees it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from poseact.heatmap.crop import ImageSize
from poseact.skeleton import Layout


def flip(xy: Tensor, score: Tensor, width: int, permutation: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Mirror every view: x becomes width - x (not width - 1 - x: the reference's), left and right joints change places.

    An x of exactly 0 stays 0. `permutation` is `Layout.flip_joints`.
    """
    x, y = xy.unbind(-1)
    order = torch.tensor(permutation, device=xy.device)
    mirrored = torch.stack((torch.where(x != 0, width - x, x), y), -1)
    return mirrored[..., order, :], score[..., order]


def random_flip(
    xy: Tensor,
    score: Tensor,
    width: int,
    permutation: Sequence[int],
    generator: torch.Generator,
    probability: float = 0.5,
) -> tuple[Tensor, Tensor]:
    """`flip` each view with the given probability."""
    return flip_some(xy, score, width, permutation, _uniform((len(xy), 1, 1, 1), xy, generator) < probability)


def flip_some(
    xy: Tensor, score: Tensor, width: int, permutation: Sequence[int], chosen: Tensor
) -> tuple[Tensor, Tensor]:
    """`flip` the views that are `chosen`, (V, 1, 1, 1) bool."""
    flipped, flipped_score = flip(xy, score, width, permutation)
    return torch.where(chosen[..., None], flipped, xy), torch.where(chosen, flipped_score, score)


def random_resized_crop(
    xy: Tensor,
    score: Tensor,
    frame: ImageSize,
    size: ImageSize,
    generator: torch.Generator,
    area: tuple[float, float] = (0.56, 1.0),
    aspect: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """Cut a random box out of each view and stretch it to `size`.

    As in the reference, ten boxes are drawn per view (area uniform, aspect log-uniform, sides rounded), the first one
    that fits is put at a random whole pixel; where none fits, it is the middle square. Joints outside the box stay
    outside.

    Args:
        frame: (height, width) px that xy is in; size: (height, width) px of the result.
        area: share of the frame's area; aspect: width over height.
    """
    views, attempts = len(xy), 10
    height, width = frame
    ratio = torch.exp(_between(math.log(aspect[0]), math.log(aspect[1]), (views, attempts), xy, generator))
    pixels = _between(area[0], area[1], (views, attempts), xy, generator) * (height * width)
    boxes = torch.stack((torch.sqrt(pixels * ratio), torch.sqrt(pixels / ratio)), -1).round()  # (V, 10, 2): w, h
    bounds = torch.tensor([width, height], dtype=xy.dtype, device=xy.device)
    fits = (boxes <= bounds).all(-1)
    first = fits.to(torch.int64).argmax(1)
    box = boxes[torch.arange(views, device=xy.device), first]  # (V, 2)
    side = min(frame)
    square = torch.full_like(box, side)
    room = bounds - box
    corner = torch.floor(_uniform((views, 2), xy, generator) * (room + 1)).minimum(room)
    middle = torch.tensor([(width - side) // 2, (height - side) // 2], dtype=xy.dtype, device=xy.device)
    any_fits = fits.any(1, keepdim=True)
    box, corner = torch.where(any_fits, box, square), torch.where(any_fits, corner, middle.expand_as(corner))
    target = torch.tensor([size[1], size[0]], dtype=xy.dtype, device=xy.device)
    moved = (xy - _per_view(corner)) * _per_view(target / box)
    return _keep_missing(moved, xy, score)


def random_rotation(xy: Tensor, score: Tensor, frame: ImageSize, degrees: float, generator: torch.Generator) -> Tensor:
    """Turn each view about the middle of the frame by an angle uniform in [-degrees, degrees]."""
    angle = _between(-math.radians(degrees), math.radians(degrees), (len(xy),), xy, generator)
    cosine, sine = angle.cos(), angle.sin()
    turn = torch.stack((torch.stack((cosine, sine), -1), torch.stack((-sine, cosine), -1)), -2)  # (V, 2, 2)
    middle = _middle(xy, frame)
    turned = torch.einsum("vtmkc,vcd->vtmkd", xy - middle, turn) + middle
    return _keep_missing(turned, xy, score)


def random_scale(
    xy: Tensor, score: Tensor, frame: ImageSize, factors: tuple[float, float], generator: torch.Generator
) -> Tensor:
    """Scale each view about the middle of the frame by a factor that is log-uniform between `factors`."""
    factor = torch.exp(_between(math.log(factors[0]), math.log(factors[1]), (len(xy), 1), xy, generator))
    middle = _middle(xy, frame)
    return _keep_missing((xy - middle) * _per_view(factor) + middle, xy, score)


def random_shear(
    xy: Tensor, score: Tensor, stretch: float, shear: float, generator: torch.Generator
) -> Tensor:  # fmt: skip
    """Widen each view by a factor log-uniform up to exp(`stretch`) either way, then lean it: x += U(-shear, shear) * y.

    About as if the camera stood elsewhere; where in the frame the result lies is of no account.
    """
    factor = torch.exp(_between(-stretch, stretch, (len(xy), 1, 1, 1), xy, generator))
    lean = _between(-shear, shear, (len(xy), 1, 1, 1), xy, generator)
    x, y = xy.unbind(-1)
    return _keep_missing(torch.stack((x * factor + y * lean, y), -1), xy, score)


def random_bones(
    xy: Tensor, score: Tensor, layout: Layout, deviation: float, generator: torch.Generator
) -> Tensor:  # fmt: skip
    """Make each bone of each view longer or shorter by exp(N(0, deviation)), left and right alike, in all frames.

    What hangs on a joint (`Layout.tree`) moves along with it; a bone with an unseen end keeps its length.
    """
    factors = torch.randn(
        (len(xy), len(layout.keypoints)), generator=generator, device=generator.device, dtype=xy.dtype
    ).to(xy.device)
    factors = torch.exp(deviation * factors)
    for left, right in layout.pairs:
        factors[:, right] = factors[:, left]
    seen = ~_missing(xy, score)[..., None]
    end, start = torch.tensor(layout.tree, dtype=torch.int64, device=xy.device).reshape(-1, 2).T
    longer = (factors[:, None, None, end, None] - 1) * (xy[..., end, :] - xy[..., start, :])
    longer = torch.where(seen[..., end, :] & seen[..., start, :], longer, torch.zeros_like(longer))
    moved_by = torch.tensor(  # (bones, K): 1 where the joint hangs on the bone
        [[float(joint in layout.branches[end]) for joint in range(len(layout.keypoints))] for end, _ in layout.tree],
        dtype=xy.dtype, device=xy.device,
    ).reshape(-1, len(layout.keypoints))  # fmt: skip
    return _keep_missing(xy + torch.einsum("vtmbc,bk->vtmkc", longer, moved_by), xy, score)


def random_shift(xy: Tensor, score: Tensor, frame: ImageSize, share: float, generator: torch.Generator) -> Tensor:
    """Move each view by up to `share` of the frame's width and height."""
    room = torch.tensor([frame[1], frame[0]], dtype=xy.dtype, device=xy.device) * share
    return _keep_missing(xy + _per_view(_between(-1, 1, (len(xy), 2), xy, generator) * room), xy, score)


def joint_noise(xy: Tensor, score: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Move every seen joint by itself: normal, `deviation` px at score 0, half of it at score 1.

    An estimator is less exact where it is less sure; this repeats its errors rather than adding even noise.
    """
    spread = deviation * (1 - score.to(xy.dtype).clamp(0, 1) / 2)
    noise = torch.randn(xy.shape, generator=generator, device=generator.device, dtype=xy.dtype).to(xy.device)
    return _keep_missing(xy + noise * spread[..., None], xy, score)


def joint_dropout(score: Tensor, probability: float, generator: torch.Generator, *, whole_clip: bool = False) -> Tensor:
    """Scores (V, T, M, K) in which each joint is missing with the given probability.

    Each frame forgets other joints; with `whole_clip`, a joint is forgotten in all frames of its view.
    """
    views, frames, people, joints = score.shape
    shape = (views, 1 if whole_clip else frames, people, joints)
    return torch.where(_uniform(shape, score, generator) < probability, torch.zeros_like(score), score)


def part_dropout(score: Tensor, probability: float, layout: Layout, generator: torch.Generator) -> Tensor:
    """Scores (V, T, M, K) in which, with the given probability, one part of the body is missing in all frames.

    A part is a joint with all that hangs on it (`Layout.branches`), half of the times with its mirror image: an arm, a
    leg, both legs from the hips or the knees down. Never more than half of the body.
    """
    joints = len(layout.keypoints)
    single = [branch for branch in layout.branches if 2 * len(branch) <= joints]
    double = [part | {layout.flip_joints[joint] for joint in part} for part in single]
    parts = [part for pair in zip(single, double, strict=True) if 2 * len(pair[1]) <= joints for part in pair]
    if not parts:
        return score
    missing = torch.zeros((len(parts), joints), dtype=torch.bool)
    for row, part in enumerate(parts):
        missing[row, list(part)] = True
    which = (_uniform((len(score),), score, generator) * len(parts)).long()
    hit = _uniform((len(score), 1), score, generator) < probability
    return torch.where((missing.to(score.device)[which] & hit)[:, None, None], torch.zeros_like(score), score)


def _uniform(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device, dtype=like.dtype).to(like.device)


def _between(low: float, high: float, shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    return low + (high - low) * _uniform(shape, like, generator)


def _per_view(values: Tensor) -> Tensor:
    """(V, C) -> (V, 1, 1, 1, C), to meet (V, T, M, K, 2)."""
    return values[:, None, None, None, :]


def _middle(xy: Tensor, frame: ImageSize) -> Tensor:
    return torch.tensor([frame[1] / 2, frame[0] / 2], dtype=xy.dtype, device=xy.device)


def _keep_missing(moved: Tensor, xy: Tensor, score: Tensor) -> Tensor:
    return torch.where(_missing(xy, score)[..., None], xy, moved)


def _missing(xy: Tensor, score: Tensor) -> Tensor:
    return (score == 0) | (xy == 0).all(-1)
