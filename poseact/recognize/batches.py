"""The views of many clips through one network, those of neighbouring clips in one batch. Draws nothing itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

Inputs = tuple[Tensor, ...]
Network = Callable[..., Tensor | tuple[Tensor, ...]]


@dataclass
class _Clip:
    """A clip whose views are on their way: `asked` parts were put into batches, `outputs` are those that came back."""

    outputs: list[Tensor] = field(default_factory=list)
    asked: int = 0
    complete: bool = False

    @property
    def done(self) -> bool:
        return self.complete and len(self.outputs) == self.asked


def view_logits(
    network: Network, clips: Iterable[Iterable[Inputs]], *, at_once: int, device: str = "cpu"
) -> Iterator[Tensor]:
    """Show a network every view of every clip.

    Views are drawn when there is room for them: besides the parts of one batch, and that batch in one piece, only the
    part that did not fit into it any more is in memory.

    Args:
        network: inputs -> (N, classes) logits, or other vectors, or one such tensor per stream.
        clips: for each clip its inputs, a few views (at most `at_once`) at a time; all clips have the same shapes.
        at_once: views in a batch at most.
    Yields: (streams, views, classes) float32 on the CPU for each clip, in order.
    """
    waiting: deque[_Clip] = deque()
    batch: list[tuple[_Clip, Inputs]] = []
    for inputs in clips:
        waiting.append(_Clip())
        for part in inputs:
            if batch and _views(batch) + len(part[0]) > at_once:
                _run(network, batch, device)
            waiting[-1].asked += 1
            batch.append((waiting[-1], part))
        waiting[-1].complete = True
        while waiting and waiting[0].done:
            yield torch.cat(waiting.popleft().outputs, 1)
    if batch:
        _run(network, batch, device)
    for clip in waiting:
        yield torch.cat(clip.outputs, 1)


def _views(batch: list[tuple[_Clip, Inputs]]) -> int:
    return sum(len(part[0]) for _, part in batch)


def _run(network: Network, batch: list[tuple[_Clip, Inputs]], device: str) -> None:
    """Run a batch, hand the outputs to its clips, and empty it."""
    sizes = [len(part[0]) for _, part in batch]
    clips = [clip for clip, _ in batch]
    streams = zip(*(part for _, part in batch), strict=True)
    inputs = [parts[0] if len(parts) == 1 else torch.cat(parts) for parts in streams]
    batch.clear()
    with torch.inference_mode():
        outputs = network(*(one.to(device) for one in inputs))
        logits = torch.stack(outputs if isinstance(outputs, tuple | list) else (outputs,)).float().cpu()
    for clip, part in zip(clips, logits.split(sizes, 1), strict=True):
        clip.outputs.append(part)
