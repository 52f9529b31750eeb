"""`poseact embed`: every clip of a file of poses as a vector."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ViewsChoice(StrEnum):
    """What becomes of the views of a clip."""

    mean = "mean"
    all = "all"


def embed(
    poses: Annotated[Path, typer.Argument(metavar="POSES", help="Stored poses; labels are not needed.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Embeddings as .npz, .parquet or .csv.")],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Known model, .safetensors file or training run.", show_default="the embedded one"
        ),
    ] = None,
    views: Annotated[
        ViewsChoice, typer.Option(help="One vector per clip, the mean of its views, or all of them.")
    ] = ViewsChoice.mean,
    clips: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Views sampled from each clip.", show_default="as the model card says"),
    ] = None,
    flip: Annotated[
        bool | None,
        typer.Option(
            "--flip/--no-flip", help="Also look at mirrored views.", show_default="as the model card says"
        ),
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Only the clips of these splits.", show_default="all clips")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="The result only.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> int:  # fmt: skip
    """Turn every clip into a vector: what the last layer of a classifier reads.

    \b
    Examples:
      [bold]poseact embed poses.pkl --out embeddings.npz[/bold]
      [bold]poseact embed poses.pkl --model runs/mine --out embeddings.parquet --split train,test[/bold]
      [bold]poseact embed poses.pkl --out views.csv --views all --no-flip[/bold]

    Names, labels, classes and splits are written beside the vectors. A clip in which nobody is seen has no vector.
    """
    from poseact.cli.embedding import EmbedOptions, run_embedding
    from poseact.texts import listed

    splits = tuple(name for text in split or () for name in listed(text))
    return run_embedding(
        EmbedOptions(poses, out, model, views is ViewsChoice.all, clips, flip, splits, device, quiet, debug)
    )
