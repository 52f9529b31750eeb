"""Pseudo-heatmaps: keypoints in heatmap pixels -> volumes of joint or limb Gaussians. No sampling and no cropping.

A Gaussian touches only the pixels of its window, so the windows of a whole batch are evaluated at once and scattered
into the volume by maximum: joints as patches of one size, limbs, whose windows differ, laid end to end as one list of
pixels. The cost follows the pixels drawn, not the volume.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from poseact.errors import InvalidPoses, UsageError

FAR = 1e6  # px; beyond it squares of lengths would leave float32
PIXELS_AT_ONCE = 1 << 19  # bounds the memory beside the volume to some 60 MB


def joint_heatmaps(
    xy: Tensor, score: Tensor, size: int | tuple[int, int], sigma: float = 0.6, eps: float = 1e-3, *,
    channels_last: bool = False,
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
    Returns:
        (V, K, T, H, W) float32 on the device of `xy`.
    Raises: InvalidPoses when the shapes of xy and score disagree; UsageError for a size or sigma that is not positive.
    """
    xy, score = _checked(xy, score, size, sigma)
    return _draw_points(xy, score, score >= eps, size, sigma, channels_last)


def limb_heatmaps(
    xy: Tensor,
    score: Tensor,
    limbs: Sequence[tuple[int, int]],
    size: int | tuple[int, int],
    sigma: float = 0.6,
    eps: float = 1e-3,
    *,
    channels_last: bool = False,
) -> Tensor:
    """Draw one ridge per limb, a Gaussian of the distance to the segment; people are merged by maximum (eq. 2).

    The peak is the lower of both scores; a limb whose peak is below `eps` is skipped. The window is the box of both
    ends, 3 sigma wider, as for joints. A limb shorter than a pixel is drawn as its start joint with the start's own
    score, which may exceed the lower one (a rule of the reference).

    Args:
        xy, score, size, sigma, eps, channels_last: as for `joint_heatmaps`.
        limbs: (start, end) keypoint indices in channel order.
    Returns:
        (V, len(limbs), T, H, W) float32 on the device of `xy`.
    Raises: InvalidPoses when the shapes of xy and score disagree; UsageError for a size or sigma that is not positive.
    """
    xy, score = _checked(xy, score, size, sigma)
    starts, ends = torch.tensor(limbs, dtype=torch.int64, device=xy.device).reshape(-1, 2).unbind(1)
    start, end = xy[..., starts, :], xy[..., ends, :]
    peak = torch.minimum(score[..., starts], score[..., ends])
    drawn = peak >= eps
    short = (start - end).square().sum(-1) < 1
    end = torch.where(short[..., None], start, end)
    peak = torch.where(short, score[..., starts], peak)
    return _draw_segments(start, end, peak, drawn, size, sigma, channels_last)


def _checked(xy: Tensor, score: Tensor, size: int | tuple[int, int], sigma: float) -> tuple[Tensor, Tensor]:
    if xy.ndim != 5 or xy.shape != (*score.shape, 2):
        shapes = f"{tuple(xy.shape)} and {tuple(score.shape)}"
        raise InvalidPoses(f"xy must be (V, T, M, K, 2) and score (V, T, M, K), got {shapes}")
    if (size if isinstance(size, int) else min(size)) < 1 or not sigma > 0:
        raise UsageError(f"size must be at least 1 and sigma above 0 px, got {size} and {sigma}")
    dtype = xy.dtype if xy.dtype in (torch.float32, torch.float64) else torch.float32
    return xy.to(dtype), score.to(xy.device, dtype)


def _draw_points(
    xy: Tensor, peak: Tensor, drawn: Tensor, size: int | tuple[int, int], sigma: float, channels_last: bool
) -> Tensor:
    """Gaussians at (V, T, M, K, 2) with peaks (V, T, M, K) -> volume (V, K, T, H, W); `drawn` (V, T, M, K) chooses.

    All windows of points are at most `reach` wide, so that each is a patch of reach x reach with zeros at the end.
    """
    height, width = (size, size) if isinstance(size, int) else size
    volume, memory, plane = _empty_volume(peak, height, width, channels_last)
    step = volume.stride(4)
    drawn = drawn & torch.isfinite(xy).all(-1)
    xy, peak = torch.where(drawn[..., None], xy, 0).reshape(-1, 2), torch.where(drawn, peak, 0).reshape(-1, 1)
    reach = torch.arange(int(6 * sigma) + 2, device=xy.device)
    columns, across = _profile(xy[:, 0], reach, sigma, width)
    rows, down = _profile(xy[:, 1], reach, sigma, height)
    value = (down * peak).float()[:, :, None] * across.float()[:, None, :]  # (N, rows, columns)
    index = (plane[:, None] + rows * (width * step))[:, :, None] + (columns * step)[:, None, :]
    memory.scatter_reduce_(0, index.view(-1), value.view(-1), "amax")
    return volume


