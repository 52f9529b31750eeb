"""What a user hears of an extraction: what is said of each video, as it comes and at the end, and the exit code."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any

from poseact import __version__
from poseact.cli.failures import ALL_FAILED, INTERRUPTED, SOME_FAILED
from poseact.cli.messages import Messages
from poseact.cli.progress import Bars
from poseact.cli.stdout import write_line
from poseact.errors import LimitExceeded, OutputError
from poseact.extract.clips import Clip
from poseact.extract.folder import Outcome
from poseact.extract.quality import GOOD, verdict
from poseact.extract.record import Record, errors_path, quality_path
from poseact.extract.result import TIMEOUT, TOO_MUCH_MEMORY, Done, Failed
from poseact.report.plain import json_line, one_line
from poseact.report.quality import summary

SCHEMA = "poseact/extraction/1"
LIMITS = {LimitExceeded.__name__, TIMEOUT, TOO_MUCH_MEMORY}
SHOWN = 20
"""Failures that are listed again at the end; all of them are in a file."""


class Progress:
    """Bars of an extraction: all videos, with failures and frames/s, and those that are at work.

    Args:
        total: videos. wanted: False keeps silent.
    """

    def __init__(self, total: int, *, wanted: bool) -> None:
        self._bars = Bars(total, wanted=wanted, left=True)
        self._bars.caption("videos")
        self._steps: dict[str, tuple[ExitStack, Callable[[int, int | None], None]]] = {}
        self._frames = self._failed = 0
        self._started = time.monotonic()

    def __enter__(self) -> Progress:
        self._bars.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for block, _ in self._steps.values():
            block.close()
        self._bars.__exit__(kind, error, trace)

    def watch(self, clip: Clip, done: int, planned: int | None) -> None:
        """A video proceeds."""
        if clip.name not in self._steps:
            block = ExitStack()
            self._steps[clip.name] = block, block.enter_context(self._bars.step(clip.path.name))
        self._steps[clip.name][1](done, planned)

    def add(self, outcome: Outcome) -> None:
        """A video is finished, or failed."""
        block = self._steps.pop(outcome.clip.name, None)
        if block is not None:
            block[0].close()
        self._failed += isinstance(outcome.result, Failed)
        if isinstance(outcome.result, Done):
            self._frames += outcome.result.frames
        speed = self._frames / max(time.monotonic() - self._started, 1e-3)
        self._bars.caption(f"videos, {self._failed} failed, {speed:.1f} frames/s")
        self._bars.advance()

    def paused(self) -> Any:
        """See `Bars.paused`."""
        return self._bars.paused()


def tell_all(outcomes: Generator[Outcome], report: Report) -> None:
    """Take every outcome as it comes, until the end or Ctrl-C. Raises: OutputError, with how to go on."""
    with closing(outcomes):
        try:
            for outcome in outcomes:
                report.add(outcome)
        except KeyboardInterrupt:
            report.interrupted = True
        except OutputError as error:
            kept = "; what is finished is kept, and the same command goes on" if report.done else ""
            raise OutputError(f"{error}{kept}") from error


class Report:
    """What is said on stdout and stderr, and remembered for the end.

    Args:
        out: the target. total: videos that were asked for. as_json: one document per line, and nothing else, on stdout.
    """

    def __init__(self, out: Path, total: int, messages: Messages, progress: Progress, *, as_json: bool) -> None:
        self._out, self._total, self._messages, self._progress = out, total, messages, progress
        self._as_json = as_json
        self._failed: dict[Clip, Failed] = {}
        self.interrupted = False
        self.done = self._earlier = self._failed_earlier = self._frames = 0

    def add(self, outcome: Outcome) -> None:
        """Tell of one video."""
        self._progress.add(outcome)
        result = outcome.result
        if isinstance(result, Failed):
            self._failed[outcome.clip] = result
            self._failed_earlier += outcome.earlier
            if not outcome.earlier:
                with self._progress.paused():
                    if self._messages.debug and result.trace:
                        self._messages.traceback(result.trace)
                    self._messages.error(_told(outcome.clip, result))
        else:
            self.done += 1
            self._earlier += outcome.earlier
            self._frames += result.frames if result is not None else 0
        if self._as_json:
            with self._progress.paused():
                write_line(_line(outcome))

    def finish(self) -> int:
        """The end, for programs or for people; returns the exit code."""
        if self.interrupted:
            self._messages.error(
                f"interrupted; {self.done} of {self._total} videos are done; the same command goes on with the others"
            )
            return INTERRUPTED
        if self._as_json:
            write_line(json_line({
                "schema": SCHEMA, "out": str(self._out) if self.done else None, "videos": self._total,
                "done": self.done, "failed": len(self._failed), "earlier": self._earlier + self._failed_earlier,
                "frames": self._frames, "errors": str(errors_path(self._out)) if self._failed else None,
                "poseact": __version__,
            }))  # fmt: skip
        elif self._messages.verbosity >= 0:
            for line in self._lines():
                write_line(line)
        if not self._failed:
            return 0
        if self.done:
            return SOME_FAILED
        only_limits = all(why.code in LIMITS for why in self._failed.values())
        return LimitExceeded.exit_code if only_limits else ALL_FAILED

    def _lines(self) -> Iterator[str]:
        if self._failed and self._total > 1:
            for clip, why in list(self._failed.items())[:SHOWN]:
                yield f"{why.code:16}{one_line(clip.name)}"
            if (more := len(self._failed) - SHOWN) > 0:
                yield f"... and {more} more"
        if self._failed:
            yield f"failed: {len(self._failed)} of {self._total} videos, see {errors_path(self._out)}" + (
                f"; {self._failed_earlier} failed before and were not tried again, --retry-failed does"
                if self._failed_earlier
                else ""
            )
        if not self._total:
            yield f"there is no video in this part of them, so there is no {self._out}"
            return
        if not self.done:
            what = f"{self._out} is still that of before" if self._out.exists() else f"so there is no {self._out}"
            yield f"no video could be read, {what}"
            return
        earlier = "all" if self._earlier == self.done else self._earlier
        before = f", {earlier} of them from before" if self._earlier else ""
        yield f"{self.done} of {self._total} videos are in {self._out}{before}"
        record = Record.beside(self._out)
        if record is not None and record.quality:
            doubtful = [name for name, one in record.quality.items() if verdict(one)[0] != GOOD]
            yield f"quality: {summary(record.quality.values())}, in {quality_path(self._out)}" + (
                f"; `poseact quality {self._out} --page quality.html` shows them" if doubtful else ""
            )


def _told(clip: Clip, why: Failed) -> str:
    """One line that names the video."""
    return why.message if str(clip.path) in why.message else f"{clip.path}: {why.message}"


def _line(outcome: Outcome) -> str:
    clip, result = outcome.clip, outcome.result
    told: dict[str, Any] = {"schema": SCHEMA, "source": str(clip.path), "name": clip.name, "earlier": outcome.earlier}
    if isinstance(result, Done):
        told |= {"frames": result.frames, "persons": result.persons, "seconds": round(result.seconds, 3)}
    if isinstance(result, Failed):
        told["error"] = {"type": result.code, "message": result.message}
    return json_line(told)
