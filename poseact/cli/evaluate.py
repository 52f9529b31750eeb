"""`poseact evaluate`: how good models and stored scores are on poses whose labels are known."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

_DATA, _HOW, _OUT, _TALK = "Which clips", "What is measured", "What is written", "What is said"


class FormChoice(StrEnum):
    """Forms of score files."""

    mmaction2 = "mmaction2"
    pyskl = "pyskl"


def evaluate(
    poses: Annotated[
        Path | None,
        typer.Argument(metavar="POSES", help="Poses with labels; not needed when --scores tell theirs."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL", show_default="the embedded one", rich_help_panel=_HOW,
            help="Known model, .safetensors file or training run; several times: also their average.",
        ),
    ] = None,
    scores: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.pkl", rich_help_panel=_HOW,
            help="Stored scores of the same clips that join the average; any number of times.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="W...", help="Of each --model, then of each --scores, in the average.", show_default="equal",
            rich_help_panel=_HOW,
        ),
    ] = None,
    clips: Annotated[
        int | None,
        typer.Option(
            min=1, max=100, show_default="10, or as the model card says", rich_help_panel=_HOW,
            help="Views sampled from each clip; 1 is fastest.",
        ),
    ] = None,
    flip: Annotated[
        bool | None,
        typer.Option(
            "--flip/--no-flip", help="Also look at mirrored views.", show_default="as the model card says",
            rich_help_panel=_HOW,
        ),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A,B", help="Splits to evaluate on.", show_default="test or val; all clips where there are none",
            rich_help_panel=_DATA,
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", rich_help_panel=_DATA,
            help="Class names, one per line, or a known list such as ntu60, for what only numbers them.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=_HOW)] = "auto",
    videos: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", show_default="where the poses come from", rich_help_panel=_DATA,
            help="The videos of the clips, for models that look at pictures.",
        ),
    ] = None,
    stream_weights: Annotated[
        str | None,
        typer.Option(
            metavar="W...", help="Of pictures and poses in RGBPose-Conv3D.", show_default="1 1",
            rich_help_panel=_HOW,
        ),
    ] = None,
    save_scores: Annotated[
        Path | None,
        typer.Option(metavar="FILE.pkl", help="The averaged scores of every clip, for fusion.", rich_help_panel=_OUT),
    ] = None,
    scores_format: Annotated[
        FormChoice,
        typer.Option(help="Whose tools read --save-scores: mmaction2 (1.x), or pyskl (and MMAction2 0.x).",
                     rich_help_panel=_OUT),
    ] = FormChoice.mmaction2,
    confusion: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="The confusion matrix as a picture.", rich_help_panel=_OUT)
    ] = None,
    reliability: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="How often answers are right, by how sure they are.",
                     rich_help_panel=_OUT),
    ] = None,
    save_answers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="Best guess, probability and energy of every clip.", rich_help_panel=_OUT
        ),
    ] = None,
    unknown: Annotated[
        Path | None,
        typer.Option(
            metavar="POSES", help="Clips of classes that the model does not know: are they told from the others?",
            rich_help_panel=_DATA,
        ),
    ] = None,
    unknown_classes: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="The same with classes of POSES that the model was not trained on.",
            rich_help_panel=_DATA,
        ),
    ] = "",
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate", rich_help_panel=_HOW,
            help="Fit temperature and thresholds of \"unknown\" to these clips, and write them into the run's card.",
        ),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of tables.", rich_help_panel=_OUT)
    ] = False,
    classes: Annotated[
        str, typer.Option(metavar="K", help="Classes in the table, worst first: a number, or all.",
                          rich_help_panel=_TALK)
    ] = "20",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="The result only.", rich_help_panel=_TALK)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.", rich_help_panel=_TALK)] = False,
) -> int:  # fmt: skip
    """Measure models on poses whose labels are known: top-1, top-5, mean class accuracy, and which classes they mix up.

    \b
    Examples:
      [bold]poseact evaluate poses.pkl --model runs/mine --split test[/bold]
      [bold]poseact evaluate poses.pkl --model runs/mine --clips 1 --no-flip[/bold]          quick
      [bold]poseact evaluate ntu60_hrnet.pkl --model joint --model limb --split xsub_val[/bold]
      [bold]poseact evaluate poses.pkl --model runs/mine --save-scores mine.pkl --confusion confusion.png[/bold]
      [bold]poseact evaluate poses.pkl --model rgbpose-ntu60-xsub --videos ntu60/[/bold]
      [bold]poseact evaluate poses.pkl --model runs/mine --unknown others.pkl[/bold]         open set
      [bold]poseact evaluate poses.pkl --model runs/mine --split val --calibrate[/bold]      changes the run's card
      [bold]poseact evaluate --scores joint.pkl --scores bone.pkl --weights 2 1 --labels ntu120[/bold]

    Each clip is seen as in the papers: clips sampled uniformly, and their mirror images, by softmax and mean. Clips in
    which nobody is seen count as wrong.
    """
    from poseact.cli.evaluation import EvaluateOptions, run_evaluation

    options = EvaluateOptions(
        poses=poses, models=tuple(model or ()), scores=tuple(scores or ()), weights=weights, clips=clips, flip=flip,
        splits=tuple(split or ()), labels=labels, device=device, videos=videos, stream_weights=stream_weights,
        save_scores=save_scores, form=scores_format.value,
        confusion=confusion, reliability=reliability, save_answers=save_answers, unknown=unknown,
        unknown_classes=unknown_classes, calibrate=calibrate, as_json=json, classes=classes, quiet=quiet, debug=debug,
    )  # fmt: skip
    return run_evaluation(options)
