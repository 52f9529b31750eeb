"""Heatmaps of top-down networks to joints in heatmap pixels: pure functions. Knows nothing of crops or pictures.

Coordinates are pixel indices: a whole number is the middle of a heatmap pixel. The rules are those of MMPose 1.x
(`codecs/utils/refinement.py`), which the published accuracies of its checkpoints rest on, for all people at once.
"""

from __future__ import annotations

from typing import Literal

import cv2
import torch
from torch import Tensor
from torch.nn import functional as F

Refinement = Literal["none", "quarter", "dark", "udp", "offsets"]
REFINEMENTS: tuple[Refinement, ...] = ("none", "quarter", "dark", "udp")  # of one heatmap per joint
OFFSETS: Refinement = "offsets"  # read from maps of their own
MAPS: dict[Refinement, int] = {**dict.fromkeys(REFINEMENTS, 1), OFFSETS: 3}

QUARTER = 0.25
DARK_FLOOR = 1e-10
UDP_RANGE = (1e-3, 50.0)
UDP_SOFTENING = torch.finfo(torch.float32).eps
OFFSET_REACH = 0.0546875  # of the longer side of a heatmap: an offset of 1, and the radius in which a joint is likely


def decode(heatmaps: Tensor, refinement: Refinement, blur: int) -> tuple[Tensor, Tensor]:
    """Find the highest place of every heatmap, to a fraction of a pixel.

    Args:
        heatmaps: (N, K, h, w) floats, one map per person and joint; for "offsets" (N, 3 K, h, w), see `with_offsets`.
        refinement: of the maximum: "none", "quarter" (`quarter_offset`), "dark" (`dark_offset`), "udp" (`udp_offset`),
            "offsets" (`with_offsets`).
        blur: odd side of the Gaussian kernel of "dark", "udp" and "offsets", px.
    Returns:
        xy (N, K, 2) in heatmap pixels, and score (N, K), the height of the maximum. Where no value is above 0 the joint
        is not seen: its score and coordinates are 0. (MMPose 1.x puts it at -1, -1, with its height as the score.)
    """
    heatmaps = heatmaps.float()
    offsets = None
    if refinement == OFFSETS:
        heatmaps, offsets = with_offsets(heatmaps, blur)
    peak, place = heatmaps.flatten(2).max(2)
    x, y = place % heatmaps.shape[3], place // heatmaps.shape[3]
    xy = torch.stack([x, y], 2).to(heatmaps)
    if offsets is not None:
        xy = xy + offsets.flatten(3).gather(3, place[:, :, None, None].expand(-1, -1, 2, 1))[..., 0]
    elif refinement == "quarter":
        xy = xy + quarter_offset(heatmaps, x, y)
    elif refinement == "dark":
        xy = xy + dark_offset(smoothed(heatmaps, blur), x, y)
    elif refinement == "udp":
        xy = xy + udp_offset(smoothed(heatmaps, blur), x, y)
    seen = peak > 0  # false for what is not a number, too
    return torch.where(seen[..., None], xy, 0), torch.where(seen, peak, 0)


def average_flipped(heatmaps: Tensor, mirrored: Tensor, flip_joints: tuple[int, ...], *, shift: bool) -> Tensor:
    """The mean of the heatmaps of crops and of the same crops mirrored left to right.

    Args:
        heatmaps, mirrored: (N, K, h, w), or (N, 3 K, h, w) of a network that gives offsets, whose x change their sign.
        flip_joints: permutation (K,) that exchanges left and right.
        shift: move the flipped maps one pixel to the right, the first column staying: for networks of the classic
            codec, whose crops are three quarters of a heatmap pixel off their mirror images. UDP needs none.
    """
    back = mirrored.flip(3).unflatten(1, (len(flip_joints), -1))[:, list(flip_joints)]  # (N, K, maps, h, w)
    if back.shape[2] == MAPS[OFFSETS]:
        back = back * back.new_tensor([1, -1, 1]).view(-1, 1, 1)
    back = back.flatten(1, 2)
    if shift:
        back = torch.cat([back[..., :1], back[..., :-1]], 3)
    return (heatmaps + back) / 2