def _profile(centre: Tensor, reach: Tensor, sigma: float, side: int) -> tuple[Tensor, Tensor]:
    """Pixels (N, P) along one axis and the Gaussian there; where a window ends, the Gaussian is 0."""
    first, count = _window(centre, centre, sigma, side)
    pixels = (first[:, None] + reach).clamp(max=side - 1)
    value = torch.exp((pixels - centre[:, None]).square() * (-0.5 / sigma**2))
    return pixels, torch.where(reach < count[:, None], value, 0.0)


def _draw_segments(
    start: Tensor, end: Tensor, peak: Tensor, drawn: Tensor, size: int | tuple[int, int], sigma: float,
    channels_last: bool,
) -> Tensor:  # fmt: skip
    """Segments (V, T, M, C, 2) with peaks (V, T, M, C) -> volume (V, C, T, H, W); `drawn` (V, T, M, C) chooses."""
    height, width = (size, size) if isinstance(size, int) else size
    volume, memory, plane = _empty_volume(peak, height, width, channels_last)
    step = volume.stride(4)
    drawn = drawn & torch.isfinite(start).all(-1) & torch.isfinite(end).all(-1)
    start, end = (torch.where(drawn[..., None], joint, 0).clamp(-FAR, FAR).reshape(-1, 2) for joint in (start, end))
    peak = torch.where(drawn, peak, 0).reshape(-1)
    left, columns = _window(start[:, 0], end[:, 0], sigma, width)
    top, rows = _window(start[:, 1], end[:, 1], sigma, height)
    count = rows * columns
    last = count.cumsum(0)  # (N,) pixels up to and including segment n
    windows = torch.stack((plane + (top * width + left) * step, columns, last - count), 1)
    corner, along = torch.stack((left, top), 1) - start, end - start
    length2 = along.square().sum(1, keepdim=True).clamp(min=torch.finfo(along.dtype).tiny)
    shapes = torch.cat((corner, along, along / length2, peak[:, None]), 1)
    pixels = int(last[-1]) if len(last) else 0
    for part in range(0, pixels, PIXELS_AT_ONCE):
        begin, stop = torch.searchsorted(last, last.new_tensor([part, part + PIXELS_AT_ONCE]), right=True).tolist()
        if begin == stop:  # one window that is larger than a part
            continue
        segment = torch.repeat_interleave(count[begin:stop]) + begin
        chosen = windows.index_select(0, segment), shapes.index_select(0, segment)
        index, value = _evaluate(*chosen, width, step, sigma)
        memory.scatter_reduce_(0, index, value, "amax")
    return volume


def _evaluate(windows: Tensor, shapes: Tensor, width: int, step: int, sigma: float) -> tuple[Tensor, Tensor]:
    """Positions in memory and values there, (P,) each, of consecutive pixels of consecutive windows."""
    base, columns, first = windows.unbind(1)
    nth = torch.arange(int(first[0]), int(first[0]) + len(first), device=first.device) - first
    row = torch.div(nth, columns, rounding_mode="trunc")
    column = nth - row * columns
    corner_x, corner_y, along_x, along_y, unit_x, unit_y, peak = shapes.unbind(1)
    dx, dy = corner_x + column, corner_y + row
    share = (dx * unit_x + dy * unit_y).clamp(0, 1)  # the nearest point of the segment, as a share of its length
    distance2 = (dx - share * along_x).square() + (dy - share * along_y).square()
    value = torch.exp(distance2 * (-0.5 / sigma**2)) * peak
    return base + (row * width + column) * step, value.float()


def _empty_volume(peak: Tensor, height: int, width: int, channels_last: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Zeros (V, C, T, H, W), their memory as one row, and where in it the H x W plane of each entry of `peak` begins.

    The entries of `peak` (V, T, M, C) are flattened.
    """
    views, frames, people, channels = peak.shape
    shape = (views, frames, height, width, channels) if channels_last else (views, channels, frames, height, width)
    memory = torch.zeros(shape, dtype=torch.float32, device=peak.device)
    volume = memory.permute(0, 4, 1, 2, 3) if channels_last else memory
    of_view, of_frame, of_channel = (
        torch.arange(count, device=peak.device) * volume.stride(axis)
        for count, axis in ((views, 0), (frames, 2), (channels, 1))
    )
    plane = of_view[:, None, None, None] + of_frame[:, None, None] + of_channel
    return volume, memory.view(-1), plane.expand(views, frames, people, channels).reshape(-1)


def _window(start: Tensor, end: Tensor, sigma: float, side: int) -> tuple[Tensor, Tensor]:
    """First pixel and number of pixels, (N,) int64 each, along one axis; 0 pixels when all of it is outside."""
    wide = torch.float32 if start.device.type == "mps" else torch.float64  # the reference truncates a float64
    low, high = torch.minimum(start, end).to(wide), torch.maximum(start, end).to(wide)
    first = torch.trunc(low - 3 * sigma).clamp(0, side).to(torch.int64)
    stop = (torch.trunc(high + 3 * sigma) + 1).clamp(0, side).to(torch.int64)
    return first, (stop - first).clamp(min=0)
