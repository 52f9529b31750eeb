"""`poseact quality`: how good stored poses are, clip by clip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def quality(
    poses: Annotated[Path, typer.Argument(metavar="POSES", help="Stored poses: .pkl, .parquet, or a folder.")],
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Also a page with a picture of every clip, the worst ones first."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every clip, not only those that need a look.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document per clip.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> int:
    """Say of every clip how much of the person was seen, how surely, how large, and what may be wrong.

    \b
    Examples:
      [bold]poseact quality poses.pkl[/bold]
      [bold]poseact quality poses.pkl --page quality.html[/bold]      pictures too, where the videos are still there

    Frames that the video announces, gaps and shot cuts are known where `poseact extract-poses` made the file.
    """
    from dataclasses import replace

    from poseact.cli.outputs import Distinct, file_target
    from poseact.cli.stdout import print_table, write_line
    from poseact.extract.quality import GOOD, quality_of, to_document, verdict
    from poseact.extract.record import Record
    from poseact.poses import read_poses
    from poseact.report.plain import json_line, one_line
    from poseact.report.quality import quality_table, summary, worst_first, write_page

    del debug
    if page is not None:
        page = file_target("--page", page, (".html", ".htm"), [poses])
    stored, distinct = read_poses(poses).annotations, Distinct()
    clips = [replace(clip, name=distinct(clip.name)) for clip in stored]
    record = Record.beside(poses)
    known = record.quality if record else {}
    found = {clip.name: known.get(clip.name) or quality_of(clip) for clip in clips}
    if json:
        for name, one in found.items():
            word, why = verdict(one)
            document = {"schema": "poseact/quality/1", "name": name, **to_document(one), "verdict": word, "why": why}
            write_line(json_line(document))
    elif not quiet:
        shown = [name for name in worst_first(found) if everything or verdict(found[name])[0] != GOOD]
        if shown:
            print_table(quality_table(found, shown))
        write_line(f"{len(found)} clips: {summary(found.values()) or 'none'}")
    if page is not None:
        write_page(page, f"Poses of {one_line(poses.name)}", clips, found)
    return 0
