"""`poseact train`: stored poses become a classifier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from poseact.errors import UsageError


def train(
    poses: Annotated[
        Path, typer.Argument(metavar="POSES.pkl", help="Poses with labels, as extract-poses writes them.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the run: checkpoints, metrics, the model.")],
    recipe: Annotated[
        str, typer.Option(help="Named settings: small (CPU, up to thousands of clips) or ntu60.")
    ] = "small",
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change one setting, any number of times.")
    ] = None,
    train_split: Annotated[str, typer.Option(metavar="A,B", help="Splits to train on.", show_default="all clips")] = "",
    val_split: Annotated[
        str, typer.Option(metavar="A,B", help="Splits to validate and calibrate on.", show_default="none")
    ] = "",
    start: Annotated[
        str | None, typer.Option("--from", metavar="MODEL", help="Go on from this model, of the same kind and labels.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the model.", show_default="the folder's name")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="The result only.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,  # noqa: ARG001 - read by `entry`
) -> int:
    """Train a PoseConv3D on stored poses.

    \b
    Examples:
      [bold]poseact train poses.pkl --out runs/mine --val-split val[/bold]
      [bold]poseact train poses.pkl --out runs/mine --set epochs=100 --set augmentation.mixup=0.2[/bold]
      [bold]poseact recognize clip.mp4 --model runs/mine[/bold]

    Killed or interrupted, the same command goes on after the last finished epoch, as if nothing had happened.
    """
    from poseact.poses import read_pyskl
    from poseact.recognize.settings import resolve_device
    from poseact.report.confusion import write_confusion
    from poseact.train import Epoch
    from poseact.train import recipe as named_recipe
    from poseact.train import train as train_model

    settings = named_recipe(recipe, dict(map(_change, change or [])))

    def show(epoch: Epoch) -> None:
        looked = f"   validation top-1 {epoch.validation.top1:.1%}" if epoch.validation else ""
        typer.echo(
            f"epoch {epoch.number}/{settings.epochs}   loss {epoch.loss:.3f}   top-1 {epoch.accuracy:.1%}{looked}   "
            f"{epoch.clips_per_second:.1f} clips/s   {epoch.seconds_left / 60:.0f} min left",
            err=True,
        )

    run = train_model(
        read_pyskl(poses), settings, out, name=name or out.name, device=resolve_device(device),
        train_splits=_names(train_split), validation_splits=_names(val_split), start=start,
        on_epoch=None if quiet else show,
    )  # fmt: skip
    if run.validation is not None:
        picture = out / "confusion.png"
        write_confusion(run.validation.confusion, run.card.labels, picture, f"{run.card.name}, validation")
        typer.echo(
            f"validation: top-1 {run.validation.top1:.1%}, top-5 {run.validation.top5:.1%}, "
            f"mean class {run.validation.mean_class:.1%}; confusion matrix in {picture}"
        )
    typer.echo(f"model: {run.weights}; use it with `poseact recognize VIDEO --model {out}`")
    return 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _change(text: str) -> tuple[str, object]:
    """`NAME=VALUE`, the value as JSON or else as text. Raises: UsageError without an equals sign."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: write NAME=VALUE, such as --set epochs=100")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
