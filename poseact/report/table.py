"""Recognitions as rich panels and a summary table for people. Prints nothing, recognises nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from poseact.recognize.result import NO_PERSON, UNKNOWN, Person, Recognition, UsedModel
from poseact.report.plain import one_line, seconds
from poseact.types import Segment

TOP = 5
BAR_WIDTH = 24
PANEL_WIDTH = 100
TIMELINE_ENTRIES = 6
GAPS_SHOWN = 3
_PAUSE = 2.5  # usual steps between the starts of two windows, above which nothing is said of the time between

_STYLES = {NO_PERSON: "bold yellow", UNKNOWN: "bold yellow"}


@dataclass(frozen=True, slots=True)
class Failure:
    """A source without an answer: why, in one line."""

    source: str
    message: str


def recognition_panel(recognition: Recognition, *, top: int = TOP, details: bool = False) -> Panel:
    """Everything that is worth knowing about one answer.

    Args:
        top: classes per person.
        details: also the model, its hash and the device; several models are always named.
    """
    parts: list[RenderableType] = [_headline(recognition)]
    for person in recognition.persons:
        parts += ["", _person_line(person, recognition), _prediction_table(person, recognition, top)]
        timeline = _timeline(person.segments)
        if timeline:
            parts.append(timeline)
    parts += ["", _facts(recognition, details)]
    return Panel(
        Group(*parts),
        title=Text(one_line(recognition.source), "bold"),
        title_align="left",
        border_style="green" if _is_answer(recognition) else "yellow",
        box=box.ROUNDED,
        padding=(0, 1),
        width=None,
    )


def summary_table(outcomes: Sequence[Recognition | Failure]) -> Table:
    """One row per source."""
    table = Table(box=box.SIMPLE_HEAD, title=f"{len(outcomes)} sources", title_justify="left", pad_edge=False)
    table.add_column("source", overflow="fold", ratio=3)
    table.add_column("person", justify="right")
    table.add_column("answer", overflow="fold", ratio=2)
    table.add_column("probability", justify="right", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            table.add_row(Text(one_line(outcome.source)), "", Text("failed", "bold red"), "", "")
            continue
        time = seconds(sum(outcome.timings.values()))
        if not outcome.persons:
            table.add_row(Text(one_line(outcome.source)), "", _answer(outcome.label), "", time)
        for row, person in enumerate(outcome.persons):
            label, probability = _short_answer(person, outcome)
            source = Text(one_line(outcome.source)) if row == 0 else Text()
            table.add_row(source, "+".join(map(str, person.ids)), label, probability, time if row == 0 else "")
    return table


def _is_answer(recognition: Recognition) -> bool:
    return recognition.label not in _STYLES


def _answer(label: str) -> Text:
    return Text(one_line(label), _STYLES.get(label, "bold green"))


def _short_answer(person: Person, recognition: Recognition) -> tuple[Text, str]:
    label = recognition.label_of(person)
    text = _answer(label)
    if label == UNKNOWN:
        text.append(f" ({one_line(person.predictions[0].label)}?)", "not bold dim")
    return text, f"{person.predictions[0].probability:.1%}" if person.predictions else ""


def _headline(recognition: Recognition) -> Text:
    label = recognition.label
    if label == NO_PERSON:
        return _answer(NO_PERSON).append(": nobody was seen, so no action is named", "not bold default")
    best = recognition.predictions[0]
    if label == UNKNOWN:
        return _answer(UNKNOWN).append(f": {one_line(recognition.doubt(recognition.persons[0]))}", "not bold default")
    return _answer(label).append(f"  {best.probability:.1%}", "bold")


def _person_line(person: Person, recognition: Recognition) -> Text:
    text = Text(person.title, "bold")
    text.append(f"  {seconds(person.first_pts)} to {seconds(person.last_pts)}", "not bold")
    text.append(f", in {person.frames} of {recognition.frames_looked_at} frames looked at", "not bold")
    if person.interpolated:
        text.append(f" ({person.interpolated} filled in)", "not bold")
    if len(recognition.persons) > 1:
        text.append(": ").append_text(_short_answer(person, recognition)[0])
    elif recognition.label_of(person) == UNKNOWN:
        text.append("; guesses:", "not bold yellow")
    return text


def _prediction_table(person: Person, recognition: Recognition, top: int) -> Table:
    known = recognition.label_of(person) != UNKNOWN
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("label", min_width=16, overflow="fold")
    table.add_column("bar", width=BAR_WIDTH)
    table.add_column("probability", justify="right", no_wrap=True)
    for rank, prediction in enumerate(person.predictions[:top]):
        chosen = rank == 0 and known
        style = "bold green" if chosen else "dim" if not known else ""
        colour = "green" if chosen else "yellow" if not known else "cyan"
        label = one_line(prediction.label) if known else f"{one_line(prediction.label)}?"
        table.add_row(
            Text(label, style),
            ProgressBar(1.0, prediction.probability, BAR_WIDTH, complete_style=colour, finished_style=colour),
            Text(f"{prediction.probability:6.1%}", style),
        )
    return table


def _timeline(segments: Sequence[Segment]) -> Text | None:
    """Neighbouring windows of the same label as one entry; None when there is only one thing to say."""
    spans = _spans(segments)
    if len(spans) < 2:
        return None
    entries = [
        f"{span[0].start:.1f}-{span[-1].end:.1f} s {one_line(span[0].label)}" for span in spans[:TIMELINE_ENTRIES]
    ]
    if len(spans) > TIMELINE_ENTRIES:
        entries.append(f"and {len(spans) - TIMELINE_ENTRIES} more (--json lists them all)")
    return Text("over time: ", "dim").append(" · ".join(entries), "not dim")


def _spans(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Runs of the same label, each without a pause that is far longer than those between the windows of the video."""
    steps = [after.start - before.start for before, after in pairwise(segments)]
    longest = _PAUSE * float(np.quantile(steps, 0.5, method="lower")) if steps else 0.0
    spans: list[list[Segment]] = []
    for step, segment in zip([inf, *steps], segments, strict=False):
        if step <= longest and spans[-1][-1].label == segment.label:
            spans[-1].append(segment)
        else:
            spans.append([segment])
    return spans


