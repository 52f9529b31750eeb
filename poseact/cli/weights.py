"""`poseact weights`: list, fetch, check, import and carry models. What is done lies in `poseact.zoo`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poseact.cli.failures import INTERRUPTED
from poseact.cli.messages import Messages
from poseact.cli.stdout import print_table, write_line
from poseact.errors import ModelError, PoseactError, UsageError
from poseact.files import expanded

if TYPE_CHECKING:
    from poseact.zoo.inventory import Model

HELP = """Models: which there are, and which are here.

\b
Examples:
  [bold]poseact weights list --task classify[/bold]
  [bold]poseact weights fetch hrnet-w32[/bold]                 download, verify, import
  [bold]poseact weights import my_posec3d.pth[/bold]           a checkpoint of PYSKL, MMAction2, MMPose or HRNet
  [bold]poseact recognize clip.mp4 --pose hrnet-w32[/bold]     fetches what is missing by itself

POSEACT_HOME is the folder of fetched models, POSEACT_OFFLINE=1 forbids the network, and POSEACT_MIRROR=https://HOST/PATH
(several with commas) is asked before the publishers, with the path of their addresses appended.
"""


class OrderChoice(StrEnum):
    """In which order limbs are drawn."""

    published = "published"
    transform = "transform"


class KindChoice(StrEnum):
    """What the channels of a classifier show."""

    joint = "joint"
    limb = "limb"


class TaskChoice(StrEnum):
    """What models are for."""

    detect = "detect"
    pose = "pose"
    classify = "classify"


Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Results and errors only.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `poseact weights list` says.")]


def list_models(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD]...", help="Only models with these in their names.")
    ] = None,
    task: Annotated[TaskChoice | None, typer.Option(metavar="TASK", help="detect, pose or classify.")] = None,
    here: Annotated[bool, typer.Option("--here", help="Only models that need no network.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> int:
    """List the models that poseact knows or has imported, and where they are: embedded, here, or remote.

    \b
    Examples:
      [bold]poseact weights list[/bold]
      [bold]poseact weights list hrnet udp[/bold]
      [bold]poseact weights list --here --json[/bold]
    """
    del debug
    from poseact.report.zoo import model_document, model_table, models_json
    from poseact.zoo.inventory import models

    found = [
        one
        for one in models()
        if (not here or one.where != "remote")
        and (task is None or model_document(one)["task"] == task.value)
        and all(any(word.lower() in name for name in _names(one)) for word in words or [])
    ]
    if json:
        write_line(models_json(found))
    else:
        print_table(model_table(found))
    return 0


def show(
    name: Name,
    json: Json = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The model card for people; of a model that is here.")
    ] = False,
    debug: Debug = False,
) -> int:
    """Show everything about one model: origin, licence, terms of its training data, accuracy, labels.

    \b
    Examples:
      [bold]poseact weights show hrnet-w32[/bold]
      [bold]poseact weights show posec3d-jhmdb21 --markdown > card.md[/bold]
    """
    del debug
    from poseact.report.model_card import markdown as card_text
    from poseact.report.zoo import details_table, models_json
    from poseact.zoo.inventory import model, ready, unknown

    found = ready(name) if markdown else model(name)
    if found is None:
        raise unknown(name)
    if json and markdown:
        raise UsageError("--json and --markdown do not go together")
    if markdown:
        write_line(card_text(found.card(), found.name).rstrip())
    elif json:
        write_line(models_json([found]))
    else:
        print_table(details_table(found))
    return 0


def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="As `poseact weights list` says.")],
    again: Annotated[bool, typer.Option("--again", help="Also what is here already.")] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Download models, verify and import them; prints their paths. Interrupted, the same command goes on.

    \b
    Examples:
      [bold]poseact weights fetch posec3d-ntu60-xsub-joint posec3d-ntu60-xsub-limb[/bold]
      [bold]POSEACT_MIRROR=https://mirror.example/models poseact weights fetch hrnet-w32[/bold]
    """
    from poseact.cli.progress import Bars
    from poseact.zoo.fetch import fetch as fetch_model

    messages = Messages(verbosity=-1 if quiet else 0, debug=debug)
    with Bars(len(names), wanted=not quiet, sizes=True) as bars:

        def take(name: str) -> None:
            with bars.step(name) as advance:
                path = fetch_model(name, advance, notify=messages.warning, again=again)
            with bars.paused():
                write_line(str(path))
            bars.advance()

        try:
            return _each(names, take, messages)
        except KeyboardInterrupt:
            messages.error("interrupted; the same command goes on where it was")
            return INTERRUPTED


