"""Clips per second of training: the input pipeline against the published way in plain numpy, and whole steps.

Usage: python benchmarks/train.py [--runs 20] [--steps 4]. Everything runs on one thread, and times are CPU times of the
process, so that other programs on the machine matter less: clips/s are those of one core. Both pipelines make clips of
48x56x56 from the same poses of one person: frames sampled uniformly, the subject cut out, a random resized crop, the
mirror image half of the time, Gaussians. The published way is restated from its description, clip by clip, with one
patch of numpy per frame, person and joint or limb; poseact moves the keypoints of a batch together and draws them at
once, in the memory order of the network. "all changes" adds rotation, scale, shift, noise and lost joints to ours only.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "heatmap")]

from plain_gaussians import plain_heatmaps  # noqa: E402

from poseact.models import build  # noqa: E402
from poseact.skeleton import COCO17  # noqa: E402
from poseact.train import Augmentation, TrainSettings, recipe  # noqa: E402
from poseact.train.batches import Random, training_batches  # noqa: E402
from poseact.train.clips import Clips  # noqa: E402
from poseact.train.loop import Trainer  # noqa: E402
from poseact.train.network import network_config  # noqa: E402

STANDING = (
    (320, 100), (325, 95), (315, 95), (335, 100), (305, 100), (350, 150), (290, 150), (370, 200), (270, 200),
    (380, 250), (260, 250), (340, 260), (300, 260), (345, 340), (295, 340), (350, 420), (290, 420),
)  # fmt: skip
FRAMES, SIZE, BEFORE_CROP, SIGMA = 48, 56, 64, 0.6
CLASSES = ("one", "other")


def standing(count: int, seed: int = 0) -> Clips:
    """Clips of one person each, who drifts about for 60 to 160 frames."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(60, 160, count)
    drift = [rng.normal(0, 3, (length, 1, 2)).cumsum(0) for length in lengths]
    xy = [np.array(STANDING) + one + rng.normal(0, 2, (len(one), 17, 2)) for one in drift]
    return Clips(
        xy=tuple(torch.from_numpy(one[:, None].astype(np.float32)) for one in xy),
        score=tuple(torch.from_numpy(rng.uniform(0.5, 1, (length, 1, 17)).astype(np.float32)) for length in lengths),
        image_size=((480, 640),) * count, label=torch.arange(count) % 2, classes=CLASSES, layout="coco17",
        names=tuple(f"clip{number}" for number in range(count)),
    )  # fmt: skip


def plain_frames(length: int, rng: np.random.Generator) -> np.ndarray:
    """The published sampling of training frames, (48,)."""
    if length < FRAMES:
        return (rng.integers(0, length) + np.arange(FRAMES)) % length
    if length < 2 * FRAMES:
        skipped = np.zeros(FRAMES + 1, int)
        skipped[rng.choice(FRAMES + 1, length - FRAMES, replace=False)] = 1
        return np.arange(FRAMES) + skipped.cumsum()[:-1]
    borders = np.arange(FRAMES + 1) * length // FRAMES
    return borders[:-1] + rng.integers(0, np.diff(borders))


def plain_crop(xy: np.ndarray, rng: np.random.Generator, area: tuple[float, float]) -> np.ndarray:
    """Keypoints (T, M, K, 2) in the pixels of a random box of the subject's square, stretched to the size of a clip."""
    low, high = xy.min((0, 1, 2)), xy.max((0, 1, 2))
    half = (high - low).max() / 2 * 1.25
    corner = ((low + high) / 2 - half).astype(int)
    xy = (xy - corner) * (BEFORE_CROP / (((low + high) / 2 + half).astype(int) - corner))
    for _ in range(10):
        aspect, pixels = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3))), rng.uniform(*area) * BEFORE_CROP**2
        box = np.round([np.sqrt(pixels * aspect), np.sqrt(pixels / aspect)]).astype(int)
        if (box <= BEFORE_CROP).all():
            return (xy - rng.integers(0, BEFORE_CROP - box + 1)) * (SIZE / box)
    return xy * (SIZE / BEFORE_CROP)


