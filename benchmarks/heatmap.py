"""Time of drawing one clip of heatmaps: poseact against the published rules in plain numpy.

Usage: python benchmarks/heatmap.py [--runs 30]. Both run on one thread and draw the same clip, one person of 48 frames.
The plain version is the one that the tests compare with, a loop over frames, people and joints. The median of the runs
is printed, in ms of the process's CPU time, so that other programs on the machine matter less.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "heatmap")]

from plain_gaussians import plain_heatmaps  # noqa: E402

from poseact.heatmap import draw  # noqa: E402
from poseact.skeleton import COCO17  # noqa: E402

STANDING = (
    (320, 100), (325, 95), (315, 95), (335, 100), (305, 100), (350, 150), (290, 150), (370, 200), (270, 200),
    (380, 250), (260, 250), (340, 260), (300, 260), (345, 340), (295, 340), (350, 420), (290, 420),
)  # fmt: skip


def person(size: int, frames: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    """A standing person who drifts: xy (1, T, 1, 17, 2) in heatmap px and score (1, T, 1, 17)."""
    rng = np.random.default_rng(0)
    xy = np.array(STANDING) + rng.normal(0, 3, (frames, 1, 2)).cumsum(0)
    low, high = xy.min((0, 1)), xy.max((0, 1))
    side = (high - low).max() * 1.25
    xy = (xy - (low + high) / 2 + side / 2) * size / side
    score = rng.uniform(0.5, 1, (frames, 17))
    return tuple(torch.from_numpy(part.astype(np.float32))[None, :, None] for part in (xy, score))


def milliseconds(call: Callable[[], object], runs: int) -> float:
    """Median CPU time of one call after a first one that is not counted."""
    call()
    times = []
    for _ in range(runs):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30, help="runs per row (default: %(default)s)")
    runs = parser.parse_args().runs
    torch.set_num_threads(1)
    table = Table("clip", "kind", "poseact ms", "plain numpy ms", "ratio", "largest difference")
    for size in (56, 64):
        xy, score = person(size)
        for kind in ("joint", "limb"):
            limbs = COCO17.limbs if kind == "limb" else None
            ours = partial(draw, xy, score, size, kind=kind)
            plain = partial(plain_heatmaps, xy[0].numpy(), score[0].numpy(), (size, size), 0.6, limbs=limbs)
            fast, slow = milliseconds(ours, runs), milliseconds(plain, runs)
            difference = np.abs(ours()[0].numpy() - plain()).max()
            row = (f"48x{size}x{size}", kind, f"{fast:.2f}", f"{slow:.1f}", f"{slow / fast:.1f}", f"{difference:.0e}")
            table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
