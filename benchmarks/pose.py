"""Accuracy and cost of pose estimators on annotated people, by size of the person.

Usage: python benchmarks/pose.py --shared DIR [--pose NAME_OR_PATH]... [--flip on|off|both] [--device cpu] [--threads 1]
    [--people 344] [--clips 0]

--pose takes what `poseact recognize --pose` takes, any number of times: embedded estimators (the default), models of
`poseact weights list --task pose`, files, and YOLO pose checkpoints. Top-down estimators get the true boxes; those of
whole pictures (HigherHRNet, HRNet with associative embedding, YOLO) find the people themselves, so that the paper's
comparison of both can be repeated.

OKS is COCO's object keypoint similarity, the mean over people of the mean over their labelled joints, on every
annotated person of DIR/data/coco_keypoints; a person whom nobody found counts 0. AP is COCO's, by pycocotools where it
is installed (`pip install pycocotools`); with whole pictures it is a lower bound, as some people are unlabelled. PCK is
the share of joints within a fifth of the box side, over 12 joints (shoulders to ankles, where they are in the picture)
in two frames of each of --clips training clips of DIR/data/jhmdb; its joints are approximate. Time is that of the whole
estimator, by the clock and of all threads together; the latter means more on a busy machine.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.optimize import linear_sum_assignment

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from poseact.errors import PoseactError
from poseact.extract.estimators import open_estimator
from poseact.pose import PictureEstimator, PoseEstimator
from poseact.skeleton import COCO17_OKS_SIGMAS
from poseact.types import Array, Boxes, Keypoints
from poseact.video import open_video

EMBEDDED = ("thunder", "lightning")
SIZES = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, np.inf)}  # px of area, as COCO has them
# JHMDB's joints (neck belly face, then right and left of shoulder hip elbow knee wrist ankle) as COCO-17 indices.
JHMDB_TO_COCO17 = {3: 6, 4: 5, 5: 12, 6: 11, 7: 8, 8: 7, 9: 14, 10: 13, 11: 10, 12: 9, 13: 16, 14: 15}
CLOSE = 0.2
PERSON = 1  # COCO's category


@dataclass(frozen=True)
class Person:
    """One annotated person: box xyxy px, joints (K, 2) px, which of them are labelled (K,), and the area in px."""

    box: Array
    joints: Array
    labelled: Array
    area: float


@dataclass(frozen=True)
class Picture:
    """A picture (H, W, 3) with its annotated people, and COCO's number of it."""

    image: Array
    people: list[Person]
    number: int = 0


@dataclass
class Truth:
    """COCO's document of all pictures, for pycocotools."""

    images: dict[int, dict[str, object]] = field(default_factory=dict)
    annotations: list[dict[str, object]] = field(default_factory=list)


def coco_pictures(folder: Path, truth: Truth) -> Iterator[Picture]:
    for part in sorted(folder.glob("person_keypoints_*.json")):
        document = json.loads(part.read_text())
        truth.images |= {entry["id"]: entry for entry in document["images"]}
        truth.annotations += document["annotations"]
        for entry in document["images"]:
            people = [
                _person(one)
                for one in document["annotations"]
                if one["image_id"] == entry["id"] and one["num_keypoints"] and not one["iscrowd"]
            ]
            if people:
                image = cv2.imread(str(folder / "images" / entry["file_name"]))[..., ::-1]
                yield Picture(image, people, entry["id"])


def _person(annotation: dict[str, object]) -> Person:
    x, y, width, height = annotation["bbox"]
    rows = np.array(annotation["keypoints"], np.float64).reshape(-1, 3)
    return Person(np.array([x, y, x + width, y + height]), rows[:, :2], rows[:, 2] > 0, annotation["area"])


def jhmdb_pictures(folder: Path, clips: int) -> Iterator[Picture]:
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
                yield Picture(frame.image, [Person(box, xy, labelled, float((box[2:] - box[:2]).prod()))])


def oks(xy: Array, person: Person) -> float:
    """COCO's object keypoint similarity of joints (K, 2)."""
    squared = ((xy - person.joints) ** 2).sum(1)
    scale = 2 * person.area * (2 * np.asarray(COCO17_OKS_SIGMAS)) ** 2
    return float(np.exp(-squared / scale)[person.labelled].mean())


def pck(xy: Array, person: Person) -> float:
    """Share of the labelled joints that are within a fifth of the longer side of the box."""
    near = np.linalg.norm(xy - person.joints, axis=1) <= CLOSE * (person.box[2:] - person.box[:2]).max()
    return float(near[person.labelled].mean())


