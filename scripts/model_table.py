"""The table of models in README.md, from the manifest and the networks themselves.

usage: model_table.py           print it
       model_table.py --write   put it between the marks in README.md
"""

import argparse
from functools import cache
from pathlib import Path

import torch

from poseact.models.cost import macs, parameters
from poseact.zoo import Card, Record, labels, manifest, weights_folder
from poseact.zoo.build import build
from poseact.zoo.card import read_card

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- models: scripts/model_table.py --write -->", "<!-- end of models -->"
SIDES = {"nanodet-g": (320, 320), "movenet-thunder": (256, 256), "movenet-lightning": (192, 192)}
GROUPS = (
    ("classify", "Action classifiers", "poseact recognize clip.mp4 --model {}"),
    ("pose", "Pose estimators", "poseact recognize clip.mp4 --pose {}"),
    ("detect", "Detectors", "poseact recognize clip.mp4"),
)
COLUMNS = ("command", "architecture", "input", "M parameters", "GMACs", "published accuracy", "source", "licence")


def table() -> str:
    """Markdown: a table per task, and below it the terms of the training data."""
    return "\n\n".join(_group(task, title, command) for task, title, command in GROUPS)


def _group(task: str, title: str, command: str) -> str:
    records = [record for record in manifest().values() if record.task == task]
    terms = dict.fromkeys(record.terms for record in records)
    lines = [
        f"<details><summary><b>{title}: {len(records)}</b></summary>", "",
        _line(COLUMNS), _line(["---"] * len(COLUMNS)),
        *(_line(_cells(record, command)) for record in records),
        "", "Terms of the training data:", "", *(f"- {sentence}" for sentence in terms), "", "</details>",
    ]  # fmt: skip
    return "\n".join(lines)


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(record: Record, command: str) -> list[str]:
    card = _card(record)
    inputs = _inputs(record, card)
    size, cost = _measured(card.model_copy(update={"name": "x"}).model_dump_json(), inputs)
    name = record.aliases[0] if record.aliases else record.name
    shape = " + ".join("x".join(map(str, one[1:])) for one in inputs)
    return [
        f"`{command.format(name)}`", card.architecture, shape, f"{size / 1e6:.2f}", f"{cost / 1e9:.2f}",
        record.metric or "none given", record.metric_source or record.source, record.licence,
    ]  # fmt: skip


def _card(record: Record) -> Card:
    if record.embedded:
        return read_card((weights_folder() / record.file).with_suffix(".json"))
    named = {"labels": labels(record.labels)} if record.labels else {}
    return Card(
        name=record.name, task=record.task, architecture=record.architecture, config=record.config,
        preprocessing=record.preprocessing, estimation=record.estimation, **named,
    )  # fmt: skip


def _inputs(record: Record, card: Card) -> tuple[tuple[int, ...], ...]:
    """(1, channels, ...) of each input of one view, as the model is tested."""
    told = card.preprocessing
    if told is None:
        height, width = card.estimation.size if card.estimation else SIDES[record.name]
        return ((1, 3, height, width),)
    poses = (1, card.config.get("in_channels", 17), told.clip_len, told.size, told.size)
    if told.rgb is None:
        return (poses,)
    pictures = (1, 3, told.rgb.clip_len, told.rgb.size, told.rgb.size)
    return (pictures, poses) if card.architecture == "rgbpose-conv3d" else (pictures,)


@cache
def _measured(card: str, inputs: tuple[tuple[int, ...], ...]) -> tuple[int, int]:
    """Parameters, and multiply-adds of one view."""
    with torch.device("meta"):
        network = build(Card.model_validate_json(card)).eval()
    return parameters(network), macs(network, *inputs)


def written(text: str) -> str:
    """A README with the table between its marks. Raises: SystemExit where there are none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"README.md lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="into README.md")
    if parser.parse_args().write:
        README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table())


if __name__ == "__main__":
    main()