def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Models.", show_default="all that are here")
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> int:
    """Hash models that are here again and compare: with the manifest, or with what their import wrote down.

    \b
    Examples:
      [bold]poseact weights verify[/bold]
      [bold]poseact weights verify hrnet-w32 --json[/bold]
    """
    from poseact.report.zoo import verdict_table, verdicts_json
    from poseact.zoo import inventory

    messages = Messages(debug=debug)
    if names:
        found = [inventory.ready(name) for name in names]
    else:
        found = [one for one in inventory.models() if one.where != "remote"]
    verdicts = [inventory.verify(one) for one in found]
    if json:
        write_line(verdicts_json(verdicts))
    else:
        print_table(verdict_table(verdicts))
    for verdict in verdicts:
        if verdict.problem:
            messages.error(verdict.problem)
    return ModelError.exit_code if any(verdict.state == "damaged" for verdict in verdicts) else 0


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .pth or .safetensors checkpoint.")],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What to call it.", show_default="as published, or the file's name"),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|LIST",
            help="Class names: a file with one per line, or a known list such as ntu60.",
            show_default="of the published model, or numbers",
        ),
    ] = None,
    architecture: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where shapes cannot tell, such as slowonly-pose-only, whose strides are in no file.",
            show_default="as shapes tell",
        ),
    ] = None,
    kind: Annotated[
        KindChoice | None,
        typer.Option(metavar="KIND", help="What a classifier reads: joint or limb.", show_default="joint"),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Whose keypoints a classifier reads.", show_default="coco17"),
    ] = None,
    limb_order: Annotated[
        OrderChoice | None,
        typer.Option(
            metavar="ORDER",
            show_default="published",
            help="Of the limbs of coco17: published, or transform for configurations that name no skeletons.",
        ),
    ] = None,
    licence: Annotated[str | None, typer.Option(metavar="TEXT", help="Licence of the weights, for its card.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a model of the same name.")] = False,
    debug: Debug = False,
) -> int:
    """Turn a checkpoint of PYSKL, MMAction2, MMPose or HRNet into a model of poseact; prints its path.

    Nothing in the file is run: one that needs more than tensors and plain values is refused. A published file is known
    by its hash; of others, say what shapes cannot tell.

    \b
    Examples:
      [bold]poseact weights import slowonly_r50_ntu60_xsub/joint.pth --name my-ntu60 --labels ntu60[/bold]
      [bold]poseact weights import my_limbs.pth --kind limb --labels names.txt --licence MIT[/bold]
      [bold]poseact recognize clip.mp4 --model my-ntu60[/bold]
    """
    del debug
    from poseact.zoo.importing import import_checkpoint
    from poseact.zoo.inventory import check_free, models_folder
    from poseact.zoo.label_lists import class_names

    if name:
        check_free(name, replace=replace)
    written = import_checkpoint(
        expanded(file), models_folder(), name=name, labels=class_names(labels) if labels else None, licence=licence,
        architecture=architecture, kind=kind.value if kind else None, layout=layout,
        limb_order=limb_order.value if limb_order else None, replace=replace,
    )  # fmt: skip
    write_line(str(written))
    return 0


def path(name: Name, json: Json = False, debug: Debug = False) -> int:
    """Print where the weight file of a model lies, its card `NAME.json` beside it; never uses the network.

    \b
    Example:
      [bold]ls -l "$(poseact weights path movenet-thunder)"[/bold]
    """
    del debug
    from poseact.report.zoo import models_json
    from poseact.zoo.inventory import ready

    found = ready(name)
    write_line(models_json([found]) if json else str(found.path))
    return 0


def bundle(
    target: Annotated[Path, typer.Argument(metavar="OUT.tar", help="File to write, whole or not at all.")],
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Models that are here.")],
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Pack models that are here into one file, for a machine without a network.

    \b
    Example:
      [bold]poseact weights bundle models.tar hrnet-w32 posec3d-ntu60-xsub-joint[/bold]
    """
    del debug
    from poseact.cli.progress import Bars
    from poseact.report.zoo import size_text
    from poseact.zoo.bundle import pack

    with Bars(1, wanted=not quiet) as bars, bars.step(target.name) as advance:
        packed = pack(expanded(target), names, advance)
    size = size_text(expanded(target).stat().st_size)
    write_line(f"{target}: {', '.join(found.name for found in packed)} ({size})")
    return 0


def unbundle(
    source: Annotated[Path, typer.Argument(metavar="FILE.tar", help="What `poseact weights bundle` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite other models of the same names.")] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Unpack models of another machine into the cache, every file verified; prints their paths.

    \b
    Example:
      [bold]poseact weights unbundle models.tar[/bold]
    """
    del debug
    from poseact.cli.progress import Bars
    from poseact.zoo.bundle import unpack

    with Bars(1, wanted=not quiet) as bars, bars.step(source.name) as advance:
        found = unpack(expanded(source), replace=replace, progress=advance)
    for one in found:
        write_line(str(one.path))
    return 0


COMMANDS: dict[str, Callable[..., int]] = {
    "list": list_models, "show": show, "fetch": fetch, "verify": verify, "import": import_file, "path": path,
    "bundle": bundle, "unbundle": unbundle,
}  # fmt: skip


def build(epilog: str) -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(name="weights", help=HELP, epilog=epilog, no_args_is_help=True, rich_markup_mode="rich")
    for name, command in COMMANDS.items():
        group.command(name, epilog=epilog)(command)
    return group


def _each(names: Sequence[str], take: Callable[[str], None], messages: Messages) -> int:
    """Do the same with each name; one that fails is reported and does not stop the others."""
    codes = []
    for name in dict.fromkeys(names):
        try:
            take(name)
        except PoseactError as error:
            if messages.debug:
                from traceback import format_exception

                messages.traceback("".join(format_exception(error)))
            messages.error(str(error))
            codes.append(error.exit_code)
    return ModelError.exit_code if ModelError.exit_code in codes else max(codes, default=0)


def _names(found: Model) -> list[str]:
    return [found.name.lower(), *(found.record.aliases if found.record else ())]
