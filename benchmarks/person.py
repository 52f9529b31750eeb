"""How often the person of interest is the actor, per rule: real detector, estimator, linking and choice on JHMDB clips.

    python benchmarks/person.py --shared ../shared --split train --every 4 --cache person.npz

The chosen person counts as the actor when its box and the data set's overlap by IoU >= 0.5 in more than half of the
frames looked at. Failures of `auto` are told apart: no such box in most frames (the detector), such boxes but no track
that keeps them together (linking), or such a track and another one chosen (the choice).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from poseact.errors import NoPerson
from poseact.extract import Extractor, FramePlan
from poseact.extract.open import ExtractorSettings, open_extractor
from poseact.track import RULES, link, select
from poseact.track.similarity import iou
from poseact.types import Array, Boxes, Keypoints, Track
from poseact.video import open_video

CHOOSING = tuple(rule for rule in RULES if rule != "all")
SAVE_EVERY = 20  # clips


@dataclass(frozen=True)
class Clip:
    """What was seen in one clip, and where the actor is.

    Attributes:
        name, split: of the data set. size: (height, width) px.
        pts: (T,) s. boxes, keypoints: T entries. actor: (T, 4) px xyxy.
    """

    name: str
    split: str
    size: tuple[int, int]
    pts: Array
    boxes: list[Boxes]
    keypoints: list[Keypoints]
    actor: Array


def look(path: Path, plan: FramePlan, extractor: Extractor) -> dict[str, Array]:
    """Boxes and keypoints of a clip, by the pipeline's first look, as flat arrays for the cache."""
    with open_video(path) as reader:
        frames = list(reader.frames(plan.indices(reader.info)))
    images = [frame.image for frame in frames]
    boxes = [found[: extractor.max_boxes] for found in extractor.detector(images)]
    keypoints = extractor.scout(images, boxes)
    return {
        "index": np.array([frame.index for frame in frames]),
        "pts": np.array([frame.pts for frame in frames]),
        "count": np.array([len(found) for found in boxes]),
        "xyxy": np.concatenate([found.xyxy for found in boxes]),
        "score": np.concatenate([found.score for found in boxes]),
        "xy": np.concatenate([people.xy for people in keypoints]),
        "joint_score": np.concatenate([people.score for people in keypoints]),
    }


def unpack(name: str, entry: dict[str, object], seen: dict[str, Array]) -> Clip:
    """A clip of the index with what was seen in it."""
    ends = np.cumsum(seen["count"])[:-1]
    parts = {key: np.split(seen[key], ends) for key in ("xyxy", "score", "xy", "joint_score")}
    return Clip(
        name,
        str(entry["split"]),
        tuple(entry["height_width"]),  # type: ignore[arg-type]
        seen["pts"],
        [Boxes(xyxy, score) for xyxy, score in zip(parts["xyxy"], parts["score"], strict=True)],
        [Keypoints(xy, score) for xy, score in zip(parts["xy"], parts["joint_score"], strict=True)],
        np.array(entry["boxes"], np.float64)[seen["index"]],
    )


def gather(options: argparse.Namespace) -> list[Clip]:
    """The clips that were asked for, from the cache as far as it has them; the cache is brought up to date."""
    root = options.shared / "data" / "jhmdb"
    index = json.loads((root / "index.json").read_text())["clips"]
    names = [name for name in sorted(index) if options.split in ("all", index[name]["split"])][:: options.every]
    cache: dict[str, Array] = {}
    if options.cache and options.cache.exists():
        with np.load(options.cache) as stored:
            cache = {key: stored[key] for key in stored.files}
    missing = [name for name in names if f"{name}|pts" not in cache]
    if missing:
        extractor = open_extractor(ExtractorSettings(detector=options.detector), "cpu")
        plan = FramePlan(options.frames or None, stretches=1)
        for done, name in enumerate(missing, start=1):
            seen = look(root / "videos" / f"{name}.avi", plan, extractor)
            cache.update({f"{name}|{key}": value for key, value in seen.items()})
            sys.stderr.write(f"\r{done}/{len(missing)} clips")
            if options.cache and (done % SAVE_EVERY == 0 or done == len(missing)):
                np.savez(options.cache, **cache)  # type: ignore[arg-type]
        sys.stderr.write("\n")
    fields = ("index", "pts", "count", "xyxy", "score", "xy", "joint_score")
    return [unpack(name, index[name], {key: cache[f"{name}|{key}"] for key in fields}) for name in names]


