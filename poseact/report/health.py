"""The findings of `poseact doctor` as a table and as JSON. Prints nothing, examines nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from poseact.doctor import Health
from poseact.report.plain import json_line, one_line
from poseact.report.zoo import size_text

SCHEMA = "poseact/health/1"


def health_json(health: Health) -> str:
    """One JSON document, one line."""
    return json_line({"schema": SCHEMA, "works": _works(health), **asdict(health)})


def health_table(health: Health) -> Table:
    """Everything that was found, a row per fact; problems are not in it."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for title, text in _rows(health):
        table.add_row(title, Text(one_line(text)))
    return table


def _works(health: Health) -> bool:
    return not health.hindered("models") and not health.hindered("installation")


def _rows(health: Health) -> Iterator[tuple[str, str]]:
    yield "poseact", f"{health.poseact}, Python {health.python}, {health.platform}"
    yield "libraries", ", ".join(f"{name} {version or 'missing'}" for name, version in health.versions.items())
    if health.devices is not None:
        found = health.devices
        yield "cpu", f"{found.threads} threads on {found.cores} cores, {found.instructions}"
        yield "gpu", ", ".join([*found.cuda, *(["Apple MPS"] if found.mps else [])]) or "none that torch can use"
        yield "--device auto", found.chosen
    for decoder in health.decoders:
        yield f"decoder {decoder.name}", "works" if decoder.works else decoder.note
    for model in health.models:
        yield f"model {model.name}", f"{model.where}, {model.state}, {size_text(model.bytes)}"
    cache = health.cache
    state = ("" if cache.exists else ", not there yet") + ("" if cache.writable else ", not writable")
    yield "cache", f"{cache.folder}{state}, {size_text(cache.bytes)}"
    yield "free disk", size_text(cache.free) if cache.free >= 0 else "unknown"
    if cache.yolo:
        yield "YOLO checkpoints", ", ".join(cache.yolo)
    if cache.unfinished:
        yield "unfinished", f"{', '.join(cache.unfinished)}; the same `poseact weights fetch` goes on with them"
    network = health.network
    yield "network", "forbidden by POSEACT_OFFLINE" if network.offline else "used only to fetch models that are missing"
    if network.mirrors:
        yield "mirrors", ", ".join(network.mirrors)
    yield from network.proxies.items()
    yield "poseact recognize", "works" if _works(health) else "cannot work here; the errors say what to do"
