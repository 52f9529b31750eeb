"""`poseact convert`: poses of any tool become poses of any other, joints and classes included."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_FILES, _TOLD, _CLASSES, _SAID = "What is read and written", "What the file does not tell", "Classes", "What is said"
_READ = "pyskl, parquet, npz, coco, openpose, mmpose, ultralytics, alphapose, mediapipe, deeplabcut"


def convert(
    poses: Annotated[Path, typer.Argument(metavar="POSES", help="A file or folder of poses in any format below.")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="POSES", rich_help_panel=_FILES,
            help="Where they go: .pkl (PYSKL, MMAction2), .parquet, .json (COCO), or a folder (of .npz; see --to).",
        ),
    ],
    from_format: Annotated[
        str | None,
        typer.Option("--from", metavar="FORMAT", help=f"{_READ}.", show_default="by suffix and content",
                     rich_help_panel=_FILES),
    ] = None,
    to_format: Annotated[
        str | None,
        typer.Option("--to", metavar="FORMAT",
                     help="pyskl, parquet, npz, coco, openpose (a folder of frames), or mmpose, ultralytics, "
                     "alphapose, mediapipe or deeplabcut (a file for each clip).",
                     show_default="by the suffix of --out", rich_help_panel=_FILES),
    ] = None,
    to_layout: Annotated[
        str | None,
        typer.Option(metavar="NAME|TOML", help="Joints of this layout, by name; those that are not there get score 0.",
                     show_default="as they are", rich_help_panel=_FILES),
    ] = None,
    track: Annotated[
        bool, typer.Option("--track", help="Follow people over time, where the file has no track ids or bad ones.",
                           rich_help_panel=_FILES)
    ] = False,
    float16: Annotated[
        bool, typer.Option("--float16", help="Half the size; whole pixels from x = 1024 on.", rich_help_panel=_FILES)
    ] = False,
    layout: Annotated[
        str | None,
        typer.Option(metavar="NAME|TOML", help="What the joints are, in the order of the file.",
                     show_default="as the file says, or by their number", rich_help_panel=_TOLD),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Of the video, in pixels, as in 1920x1080.",
                     show_default="as the file says, or what is seen", rich_help_panel=_TOLD),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(metavar="N", help="Frames/s of the video.", show_default="as the file says, or 30",
                     rich_help_panel=_TOLD),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Every clip is of this class.", show_default="as the file says",
                     rich_help_panel=_CLASSES),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="TXT", rich_help_panel=_CLASSES,
            help="Names of the classes 0, 1, ..., one per line, or a known list such as ntu60.",
        ),
    ] = None,
    label_folders: Annotated[
        bool, typer.Option("--label-folders", help="The first folder of every clip is its class.",
                           rich_help_panel=_CLASSES)
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Say it as a JSON document.", rich_help_panel=_SAID)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.", rich_help_panel=_SAID)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.", rich_help_panel=_SAID)] = False,
) -> int:  # fmt: skip
    """Convert poses between tools. No joint is invented: what a layout lacks has score 0.

    \b
    Examples:
      [bold]poseact convert poses.pkl --out poses.parquet[/bold]
      [bold]poseact convert openpose_out/ --out poses.pkl --to-layout coco17 --track --fps 25[/bold]
      [bold]poseact convert alphapose/ --label-folders --out poses.pkl[/bold]       alphapose/CLASS/CLIP.json
      [bold]poseact convert mouseDLC.csv --out mouse.pkl --to-layout mouse.toml --label rearing[/bold]
      [bold]poseact convert poses.pkl --out poses.json[/bold]                       COCO keypoints with track ids
      [bold]poseact convert poses.pkl --out frames --to openpose --to-layout body25[/bold]
      [bold]poseact convert poses.pkl --out tables --to deeplabcut[/bold]             a CSV per clip

    Folders hold a clip per file, or a folder per clip where the files are frames (OpenPose).
    """
    from poseact.cli.conversion import ConvertOptions, run_conversion

    return run_conversion(
        ConvertOptions(
            poses=poses, out=out, from_format=from_format, to_format=to_format, to_layout=to_layout, track=track,
            float16=float16, layout=layout, image_size=image_size, fps=fps, label=label, labels=labels,
            label_folders=label_folders, as_json=json, quiet=quiet, debug=debug,
        )
    )  # fmt: skip