def is_actor(track: Track, actor: Array) -> bool:
    """The track lies on the actor in more than half of the frames."""
    return on_actor(track, actor) > 0.5


def on_actor(track: Track, actor: Array) -> float:
    """Share of the frames in which the track's box and the actor's overlap by half."""
    return float(np.mean([iou(track.boxes[n : n + 1], actor[n : n + 1])[0, 0] >= 0.5 for n in range(len(actor))]))


def verdict(clip: Clip, tracks: list[Track], rule: str) -> str:
    """ "actor", or what went wrong: "detector", "linking" or "choice"."""
    try:
        chosen = select(tracks, clip.size, rule).ids[0]
    except NoPerson:
        chosen = -1
    if any(track.id == chosen and is_actor(track, clip.actor) for track in tracks):
        return "actor"
    if any(is_actor(track, clip.actor) for track in tracks):
        return "choice"
    found = [len(b) > 0 and iou(b.xyxy, a[None]).max() >= 0.5 for b, a in zip(clip.boxes, clip.actor, strict=True)]
    return "linking" if np.mean(found) > 0.5 else "detector"


def table(clips: list[Clip]) -> str:
    """Rule -> share of clips with the actor, and the causes of the failures."""
    tracks = [link(clip.boxes, clip.keypoints, clip.pts) for clip in clips]
    lines = [f"{'rule':<10}{'actor':>8}{'share':>9}   failures: detector  linking  choice"]
    for rule in CHOOSING:
        verdicts = [verdict(clip, found, rule) for clip, found in zip(clips, tracks, strict=True)]
        actor, detector, linking, choice = (verdicts.count(what) for what in ("actor", "detector", "linking", "choice"))
        share = actor / len(clips)
        lines.append(f"{rule:<10}{actor:>4}/{len(clips):<4}{share:>8.1%}{detector:>21}{linking:>9}{choice:>8}")
    return "\n".join(lines)


def failures(clips: list[Clip]) -> str:
    """One line per clip that `auto` gets wrong: cause, clip, reason given, overlap with the actor of every track."""
    lines = []
    for clip in clips:
        tracks = link(clip.boxes, clip.keypoints, clip.pts)
        cause = verdict(clip, tracks, "auto")
        if cause != "actor":
            shares = ", ".join(f"{track.id}: {on_actor(track, clip.actor):.2f}" for track in tracks)
            reason = select(tracks, clip.size).reason if tracks else "nobody"
            lines.append(f"{cause:<9}{clip.name}  {reason}  [{shares}]")
    return "\n".join(lines)


def main() -> None:
    """Parse, gather, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder with data/jhmdb")
    parser.add_argument("--split", choices=("train", "test", "all"), default="all")
    parser.add_argument("--every", type=int, default=1, help="every n-th clip")
    parser.add_argument("--frames", type=int, default=16, help="evenly spaced frames per clip; 0: all")
    parser.add_argument("--detector", default="nanodet", help="as in poseact recognize")
    parser.add_argument("--cache", type=Path, help="npz file that keeps boxes and keypoints between runs")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--failures", action="store_true", help="list the clips that auto gets wrong")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clips = gather(options)
    sys.stdout.write(table(clips) + "\n")
    if options.failures:
        sys.stdout.write(failures(clips) + "\n")


if __name__ == "__main__":
    main()
