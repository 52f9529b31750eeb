"""The model card for people: Markdown made from a card and from the pictures beside it. Reads no tensors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from poseact import __version__
from poseact.evaluate.outcome import wilson
from poseact.files import remove_leftovers, write_text
from poseact.recognize.inputs import streams
from poseact.report.plain import one_line, valid_unicode
from poseact.zoo import Card, Preprocessing

PICTURES = {
    "curves.png": "Loss and accuracy by epoch",
    "confusion.png": "Confusion matrix of the validation clips",
    "reliability.png": "How often answers are right, by how sure they are",
}
_MARKS = re.compile(r"([\\`*{}\[\]<>|#~&]|(?<!\w)_|_(?!\w))")
_HASH = re.compile(r"[0-9a-f]{64}")
_TASKS = {"detect": "finds people in pictures", "pose": "estimates the keypoints of people in pictures"}
_STREAMS = {"rgb": "pictures", "pose": "the motion of the body"}


def write_model_card(card: Card, weights: Path) -> Path:
    """Write the Markdown card beside a weight file, whole or not at all; returns its path. Raises: OutputError."""
    path = weights.with_suffix(".md")
    run = weights.name == "model.safetensors"
    name = str(weights.parent if run else weights)
    pictures = [one for one in PICTURES if run and (weights.parent / one).is_file()]
    remove_leftovers(path)
    write_text(path, markdown(card, name, pictures))
    return path


def markdown(card: Card, name: str, pictures: list[str] | None = None) -> str:
    """What a model is, what it knows, how good it is, how it was made, and what it cannot do.

    Args:
        name: by which commands find it: of a known model, a weight file or a run's folder.
        pictures: keys of `PICTURES` that lie beside the card.
    """
    sections = [[f"# {_plain(card.name)}", _summary(card)]]
    if card.task == "classify":
        sections += [_use(name), _figures(card, pictures or []), _classes(card)]
    sections += [_inputs(card), _training(card), _limits(card), _licence(card)]
    blocks = [block for section in sections for block in section]
    made = f"Written by poseact {card.poseact or __version__} from the JSON card beside the weights."
    return "\n\n".join([*blocks, made]) + "\n"


def _summary(card: Card) -> str:
    if card.task != "classify":
        return f"A network ({_code(card.architecture)}) that {_TASKS[card.task]}."
    seen = " and ".join(_STREAMS[one] for one in streams(card))
    return (
        f"Tells {len(card.labels)} actions of people from {seen}: a network ({_code(card.architecture)}) that answers "
        f'with a probability for every class, or with "unknown".'
    )


def _use(name: str) -> list[str]:
    shown = valid_unicode(one_line(name))
    told = f'"{shown}"' if re.search(r"[^\w./@:+-]", shown) else shown
    lines = [f"$ poseact recognize clip.mp4 --model {told}", f"$ poseact evaluate poses.pkl --model {told}"]
    return ["## Use", "\n".join(["```console", *lines, "```"])]


def _inputs(card: Card) -> list[str]:
    rows = {"Keypoint layout": _code(card.layout)}
    if card.preprocessing is not None:
        rows |= _views(card.preprocessing, card)
    if card.estimation is not None:
        height, width = card.estimation.size
        rows |= {"Input": f"{height}x{width} px", "Decoding": f"{card.estimation.codec}, {card.estimation.refinement}"}
    if card.config:
        rows["Network"] = _code(json.dumps(card.config, ensure_ascii=False))
    return ["## Input", _table(("", ""), rows.items())]


def _views(inputs: Preprocessing, card: Card) -> dict[str, str]:
    rows: dict[str, str] = {}
    if "pose" in streams(card):
        rows["Poses"] = (
            f"heatmaps of each {inputs.kind.replace('+', ' and ')}, {inputs.clip_len} frames of "
            f"{inputs.size}x{inputs.size} px, sigma {inputs.sigma:g} px"
        )
    if inputs.rgb is not None:
        rows["Pictures"] = f"{inputs.rgb.clip_len} frames of {inputs.rgb.size}x{inputs.rgb.size} px"
    mirrored = ", each also mirrored" if inputs.flip else ""
    stretch = "the whole video" if inputs.seconds is None else f"each stretch of {inputs.seconds:.3g} s"
    return rows | {"Views": f"{inputs.num_clips} of {stretch}{mirrored}; the mean of their probabilities"}


def _figures(card: Card, pictures: list[str]) -> list[str]:
    told = card.training
    clips, top1 = told.get("validation_clips"), told.get("validation_top1")
    rows = []
    if isinstance(clips, int) and isinstance(top1, float | int) and clips and 0 <= top1 <= 1:
        low, high = wilson(round(top1 * clips), clips)
        rows.append(("Top-1", f"{top1:.1%} (95 % interval {low:.1%} to {high:.1%}, {clips} clips)"))
    again = told.get("calibration")
    rows += [
        (
            f"{name}, before it was calibrated again" if again and key in _OF_CALIBRATION else name,
            form.format(told[key]),
        )
        for key, (name, form) in _FIGURES.items()
        if isinstance(told.get(key), float | int)
    ]
    if isinstance(again, dict):
        rows.append(("Calibrated again", _values(again)))
    rows.append(("Temperature", f"{card.temperature:g}"))
    strange = "" if card.unknown_above is None else f", or a strangeness above {card.unknown_above:g}"
    rows.append(('Answers "unknown"', f"below a probability of {card.unknown_below:.1%}{strange}"))
    drawn = [f"![{PICTURES[one]}]({one})" for one in pictures]
    return ["## Figures", _table(("validation part", ""), rows), *drawn]


_FIGURES = {
    "validation_mean_class": ("Mean class accuracy", "{:.1%}"),
    "validation_top1_rgb": ("Top-1, pictures alone", "{:.1%}"),
    "validation_top1_pose": ("Top-1, poses alone", "{:.1%}"),
    "calibration_error_before": ("Calibration error before temperature", "{:.3f}"),
    "calibration_error_after": ("Calibration error after temperature", "{:.3f}"),
    "validation_kept": ("Clips that get an answer", "{:.1%}"),
}
_OF_CALIBRATION = ("calibration_error_after", "validation_kept")


def _classes(card: Card) -> list[str]:
    return [
        f"## Classes ({len(card.labels)})",
        ", ".join(f"{number}: {_plain(label)}" for number, label in enumerate(card.labels)),
    ]


def _training(card: Card) -> list[str]:
    told = {key: value for key, value in card.training.items() if key not in {*_FIGURES, "validation_top1"}}
    settings = told.pop("settings", None)
    told.pop("calibration", None)
    rows = [(_called(key, value), _value(value)) for key, value in told.items()]
    rows += [(_plain(f"source {key}".replace("_", " ")), _plain(value)) for key, value in card.source.items()]
    blocks = ["## Training", _table(("", ""), rows) if rows else "Nothing is recorded about it."]
    if settings:
        blocks += ["Settings:", f"```json\n{json.dumps(settings, indent=2, ensure_ascii=False)}\n```"]
    return blocks


def _called(key: str, value: Any) -> str:
    hashed = key == "data" and _HASH.fullmatch(str(value))
    return "data fingerprint (sha256)" if hashed else _plain(key.replace("_", " "))


def _limits(card: Card) -> list[str]:
    if card.task != "classify":
        return [
            "## Limits",
            "- People who are small, hidden or in unusual postures are missed or misplaced more often.",
        ]
    said = [
        f"It knows the {len(card.labels)} classes above and no others; a movement of another kind may be given one."
    ]
    if card.preprocessing is not None and card.preprocessing.rgb is None:
        said.append("It sees keypoints only: no objects, no scene. Actions that differ in these alone look the same.")
    said.append("It is as good as the poses: other cameras, views, frame rates or pose estimators may cost accuracy.")
    if card.training.get("validation_clips") or card.training.get("validation_top1") is not None:
        again = 'under "Calibrated again"' if card.training.get("calibration") else "that the figures are of"
        said.append(
            f"Temperature and thresholds were fitted to the clips {again}, and the interval "
            "tells of chance in the validation clips only. Measure on clips and people of your own with "
            "`poseact evaluate`."
        )
    else:
        said.append(
            "No validation figures are recorded, so its probabilities may not be honest: measure with "
            "`poseact evaluate` before you rely on it."
        )
    said.append("It was not made for decisions about people's health, safety, rights or work.")
    return ["## Limits", "\n".join(f"- {one}" for one in said)]


def _licence(card: Card) -> list[str]:
    none = "None is stated: the terms of the clips that it was trained on decide."
    return ["## Licence", _plain(card.licence) if card.licence else none]


def _table(head: tuple[str, str], rows: Any) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)]
    return "\n".join(lines)


def _values(values: dict[str, Any]) -> str:
    return ", ".join(f"{_plain(key.replace('_', ' '))} {_value(value)}" for key, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return _values(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value)) or "none"
    return _plain(value)


def _plain(text: object) -> str:
    """Text from outside as Markdown that shows it as it is, on one line."""
    return _MARKS.sub(r"\\\1", valid_unicode(one_line(text)))


def _code(text: str) -> str:
    return f"`{valid_unicode(one_line(text)).replace('`', chr(39)).replace('|', '/')}`"
