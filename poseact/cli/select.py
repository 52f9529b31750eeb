"""`poseact select`: who of the people in stored poses is chosen, decided again without the videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_WHO, _WHICH, _OUT = "Who is chosen", "Which clips", "What is written and said"


def select(
    poses: Annotated[Path, typer.Argument(metavar="POSES", help="Stored poses: .pkl, .parquet, or a folder of .npz.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="POSES", help="Where the new choice goes; needed but for --list.", rich_help_panel=_OUT),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            help="auto, largest, central, longest, moving, all, or the id of a person (see --list).",
            show_default="as it is", rich_help_panel=_WHO,
        ),
    ] = None,
    max_persons: Annotated[
        int | None,
        typer.Option(
            min=1, help="At most so many are chosen; everybody else is kept behind them.",
            show_default="2; with --person all everybody; without --person as many as are chosen",
            rich_help_panel=_WHO,
        ),
    ] = None,
    clip: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Decide in this clip only; several times for several.",
                     show_default="all clips", rich_help_panel=_WHO),
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Keep only the clips of these splits.",
                                       show_default="all clips", rich_help_panel=_WHICH)
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Keep only the clips of these classes, by name or number.",
                                       show_default="all clips", rich_help_panel=_WHICH)
    ] = None,
    min_frames: Annotated[
        int, typer.Option(min=0, metavar="N", rich_help_panel=_WHICH,
                          help="Keep only the clips whose first chosen person is seen in at least N frames.")
    ] = 0,
    show_list: Annotated[
        bool, typer.Option("--list", help="Show everybody who was tracked in each clip; write nothing.",
                           rich_help_panel=_OUT)
    ] = False,
    rows: Annotated[
        str, typer.Option(metavar="N", help="Clips in the table, changed ones first: a number, or all.",
                          rich_help_panel=_OUT)
    ] = "20",
    float16: Annotated[
        bool, typer.Option("--float16", help="Half the size; whole pixels from x = 1024 on.", rich_help_panel=_OUT)
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON document per clip instead of tables.", rich_help_panel=_OUT)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.", rich_help_panel=_OUT)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.", rich_help_panel=_OUT)] = False,
) -> int:  # fmt: skip
    """Choose again whose poses are used, among all who were tracked. No video is read and nobody is lost.

    With --clip the other clips stay as they are; --split, --label and --min-frames leave clips out.

    \b
    Examples:
      [bold]poseact select poses.pkl --list --clip walk/clip3[/bold]
      [bold]poseact select poses.pkl --person largest --out largest.pkl[/bold]
      [bold]poseact select poses.pkl --clip walk/clip3 --person 4 --out mended.pkl[/bold]
      [bold]poseact select poses.pkl --split train --min-frames 8 --out train.parquet[/bold]
    """
    from poseact.cli.selection import SelectOptions, run_selection
    from poseact.texts import listed

    options = SelectOptions(
        poses=poses, out=out, person=person, max_persons=max_persons, clips=frozenset(clip or ()),
        splits=tuple(name for text in split or () for name in listed(text)), labels=tuple(label or ()),
        min_frames=min_frames, show_list=show_list, rows=rows, float16=float16, as_json=json, quiet=quiet, debug=debug,
    )  # fmt: skip
    return run_selection(options)