def _facts(recognition: Recognition, details: bool) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("why", Text(one_line(recognition.reason)))
    table.add_row("read", _read(recognition))
    for gap in recognition.gaps[:GAPS_SHOWN]:
        frames = f"{gap.frames} frame{'s' if gap.frames != 1 else ''}"
        table.add_row("gap", Text(f"{gap.start:.2f} s: {frames} lost ({one_line(gap.reason)})", "yellow"))
    if len(recognition.gaps) > GAPS_SHOWN:
        lost = sum(gap.frames for gap in recognition.gaps)
        table.add_row("", Text(f"{len(recognition.gaps)} gaps in total, {lost} frames lost", "yellow"))
    stages = [f"{stage} {value:.2f}" for stage, value in recognition.timings.items()]
    total = sum(recognition.timings.values())
    table.add_row("time", Text(f"{total:.2f} s = {' + '.join(stages)}" if stages else "-"))
    if details or len(recognition.models) > 1:
        for row, model in enumerate(recognition.models):
            table.add_row("" if row else "model", _model(model, recognition, details))
    return table


def _model(model: UsedModel, recognition: Recognition, details: bool) -> Text:
    """The name, its share where it is one of several, and with details the hash, the device and the streams."""
    share = f" {model.weight:.0%}" if len(recognition.models) > 1 else ""
    text = f"{one_line(model.name)}{share}"
    if details:
        text += f" (sha256 {model.sha256[:12] or 'unknown'}) on {recognition.device}"
    if details and model.stream_weights:
        text += ", {:.0%} from pictures, {:.0%} from poses".format(*model.stream_weights)
    return Text(text)


def _read(recognition: Recognition) -> Text:
    video, looked = recognition.video, recognition.frames_looked_at
    if video is None:
        height, width = recognition.poses.image_size
        return Text(f"{looked} frames of stored poses, {width}x{height} px")
    share = f"{looked} of {video.frame_count} frames"
    turned = f", turned by {video.rotation} degrees" if video.rotation else ""
    return Text(
        f"{share}, {seconds(video.duration)} at {video.fps:.4g} frames/s, {video.width}x{video.height} px "
        f"{one_line(video.codec)}{turned}"
    )
