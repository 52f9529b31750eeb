"""`poseact merge`: several files of poses become one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def merge(
    poses: Annotated[list[Path], typer.Argument(metavar="POSES...", help="Files or folders of stored poses.")],
    out: Annotated[Path, typer.Option(metavar="POSES", help="Where all of them go: .pkl, .parquet, or a folder.")],
    prefix: Annotated[
        bool, typer.Option("--prefix", help="Put the name of its file before the name of every clip, as in file/clip.")
    ] = False,
    float16: Annotated[bool, typer.Option("--float16", help="Half the size; whole pixels from x = 1024 on.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> int:
    """Put several files of poses together: shards of one extraction, or data sets of different people.

    \b
    Examples:
      [bold]poseact merge shard1.pkl shard2.pkl --out all.pkl[/bold]
      [bold]poseact merge mine.pkl theirs.parquet --prefix --out all.parquet[/bold]

    Classes are united by name and labels renumbered, splits are united by name. A clip that is in several files is
    kept once if it is the same everywhere, else refused. Clips are sorted by the path of their video, then by name, so
    that the shards of a folder give, byte for byte, what one run gives.
    """
    from poseact.cli.messages import Messages
    from poseact.cli.outputs import poses_target
    from poseact.errors import UsageError
    from poseact.poses import read_poses, write_poses
    from poseact.poses.merge import Part, prefixed
    from poseact.poses.merge import merge as merged

    del debug
    messages = Messages(verbosity=-1 if quiet else 0)
    out = poses_target("--out", out, poses)
    parts = []
    for path in poses:
        dataset = read_poses(path)
        parts.append(Part(str(path), prefixed(dataset, path.stem) if prefix else dataset))
    stems = [path.stem for path in poses]
    if prefix and len(set(stems)) < len(stems):
        twice = next(stem for stem in stems if stems.count(stem) > 1)
        raise UsageError(f"two files are called {twice!r}, so --prefix cannot tell them apart; rename one")
    found = merged(parts)
    write_poses(out, found.dataset, float16=float16)
    dataset = found.dataset
    if not len(dataset):
        messages.warning("the files hold no clip at all")
    if not quiet:
        splits = ", ".join(f"{split} {len(names)}" for split, names in dataset.splits.items())
        typer.echo(
            f"{len(dataset)} clips of {len(poses)} files are in {out}"
            + (f"; {found.twice} that were given twice are there once" if found.twice else "")
            + (f"; classes: {len(dataset.classes)}" if dataset.classes else "")
            + (f"; splits: {splits}" if splits else "")
        )
    return 0
