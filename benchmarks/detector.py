"""Recall and precision of the embedded person detector by score threshold and person size, and its time.

Usage: python benchmarks/detector.py --shared DIR [--data coco jhmdb] [--views fast|balanced|accurate] [--clips 5]

Two data sets in DIR/data: `coco_keypoints`, every annotated person with keypoints, and `jhmdb`, the one actor in some
frames of every n-th training clip. A detection counts when it overlaps a person by an IoU of at least 0.5. People in
crowds and people without keypoints are neither hits nor false alarms; some are not annotated at all, so precision is a
lower bound. In JHMDB only the actor is annotated, so boxes per frame stand for precision. Times: CPU, one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torchvision.ops import box_iou

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from poseact.detect import ACCURATE, BALANCED, FAST, NanoDetDetector
from poseact.types import Array, Boxes
from poseact.zoo import load

VIEWS = {"fast": FAST, "balanced": BALANCED, "accurate": ACCURATE}
THRESHOLDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
HIT = 0.5
SIZES = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, np.inf)}  # px of area, as COCO has them


@dataclass
class Tally:
    """What was found in one data set.

    Attributes:
        hit: the score of the box that found each person, 0 where none did. area: px of each person.
        alarm: the scores of the boxes that found nobody.
        boxes: the scores of all boxes. images, seconds: how many were looked at, in which time.
    """

    hit: list[float] = field(default_factory=list)
    area: list[float] = field(default_factory=list)
    alarm: list[float] = field(default_factory=list)
    boxes: list[float] = field(default_factory=list)
    images: int = 0
    seconds: float = 0.0

    def look(self, detector: NanoDetDetector, image: Array) -> Boxes:
        began = time.process_time()
        (boxes,) = detector([image])
        self.seconds += time.process_time() - began
        self.images += 1
        self.boxes += boxes.score.tolist()
        return boxes


def overlaps(boxes: Array, people: Array) -> Array:
    """(N, M) intersection over union."""
    return box_iou(torch.tensor(boxes).float().reshape(-1, 4), torch.tensor(people).float().reshape(-1, 4)).numpy()


def matches(overlap: Array) -> dict[int, int]:
    """Greedy assignment {person: box}: boxes in descending score take the free person they overlap most."""
    owner: dict[int, int] = {}
    for box, row in enumerate(overlap):
        free = [person for person in np.flatnonzero(row >= HIT) if person not in owner]
        if free:
            owner[max(free, key=lambda person: row[person])] = box
    return owner


def inside(boxes: Array, crowds: Array) -> Array:
    """(N,) bool: more than half of the box lies in a crowd region."""
    if not len(crowds):
        return np.zeros(len(boxes), bool)
    top_left = np.maximum(boxes[:, None, :2], crowds[None, :, :2])
    bottom_right = np.minimum(boxes[:, None, 2:], crowds[None, :, 2:])
    shared = np.clip(bottom_right - top_left, 0, None).prod(2)
    return (shared / (boxes[:, 2:] - boxes[:, :2]).prod(1)[:, None] > HIT).any(1)


def measure_coco(detector: NanoDetDetector, folder: Path) -> Tally:
    tally = Tally()
    for part in sorted(folder.glob("person_keypoints_*.json")):
        document = json.loads(part.read_text())
        for entry in document["images"]:
            (path,) = folder.glob(f"images/**/{entry['file_name']}")
            people = [person for person in document["annotations"] if person["image_id"] == entry["id"]]
            count_coco(tally, tally.look(detector, cv2.imread(str(path))[..., ::-1]), people)
    return tally


def count_coco(tally: Tally, boxes: Boxes, people: list[dict]) -> None:
    crowds = corners([person for person in people if person["iscrowd"]])
    wanted = [person for person in people if person["num_keypoints"] and not person["iscrowd"]]
    others = corners([person for person in people if not person["num_keypoints"] and not person["iscrowd"]])
    owner = matches(overlaps(boxes.xyxy, corners(wanted)))
    excused = inside(boxes.xyxy, crowds) | (overlaps(boxes.xyxy, others) >= HIT).any(1)
    excused[list(owner.values())] = True
    tally.alarm += boxes.score[~excused].tolist()
    for index, person in enumerate(wanted):
        tally.hit.append(float(boxes.score[owner[index]]) if index in owner else 0.0)
        tally.area.append(person["area"])


def corners(people: list[dict]) -> Array:
    """COCO's x, y, width, height -> (N, 4) xyxy."""
    boxes = np.array([person["bbox"] for person in people], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def measure_jhmdb(detector: NanoDetDetector, folder: Path, every: int, frames: int) -> Tally:
    tally = Tally()
    clips = json.loads((folder / "index.json").read_text())["clips"]
    for name in [name for name, clip in clips.items() if clip["split"] == "train"][::every]:
        pictures = decode(folder / "videos" / f"{name}.avi")
        actor = clips[name]["boxes"]
        for index in np.linspace(0, min(len(pictures), len(actor)) - 1, frames + 2).round().astype(int)[1:-1]:
            boxes = tally.look(detector, pictures[index])
            fits = overlaps(boxes.xyxy, [actor[index]])[:, 0] >= HIT
            tally.hit.append(float(boxes.score[fits].max()) if fits.any() else 0.0)
    return tally


def decode(path: Path) -> list[Array]:
    capture = cv2.VideoCapture(str(path))
    pictures = []
    while True:
        ok, picture = capture.read()
        if not ok:
            return pictures
        pictures.append(picture[..., ::-1])


def at_least(scores: list[float], threshold: float) -> int:
    return sum(score >= threshold for score in scores)


def coco_table(tally: Tally) -> Table:
    table = Table("threshold", "recall %", *SIZES, "precision %", "boxes per image", title="COCO people with keypoints")
    parts = {name: [h for h, a in zip(tally.hit, tally.area, strict=True) if low <= a < high]
             for name, (low, high) in SIZES.items()}  # fmt: skip
    for threshold in THRESHOLDS:
        hits = at_least(tally.hit, threshold)
        found = [f"{100 * at_least(part, threshold) / max(len(part), 1):.1f}" for part in parts.values()]
        precision = 100 * hits / max(hits + at_least(tally.alarm, threshold), 1)
        table.add_row(f"{threshold}", f"{100 * hits / len(tally.hit):.1f}", *found, f"{precision:.1f}",
                      f"{at_least(tally.boxes, threshold) / tally.images:.1f}")  # fmt: skip
    counts = ", ".join(f"{len(part)} {name}" for name, part in parts.items())
    table.caption = f"{tally.images} images, {counts}; {1000 * tally.seconds / tally.images:.0f} ms per image"
    return table


def jhmdb_table(tally: Tally) -> Table:
    table = Table("threshold", "actor found %", "boxes per frame", title="JHMDB actors")
    for threshold in THRESHOLDS:
        found = 100 * at_least(tally.hit, threshold) / tally.images
        table.add_row(f"{threshold}", f"{found:.1f}", f"{at_least(tally.boxes, threshold) / tally.images:.1f}")
    table.caption = f"{tally.images} frames of 320x240; {1000 * tally.seconds / tally.images:.0f} ms per frame"
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="the folder that holds data/")
    parser.add_argument("--data", nargs="+", choices=("coco", "jhmdb"), default=("coco", "jhmdb"))
    parser.add_argument("--views", choices=VIEWS, default="balanced")
    parser.add_argument("--clips", type=int, default=5, help="every n-th JHMDB training clip")
    parser.add_argument("--frames", type=int, default=3, help="frames of each of them")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    detector = NanoDetDetector(load("nanodet-g"), threshold=min(THRESHOLDS), views=VIEWS[arguments.views])
    console = Console()
    folder = arguments.shared / "data"
    if "coco" in arguments.data:
        console.print(coco_table(measure_coco(detector, folder / "coco_keypoints")))
    if "jhmdb" in arguments.data:
        console.print(jhmdb_table(measure_jhmdb(detector, folder / "jhmdb", arguments.clips, arguments.frames)))


if __name__ == "__main__":
    main()
