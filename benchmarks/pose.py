"""Accuracy and cost of pose estimators in true person boxes, by size of the person.

Usage: python benchmarks/pose.py --shared DIR [--variants NAME...] [--model NAME_OR_PATH...] [--device cpu]
    [--threads 1] [--people 344] [--clips 0]

Measured are the variants of the embedded estimators, or whatever --model names: models with a card of the task "pose"
that says how their heatmaps are read, each with and without the flip test.

OKS is COCO's object keypoint similarity, the mean over people of the mean over their labelled joints, on every
annotated person of DIR/data/coco_keypoints. PCK is the share of joints within a fifth of the box side, over 12 joints
(shoulders to ankles, where they are in the picture) in two frames of each of --clips training clips of
DIR/data/jhmdb; its joints are approximate. Time is that of the whole estimator, by the clock and of all threads
together; the latter means more on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from poseact.errors import PoseactError, UsageError
from poseact.pose import HeatmapTopDown, PoseEstimator, TopDown
from poseact.skeleton import COCO17_OKS_SIGMAS
from poseact.types import Array, Boxes
from poseact.video import open_video
from poseact.zoo import load, load_with_card

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "thunder": ("movenet-thunder", {}),
    "thunder, no flip": ("movenet-thunder", {"flip": False}),
    "lightning": ("movenet-lightning", {"input_size": 192}),
    "lightning, no flip": ("movenet-lightning", {"input_size": 192, "flip": False}),
}
SIZES = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, np.inf)}  # px of area, as COCO has them
# JHMDB's joints (neck belly face, then right and left of shoulder hip elbow knee wrist ankle) as COCO-17 indices.
JHMDB_TO_COCO17 = {3: 6, 4: 5, 5: 12, 6: 11, 7: 8, 8: 7, 9: 14, 10: 13, 11: 10, 12: 9, 13: 16, 14: 15}
CLOSE = 0.2


@dataclass(frozen=True)
class Person:
    """One annotated person: box xyxy px, joints (K, 2) px, which of them are labelled (K,), and the area in px."""

    image: Array
    box: Array
    joints: Array
    labelled: Array
    area: float


def coco_people(folder: Path) -> Iterator[Person]:
    for part in sorted(folder.glob("person_keypoints_*.json")):
        document = json.loads(part.read_text())
        names = {entry["id"]: entry["file_name"] for entry in document["images"]}
        for entry in document["annotations"]:
            if entry["num_keypoints"] and not entry["iscrowd"]:
                image = cv2.imread(str(folder / "images" / names[entry["image_id"]]))[..., ::-1]
                x, y, width, height = entry["bbox"]
                rows = np.array(entry["keypoints"], np.float64).reshape(-1, 3)
                yield Person(image, np.array([x, y, x + width, y + height]), rows[:, :2], rows[:, 2] > 0, entry["area"])


def jhmdb_people(folder: Path, clips: int) -> Iterator[Person]:
    index = json.loads((folder / "index.json").read_text())["clips"]
    joints = np.load(folder / "joints_approx.npz")
    known = sorted(name for name, clip in index.items() if clip["split"] == "train" and name in joints.files)
    for name in known[:: max(len(known) // max(clips, 1), 1)][:clips]:
        frames = min(index[name]["frames"], len(joints[name]))
        wanted = [frames // 4, 3 * frames // 4]
        with open_video(folder / "videos" / f"{name}.avi") as reader:
            for frame in reader.frames(wanted):
                box = np.array(index[name]["boxes"][frame.index], np.float64)
                rows = joints[name][frame.index]
                labelled = np.zeros(17, bool)
                xy = np.zeros((17, 2))
                for theirs, ours in JHMDB_TO_COCO17.items():
                    xy[ours] = rows[theirs]
                    labelled[ours] = ((rows[theirs] >= 0) & (rows[theirs] < frame.image.shape[1::-1])).all()
                yield Person(frame.image, box, xy, labelled, float((box[2:] - box[:2]).prod()))


def oks(xy: Array, person: Person) -> float:
    """COCO's object keypoint similarity of joints (K, 2)."""
    squared = ((xy - person.joints) ** 2).sum(1)
    scale = 2 * person.area * (2 * np.asarray(COCO17_OKS_SIGMAS)) ** 2
    return float(np.exp(-squared / scale)[person.labelled].mean())


