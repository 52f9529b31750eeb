"""What a model leaves unnamed, how well it tells unknown classes, and what a calibration changed: tables and JSON."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from poseact import __version__
from poseact.evaluate import Evaluation, OpenSet, Recalibration, Separation
from poseact.files import atomic_path
from poseact.report.plain import json_line, valid_unicode

CALIBRATION_SCHEMA = "poseact/calibration/1"
_DIGITS = 6


def open_set_parts(found: Evaluation) -> list[RenderableType]:
    """What there is to say of the thresholds, and of unknown clips; nothing where there is neither."""
    parts: list[RenderableType] = []
    limits = found.thresholds
    if limits is not None and (limits.below or limits.above is not None):
        share, right = _named(found)
        strange = "" if limits.above is None else f" or above strangeness {limits.above:.2f}"
        parts.append(Text(
            f"named: {share:.1%} of the clips with a person, {right:.1%} of them rightly; the others are unknown "
            f"(below {limits.below:.1%}{strange})"
        ))  # fmt: skip
    if found.open_set is not None:
        parts.append(_separation_table(found.open_set))
        parts.append(Text(
            f"by the thresholds of the model {found.open_set.named_known:.1%} of the known and "
            f"{found.open_set.named_unknown:.1%} of the unknown are named"
        ))  # fmt: skip
    return parts


def _separation_table(found: OpenSet) -> Table:
    title = f"{found.known} known clips against {found.unknown} of unknown classes"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    table.add_column("told apart by")
    table.add_column("AUROC", justify="right", no_wrap=True)
    table.add_column("unknown taken for known where 95 % of the known are", justify="right")
    measures = {"largest probability": found.probability, "energy": found.energy, "strangeness": found.strangeness}
    for name, one in measures.items():
        if one is not None:
            table.add_row(name, f"{one.auroc:.3f}", f"{one.fpr95:.1%}")
    return table


def open_set_json(found: Evaluation) -> dict[str, Any]:
    """The keys "thresholds" and "open_set" of an evaluation's document; null where there is neither."""
    limits, known = found.thresholds, found.open_set
    share, right = _named(found)
    return {
        "thresholds": None if limits is None else {
            "unknown_below": round(limits.below, _DIGITS),
            "unknown_above": None if limits.above is None else round(limits.above, _DIGITS),
            "named": round(share, _DIGITS), "top1_of_named": round(right, _DIGITS),
        },
        "open_set": None if known is None else {
            "known": known.known, "unknown": known.unknown, "probability": _separation(known.probability),
            "energy": None if known.energy is None else _separation(known.energy),
            "strangeness": None if known.strangeness is None else _separation(known.strangeness),
            "named_known": round(known.named_known, _DIGITS), "named_unknown": round(known.named_unknown, _DIGITS),
        },
    }  # fmt: skip


def _separation(one: Separation) -> dict[str, float]:
    return {"auroc": round(one.auroc, _DIGITS), "fpr95": round(one.fpr95, _DIGITS)}


def _named(found: Evaluation) -> tuple[float, float]:
    """Share of the clips with a person that are named, and of these the share that is right; 0 of none."""
    if found.thresholds is None:
        return 0.0, 0.0
    named = found.scores.named(found.thresholds)
    right = found.scores.probability.argmax(1) == found.scores.label
    return float(named.mean()), float(right[named].mean()) if named.any() else 0.0


def write_answers(found: Evaluation, path: Path) -> None:
    """Write a CSV with a row per clip: its class, the best guess, its probability and measures, and if it is named.

    Those without a person come last, and have no guess.
    Raises: OutputError.
    """
    scores = found.scores
    named = np.ones(len(scores), bool) if found.thresholds is None else scores.named(found.thresholds)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "label", "guess", "probability", "energy", "strangeness", "named"])
        for row, probability in enumerate(scores.probability):
            best = int(probability.argmax())
            writer.writerow([
                valid_unicode(scores.names[row]) if scores.names else row, found.labels[scores.label[row]],
                found.labels[best], f"{probability[best]:.6f}",
                *("" if one is None else f"{one[row]:.6f}" for one in (scores.energy, scores.strangeness)),
                "yes" if named[row] else "no",
            ])  # fmt: skip
        for name, label in zip(found.nobody, found.nobody_label, strict=True):
            writer.writerow([valid_unicode(name), found.labels[label], "", "", "", "", "no"])


def calibration_table(found: Recalibration, title: str) -> Table:
    """What a calibration changed in a card."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    table.add_column("")
    for name in ("before", "after"):
        table.add_column(name, justify="right", no_wrap=True)
    old, new = found.before, found.after
    table.add_row("temperature", f"{old.temperature:.4f}", f"{new.temperature:.4f}")
    table.add_row("unknown below probability", f"{old.unknown_below:.1%}", f"{new.unknown_below:.1%}")
    table.add_row("unknown above strangeness", _or_none(old.unknown_above), _or_none(new.unknown_above))
    table.add_row("calibration error", f"{found.reliability_before.error:.3f}", f"{found.found.after.error:.3f}")
    table.add_row("clips that are named", "", f"{found.found.kept:.1%}")
    return table


def _or_none(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def calibration_json(found: Recalibration, path: Path) -> str:
    """One JSON document, one line, schema "poseact/calibration/1"."""
    cards = {"before": (found.before, found.reliability_before), "after": (found.after, found.found.after)}
    document = {
        "schema": CALIBRATION_SCHEMA, "card": str(path), "clips": found.clips, "nobody": found.nobody,
        **{
            when: {
                "temperature": card.temperature, "unknown_below": card.unknown_below,
                "unknown_above": card.unknown_above, "calibration_error": round(said.error, _DIGITS),
            }
            for when, (card, said) in cards.items()
        },
        "named": round(found.found.kept, _DIGITS), "poseact": __version__,
    }  # fmt: skip
    return json_line(document)
