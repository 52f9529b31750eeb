"""`poseact extract-poses`: a folder of videos becomes one file of poses."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from poseact.cli.messages import Messages

_PARTS: Any = {"rich_help_panel": "Which clip is for what"}
_RUN: Any = {"rich_help_panel": "How it is run"}
_SPEED: Any = {"rich_help_panel": "Speed for accuracy"}
_SAFETY: Any = {"rich_help_panel": "What no video may exceed"}


class EngineChoice(StrEnum):
    """Where clips are worked on."""

    local = "local"
    ray = "ray"


class Precision(StrEnum):
    """In which arithmetic networks compute."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


def extract_poses(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="VIDEOS...",
            help="Folders of videos or of images, whose folders become the labels; videos; patterns; .txt lists of "
            "paths; .csv or .tsv tables with the columns path and any of label, split, start, end, group.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="POSES", help="Where they go: a .pkl or .parquet file, or a folder.")],
    splits: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Which clips belong to which split: a .csv with path,split, or official lists "
            "(trainlist01.txt, 'lists/*_test_split1.txt'). Any number of times.",
            **_PARTS,
        ),
    ] = None,
    split: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Draw splits: this share of each class is train, the rest val.", **_PARTS),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="With --split: clips stay together whose names agree in what this finds, such as '(person[0-9]+)'.",
            show_default="the table's group",
            **_PARTS,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of --split.", **_PARTS)] = 0,
    pose: Annotated[
        str, typer.Option(metavar="NAME", help="Pose estimator: thunder, hrnet-w32, yolo11n-pose, ..., or a file.")
    ] = "thunder",
    detector: Annotated[str, typer.Option(help="auto, nanodet, or a YOLO checkpoint.")] = "auto",
    person: Annotated[str, typer.Option(help="Whose poses come first: auto, largest, central, ...")] = "auto",
    max_persons: Annotated[
        int, typer.Option(min=1, help="People chosen per video; the others are stored behind them.")
    ] = 2,
    frames: Annotated[
        int | None, typer.Option(min=1, help="Evenly spaced frames per video.", show_default="every frame")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.01, help="With --frames: only the middle so many seconds.", show_default="all")
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Start anew where POSES stands, or was begun with other settings."),
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what failed in an earlier call.")
    ] = False,
    drop_missing: Annotated[
        bool,
        typer.Option("--drop-missing", help="Leave out poses of videos that are not among VIDEOS any more."),
    ] = False,
    float16: Annotated[
        bool,
        typer.Option(
            "--float16",
            help="Store half as many bytes per joint, as PYSKL; in steps of 1 px from 1024 px on, of 2 px from 2048.",
        ),
    ] = False,
    image_fps: Annotated[float, typer.Option(min=0.1, help="Pictures per second of folders of images.")] = 25,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done, and about how long it would take.", **_RUN)
    ] = False,
    precision: Annotated[
        Precision,
        typer.Option(help="Of the networks; auto: float16 or bfloat16 where the hardware has it.", **_SPEED),
    ] = Precision.auto,
    detect_every: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Detect people in every N-th frame, and wherever somebody appears or is lost.",
            **_SPEED,
        ),
    ] = 1,
    pose_every: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Look at every N-th frame, and more where somebody moves far; poses in between are interpolated, "
            "and marked.",
            **_SPEED,
        ),
    ] = 1,
    engine: Annotated[
        EngineChoice, typer.Option(help="Where the work is done: processes of this machine, or a Ray cluster.", **_RUN)
    ] = EngineChoice.local,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="With --engine ray: a running cluster, or auto.",
            show_default="a new one here",
            **_RUN,
        ),
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Only the I-th of N parts, for several machines.", **_RUN)
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, show_default="one per core", help="Processes, each with its own networks.", **_RUN),
    ] = None,
    threads: Annotated[
        int, typer.Option(min=1, help="Of each worker; the last bits of the poses depend on it.", **_RUN)
    ] = 1,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds without progress after which a video is given up.", **_SAFETY)
    ] = 600,
    memory: Annotated[
        float | None,
        typer.Option(
            metavar="GIB",
            min=0.1,
            show_default="80 % of the machine's, shared",
            help="What a worker may take before its video is given up.",
            **_SAFETY,
        ),
    ] = None,
    max_pixels: Annotated[int, typer.Option(min=1, help="Of a picture.", **_SAFETY)] = 8192 * 8192,
    max_frames: Annotated[int, typer.Option(min=1, help="Of a video.", **_SAFETY)] = 2_000_000,
    max_seconds: Annotated[float, typer.Option(min=0.01, help="Of a video.", **_SAFETY)] = 86_400,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="One JSON document per video, and a last one.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> int:
    """Turn a folder of videos into a file of poses that `poseact train` reads.

    \b
    Examples:
      [bold]poseact extract-poses clips/ --out poses.pkl[/bold]
      [bold]poseact extract-poses clips/ --out poses.pkl --split 0.8 --group-by '(person[0-9]+)'[/bold]
      [bold]poseact extract-poses clips.csv --out poses.parquet --dry-run[/bold]
      [bold]poseact extract-poses ucf101/ --out ucf101.pkl --splits trainlist01.txt --splits testlist01.txt[/bold]
      [bold]poseact extract-poses clips/ --out poses.pkl --pose hrnet-w48[/bold]
      [bold]poseact extract-poses clips/ --out part1.pkl --shard 1/8[/bold]   one machine of 8

    Killed or interrupted, the same command goes on where it was: finished videos are not done again.

    A video that cannot be read, hangs, crashes or takes too much memory is listed in POSES.errors.jsonl.
    """
    from poseact.processes import prepare_workers

    if engine is EngineChoice.local and not dry_run:
        prepare_workers("poseact.extract.worker", "poseact.extract.open")

    from functools import partial

    from poseact.cli.dry_run import dry_run as tell
    from poseact.cli.extraction import engine_of, extract, from_here, inputs_of, plan_of
    from poseact.cli.recognize import known_person
    from poseact.device import resolve_device
    from poseact.extract.open import ExtractorSettings, digest_of, open_extractor
    from poseact.extract.request import Request
    from poseact.extract.shard import Shard
    from poseact.files import expanded
    from poseact.machine import workers_for
    from poseact.precision import arithmetic
    from poseact.video import Limits

    messages = Messages(verbosity=-1 if quiet else 0, debug=debug)
    plan = plan_of(frames, seconds)
    out, part = expanded(out), Shard.parse(shard) if shard else None
    found = inputs_of(inputs, part, splits or (), share=split, group_by=group_by, seed=seed)
    device = resolve_device(device)
    workers = workers or workers_for(device)
    run_on = engine_of(address, device, workers, threads, timeout, memory, ray=engine is EngineChoice.ray)
    settings = ExtractorSettings(
        pose=pose, detector=detector, precision=arithmetic(precision.value, device),
        limits=Limits(max_pixels, max_frames, max_seconds), image_fps=image_fps, detect_every=detect_every,
        pose_every=pose_every, decode_ahead=not dry_run,
    )  # fmt: skip
    options = {
        "inputs": [from_here(found.root, out)], "pose": pose, "detector": detector, "pose-sha256": digest_of(pose),
        "detector-sha256": digest_of(detector), "frames": frames, "seconds": seconds, "threads": threads,
        "shard": str(part) if part else None, "image-fps": image_fps, "precision": settings.precision,
        "detect-every": detect_every, "pose-every": pose_every,
    }  # fmt: skip
    request = Request(
        options, plan, person=known_person(person), max_persons=max_persons, float16=float16, overwrite=overwrite,
        retry_failed=retry_failed, drop_missing=drop_missing,
    )  # fmt: skip
    if dry_run:
        return tell(found, out, request, settings, device, workers=workers, messages=messages, as_json=json)
    return extract(found, out, request, partial(open_extractor, settings, device), run_on, messages, as_json=json)
