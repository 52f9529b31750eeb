"""Who was tracked, who is chosen and why, as tables for people and JSON for programs. Prints nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from poseact.poses import everybody
from poseact.report.plain import json_line, one_line
from poseact.types import PoseSequence


def choices_table(clips: Sequence[tuple[PoseSequence, PoseSequence]], shown: int) -> Table:
    """One row per clip: who was chosen, who is chosen now and why; changed clips first where not all are shown.

    Args:
        clips: before and after. shown: at most so many rows.
    """
    changed = [ids(before) != ids(after) for before, after in clips]
    rows = sorted(sorted(range(len(clips)), key=lambda row: not changed[row])[:shown])
    left = len(clips) - len(rows)
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False,
        caption=f"and {left} clips more (--rows all shows them, --json lists them)" if left else None,
    )  # fmt: skip
    for heading in ("clip", "people", "before", "now", "why"):
        table.add_column(heading, justify="right" if heading == "people" else "left", overflow="fold")
    for row in rows:
        before, clip = clips[row]
        why = clip.person_reason[0] if len(clip) else "nobody was tracked"
        table.add_row(
            Text(one_line(clip.name)), str(len(everybody(clip))), _listed(ids(before)),
            Text(_listed(ids(clip)), "bold green" if changed[row] else ""), Text(one_line(why)),
        )  # fmt: skip
    return table


def tracks_table(clip: PoseSequence) -> Table:
    """Everybody who was tracked in a clip, best first as stored: presence, size, scores, reason."""
    people = everybody(clip)
    height, width = clip.image_size
    table = Table(
        title=Text(f"{one_line(clip.name)}: {clip.keypoint.shape[1]} frames, {width}x{height} px", "bold"),
        title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False,
    )  # fmt: skip
    for heading in ("person", "chosen", "frames", "filled in", "box px", "box score", "joints", "value", "why"):
        table.add_column(heading, justify="left" if heading in ("chosen", "why") else "right", overflow="fold")
    for row, track in enumerate(_tracks(people, len(clip))):
        table.add_row(
            str(track["id"]), Text("yes" if track["chosen"] else "", "bold green"), str(track["frames"]),
            str(track["interpolated"]), f"{track['box'][0]:.0f}x{track['box'][1]:.0f}", f"{track['box_score']:.2f}",
            f"{track['joint_score']:.2f}", f"{track['value']:.2f}", Text(one_line(people.person_reason[row])),
        )  # fmt: skip
    if not len(people):
        table.add_row("-", "", "", "", "", "", "", "", "nobody was tracked")
    return table


def people_json(clip: PoseSequence) -> str:
    """A clip and everybody in it as a line of JSON; box is the median (width, height) px."""
    people = everybody(clip)
    document = {
        "schema": "poseact/people/1",
        "clip": clip.name,
        "frames": clip.keypoint.shape[1],
        "chosen": ids(clip),
        "people": _tracks(people, len(clip)),
    }
    return json_line(document)


def ids(clip: PoseSequence) -> list[int]:
    """Track ids of the chosen people, best first."""
    return [int(number) for number in clip.track_id]


def _tracks(people: PoseSequence, chosen: int) -> list[dict[str, Any]]:
    return [_track(people, row, row < chosen) for row in range(len(people))]


def _track(people: PoseSequence, row: int, chosen: bool) -> dict[str, Any]:
    present = people.box_score[row] > 0
    boxes = people.boxes[row][present].astype(np.float64)
    size = np.median(boxes[:, 2:] - boxes[:, :2], axis=0) if len(boxes) else np.zeros(2)
    return {
        "id": int(people.track_id[row]),
        "chosen": chosen,
        "frames": int(present.sum()),
        "interpolated": int(people.interpolated[row].sum()),
        "box": [round(float(side), 1) for side in size],
        "box_score": _mean(people.box_score[row][present]),
        "joint_score": _mean(people.keypoint_score[row][present]),
        "value": round(float(people.person_score[row]), 4),
        "reason": people.person_reason[row],
    }


def _mean(values: Any) -> float:
    return round(float(values.mean()), 4) if values.size else 0.0


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers) or "-"
