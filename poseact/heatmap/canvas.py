"""The memory that heatmaps are drawn into, once or again and again. Knows nothing of Gaussians."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Canvas:
    """A volume (V, C, T, H, W) of zeros that values are put into by maximum.

    Kept for one drawing after the other, it erases only the pixels that were drawn: most of a volume of heatmaps is
    empty, and on a CPU fresh memory of this size costs more than the drawing. What was returned before is overwritten.

    Args:
        kept: False where only one volume is drawn, so that nothing needs to be remembered.
    Attributes:
        volume: what is drawn, float32. height, width: of its planes, px.
    """

    def __init__(self, *, kept: bool = True) -> None:
        self.volume = torch.empty(0)
        self.height = self.width = 0
        self._memory = torch.empty(0)
        self._kept = kept
        self._alone = False
        self._drawn: list[Tensor] = []

    def start(self, like: Tensor, channels: int, size: int | tuple[int, int], *, channels_last: bool = False) -> None:
        """Begin with an empty volume for peaks `like` (V, T, ...), on their device.

        Args:
            channels_last: how it lies in memory.
        """
        self.height, self.width = (size, size) if isinstance(size, int) else size
        views, frames = like.shape[:2]
        inner = (frames, self.height, self.width)
        shape = (views, *inner, channels) if channels_last else (views, channels, *inner)
        count = views * channels * frames * self.height * self.width
        if self._memory.numel() == count and self._memory.device == like.device:
            for index in self._drawn:
                self._memory.index_fill_(0, index, 0)
        else:
            self._memory = _zeros(count, like.device)
        self._drawn = []
        self._alone = like.shape[2] == 1
        memory = self._memory.view(shape)
        self.volume = memory.permute(0, 4, 1, 2, 3) if channels_last else memory

    def planes(self, peak: Tensor, first_channel: int = 0) -> Tensor:
        """(N,) where in memory the H x W plane of each entry of (V, T, M, C) begins; C counts from `first_channel`."""
        views, frames, people, channels = peak.shape
        of_view, of_frame, of_channel = (
            torch.arange(first, first + count, device=peak.device) * self.volume.stride(axis)
            for first, count, axis in ((0, views, 0), (0, frames, 2), (first_channel, channels, 1))
        )
        plane = of_view[:, None, None, None] + of_frame[:, None, None] + of_channel
        return plane.expand(views, frames, people, channels).reshape(-1)

    def put(self, plane: Tensor, row: Tensor, column: Tensor, value: Tensor) -> None:
        """Values (N, R, C) at rows (N, R) and columns (N, C) of planes (N,), where they exceed what is there.

        A pixel may come up several times with the same value. Where there is one person, each plane is drawn on once,
        so nothing needs to be compared.
        """
        down, across = self.volume.stride(3), self.volume.stride(4)
        index = ((plane[:, None] + row * down)[:, :, None] + (column * across)[:, None, :]).view(-1)
        if self._alone:
            self._memory.scatter_(0, index, value.reshape(-1))
        else:
            self._memory.scatter_reduce_(0, index, value.reshape(-1), "amax")
        if self._kept:
            self._drawn.append(index)


def _zeros(count: int, device: torch.device) -> Tensor:
    """Float32. On CPUs numpy's memory, which asks the system for huge pages: scattered writes are faster there."""
    if device.type == "cpu":
        return torch.from_numpy(np.zeros(count, np.float32))
    return torch.zeros(count, device=device)
