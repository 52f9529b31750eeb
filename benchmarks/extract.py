"""Extraction against the plain loop on the same clips: frames/s per stage and end to end, and how far poses differ.

usage: python benchmarks/extract.py VIDEO... [--repeats N] [-- options of `poseact extract-poses`]

The plain loop is what scripts do that run such networks in PyTorch: decode a frame, detect in it, estimate the pose of
everybody in it with the accurate estimator, one person after the other, in one process that uses every core, with the
same networks and weights in float32 and in PyTorch's default memory layout. The other side is the command,
from its start to the written file, on as many workers as there are cores. Both are run in turns; OKS is between the
people of both whose boxes overlap, in every frame.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from poseact.extract.open import ExtractorSettings, open_extractor
from poseact.pose import TopDown
from poseact.poses import read_poses
from poseact.skeleton import COCO17_OKS_SIGMAS
from poseact.types import Array, Boxes, Keypoints, PoseSequence
from poseact.video import open_video

MATCH = 0.5
SURE = 0.35
"""Boxes from this score count as people in the plain loop."""
Seen = list[tuple[int, Boxes, Keypoints]]


def plain_loop(path: Path, detector, estimator: TopDown, seconds: dict[str, float]) -> Seen:
    """Everybody in every frame, one picture and one person at a time."""
    found = []
    with open_video(path) as reader:
        frames = reader.frames()
        while True:
            started = time.perf_counter()
            frame = next(frames, None)
            decoded = time.perf_counter()
            seconds["decode"] += decoded - started
            if frame is None:
                return found
            (boxes,) = detector([frame.image])
            boxes = boxes[boxes.score >= SURE]
            detected = time.perf_counter()
            seconds["detect"] += detected - decoded
            people = [estimator([frame.image], [boxes[[row]]])[0] for row in range(len(boxes))]
            seconds["pose"] += time.perf_counter() - detected
            xy = np.concatenate([one.xy for one in people] or [np.zeros((0, 17, 2), np.float32)])
            score = np.concatenate([one.score for one in people] or [np.zeros((0, 17), np.float32)])
            found.append((frame.index, boxes, Keypoints(xy, score)))


def in_default_layout(owner: object) -> None:
    """Have the networks of a detector or estimator compute channel by channel, as PyTorch does unless told."""
    for network in vars(owner).values():
        if isinstance(network, torch.nn.Module):
            network.to(memory_format=torch.contiguous_format)
            network.register_forward_pre_hook(lambda _, inputs: tuple(one.contiguous() for one in inputs))


def similarities(plain: Seen, poses: PoseSequence) -> Iterator[float]:
    """OKS of every chosen person in every frame to the person of the plain loop in about the same box."""
    rows = {int(index): row for row, index in enumerate(poses.frame_index)}
    for index, boxes, people in plain:
        if index not in rows or not len(boxes):
            continue
        for person in range(len(poses.keypoint)):
            box = poses.boxes[person, rows[index]]
            overlap = iou_of(box, boxes.xyxy)
            if poses.box_score[person, rows[index]] > 0 and overlap.max() >= MATCH:
                other = int(overlap.argmax())
                yield oks(poses.keypoint[person, rows[index]], people.xy[other], box)


def iou_of(box: Array, others: Array) -> Array:
    """(N,) overlap of one box with others."""
    top = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    common = top.clip(0).prod(1)
    return common / (np.prod(box[2:] - box[:2]) + (others[:, 2:] - others[:, :2]).prod(1) - common).clip(1e-9)


def oks(first: Array, second: Array, box: Array) -> float:
    """COCO's object keypoint similarity of two poses; a person fills about half of the box, as in COCO."""
    known = (first != 0).any(1) & (second != 0).any(1)
    if not known.any():
        return 0.0
    scale = max(float(np.prod(box[2:] - box[:2])) * 0.53, 1.0)
    distance = ((first - second) ** 2).sum(1)[known]
    return float(np.exp(-distance / (2 * scale * (2 * np.array(COCO17_OKS_SIGMAS)[known]) ** 2)).mean())


def extracted(videos: Sequence[Path], out: Path, options: Sequence[str]) -> float:
    """Seconds of the whole command."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "poseact", "extract-poses", *map(str, videos), "--out", str(out), "--quiet"]
    subprocess.run([*command, *options], check=True)
    return time.perf_counter() - started


def main(arguments: Sequence[str] | None = None) -> None:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    torch.set_num_threads(os.cpu_count() or 1)
    extractor = open_extractor(ExtractorSettings(), "cpu")
    in_default_layout(extractor.detector)
    in_default_layout(extractor.estimator)
    plain_times, times, stages = [], [], defaultdict(float)
    alike: list[float] = []
    for repeat in range(asked.repeats):
        started = time.perf_counter()
        plain = {path: plain_loop(path, extractor.detector, extractor.estimator, stages) for path in asked.videos}
        plain_times.append(time.perf_counter() - started)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "poses.pkl"
            times.append(extracted(asked.videos, out, options))
            if repeat == 0:
                by_name = {Path(one.provenance.source): one for one in read_poses(out).annotations}
                for path, seen in plain.items():
                    alike += similarities(seen, by_name[path])
    frames = sum(map(len, plain.values()))
    people = sum(len(boxes) for seen in plain.values() for _, boxes, _ in seen)
    table = Table("", "frames/s", "s", title=f"{len(asked.videos)} clips, {frames} frames, {people} people in them")
    for name, seconds in stages.items():
        table.add_row(
            f"plain loop: {name}", f"{asked.repeats * frames / seconds:.1f}", f"{seconds / asked.repeats:.1f}"
        )
    for name, all_seconds in (("plain loop", plain_times), (" ".join(["extract-poses", *options]), times)):
        table.add_row(name, f"{frames / median(all_seconds):.1f}", f"{median(all_seconds):.1f}")
    Console().print(table)
    ratios = sorted(before / after for before, after in zip(plain_times, times, strict=True))
    print(f"times as fast: {median(ratios):.2f} (of {len(ratios)} pairs: {ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"OKS to the plain loop: mean {np.mean(alike):.3f} over {len(alike)} poses")


if __name__ == "__main__":
    main()
