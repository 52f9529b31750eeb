"""How much accuracy falls when joints are lost or shaken: PoseConv3D against a graph network on the same clips.

usage: python benchmarks/robustness.py POSES --model RUN [--train-split train] [--test-split test] [--figure PNG]

RUN is a folder of `poseact train`. The graph network (benchmarks/st_gcn.py) is trained here, on the same clips, with
the run's own epochs, augmentation (but mixup) and optimiser; both see the same spoilt test clips. As in the paper
(section 4.3), "lost" drops one limb joint of each frame with probability p; "shaken" adds noise to every coordinate,
in % of the height of the person's box.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

from st_gcn import STGCN, fit, probability  # noqa: E402

from poseact.evaluate import scores_of  # noqa: E402
from poseact.poses import PoseDataset, read_poses  # noqa: E402
from poseact.recognize import Classifier  # noqa: E402
from poseact.skeleton import layout  # noqa: E402
from poseact.train.clips import stack  # noqa: E402
from poseact.train.recipes import settings_of  # noqa: E402
from poseact.train.settings import TrainSettings  # noqa: E402
from poseact.types import PoseSequence  # noqa: E402
from poseact.zoo.label_lists import class_names  # noqa: E402

LIMB_JOINTS = ("elbow", "wrist", "knee", "ankle")
LOST = (0.0, 0.125, 0.25, 0.5, 1.0)
SHAKEN = (0.0, 1.0, 2.0, 5.0, 10.0)
Spoil = Callable[[PoseSequence, float, np.random.Generator], PoseSequence]


@dataclass(frozen=True, slots=True)
class Curve:
    """Top-1 of both networks at each level of damage."""

    name: str
    unit: str
    levels: Sequence[float]
    conv: list[float]
    graph: list[float]


def lost(clip: PoseSequence, chance: float, rng: np.random.Generator) -> PoseSequence:
    """In each frame one limb joint of each person is missing, with some probability."""
    names = layout(clip.layout).keypoints
    limb = [index for index, name in enumerate(names) if name.endswith(LIMB_JOINTS)]
    people, frames = clip.keypoint_score.shape[:2]
    gone = np.zeros(clip.keypoint_score.shape, bool)
    who, when = np.indices((people, frames))
    gone[who, when, rng.choice(limb, (people, frames))] = rng.random((people, frames)) < chance
    return replace(
        clip,
        keypoint=np.where(gone[..., None], 0, clip.keypoint).astype(np.float32),
        keypoint_score=np.where(gone, 0, clip.keypoint_score).astype(np.float32),
    )


def shaken(clip: PoseSequence, share: float, rng: np.random.Generator) -> PoseSequence:
    """Normal noise on each coordinate, its deviation in % of the median height of each person's joints."""
    seen = clip.keypoint_score > 0
    high = np.where(seen, clip.keypoint[..., 1], -np.inf).max(2)
    low = np.where(seen, clip.keypoint[..., 1], np.inf).min(2)
    height = np.array([median(one[np.isfinite(one)]) for one in high - low])
    noise = rng.normal(0, 1, clip.keypoint.shape) * (height * share / 100)[:, None, None, None]
    return replace(clip, keypoint=np.where(seen[..., None], clip.keypoint + noise, 0).astype(np.float32))


def median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("poses", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--labels", help="class names, for poses that only number them")
    parser.add_argument("--train-split", default="train")
    parser.add_argument("--test-split", default="test")
    parser.add_argument("--repeats", type=int, default=3, help="spoilt copies of the test part, each with a seed")
    parser.add_argument("--graph", type=Path, help="keep the trained graph network here, and use it the next time")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()

    dataset = read_poses(options.poses)
    if options.labels:
        dataset = replace(dataset, classes=class_names(options.labels))
    settings = settings_of(None, options.model / "config.json", {})
    classifier = Classifier.open(str(options.model))
    test = dataset.clips([options.test_split])
    graph = trained(dataset, settings, options.train_split, options.graph)

    def top1(clips: Sequence[PoseSequence]) -> tuple[float, float]:
        scores = scores_of(classifier, clips, seconds=None)
        drawn = stack(clips, dataset.classes, settings.preprocessing)
        guess = probability(graph, drawn, settings).argmax(1)
        return float((scores.probability.argmax(1) == scores.label).mean()), float(
            (guess == drawn.label.numpy()).mean()
        )

    curves = [
        curve(name, unit, levels, spoil, test, top1, options.repeats)
        for name, unit, levels, spoil in (
            ("one limb joint lost per frame", "with probability", LOST, lost),
            ("coordinates shaken", "by % of the height", SHAKEN, shaken),
        )
    ]
    for one in curves:
        table = Table(f"{one.name}, {one.unit}", *(f"{level:g}" for level in one.levels))
        table.add_row(name_of(settings), *(f"{value:.1%}" for value in one.conv))
        table.add_row("ST-GCN", *(f"{value:.1%}" for value in one.graph))
        Console().print(table)
    if options.figure:
        draw(curves, name_of(settings), options.figure)


def trained(dataset: PoseDataset, settings: TrainSettings, split: str, path: Path | None) -> STGCN:
    """The graph network with the weights of a file of an earlier call, or a new one, whose weights are put there."""
    clips = stack(dataset.clips([split]), dataset.classes, settings.preprocessing)
    if path is not None and path.exists():
        known = STGCN(layout(clips.layout), len(clips.classes)).eval()
        known.load_state_dict(torch.load(path, weights_only=True))
        return known
    console = Console(stderr=True)
    *_, (_, network) = track(fit(clips, settings), "ST-GCN", settings.epochs, console=console)
    if path is not None:
        torch.save(network.state_dict(), path)
    return network


def curve(
    name: str, unit: str, levels: Sequence[float], spoil: Spoil, test: Sequence[PoseSequence],
    top1: Callable[[Sequence[PoseSequence]], tuple[float, float]], repeats: int,
) -> Curve:  # fmt: skip
    rows = []
    for level in track(levels, name, console=Console(stderr=True)):
        seeds = range(repeats if level else 1)
        spoilt = [
            [spoil(clip, level, np.random.default_rng((seed, row))) for row, clip in enumerate(test)] for seed in seeds
        ]
        rows.append(np.mean([top1(clips) for clips in spoilt], 0))
    conv, graph = np.array(rows).T.tolist()
    return Curve(name, unit, levels, conv, graph)


def name_of(settings: TrainSettings) -> str:
    return "PoseConv3D with points" if settings.architecture == "slowonly-points" else "PoseConv3D"


def draw(curves: Sequence[Curve], name: str, path: Path) -> None:
    figure = Figure(figsize=(9, 3.6), dpi=110, layout="constrained")
    for axes, one in zip(figure.subplots(1, len(curves), sharey=True), curves, strict=True):
        axes.plot(one.levels, one.conv, marker="o", color="#4878a8", label=name)
        axes.plot(one.levels, one.graph, marker="s", color="#d1603d", label="ST-GCN")
        axes.set_title(one.name, fontsize=10)
        axes.set_xlabel(one.unit, fontsize=9)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.grid(color="#e3e6ea", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("top-1", fontsize=9)
    figure.axes[0].legend(fontsize=9, frameon=False)
    FigureCanvasAgg(figure).print_png(str(path))


if __name__ == "__main__":
    main()
