"""`poseact recognize`: its options and help. The loop over sources is in `loop`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from poseact.cli.messages import Messages
from poseact.cli.numbers import numbers
from poseact.errors import UsageError
from poseact.texts import listed


class SpeedChoice(StrEnum):
    """Levels of effort."""

    fast = "fast"
    balanced = "balanced"
    accurate = "accurate"


class DecoderChoice(StrEnum):
    """Video decoders."""

    auto = "auto"
    pyav = "pyav"
    opencv = "opencv"
    decord = "decord"


_WHAT, _OUT, _TALK = "What is recognised", "What is written", "What is said"


def recognize(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE...", help="Videos, folders of videos, or stored poses."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="Embedded model, .safetensors file or training run; given several times, their answers are averaged.",
            show_default="the embedded one",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="W...",
            help="Of each --model in the average: --weights 2 1.",
            show_default="equal",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    stream_weights: Annotated[
        str | None,
        typer.Option(
            metavar="RGB POSE...",
            help="Of pictures and poses in the answer of a model that looks at both.",
            show_default="1 1",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    person: Annotated[
        str,
        typer.Option(
            metavar="WHO",
            help="Whose action: auto, largest, central, longest, moving, all, or a track id.",
            rich_help_panel=_WHAT,
        ),
    ] = "auto",
    together: Annotated[
        bool,
        typer.Option(
            "--together",
            help="Look at the people as one, as many as the model was trained with: what they do with each other.",
            rich_help_panel=_WHAT,
        ),
    ] = False,
    speed: Annotated[
        SpeedChoice, typer.Option(metavar="LEVEL", help="Effort: fast, balanced or accurate.", rich_help_panel=_WHAT)
    ] = SpeedChoice.balanced,
    detector: Annotated[
        str, typer.Option(metavar="NAME", help="Person detector: auto, nanodet, or a YOLO file.", rich_help_panel=_WHAT)
    ] = "auto",
    detector_classes: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Classes of the YOLO checkpoint that are people: Normal,Fall.", rich_help_panel=_WHAT
        ),
    ] = None,
    pose: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Pose estimator: thunder, lightning, hrnet-w32, yolo11n-pose, ... (poseact weights list), or a file.",
            show_default="as the speed says",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=_WHAT)
    ] = "auto",
    decoder: Annotated[
        DecoderChoice,
        typer.Option(metavar="NAME", help="Video decoder: auto, pyav, opencv or decord.", rich_help_panel=_WHAT),
    ] = DecoderChoice.auto,
    all_frames: Annotated[
        bool, typer.Option("--all-frames", help="Look at every frame, not at a selection.", rich_help_panel=_WHAT)
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON document per line instead of tables.", rich_help_panel=_OUT)
    ] = False,
    overlay: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Annotated video: a .mp4 file, or a folder; long videos are looked at without breaks.",
            rich_help_panel=_OUT,
        ),
    ] = None,
    save_poses: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Poses of everybody: .pkl, .parquet or a folder.", rich_help_panel=_OUT),
    ] = None,
    save_heatmaps: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="What the network sees: a .png file, or a folder.", rich_help_panel=_OUT),
    ] = None,
    top: Annotated[
        int, typer.Option(metavar="K", min=1, max=1000, help="Classes per person in the table.", rich_help_panel=_TALK)
    ] = 5,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Results and errors only.", rich_help_panel=_TALK)
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also name the model, and show warnings.", rich_help_panel=_TALK)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.", rich_help_panel=_TALK)] = False,
) -> int:
    """Name the action in each video, offline.

    \b
    Examples:
      [bold]poseact recognize clip.mp4[/bold]
      [bold]poseact recognize clip.mp4 --overlay out.mp4[/bold]
      [bold]poseact recognize clips/ --json --person all[/bold]
      [bold]poseact recognize clip.mp4 --save-poses poses.pkl[/bold]
      [bold]poseact recognize poses.pkl[/bold]
      [bold]poseact recognize clip.mp4 --model joint.safetensors --model runs/limb[/bold]
      [bold]poseact recognize clip.mp4 --pose hrnet-w32 --speed accurate[/bold]

    A video without a person, or with an action that the model does not know, is an answer ("no person", "unknown").
    """
    from poseact.cli.outputs import Outputs
    from poseact.cli.sources import expand, refuse_all

    messages = Messages(verbosity=verbose - quiet, debug=debug)
    found = expand(sources or [], messages)
    model_weights, streams = numbers(weights, "--weights"), numbers(stream_weights, "--stream-weights")
    outputs = Outputs.plan(found, overlay=overlay, poses=save_poses, heatmaps=save_heatmaps)

    if all(source.error for source in found):
        return refuse_all(found, messages, as_json=json)

    from poseact.cli.loop import recognize_all
    from poseact.recognize import DEFAULT_MODEL, Settings

    settings = Settings(
        models=tuple(model or (DEFAULT_MODEL,)), weights=model_weights, stream_weights=streams,
        person=known_person(person), together=together, speed=speed.value, detector=detector,
        detector_classes=None if detector_classes is None else tuple(listed(detector_classes)), pose=pose,
        device=device, decoder=decoder.value, every_frame=all_frames, without_breaks=overlay is not None,
    )  # fmt: skip
    return recognize_all(found, settings, outputs, messages, as_json=json, top=top)


def known_person(rule: str) -> str:
    """The rule itself. Raises: UsageError for one that no video can have."""
    from poseact.track.person import RULES

    if rule not in RULES and not rule.isdecimal():
        raise UsageError(f"unknown person {rule!r}; use {', '.join(RULES)}, or a track id")
    return rule
