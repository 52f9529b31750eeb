"""How many cores and how much memory this process may use. Changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))

WORKER_MEMORY = 2 << 30
"""Bytes that leave a worker with large networks and large pictures some room."""


def cores() -> int:
    """CPU cores that this process may run on, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> int:
    """Bytes of physical memory: the machine's, or those of the container if it has fewer."""
    return min([psutil.virtual_memory().total, *filter(None, map(_limit, CGROUP_LIMITS))])


def _limit(path: Path) -> int | None:
    """The limit that a file of the kernel states; None where there is none."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not this kind of system, or "max"
        return None


def workers_for(device: str) -> int:
    """How many workers make good use of this machine: one per core and `WORKER_MEMORY`, one for an accelerator."""
    if device != "cpu":
        return 1
    return max(1, min(cores(), memory() // WORKER_MEMORY))
