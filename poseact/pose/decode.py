"""From the maps of a network to joints in heatmap pixels: pure functions. Knows nothing of crops or images."""

from __future__ import annotations

import torch
from torch import Tensor

from poseact.pose.movenet import Heads

# MoveNet adds this to every distance that it divides a score by (the constants of the published graphs).
SOFTENING = 1.8


def published_decode(heads: Heads) -> tuple[Tensor, Tensor]:
    """Decode as the published graphs do: the person nearest the middle, then the peaks nearest its regressed joints.

    Returns:
        xy (N, K, 2) in heatmap pixels, and score (N, K) in [0, 1].
    """
    height, width = heads.center.shape[-2:]
    middle = torch.tensor([width / 2, height / 2], device=heads.center.device, dtype=heads.center.dtype)
    weight = 1 / (_distance(middle.expand(len(heads.center), 1, 2), height, width) + SOFTENING)
    x, y = _argmax(heads.center * weight)  # (N, 1)
    expected = _gather(heads.regress, x, y) + torch.stack([x, y], -1)  # (N, K, 2)
    near = heads.heatmap / (_distance(expected, height, width) + SOFTENING)
    x, y = _argmax(near)  # (N, K)
    xy = torch.stack([x, y], -1) + _gather(heads.offset, x, y)
    return xy, _gather(heads.heatmap[:, :, None], x, y)[..., 0]


def _distance(xy: Tensor, height: int, width: int) -> Tensor:
    """(N, K, 2) -> (N, K, height, width): the Euclidean distance of every pixel from each point."""
    rows = torch.arange(height, device=xy.device, dtype=xy.dtype)
    columns = torch.arange(width, device=xy.device, dtype=xy.dtype)
    dy = (rows - xy[..., 1:]).square()  # (N, K, height)
    dx = (columns - xy[..., :1]).square()
    return (dy[..., :, None] + dx[..., None, :]).sqrt()


def _argmax(maps: Tensor) -> tuple[Tensor, Tensor]:
    """(N, K, h, w) -> column and row (N, K) of each map's maximum."""
    flat = maps.flatten(2).argmax(2)
    return flat % maps.shape[-1], flat // maps.shape[-1]


def _gather(maps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Read (N, K, C, h, w) at (N, K) or (N, 1) places -> (N, K, C) with the channels reversed: y, x -> x, y."""
    count, joints, channels, _, width = maps.shape
    index = (y * width + x).expand(count, joints)[..., None, None].expand(-1, -1, channels, 1)
    return maps.flatten(3).gather(3, index)[..., 0].flip(-1)


def average_flipped(heads: Heads, mirrored: Heads, flip_joints: tuple[int, ...]) -> Heads:
    """The mean of the maps of crops and of the same crops mirrored left to right.

    Args:
        flip_joints: permutation (K,) that exchanges left and right.
    """
    order = list(flip_joints)
    heatmap = mirrored.heatmap.flip(-1)[:, order]
    center = mirrored.center.flip(-1)
    regress, offset = (_unmirrored(field)[:, order] for field in (mirrored.regress, mirrored.offset))
    pairs = zip(heads, (heatmap, center, regress, offset), strict=True)
    return Heads(*((ours + theirs) / 2 for ours, theirs in pairs))


def _unmirrored(field: Tensor) -> Tensor:
    """Displacements (..., 2, h, w) of a mirrored crop: what points from pixel i to i + d pointed to w - (i + d)."""
    y, x = field.flip(-1).unbind(-3)
    return torch.stack([y, 1 - x], -3)
