"""`poseact extract-poses`: a folder of videos becomes one file of poses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from poseact.cli.messages import Messages


def extract_poses(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Videos; first-level folders become the labels.")],
    out: Annotated[Path, typer.Option(metavar="POSES", help="Where they go: a .pkl or .parquet file, or a folder.")],
    splits: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Columns path,split: which clips belong to which split.")
    ] = None,
    pose: Annotated[
        str, typer.Option(metavar="NAME", help="Pose estimator: thunder, hrnet-w32, yolo11n-pose, ..., or a file.")
    ] = "thunder",
    detector: Annotated[str, typer.Option(help="auto, nanodet, or a YOLO checkpoint.")] = "auto",
    person: Annotated[str, typer.Option(help="Whose poses come first: auto, largest, central, ...")] = "auto",
    max_persons: Annotated[int, typer.Option(min=1, help="People kept per video.")] = 2,
    frames: Annotated[
        int | None, typer.Option(min=1, help="Evenly spaced frames per video.", show_default="every frame")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.01, help="With --frames: only the middle so many seconds.", show_default="all")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> int:
    """Turn a folder of videos into a file of poses that `poseact train` reads.

    \b
    Examples:
      [bold]poseact extract-poses clips/ --out poses.pkl[/bold]
      [bold]poseact extract-poses clips/ --out poses.pkl --splits splits.csv --workers 2[/bold]
      [bold]poseact extract-poses clips/ --out poses.pkl --pose hrnet-w48[/bold]

    Killed or interrupted, the same command goes on where it was: finished videos are not done again.
    """
    from functools import partial
    from math import inf

    from poseact.cli.failures import ALL_FAILED, SOME_FAILED
    from poseact.cli.progress import Bars
    from poseact.extract import EVERY_FRAME, FramePlan
    from poseact.extract.clips import find_clips, read_splits
    from poseact.extract.engine import engine
    from poseact.extract.folder import extract_folder
    from poseact.recognize import Settings
    from poseact.recognize.open import open_extractor
    from poseact.recognize.settings import resolve_device

    messages = Messages(verbosity=-1 if quiet else 0, debug=debug)
    clips, classes = find_clips(folder)
    settings = Settings(pose=pose, detector=detector, device=resolve_device(device))
    plan = EVERY_FRAME if frames is None else FramePlan.middle(frames, seconds or inf)
    outcomes = extract_folder(
        clips, out, partial(open_extractor, settings, settings.device),
        settings={"pose": pose, "detector": detector, "frames": frames or "every", "seconds": seconds or "all"},
        classes=classes, splits=read_splits(splits) if splits else None, plan=plan, person=person,
        max_persons=max_persons, engine=engine(workers),
    )  # fmt: skip
    failed = 0
    with Bars(len(clips), wanted=not quiet) as bars:
        for outcome in outcomes:
            if outcome.error is not None:
                failed += 1
                messages.error(outcome.error)
            bars.advance()
    done = len(clips) - failed
    typer.echo(f"{done} of {len(clips)} videos are in {out}" if done else "no video could be read")
    return 0 if not failed else ALL_FAILED if failed == len(clips) else SOME_FAILED
