"""Cuts the clips of samples/ from the videos inside two unpacked packages; maintenance only, users never run it.

    pip download --no-deps -d DIR sports2d==0.8.34 pose2sim==0.10.49
    (cd DIR && for wheel in *.whl; do python -m zipfile -e "$wheel" .; done)
    python scripts/make_samples.py DIR samples

It also writes the licence texts and prints the table of samples/README.md.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2

from poseact.video import VideoWriter, open_video

DEMO = "Sports2D/Demo/demo.mp4"
LONG_SIDE = 720


@dataclass(frozen=True, slots=True)
class Clip:
    """A cut: frames [first, last] and the box (left, top, right, bottom) px of the source; None takes all of it."""

    name: str
    source: str
    frames: tuple[int, int] | None = None
    box: tuple[int, int, int, int] | None = None
    quality: int = 20


CLIPS = (
    Clip("sports2d_demo.mp4", DEMO, quality=23),
    Clip("walk.mp4", DEMO, (90, 176), (150, 440, 1350, 994)),
    Clip("jumping_jacks.mp4", DEMO, (0, 77), (350, 0, 950, 500)),
    Clip("jump.mp4", DEMO, (148, 206), (600, 0, 1400, 994)),
    Clip("run.mp4", DEMO, (198, 224), (880, 440, 1768, 994)),
    Clip("two_people.mp4", "Pose2Sim/Demo_MultiPerson/videos/cam04.mp4"),
    Clip("portrait.mp4", "Pose2Sim/Demo_SinglePerson/videos/cam03.mp4"),
)


def cut(clip: Clip, packages: Path, target: Path) -> None:
    """Write one clip, scaled to at most LONG_SIDE px."""
    with open_video(packages / clip.source) as reader:
        info = reader.info
        left, top, right, bottom = clip.box or (0, 0, info.width, info.height)
        scale = min(1.0, LONG_SIDE / max(right - left, bottom - top))
        size = (round((right - left) * scale) // 2 * 2, round((bottom - top) * scale) // 2 * 2)
        first, last = clip.frames or (0, info.frame_count - 1)
        with VideoWriter(target, info.fps, size, quality=clip.quality) as writer:
            for frame in reader.frames(range(first, last + 1)):
                writer.write(cv2.resize(frame.image[top:bottom, left:right], size, interpolation=cv2.INTER_AREA))


def describe(path: Path) -> str:
    """One row of the table in samples/README.md."""
    with open_video(path) as reader:
        info = reader.info
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return (
        f"| `{path.name}` | {info.width}x{info.height} | {info.frame_count} | {info.fps:g} | {info.duration:.2f} s "
        f"| {path.stat().st_size // 1000} kB | `{digest}` |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", type=Path, help="folder with the unpacked packages")
    parser.add_argument("target", type=Path, help="folder for the clips")
    arguments = parser.parse_args()
    for package in ("sports2d", "pose2sim"):
        (licence,) = arguments.packages.glob(f"{package}-*.dist-info/licenses/LICENSE")
        shutil.copyfile(licence, arguments.target / f"LICENSE-{package}.txt")
    for clip in CLIPS:
        cut(clip, arguments.packages, arguments.target / clip.name)
        sys.stdout.write(describe(arguments.target / clip.name) + "\n")


if __name__ == "__main__":
    main()
