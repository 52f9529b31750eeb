"""From arguments to an exit code: runs the application and turns every exception into one line. Prints no results."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from poseact.cli.failures import (
    BROKEN_PIPE,
    INTERNAL,
    INTERRUPTED,
    TERMINATED,
    USAGE,
    Interrupted,
    as_poseact_error,
    describe,
)
from poseact.cli.messages import Messages, library_heard
from poseact.errors import PoseactError
from poseact.processes import keep_memory

PATIENCE = 5.0
"""Seconds that the other processes of `torchrun` give the first one to tell an error."""


def main() -> NoReturn:
    """The console command: run with the arguments of the process and exit."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    keep_memory()
    with contextlib.suppress(ValueError, AttributeError):
        signal.signal(signal.SIGTERM, _terminate)
    code = run(sys.argv[1:])
    # Ctrl-C in a text that is executed, as many an import does, stays marked as nobody's affair until the next such
    # text, and `python -m` would die of the signal at last, whatever the exit code.
    exec("")
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; a traceback is shown only with --debug."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    quiet = "-q" in options or "--quiet" in options
    messages = Messages(debug="--debug" in options)
    try:
        from poseact.cli.app import build

        with library_heard(Messages(verbosity=-1 if quiet else 0)):
            code = build()(list(arguments), prog_name="poseact", standalone_mode=False)
        sys.stdout.flush()
    except Terminated:
        raise
    except (BrokenPipeError, SystemExit):  # typer turns the former into the latter, and nothing else
        _abandon_stdout()
        return BROKEN_PIPE
    except (KeyboardInterrupt, Interrupted):
        messages.error("interrupted")
        return INTERRUPTED
    except Exception as error:
        return _explain(error, arguments, messages)
    return code if isinstance(code, int) else 0


def _explain(error: Exception, arguments: Sequence[str], messages: Messages) -> int:
    error_kind: Any = error
    if type(error).__name__ == "Abort":
        messages.error("interrupted")
        return INTERRUPTED
    _let_the_first_process_speak()
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # the command line could not be parsed
        return _explain_usage(error_kind, arguments, messages)
    if messages.debug:
        messages.traceback(traceback.format_exc())
    shown = as_poseact_error(error)
    messages.error(describe(shown))
    return shown.exit_code if isinstance(shown, PoseactError) else INTERNAL


def _let_the_first_process_speak() -> None:
    """An error that all processes of `torchrun` meet is told once: it ends the others when the first has told it."""
    if os.environ.get("TORCHELASTIC_RUN_ID") and os.environ.get("RANK", "0") != "0":
        time.sleep(PATIENCE)


def _explain_usage(error: Any, arguments: Sequence[str], messages: Messages) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return USAGE
    text = error.format_message().rstrip(".")
    dashed = next((one for one in arguments if one.startswith("-") and len(one) > 1 and Path(one).exists()), None)
    command = getattr(getattr(error, "ctx", None), "command_path", "poseact")
    advice = f"write ./{dashed} for the file of this name" if dashed else f"see `{command} --help`"
    messages.error(f"{text}; {advice}")
    return int(error.exit_code)


class Terminated(SystemExit):
    """SIGTERM as an exception, so that unfinished files are removed on the way out."""


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise Terminated(TERMINATED)


def _abandon_stdout() -> None:
    """Nobody reads any more: let the final flush of the interpreter go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
