"""From MoveNet's maps to joints in heatmap pixels: pure functions. Knows nothing of crops or pictures.

Coordinates, of boxes as of joints, run from 0 at the outer edge of the first heatmap pixel to the width and height.
"""

from __future__ import annotations

import torch
from torch import Tensor

from poseact.pose.movenet import Heads

# MoveNet adds this to every distance that it divides a score by (a constant of the published graphs).
SOFTENING = 1.8

# As shares of the person's size, the square root of the box's area. Chosen on 344 COCO people and true boxes, where the
# similarity changes by less than 0.005 when any of them is halved or doubled.
CENTER_SPREAD = 0.1
REACH = 0.1
OUTSIDE_SPREAD = 0.05


def decode(heads: Heads, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Find the joints of the person whose box is known.

    The published decoding looks for a person near the middle and for joints near those that are regressed there. Here
    the box says who is meant: the regressed joints are averaged around its middle, and peaks outside it are doubted.

    Args:
        boxes: (N, 4) xyxy in heatmap pixels.
    Returns:
        xy (N, K, 2) in heatmap pixels, and score (N, K) in [0, 1].
    """
    height, width = heads.center.shape[-2:]
    size = (boxes[:, 2:] - boxes[:, :2]).prod(1).sqrt().clamp(min=1e-3)[:, None, None, None]
    expected = _regressed(heads, boxes, CENTER_SPREAD * size)
    reach = 1 + _distance(expected - 0.5, height, width) / (REACH * size)  # (N, K, h, w)
    doubt = _outside(boxes, height, width) / (OUTSIDE_SPREAD * size)  # (N, 1, h, w)
    x, y = _argmax(heads.heatmap / reach * torch.exp(-doubt.square() / 2))
    xy = torch.stack([x, y], -1) + _gather(heads.offset, x, y)
    return xy, _gather(heads.heatmap[:, :, None], x, y)[..., 0]


def _regressed(heads: Heads, boxes: Tensor, spread: Tensor) -> Tensor:
    """Joints (N, K, 2) in heatmap pixels, regressed around the middle of each box; weighted by the centre map."""
    height, width = heads.center.shape[-2:]
    middle = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2 - 0.5  # (N, 1, 2), in pixel indices
    away = _distance(middle, height, width) / spread
    # The nearest pixel keeps a weight of 1, so that the sum is never 0, however small or far away the box is.
    nearness = torch.exp((away.amin((2, 3), keepdim=True).square() - away.square()) / 2)
    weight = nearness * heads.center.clamp(min=1e-6)
    weight = weight / weight.sum((2, 3), keepdim=True)  # (N, 1, h, w)
    rows, columns = _grid(weight)
    y = ((heads.regress[:, :, 0] + rows[:, None]) * weight).sum((2, 3))
    x = ((heads.regress[:, :, 1] + columns) * weight).sum((2, 3))
    return torch.stack([x, y], -1)


def _outside(boxes: Tensor, height: int, width: int) -> Tensor:
    """(N, 1, height, width): how far the middle of each pixel is from the box, 0 inside."""
    rows, columns = _grid(boxes.new_empty(height, width))
    x = torch.maximum(boxes[:, :1] - columns - 0.5, columns + 0.5 - boxes[:, 2:3]).clamp(min=0)
    y = torch.maximum(boxes[:, 1:2] - rows - 0.5, rows + 0.5 - boxes[:, 3:]).clamp(min=0)
    return (y.square()[:, None, :, None] + x.square()[:, None, None, :]).sqrt()


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


def _distance(xy: Tensor, height: int, width: int) -> Tensor:
    """(N, K, 2), pixel indices -> (N, K, height, width): the distance of every pixel from each point."""
    rows, columns = _grid(xy.new_empty(height, width))
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


def _grid(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The row (h,) and column (w,) numbers of maps (..., h, w)."""
    height, width = maps.shape[-2:]
    rows = torch.arange(height, device=maps.device, dtype=maps.dtype)
    return rows, torch.arange(width, device=maps.device, dtype=maps.dtype)
