"""Results on stdout, as tables or JSON lines, and the exit code that they amount to."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from poseact.cli.failures import as_poseact_error, describe, exit_code
from poseact.cli.messages import Messages
from poseact.cli.progress import Bars
from poseact.cli.stdout import Tables, write_line
from poseact.poses.sequence import choose
from poseact.recognize import Recognition
from poseact.report.document import recognition_json
from poseact.report.error_document import error_json
from poseact.report.table import PANEL_WIDTH, Failure, recognition_panel, summary_table


class Results:
    """Prints each outcome as it comes and remembers it.

    Args:
        as_json: one JSON document per line and nothing else.
        top: classes per person in tables. details: the model as well.
        several: end with a summary.
        bars: cleared while printing.
    """

    def __init__(
        self, messages: Messages, bars: Bars, *, as_json: bool, top: int, details: bool, several: bool
    ) -> None:
        self._messages, self._bars = messages, bars
        self._as_json, self._top, self._details, self._several = as_json, top, details, several
        self.outcomes: list[Recognition | Failure] = []
        self.errors: list[BaseException] = []

    def add(self, recognition: Recognition) -> None:
        """Print an answer."""
        self.outcomes.append(replace(recognition, poses=choose(recognition.poses, ())))  # a summary needs no poses
        if self._as_json:
            self._write_line(recognition_json(recognition))
        else:
            self._print(recognition_panel(recognition, top=self._top, details=self._details))

    def fail(self, source: str, error: Exception) -> None:
        """Report a source without an answer; with --debug also where it failed."""
        shown = self._note(source, error)
        self.outcomes.append(Failure(source, describe(shown)))
        if self._as_json:
            self._write_line(error_json(source, shown))

    def fail_output(self, source: str, error: Exception) -> None:
        """Report something that could not be written; the answer itself stands."""
        self._note(source, error)

    def summarise(self) -> None:
        """End of the list, for people."""
        if self._several and not self._as_json and len(self.outcomes) > 1:
            self._print(summary_table(self.outcomes))

    @property
    def exit_code(self) -> int:
        return exit_code(sum(isinstance(outcome, Recognition) for outcome in self.outcomes), self.errors)

    def _note(self, source: str, error: Exception) -> BaseException:
        shown = as_poseact_error(error)
        self.errors.append(shown)
        text = describe(shown)
        with self._bars.paused():
            if self._messages.debug:
                from traceback import format_exception

                self._messages.traceback("".join(format_exception(error)))
            self._messages.error(text if source in text else f"{source}: {text}")
        return shown

    def _print(self, renderable: Any) -> None:
        console = Tables(highlight=False)
        with self._bars.paused():
            console.print(renderable, width=min(console.width, PANEL_WIDTH))
            sys.stdout.flush()

    def _write_line(self, line: str) -> None:
        with self._bars.paused():
            write_line(line)