def quarter_offset(heatmaps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """A quarter of a pixel towards the higher neighbour, in x and in y.

    Each axis is tested by itself, as MMPose 1.x does: x moves where 1 < x < w - 1 and 0 < y, y where 1 < y < h - 1 and
    0 < x. MMPose 0.x and the original HRNet move a joint only where both 1 < x < w - 1 and 1 < y < h - 1.

    Args:
        heatmaps: (N, K, h, w).
        x, y: (N, K) int, the maxima.
    Returns:
        (N, K, 2) px.
    """
    height, width = heatmaps.shape[2:]
    read = _Neighbours(heatmaps, x, y)
    dx, dy = (read(1, 0) - read(-1, 0)).sign(), (read(0, 1) - read(0, -1)).sign()
    moves_x = (x > 1) & (x < width - 1) & (y > 0)
    moves_y = (y > 1) & (y < height - 1) & (x > 0)
    return QUARTER * torch.stack([torch.where(moves_x, dx, 0), torch.where(moves_y, dy, 0)], 2)


def dark_offset(heatmaps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """DARK (arXiv:1910.06278, eq. 8): one Newton step on the logarithm, by differences over four pixels.

    Args:
        heatmaps: (N, K, h, w), smoothed.
        x, y: (N, K) int, the maxima before smoothing.
    Returns:
        (N, K, 2) px; 0 unless 1 < x < w - 2 and 1 < y < h - 2, and where the curvature is singular. As in the reference
        it has no bound: where a map is noise, the joint can leave it.
    """
    height, width = heatmaps.shape[2:]
    read = _Neighbours(heatmaps.clamp(min=DARK_FLOOR).log(), x, y)
    dx, dy = (read(1, 0) - read(-1, 0)) / 2, (read(0, 1) - read(0, -1)) / 2
    dxx = (read(2, 0) - 2 * read(0, 0) + read(-2, 0)) / 4
    dyy = (read(0, 2) - 2 * read(0, 0) + read(0, -2)) / 4
    dxy = (read(1, 1) - read(1, -1) - read(-1, 1) + read(-1, -1)) / 4
    inside = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    return torch.where(inside[..., None], _newton_step(dx, dy, dxx, dxy, dyy), 0)


def udp_offset(heatmaps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """UDP's form of DARK: differences over two pixels, the border repeated outside, softened curvature.

    Arguments and result as of `dark_offset`, but joints on the border move as well. Only the parts of the logarithm
    between those of 0.001 and 50 count, so that a map below 0.001 leaves its joint where it is.
    """
    read = _Neighbours(heatmaps.clamp(*UDP_RANGE).log(), x, y)
    here, right, left, below, above = read(0, 0), read(1, 0), read(-1, 0), read(0, 1), read(0, -1)
    dxx, dyy = right - 2 * here + left, below - 2 * here + above
    dxy = (read(1, 1) - right - below + 2 * here - left - above + read(-1, -1)) / 2
    return _newton_step((right - left) / 2, (below - above) / 2, dxx + UDP_SOFTENING, dxy, dyy + UDP_SOFTENING)


def with_offsets(maps: Tensor, blur: int) -> tuple[Tensor, Tensor]:
    """What networks trained with UDP regression give: where a joint is likely, and how far from there it is.

    As in MMPose, the likelihood is smoothed with a kernel twice as large, plus one, as that of the offsets.

    Args:
        maps: (N, 3 K, h, w): for each joint the likelihood, then offsets in x and in y, of `OFFSET_REACH`.
        blur: odd side of the kernel of the offsets, px.
    Returns:
        the likelihood (N, K, h, w), and the offsets (N, K, 2, h, w), px.
    """
    each = maps.unflatten(1, (-1, MAPS[OFFSETS]))  # (N, K, 3, h, w)
    reach = OFFSET_REACH * max(maps.shape[2:])
    return _mirrored_smoothing(each[:, :, 0], 2 * blur + 1), _mirrored_smoothing(each[:, :, 1:], blur) * reach


def _mirrored_smoothing(maps: Tensor, kernel: int) -> Tensor:
    """(..., h, w): convolved with a Gaussian as OpenCV's `GaussianBlur` does it, maps mirrored at their border."""
    for axis in (-1, -2):
        size = maps.shape[axis]
        place = torch.arange(-(kernel // 2), size + kernel // 2, device=maps.device)
        place = (place % (2 * size - 2)) if size > 1 else place * 0
        framed = maps.index_select(axis, torch.minimum(place, 2 * size - 2 - place))
        maps = (framed.unfold(axis, kernel, 1) * _gaussian(kernel, maps)).sum(-1)
    return maps


def _gaussian(kernel: int, like: Tensor) -> Tensor:
    """The weights (kernel,) of OpenCV's `GaussianBlur` for a side and no given deviation."""
    return torch.from_numpy(cv2.getGaussianKernel(kernel, 0)[:, 0]).to(like.device, like.dtype)


def smoothed(heatmaps: Tensor, kernel: int) -> Tensor:
    """Convolve with a Gaussian, 0 outside, and scale every map back to the maximum that it had.

    Args:
        heatmaps: (N, K, h, w).
        kernel: odd side, px; 11 belongs to networks trained with Gaussians of 2 px, 17 to those of 3 px.
    """
    weights = _gaussian(kernel, heatmaps)
    each = heatmaps.flatten(0, 1)[:, None]  # (N * K, 1, h, w)
    blurred = F.conv2d(each, weights.view(1, 1, 1, -1), padding=(0, kernel // 2))
    blurred = F.conv2d(blurred, weights.view(1, 1, -1, 1), padding=(kernel // 2, 0)).view(heatmaps.shape)
    return blurred * (heatmaps.amax((2, 3), keepdim=True) / blurred.amax((2, 3), keepdim=True).clamp(min=DARK_FLOOR))


def _newton_step(dx: Tensor, dy: Tensor, dxx: Tensor, dxy: Tensor, dyy: Tensor) -> Tensor:
    """- inverse([[dxx, dxy], [dxy, dyy]]) (dx, dy), (..., 2); 0 where that is no finite number."""
    determinant = dxx * dyy - dxy * dxy
    step = torch.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], -1) / determinant[..., None]
    return torch.where(step.isfinite().all(-1, keepdim=True), step, 0)


class _Neighbours:
    """Reads maps (N, K, h, w) at places (N, K) moved by some pixels; outside, the border repeats."""

    def __init__(self, maps: Tensor, x: Tensor, y: Tensor) -> None:
        self._maps = maps
        self._x = x
        self._y = y

    def __call__(self, right: int, down: int) -> Tensor:
        """(N, K): the values `right` and `down` px from the places."""
        height, width = self._maps.shape[2:]
        x, y = (self._x + right).clamp(0, width - 1), (self._y + down).clamp(0, height - 1)
        return self._maps.flatten(2).gather(2, (y * width + x)[..., None])[..., 0]