def plain_clip(
    xy: np.ndarray, score: np.ndarray, limbs: Sequence[tuple[int, int]] | None, rng: np.random.Generator,
    area: tuple[float, float] = (0.56, 1.0), flip: float = 0.5,
) -> np.ndarray:  # fmt: skip
    """(17, 48, 56, 56) float32 from keypoints (T, M, K, 2) and scores (T, M, K) of a whole video."""
    frames = plain_frames(len(xy), rng)
    xy, score = plain_crop(xy[frames], rng, area).astype(np.float32), score[frames]
    if rng.random() < flip:
        order = list(COCO17.flip_joints)
        xy, score = (xy * (-1, 1) + (SIZE, 0)).astype(np.float32)[:, :, order], score[:, :, order]
    return plain_heatmaps(xy, score, (SIZE, SIZE), SIGMA, limbs=limbs)


def settings_of(kind: str, changes: Augmentation | None = None) -> TrainSettings:
    """The published recipe on one person; other augmentation where it is given."""
    published = recipe("ntu60", {"preprocessing.kind": kind, "preprocessing.people": 1})
    return published.model_copy(update={"augmentation": changes}) if changes else published


def our_batches(clips: Clips, settings: TrainSettings, batch: int) -> Iterator[object]:
    """Batch after batch, without an end."""
    device = torch.device("cpu")
    order = ([number % len(clips) for number in range(start, start + batch)] for start in _every(batch))
    return training_batches(clips, order, settings, Random.of(0, device), device)


def _every(step: int) -> Iterator[int]:
    return (number * step for number, _ in enumerate(repeat(None)))


def clips_per_second(call: Callable[[], object], clips: int, runs: int) -> float:
    """By the median CPU time of calls that make so many clips, after a first one that is not counted."""
    call()
    times = []
    for _ in range(runs):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return clips / statistics.median(times)


def input_table(clips: Clips, batch: int, runs: int) -> Table:
    """Both pipelines, of joints and of limbs."""
    table = Table("input, 48x56x56", "poseact clips/s", "all changes clips/s", "plain numpy clips/s", "ratio")
    rng = np.random.default_rng(0)
    poses = [(xy.numpy(), score.numpy()) for xy, score in zip(clips.xy, clips.score, strict=True)]
    for kind, limbs in (("joint", None), ("limb", COCO17.limbs)):
        ours, full = (
            clips_per_second(partial(next, our_batches(clips, settings_of(kind, changes), batch)), batch, runs)
            for changes in (None, Augmentation(crop=0.56, gap=0.1))
        )
        plain = clips_per_second(lambda limbs=limbs: [plain_clip(*one, limbs, rng) for one in poses[:4]], 4, runs)
        table.add_row(kind, f"{ours:.0f}", f"{full:.0f}", f"{plain:.1f}", f"{ours / plain:.1f}")
    return table


def step_table(steps: int) -> Table:
    """Whole training steps, and how much of them the input is."""
    table = Table("whole steps", "clips", "clips/s", "share of input")
    for name, batch in (("small", 32), ("ntu60", 4)):
        settings = recipe(name, {"batch_size": batch, "preprocessing.people": 1, "precision": "float32"})
        clips, inputs = standing(batch * steps), settings.preprocessing
        torch.manual_seed(0)
        network = build(settings.architecture, **network_config(settings, clips))
        epochs = Trainer(network, settings, clips, None).run()
        whole = clips_per_second(partial(next, epochs), len(clips), 1)
        alone = clips_per_second(partial(next, our_batches(clips, settings, batch)), batch, steps)
        shape = f"{inputs.kind}, {inputs.clip_len}x{settings.drawn_size}x{settings.drawn_size}"
        table.add_row(f"{name}, batch {batch}", shape, f"{whole:.2f}", f"{whole / alone:.2%}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20, help="batches per row (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=16, help="clips in a batch (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=4, help="training steps per recipe (default: %(default)s)")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    console = Console()
    console.print(input_table(standing(4 * asked.batch), asked.batch, asked.runs))
    console.print(step_table(asked.steps))


if __name__ == "__main__":
    main()
