"""The Markdown model card: what it says, and that text from outside cannot break it."""

import pytest
import torch
from markdown_it import MarkdownIt

from poseact.report.model_card import PICTURES, markdown, write_model_card
from poseact.report.plain import one_line
from poseact.zoo import Card, embedded, load_with_card, save

VALUES = {
    "name": "mine", "task": "classify", "architecture": "slowonly", "config": {"num_classes": 2, "in_channels": 17},
    "labels": ("wave", "clap"), "preprocessing": {"clip_len": 8, "size": 32, "kind": "joint+limb", "seconds": 1.5},
}  # fmt: skip
TRAINED = {
    "clips": 80, "validation_clips": 20, "validation_top1": 0.9, "validation_mean_class": 0.85,
    "calibration_error_before": 0.2, "calibration_error_after": 0.05, "validation_kept": 0.95, "data": "ab" * 32,
    "train_splits": ["train"], "validation_splits": ["val"], "settings": {"lr": 0.1, "seed": 3},
}  # fmt: skip


def card(**changes):
    return Card(**(VALUES | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ["# mine", "No validation figures", "None is stated", "Nothing is recorded", "Tells 2 actions"]),
        ({}, ["0: wave, 1: clap", "10 of each stretch of 1.5 s, each also mirrored", "8 frames of 32x32 px"]),
        ({"training": TRAINED}, ["90.0% (95 % interval 69.9% to 97.2%, 20 clips)", "85.0%", "0.200", '"lr": 0.1']),
        ({"training": TRAINED}, ["data fingerprint (sha256)", "ab" * 32, "train splits", "interval tells of chance"]),
        ({"unknown_below": 0.3, "unknown_above": -2.5}, ["below a probability of 30.0%, or a strangeness above -2.5"]),
        ({"licence": "CC-BY-4.0"}, ["## Licence\n\nCC-BY-4.0"]),
        ({"training": {"calibration": {"clips": 9, "splits": ["val"]}}}, ["Calibrated again | clips 9, splits val"]),
        ({"training": {**TRAINED, "calibration": {"clips": 9}}}, [
            'fitted to the clips under "Calibrated again"',
            "temperature, before it was calibrated again | 0.050",
            "Clips that get an answer, before it was calibrated again",
        ]),
        ({"training": {"few_shot": {"backbone": "other"}}}, ["few shot | backbone other"]),
        (
            {"architecture": "rgbpose-conv3d", "preprocessing": {"rgb": {"clip_len": 4, "size": 64}}},
            ["from pictures and the motion of the body", "4 frames of 64x64 px", "the whole video"],
        ),
    ],
    ids=[
        "bare", "input", "figures", "training", "thresholds", "licence", "calibrated", "calibrated again", "few-shot",
        "pictures",
    ],
)  # fmt: skip
def test_what_it_says(changes, words):
    said = markdown(card(**changes), "runs/m")
    assert [one for one in words if one not in said] == []
    assert said.count("\n## ") == 7


@pytest.mark.parametrize("name", embedded())
def test_every_embedded_model_has_one(name):
    found = load_with_card(name).card
    said = markdown(found, name)
    assert said.startswith(f"# {found.name}\n")
    assert "## Licence" in said
    assert found.licence in said


@pytest.mark.parametrize("text", ["a|b", "# head", "<script>", "[x](y)", "`code`", "two\nlines", "*star*", "_under_"])
def test_names_are_shown_as_they_are(text):
    said = markdown(card(name=text, labels=(text, "clap"), licence=text, training={"data": text}), "m")
    shown = ["".join(part.content for part in one.children) for one in MarkdownIt().enable("table").parse(said)
             if one.children]  # fmt: skip
    line = one_line(text)
    assert [shown.count(one) for one in (f"0: {line}, 1: clap", line)] == [1, 3]  # name, licence and data


@pytest.mark.parametrize("name", ["my runs/a", "runs/a"], ids=["spaces", "plain"])
def test_the_name_can_be_typed(name):
    assert f"--model {chr(34) + name + chr(34) if ' ' in name else name}\n" in markdown(card(), name)


def test_it_lies_beside_the_weights_and_shows_the_pictures_that_are_there(tmp_path):
    run = tmp_path / "run"
    weights = save(run, {"weight": torch.zeros(1)}, card())
    (run / "curves.png").touch()
    path = write_model_card(card(), weights)
    assert path == run / "model.md"
    said = path.read_text(encoding="utf-8")
    assert [one for one in PICTURES if f"]({one})" in said] == ["curves.png"]
    assert f"--model {run}" in said
    assert sorted(one.name for one in run.iterdir()) == ["curves.png", "model.json", "model.md", "model.safetensors"]
    alone = write_model_card(card(), tmp_path / "mine.safetensors")
    assert f"--model {tmp_path / 'mine.safetensors'}" in alone.read_text(encoding="utf-8")
