"""The application: what all commands share, and the list of commands. A new command is one module and one line here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from poseact import __version__
from poseact.cli import (
    convert,
    doctor,
    embed,
    evaluate,
    extract_poses,
    merge,
    quality,
    recognize,
    select,
    train,
    weights,
)
from poseact.cli.failures import Interrupted
from poseact.cli.numbers import NumbersCommand

COMMANDS = (
    recognize.recognize, extract_poses.extract_poses, select.select, merge.merge, convert.convert,
    quality.quality, train.train,    evaluate.evaluate, embed.embed, doctor.doctor,
)  # fmt: skip

HELP = """Say what a person in a video is doing, from the motion of the body alone.

Everything runs on this machine and offline.

\b
Examples:
  [bold]poseact recognize clip.mp4[/bold]                        name the action
  [bold]poseact recognize clip.mp4 --overlay out.mp4[/bold]      and draw it
  [bold]poseact recognize clips/ --json > answers.ndjson[/bold]  a folder, for a program
"""

EPILOG = (
    "Exit codes: 0 all fine, 1 internal error, 2 wrong usage, 3 some inputs failed or an output could not be written, "
    "4 all inputs failed, 5 missing or invalid model, 6 a resource limit was hit, 130 interrupted."
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"poseact {__version__}")
        raise typer.Exit


def _shared_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of `poseact` itself; the help text is set where the application is made."""


@contextmanager
def _ctrl_c_told() -> Iterator[None]:
    """Hand on Ctrl-C as something of which typer does not make an exit code without a word."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted from error


class Commands(TyperGroup):
    """All commands; Ctrl-C before one, or in one that says nothing of it itself, is `Interrupted`."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the command line, for which typer loads much at first."""
        with _ctrl_c_told():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        with _ctrl_c_told():
            return super().invoke(ctx)


def build() -> typer.Typer:
    """The application with every command."""
    app = typer.Typer(
        name="poseact", cls=Commands, help=HELP, epilog=EPILOG, no_args_is_help=True, rich_markup_mode="rich",
        add_completion=False, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip
    app.callback(help=HELP, epilog=EPILOG)(_shared_options)
    for command in COMMANDS:
        app.command(cls=NumbersCommand, epilog=EPILOG)(command)
    app.add_typer(weights.build(EPILOG))
    return app
