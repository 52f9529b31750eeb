"""Extractions that take no time: tiny videos, real stages, and a stand-in for the networks."""

import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
from test_picture_estimator import Standing

from poseact.extract import Extractor
from poseact.extract.engine import Watched, in_this_process
from poseact.extract.folder import extract_folder
from poseact.extract.inputs import read_inputs
from poseact.extract.request import Request
from poseact.video import DecodingAhead, VideoWriter

OPTIONS = {"pose": "standing"}


class Slowly(Standing):
    """Takes its time, so that there is a moment to be killed in."""

    def everybody(self, images):
        time.sleep(0.03)
        return super().everybody(images)


def open_standing(scout=Standing, *, ahead=False) -> Extractor:
    reading = {"open_video": DecodingAhead.started().open} if ahead else {}
    return Extractor(None, scout(2), weights={"estimator": "abc"}, batch_size=4, **reading)


def write_clip(path: Path, frames: int = 6, level: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, 25, (64, 48)) as writer:
        for index in range(frames):
            writer.write(np.full((48, 64, 3), (level + 10 * index) % 256, np.uint8))
    return path


def write_clips(folder: Path, count: int = 6) -> Path:
    """So many videos in two class folders, and a broken one."""
    for number in range(count):
        write_clip(folder / "ab"[number % 2] / f"clip{number}.mp4", 4 + number, 20 * number)
    (folder / "b" / "broken.mp4").write_text("no video")
    return folder


def extract(folder: Path, out: Path, workers: int = 0, options=OPTIONS, scout=Standing, splits=None, **asked):
    """The outcomes of a whole run, in this process for 0 workers."""
    inputs = read_inputs([folder])
    engine = Watched(workers) if workers else in_this_process
    opened = partial(open_standing, scout, ahead=workers > 0)
    return list(
        extract_folder(
            inputs.clips, out, opened, Request(options, **asked), classes=inputs.classes, splits=splits, engine=engine
        )
    )  # fmt: skip


if __name__ == "__main__":
    print("begin", flush=True)
    extract(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), scout=Slowly)