def average_precision(found: Sequence[Keypoints], pictures: Sequence[Picture], truth: Truth) -> float | None:
    """COCO's AP over OKS 0.5 to 0.95; None without pycocotools."""
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        return None
    rows = [
        {
            "image_id": picture.number, "category_id": PERSON, "score": float(score.mean()),
            "keypoints": np.hstack([xy, score[:, None]]).ravel().tolist(),
        }
        for people, picture in zip(found, pictures, strict=True)
        for xy, score in zip(people.xy, people.score, strict=True)
    ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):  # it prints a table of its own
        coco = COCO()
        coco.dataset = {
            "info": {}, "images": list(truth.images.values()), "annotations": truth.annotations,
            "categories": [{"id": PERSON, "name": "person"}],
        }  # fmt: skip
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(rows), "keypoints") if rows else None
        if judge is None:
            return 0.0
        judge.params.imgIds = [picture.number for picture in pictures]
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0])


def estimate(
    estimator: PoseEstimator | PictureEstimator, pictures: Sequence[Picture], name: str
) -> tuple[list[Keypoints], Array]:
    """The people found in each picture, and s per annotated person by the clock and of the processor."""
    found = []
    began = np.array([time.perf_counter(), time.process_time()])
    for picture in track(pictures, name, console=Console(stderr=True)):
        if isinstance(estimator, PictureEstimator):
            found.append(estimator.everybody([picture.image])[0][1])
        else:
            xyxy = np.array([person.box for person in picture.people], np.float32)
            found.append(estimator([picture.image], [Boxes(xyxy, np.ones(len(xyxy), np.float32))])[0])
    people = max(sum(len(picture.people) for picture in pictures), 1)
    return found, (np.array([time.perf_counter(), time.process_time()]) - began) / people


def matched(found: Keypoints, people: Sequence[Person]) -> list[Array | None]:
    """For each annotated person the joints (K, 2) of who is most like it, each found person once; None: nobody."""
    similarity = np.array([[oks(xy, person) for xy in found.xy] for person in people]).reshape(len(people), -1)
    chosen: list[Array | None] = [None] * len(people)
    for row, column in zip(*linear_sum_assignment(-similarity), strict=True):
        chosen[row] = found.xy[column]
    return chosen


def row(
    name: str, estimator: PoseEstimator | PictureEstimator, pictures: Sequence[Picture], actors: Sequence[Picture],
    truth: Truth,
) -> list[str]:  # fmt: skip
    found, seconds = estimate(estimator, pictures, name)
    pairs = _pairs(found, pictures, estimator)
    similarity = np.array([oks(xy, person) if xy is not None else 0.0 for xy, person in pairs])
    area = np.array([person.area for _, person in pairs])
    by_size = [similarity[(area >= low) & (area < high)] for low, high in SIZES.values()]
    seen = _pairs(estimate(estimator, actors, f"{name}, actors")[0], actors, estimator) if actors else []
    close = [pck(xy, actor) if xy is not None else 0.0 for xy, actor in seen]
    precision = average_precision(found, pictures, truth)
    shown = [f"{part.mean():.3f}" if len(part) else "" for part in (similarity, *by_size)]
    return [
        name, "" if precision is None else f"{precision:.3f}", *shown, f"{np.mean(close):.3f}" if close else "",
        *(f"{1000 * part:.0f}" for part in seconds),
    ]  # fmt: skip


def _pairs(
    found: Sequence[Keypoints], pictures: Sequence[Picture], estimator: PoseEstimator | PictureEstimator
) -> list[tuple[Array | None, Person]]:
    """Everybody annotated with the joints found: those in the true box, or the most similar of the picture."""
    whole = isinstance(estimator, PictureEstimator)
    return [
        pair
        for people, picture in zip(found, pictures, strict=True)
        for pair in zip(matched(people, picture.people) if whole else people.xy, picture.people, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--pose", action="append", metavar="NAME_OR_PATH", help="thunder and lightning by default")
    parser.add_argument("--flip", choices=("on", "off", "both"), default="both", help="average with the mirror image")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--people", type=int, default=10_000, help="about so many people at most, evenly spread")
    parser.add_argument("--clips", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    flips = {"on": (True,), "off": (False,), "both": (True, False)}[arguments.flip]
    try:
        estimators = [
            (name if flip else f"{name}, no flip", open_estimator(name, flip=flip, device=arguments.device).estimator)
            for name in arguments.pose or EMBEDDED
            for flip in flips
        ]
    except PoseactError as error:
        parser.error(str(error))
    truth = Truth()
    everything = list(coco_pictures(arguments.shared / "data/coco_keypoints", truth))
    total = sum(len(picture.people) for picture in everything)
    pictures = everything[:: max(round(total / arguments.people), 1)]
    actors = list(jhmdb_pictures(arguments.shared / "data/jhmdb", arguments.clips))
    people = sum(len(picture.people) for picture in pictures)
    table = Table(title=f"{people} people, {len(actors)} pictures of actors, {arguments.threads} thread(s)")
    for column in ("estimator", "AP", "OKS", *SIZES, f"PCK@{CLOSE}", "ms per person", "CPU ms"):
        table.add_column(column, justify="left" if column == "estimator" else "right", no_wrap=True)
    for name, estimator in estimators:
        table.add_row(*row(name, estimator, pictures, actors, truth))
    Console().print(table)


if __name__ == "__main__":
    main()
