"""Models and what re-hashing found, as rich tables and JSON documents. Prints nothing; reads cards, no tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from poseact import __version__
from poseact.errors import InvalidWeights
from poseact.report.plain import json_line, one_line
from poseact.zoo.inventory import Model, Verdict

SCHEMA = "poseact/weights/1"
UNITS = ("B", "kB", "MB", "GB", "TB")
_STYLES = {"embedded": "green", "here": "green", "remote": "dim", "fine": "green", "damaged": "bold red"}


def size_text(size: int | None) -> str:
    """Bytes for people: 950 B, 1.4 MB; a dash where they are unknown."""
    if size is None:
        return "-"
    value, unit = float(size), 0
    while value >= 999.5 and unit + 1 < len(UNITS):
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {UNITS[unit]}" if unit else f"{size} B"


def file_size(found: Model) -> int | None:
    """Bytes of the weight file: as it lies here, or as the publisher says."""
    try:
        return found.path.stat().st_size
    except OSError:
        return found.record.bytes if found.record else None


def model_table(models: Sequence[Model]) -> Table:
    """One row per model, for a list."""
    table = Table(box=box.SIMPLE_HEAD, title=f"models: {len(models)}", title_justify="left", pad_edge=False)
    table.add_column("name", overflow="fold")
    table.add_column("task", no_wrap=True)
    table.add_column("where", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("metric", overflow="fold")
    table.add_column("licence", overflow="fold")
    for found in models:
        document = model_document(found)
        name = "\n".join([found.name, *(f"= {alias}" for alias in document["aliases"])])
        table.add_row(
            Text(name), document["task"] or "?", _styled(found.where), size_text(document["bytes"]),
            Text(one_line(document["metric"] or "")), Text(one_line(document["licence"] or "")),
        )  # fmt: skip
    return table


def details_table(found: Model) -> Table:
    """Everything about one model, a row per property."""
    table = Table(box=None, show_header=False, pad_edge=False, title=Text(found.name, "bold"), title_justify="left")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in model_document(found).items():
        if key == "bytes":
            table.add_row("size", size_text(value))
        elif key not in ("name", "labels") and value not in (None, "", [], {}):
            table.add_row(key.replace("_", " "), Text(_plain(value)))
        elif key == "labels" and value:
            table.add_row(key, Text(one_line(f"{len(value)}: {', '.join(value)}")))
    return table


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """One row per model that was re-hashed."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("name", "where", "state", "sha256"):
        table.add_column(column, overflow="fold")
    for verdict in verdicts:
        found = verdict.model
        table.add_row(Text(found.name), _styled(found.where), _styled(verdict.state), verdict.sha256[:16] or "-")
    return table


def models_json(models: Sequence[Model]) -> str:
    """One JSON document about models, one line."""
    return _document(models=[model_document(found) for found in models])


def verdicts_json(verdicts: Sequence[Verdict]) -> str:
    """One JSON document about what re-hashing found, one line."""
    return _document(
        models=[
            {
                "name": verdict.model.name, "where": verdict.model.where, "path": str(verdict.model.path),
                "state": verdict.state, "sha256": verdict.sha256 or None, "problem": verdict.problem or None,
            }
            for verdict in verdicts
        ]
    )  # fmt: skip


def model_document(found: Model) -> dict[str, Any]:
    """Everything about one model: what the manifest knows, and for what is here also its card."""
    document: dict[str, Any] = {
        "name": found.name, "aliases": [], "task": None, "where": found.where,
        "path": None if found.where == "remote" else str(found.path), "bytes": file_size(found), "metric": None,
        "licence": None, "problem": None,
    }  # fmt: skip
    if found.record is not None:
        told = found.record.model_dump(mode="json", exclude={"name", "labels"})
        if told["preprocessing"] is None or told["preprocessing"]["kind"] != "limb":
            del told["limb_order"]
        document |= {key: value for key, value in told.items() if key != "bytes"} | {"label_list": found.record.labels}
    if found.where == "remote":
        return document
    try:
        card = found.card().model_dump(mode="json", exclude={"name", "format", "poseact"})
    except InvalidWeights as error:
        return {**document, "problem": str(error)}
    empty: tuple[Any, ...] = (None, "", [], {})
    source = card.pop("source")
    document |= {key: value for key, value in card.items() if value not in empty and document.get(key) in empty}
    return {**document, "imported_from": source} if source else document


def _document(**parts: Any) -> str:
    return json_line({"schema": SCHEMA, **parts, "poseact": __version__})


def _styled(word: str) -> Text:
    return Text(word, _STYLES.get(word, "yellow"))


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if isinstance(value, dict):
        entries = {
            key: f"[{_plain(entry)}]" if isinstance(entry, list) else _plain(entry) for key, entry in value.items()
        }
        return ", ".join(f"{key}={entries[key]}" for key, entry in value.items() if entry is not None)
    return one_line(value)