def pck(xy: Array, person: Person) -> float:
    """Share of the labelled joints that are within a fifth of the longer side of the box."""
    near = np.linalg.norm(xy - person.joints, axis=1) <= CLOSE * (person.box[2:] - person.box[:2]).max()
    return float(near[person.labelled].mean())


def variant(name: str, device: str) -> PoseEstimator:
    model, settings = VARIANTS[name]
    return TopDown(load(model, device=device), device=device, **settings)


def heatmap_estimators(name: str, device: str) -> Iterator[tuple[str, PoseEstimator]]:
    """The model with and without the flip test. Raises: UsageError for another kind of model."""
    loaded = load_with_card(name, device=device)
    if loaded.card.task != "pose" or loaded.card.estimation is None:
        raise UsageError(
            f"the card of {name} has the task {loaded.card.task!r} and says nothing of heatmaps; "
            "give a heatmap pose estimator"
        )
    settings = loaded.card.estimation.model_dump()
    for flip in (True, False):
        estimator = HeatmapTopDown(loaded.network, name=loaded.card.name, **settings, flip=flip, device=device)
        yield f"{estimator.name}{'' if flip else ', no flip'}", estimator


def estimate(estimator: PoseEstimator, people: list[Person]) -> tuple[list[Array], Array]:
    """Joints (K, 2) of everybody, and s per person by the clock and of the processor."""
    found = []
    began = np.array([time.perf_counter(), time.process_time()])
    for person in people:
        box = Boxes(person.box[None].astype(np.float32), np.ones(1, np.float32))
        found.append(estimator([person.image], [box])[0].xy[0])
    return found, (np.array([time.perf_counter(), time.process_time()]) - began) / max(len(people), 1)


def row(name: str, estimator: PoseEstimator, people: list[Person], actors: list[Person]) -> list[str]:
    joints, seconds = estimate(estimator, people)
    similarity = np.array([oks(xy, person) for xy, person in zip(joints, people, strict=True)])
    area = np.array([person.area for person in people])
    by_size = [similarity[(area >= low) & (area < high)] for low, high in SIZES.values()]
    close = [pck(xy, actor) for xy, actor in zip(estimate(estimator, actors)[0], actors, strict=True)]
    shown = [f"{part.mean():.3f}" if len(part) else "" for part in (similarity, *by_size, np.array(close))]
    return [name, *shown, *(f"{1000 * part:.0f}" for part in seconds)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, help="all of them, unless --model is given")
    parser.add_argument("--model", nargs="+", default=[], metavar="NAME_OR_PATH")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--people", type=int, default=10_000, help="at most so many people, evenly spread")
    parser.add_argument("--clips", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    names = arguments.variants or ([] if arguments.model else list(VARIANTS))
    try:
        estimators = [(name, variant(name, arguments.device)) for name in names]
        estimators += [pair for name in arguments.model for pair in heatmap_estimators(name, arguments.device)]
    except PoseactError as error:
        parser.error(str(error))
    everybody = list(coco_people(arguments.shared / "data/coco_keypoints"))
    people = everybody[:: max(round(len(everybody) / arguments.people), 1)]
    actors = list(jhmdb_people(arguments.shared / "data/jhmdb", arguments.clips))
    table = Table(title=f"{len(people)} people, {len(actors)} pictures of actors, {arguments.threads} thread(s)")
    for column in ("variant", "OKS", *SIZES, f"PCK@{CLOSE}", "ms per person", "CPU ms"):
        table.add_column(column, justify="left" if column == "variant" else "right")
    for name, estimator in estimators:
        table.add_row(*row(name, estimator, people, actors))
    Console().print(table)


if __name__ == "__main__":
    main()
