"""Exhausted memory, of the machine or of an accelerator, as one line that names the batch size. Frees nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from poseact.errors import LimitExceeded
from poseact.processes import out_of_memory
from poseact.train.settings import TrainSettings


@contextmanager
def enough_memory(settings: TrainSettings) -> Iterator[None]:
    """Raises: LimitExceeded in place of what torch raises, on any device, when there is no memory left."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise LimitExceeded(_advice(settings)) from error


def _advice(settings: TrainSettings) -> str:
    batch, parts = settings.batch_size, settings.accumulate
    seen = f"out of memory with a batch of {batch} clips" + (f" in {parts} parts" if parts > 1 else "")
    if batch // (2 * parts) >= 2 and batch % (2 * parts) == 0:
        return f"{seen}; add --set accumulate={2 * parts}, or --set batch_size={batch // 2}"
    if batch >= 4:
        return f"{seen}; add --set batch_size={batch // 2}"
    return f"{seen}; make the clips smaller with --set preprocessing.clip_len or preprocessing.size"
