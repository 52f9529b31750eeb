"""Behind `poseact extract-poses`: the clips of its inputs, and the run that tells of each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

from poseact.cli.extraction_report import Progress, Report, tell_all
from poseact.cli.messages import Messages
from poseact.errors import UsageError
from poseact.extract import EVERY_FRAME, FramePlan
from poseact.extract.engine import Watched
from poseact.extract.folder import extract_folder
from poseact.extract.inputs import Inputs, read_inputs
from poseact.extract.ray_engine import OnRay
from poseact.extract.request import Request
from poseact.extract.shard import Shard
from poseact.extract.splits import chosen_splits
from poseact.extract.work import OpenExtractor


def inputs_of(
    names: Sequence[Path], shard: Shard | None, splits: Sequence[Path], *, share: float | None, group_by: str | None,
    seed: int,
) -> Inputs:  # fmt: skip
    """The clips of one shard of the inputs, with the splits that were chosen for all of them.

    Args:
        shard: None: all clips. splits, share, group_by, seed: see `chosen_splits`.
    Raises: InputError, UsageError.
    """
    inputs = read_inputs(names)
    chosen = chosen_splits(inputs, splits, share=share, group_by=group_by, seed=seed)
    return replace(inputs, clips=tuple(shard.of(inputs.clips)) if shard else inputs.clips, splits=chosen)


def from_here(path: Path, out: Path) -> str:
    """An input as it is called from where the poses go, so that both can be moved together."""
    return os.path.relpath(os.path.realpath(path), os.path.realpath(out.parent))


def plan_of(frames: int | None, seconds: float | None) -> FramePlan:
    """The frames of each video that are looked at: so many of the middle so many seconds; None: all.

    Raises: UsageError for seconds without frames.
    """
    if frames is not None:
        return FramePlan.middle(frames, seconds or inf)
    if seconds is not None:
        raise UsageError("--seconds says from which stretch --frames are taken; give --frames too")
    return EVERY_FRAME


def engine_of(
    address: str | None, device: str, workers: int, threads: int, timeout: float, memory: float | None, *, ray: bool
) -> Watched | OnRay:
    """What runs the work.

    Args:
        address: of a Ray cluster. workers: processes of this machine.
        threads, timeout: see `Watched`. memory: GiB that a worker may take; None or inf: as much as the engine gives.
    Raises: UsageError for an address without Ray.
    """
    limit = int(memory * 2**30) if memory and memory < inf else None
    if ray:
        return OnRay(address, threads, timeout, limit, gpus=float(device.startswith("cuda")))
    if address is not None:
        raise UsageError("--address names a Ray cluster; give --engine ray too")
    return Watched(workers, threads, timeout, limit)


def extract(
    inputs: Inputs, out: Path, request: Request, open_extractor: OpenExtractor, engine: Watched | OnRay,
    messages: Messages, *, as_json: bool,
) -> int:  # fmt: skip
    """Extract every clip and tell of it; returns the exit code. Raises: as `extract_folder`."""
    with Progress(len(inputs.clips), wanted=messages.verbosity >= 0) as progress:
        if isinstance(engine, Watched):
            engine = replace(engine, watch=progress.watch)
        outcomes = extract_folder(
            inputs.clips, out, open_extractor, request, classes=inputs.classes, splits=inputs.splits, engine=engine
        )
        report = Report(out, len(inputs.clips), messages, progress, as_json=as_json)
        tell_all(outcomes, report)
    return report.finish()
