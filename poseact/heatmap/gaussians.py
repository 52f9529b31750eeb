"""Pseudo-heatmaps: keypoints in heatmap pixels -> volumes of joint or limb Gaussians. No sampling and no cropping.

A Gaussian touches only the pixels of its window, so the windows of a whole batch are evaluated at once and scattered
into the volume by maximum: joints as patches of one size, limbs, whose windows differ, in groups of about one size. The
cost follows the pixels drawn; on a `Canvas` that is kept, so does that of the empty volume.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from poseact.errors import InvalidPoses, UsageError
from poseact.heatmap.canvas import Canvas

FAR = 1e6  # px; beyond it squares of lengths would leave float32
PIXELS_AT_ONCE = 1 << 19  # bounds the memory beside the volume to some 20 MB
NARROWEST, WIDER = 6, 1.4  # px and factor: sides of the groups of limbs


def joint_heatmaps(
    xy: Tensor, score: Tensor, size: int | tuple[int, int], sigma: float = 0.6, eps: float = 1e-3, *,
    channels_last: bool = False, canvas: Canvas | None = None,
) -> Tensor:  # fmt: skip
    """Draw one Gaussian per joint; people are merged by maximum (PoseConv3D, eq. 1).

    A joint is skipped when its score is below `eps` or a coordinate is not finite. Its window is
    [int(c - 3 sigma), int(c + 3 sigma)] in x and y, where int truncates towards zero as in the reference: outside it
    the volume is exactly 0. Pixels are sampled at integer positions and nothing is normalised, so the peak is the score
    only for a joint on an integer position.

    Args:
        xy: (V, T, M, K, 2) heatmap pixels, any float dtype and device; may lie outside the picture.
        score: (V, T, M, K), the peak of each Gaussian.
        size: height and width, or one number for both.
        sigma: pixels.
        eps: 1e-3 as in PYSKL; MMAction2 has 1e-4.
        channels_last: how the result lies in memory: for networks in that format, drawing so saves a copy.
        canvas: keeps the memory for the next drawing, which overwrites this one.
    Returns:
        (V, K, T, H, W) float32 on the device of `xy`.
    Raises: InvalidPoses when the shapes of xy and score disagree; UsageError for a size or sigma that is not positive.
    """
    xy, score = _checked(xy, score, size, sigma)
    canvas = canvas or Canvas(kept=False)
    canvas.start(score, score.shape[3], size, channels_last=channels_last)
    draw_joints(canvas, xy, score, sigma, eps)
    return canvas.volume


def limb_heatmaps(
    xy: Tensor,
    score: Tensor,
    limbs: Sequence[tuple[int, int]],
    size: int | tuple[int, int],
    sigma: float = 0.6,
    eps: float = 1e-3,
    *,
    channels_last: bool = False,
    canvas: Canvas | None = None,
) -> Tensor:
    """Draw one ridge per limb, a Gaussian of the distance to the segment; people are merged by maximum (eq. 2).

    The peak is the lower of both scores; a limb whose peak is below `eps` is skipped. The window is the box of both
    ends, 3 sigma wider, as for joints. A limb shorter than a pixel is drawn as its start joint with the start's own
    score, which may exceed the lower one (a rule of the reference).

    Args:
        xy, score, size, sigma, eps, channels_last, canvas: as for `joint_heatmaps`.
        limbs: (start, end) keypoint indices in channel order.
    Returns:
        (V, len(limbs), T, H, W) float32 on the device of `xy`.
    Raises: InvalidPoses when the shapes of xy and score disagree; UsageError for a size or sigma that is not positive.
    """
    xy, score = _checked(xy, score, size, sigma)
    canvas = canvas or Canvas(kept=False)
    canvas.start(score, len(limbs), size, channels_last=channels_last)
    draw_limbs(canvas, xy, score, limbs, sigma, eps)
    return canvas.volume


def joint_and_limb_heatmaps(
    xy: Tensor,
    score: Tensor,
    limbs: Sequence[tuple[int, int]],
    size: int | tuple[int, int],
    sigma: float = 0.6,
    eps: float = 1e-3,
    *,
    channels_last: bool = False,
    canvas: Canvas | None = None,
) -> Tensor:
    """The channels of `joint_heatmaps`, then those of `limb_heatmaps`. Args, returns and raises: as there."""
    xy, score = _checked(xy, score, size, sigma)
    canvas = canvas or Canvas(kept=False)
    canvas.start(score, score.shape[3] + len(limbs), size, channels_last=channels_last)
    draw_joints(canvas, xy, score, sigma, eps)
    draw_limbs(canvas, xy, score, limbs, sigma, eps, first_channel=score.shape[3])
    return canvas.volume


def _checked(xy: Tensor, score: Tensor, size: int | tuple[int, int], sigma: float) -> tuple[Tensor, Tensor]:
    if xy.ndim != 5 or xy.shape != (*score.shape, 2):
        shapes = f"{tuple(xy.shape)} and {tuple(score.shape)}"
        raise InvalidPoses(f"xy must be (V, T, M, K, 2) and score (V, T, M, K), got {shapes}")
    if (size if isinstance(size, int) else min(size)) < 1 or not sigma > 0:
        raise UsageError(f"size must be at least 1 and sigma above 0 px, got {size} and {sigma}")
    dtype = xy.dtype if xy.dtype in (torch.float32, torch.float64) else torch.float32
    return xy.to(dtype), score.to(xy.device, dtype)


def draw_joints(canvas: Canvas, xy: Tensor, score: Tensor, sigma: float, eps: float) -> None:
    """Gaussians at (V, T, M, K, 2) with peaks (V, T, M, K) on the first K channels.

    All windows of points are at most `reach` wide, so that each is a patch of reach x reach; the last row and column of
    a smaller one come up again.
    """
    drawn = (score >= eps) & torch.isfinite(xy).all(-1)
    xy, peak = torch.where(drawn[..., None], xy, 0).reshape(-1, 2), torch.where(drawn, score, 0).reshape(-1, 1)
    reach = torch.arange(int(6 * sigma) + 2, device=xy.device)
    columns, across = _profile(xy[:, 0], reach, sigma, canvas.width)
    rows, down = _profile(xy[:, 1], reach, sigma, canvas.height)
    value = (down * peak).float()[:, :, None] * across.float()[:, None, :]  # (N, rows, columns)
    canvas.put(canvas.planes(score), rows, columns, value)


def _profile(centre: Tensor, reach: Tensor, sigma: float, side: int) -> tuple[Tensor, Tensor]:
    """Pixels (N, P) along one axis and the Gaussian there; 0 where the whole window is outside."""
    first, count = _window(centre, centre, sigma, side)
    pixels = (first[:, None] + torch.minimum(reach, count[:, None] - 1)).clamp(0, side - 1)
    value = torch.exp((pixels - centre[:, None]).square() * (-0.5 / sigma**2))
    return pixels, torch.where(count[:, None] > 0, value, 0.0)


def draw_limbs(
    canvas: Canvas, xy: Tensor, score: Tensor, limbs: Sequence[tuple[int, int]], sigma: float, eps: float,
    first_channel: int = 0,
) -> None:  # fmt: skip
    """Segments between joints (V, T, M, K, 2) with scores (V, T, M, K) on the channels from `first_channel` on."""
    starts, ends = torch.tensor(limbs, dtype=torch.int64, device=xy.device).reshape(-1, 2).unbind(1)
    start, end = xy[..., starts, :], xy[..., ends, :]
    peak = torch.minimum(score[..., starts], score[..., ends])
    drawn = (peak >= eps) & torch.isfinite(start).all(-1) & torch.isfinite(end).all(-1)
    short = (start - end).square().sum(-1) < 1
    end = torch.where(short[..., None], start, end)
    peak = torch.where(drawn, torch.where(short, score[..., starts], peak), 0)
    plane, peak = canvas.planes(peak, first_channel), peak.reshape(-1)
    start, end = (torch.where(drawn[..., None], joint, 0).clamp(-FAR, FAR).reshape(-1, 2) for joint in (start, end))
    left, columns = _window(start[:, 0], end[:, 0], sigma, canvas.width)
    top, rows = _window(start[:, 1], end[:, 1], sigma, canvas.height)
    along = end - start
    unit = along / along.square().sum(1, keepdim=True).clamp(min=torch.finfo(along.dtype).tiny)
    corner = torch.stack((left, top), 1) - start
    for chosen, down, across in _groups(rows, columns):
        row = torch.minimum(torch.arange(down, device=xy.device), rows[chosen, None] - 1)
        column = torch.minimum(torch.arange(across, device=xy.device), columns[chosen, None] - 1)
        value = _ridges(row, column, corner[chosen], along[chosen], unit[chosen], sigma) * peak[chosen, None, None]
        canvas.put(plane[chosen], row + top[chosen, None], column + left[chosen, None], value.float())


def _groups(rows: Tensor, columns: Tensor) -> Iterator[tuple[Tensor, int, int]]:
    """Numbers (N,) of windows of about one size, and the rows and columns that hold each; empty ones are left out."""
    most = max(int(rows.max()), int(columns.max())) if len(rows) else 0
    sides = [NARROWEST]
    while sides[-1] < most:
        sides.append(int(sides[-1] * WIDER) + 1)
    steps = torch.tensor(sides, device=rows.device)
    group = torch.bucketize(rows, steps) * len(sides) + torch.bucketize(columns, steps)
    group = torch.where((rows > 0) & (columns > 0), group, len(sides) ** 2)
    order, counts = group.argsort(stable=True), group.bincount(minlength=len(sides) ** 2 + 1).tolist()
    begin = 0
    for number, count in enumerate(counts[:-1]):
        down, across = sides[number // len(sides)], sides[number % len(sides)]
        if count:
            yield from (
                (one, down, across)
                for one in order[begin : begin + count].split(max(1, PIXELS_AT_ONCE // (down * across)))
            )
        begin += count


def _ridges(row: Tensor, column: Tensor, corner: Tensor, along: Tensor, unit: Tensor, sigma: float) -> Tensor:
    """The Gaussian of the distance to N segments at the crossings of (N, R) rows and (N, C) columns: (N, R, C).

    Rows and columns count from the corners (N, 2) of the windows, which count from where the segments start.
    """
    dx, dy = corner[:, :1] + column, corner[:, 1:] + row
    share = (dy * unit[:, 1:])[:, :, None] + (dx * unit[:, :1])[:, None, :]
    share.clamp_(0, 1)  # the nearest point of the segment, as a share of its length
    across = torch.addcmul(dx[:, None, :], share, along[:, :1, None], value=-1)
    down = torch.addcmul(dy[:, :, None], share, along[:, 1:, None], value=-1)
    return across.square_().addcmul_(down, down).mul_(-0.5 / sigma**2).exp_()


def _window(start: Tensor, end: Tensor, sigma: float, side: int) -> tuple[Tensor, Tensor]:
    """First pixel and number of pixels, (N,) int64 each, along one axis; 0 pixels when all of it is outside."""
    wide = torch.float32 if start.device.type == "mps" else torch.float64  # the reference truncates a float64
    low, high = torch.minimum(start, end).to(wide), torch.maximum(start, end).to(wide)
    first = torch.trunc(low - 3 * sigma).clamp(0, side).to(torch.int64)
    stop = (torch.trunc(high + 3 * sigma) + 1).clamp(0, side).to(torch.int64)
    return first, (stop - first).clamp(min=0)
