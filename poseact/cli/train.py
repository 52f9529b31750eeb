"""`poseact train`: stored poses, or class folders of videos, become a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_DATA, _HOW, _TALK = "Which clips", "How it is trained", "What is said"


def train(
    poses: Annotated[
        Path,
        typer.Argument(metavar="POSES", help="Poses with labels, or class folders of videos."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the run: checkpoints, curves, the model.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Named settings: small (a CPU, up to thousands of clips), ntu60, gym, k400, finetune; rgb-only, "
            "pose-only, rgbpose.",
            show_default="small, or that of --config",
            rich_help_panel=_HOW,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Settings that differ from the recipe's (TOML), or a run's config.json.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Change one setting, any number of times.", rich_help_panel=_HOW
        ),
    ] = None,
    train_split: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="Splits to train on.", show_default="train, or all clips but val and test",
            rich_help_panel=_DATA,
        ),
    ] = "",
    val_split: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="Splits to validate and calibrate on.", show_default="val if there is one",
            rich_help_panel=_DATA,
        ),
    ] = "",
    val_share: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", min=0, max=0.9, rich_help_panel=_DATA,
            show_default="0.2; none with --few-shot, which cross-validates",
            help="Without a validation split, so many of the training clips are held out; 0: train on all.",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", rich_help_panel=_DATA,
            help="Class names, one per line, or a known list such as ntu60, for poses that only number them.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="MODEL", help="Go on from this model; its head is kept where the labels are the same.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    from_rgb: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Where the pictures of --recipe rgbpose start.", rich_help_panel=_HOW),
    ] = None,
    from_pose: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Where the poses of --recipe rgbpose start.", rich_help_panel=_HOW),
    ] = None,
    videos: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", show_default="where the poses come from", rich_help_panel=_DATA,
            help="Videos named like the clips, for recipes that look at pictures.",
        ),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="SCORES", rich_help_panel=_HOW,
            help="Learn from what other models say of the clips too (`poseact evaluate --save-scores`); any number.",
        ),
    ] = None,
    few_shot: Annotated[
        bool,
        typer.Option(
            "--few-shot",
            help="Only fit a new head on the embeddings of --from, or of the embedded model: seconds, few examples.",
            rich_help_panel=_HOW,
        ),
    ] = False,
    name: Annotated[str | None, typer.Option(help="Of the model.", show_default="the folder's name")] = None,
    licence: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help="Of the model, for its card.", show_default="that of --from, else none is stated"
        ),
    ] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=_HOW)] = "auto",
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", help="Also write curves for TensorBoard (pip install 'poseact\\[tensorboard]').",
                     rich_help_panel=_TALK),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="The result only.", rich_help_panel=_TALK)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.", rich_help_panel=_TALK)] = False,
) -> int:  # fmt: skip
    """Train a PoseConv3D, or an RGBPose-Conv3D.

    \b
    Examples:
      [bold]poseact train poses.pkl --out runs/mine[/bold]
      [bold]poseact train clips/ --out runs/mine[/bold]             class folders of videos
      [bold]poseact train poses.pkl --out runs/mine --set epochs=100 --set augmentation.mixup=0.2[/bold]
      [bold]poseact train poses.pkl --out runs/fine --from runs/mine --set frozen=2 --set layer_decay=0.7[/bold]
      [bold]poseact train poses.pkl --out runs/few --few-shot[/bold]     five examples per class are enough
      [bold]torchrun --nproc-per-node 8 -m poseact train ntu60_hrnet.pkl --out runs/ntu --recipe ntu60[/bold]
      [bold]poseact train poses.pkl --out runs/rgb --recipe rgb-only --videos clips/[/bold]
      [bold]poseact train poses.pkl --out runs/pose --recipe pose-only[/bold]
      [bold]poseact train poses.pkl --out runs/both --recipe rgbpose --videos clips/ --from-rgb runs/rgb \\
          --from-pose runs/pose[/bold]
      [bold]poseact recognize clip.mp4 --model runs/mine[/bold]

    Killed or interrupted, the same command goes on after the last finished epoch, as if nothing had happened.
    """
    from poseact.cli.training import TrainOptions, run_training
    from poseact.files import expanded

    out = expanded(out)
    out = out if out.name not in ("", "..") else out.resolve()
    options = TrainOptions(
        poses=poses, out=out, recipe=recipe, config=config and expanded(config), changes=tuple(change or ()),
        train_split=train_split, val_split=val_split, val_share=val_share, labels=labels, start=start,
        from_rgb=from_rgb, from_pose=from_pose, videos=videos, teacher=tuple(teacher or ()), few_shot=few_shot,
        name=name or out.name, licence=licence, device=device, tensorboard=tensorboard, quiet=quiet, debug=debug,
    )  # fmt: skip
    return run_training(options)
