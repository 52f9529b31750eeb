"""`poseact evaluate` with clips of unknown classes, and with --calibrate, from the command line."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from recognitions import shaken

from poseact.cli.entry import run
from poseact.models import build
from poseact.poses import read_pyskl, write_pyskl
from poseact.zoo import Card, save

LABELS = ("wave", "clap", "jump")
CALL = ["evaluate", "poses.pkl", "--model", "mine", "--device", "cpu"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """`poses.pkl` with a class that the model `mine` does not know in the split mixed, and `others.pkl` of it alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    clips = [shaken(f"clip{number}", number % 3, number) for number in range(8)]
    names = [one.name for one in clips]
    strange = [shaken(f"odd{number}", 3, 20 + number) for number in range(3)]
    splits = {"test": names[:6], "train": names[6:], "mixed": [*names[:6], *(one.name for one in strange)]}
    write_pyskl(tmp_path / "poses.pkl", [*clips, *strange], splits, classes=(*LABELS, "sing"))
    write_pyskl(tmp_path / "others.pkl", [replace(one, label=-1) for one in strange])
    config = {"base_channels": 4, "blocks": [1, 1, 1], "in_channels": 17, "num_classes": 3}
    card = Card(
        name="mine", task="classify", architecture="slowonly", config=config, labels=LABELS, temperature=0.5,
        unknown_below=0.35, unknown_above=0.0, preprocessing={"clip_len": 4, "size": 16, "num_clips": 2},
    )  # fmt: skip
    torch.manual_seed(0)
    save(tmp_path / "mine", build("slowonly", **config).state_dict(), card)
    return tmp_path


def test_unknown_clips_of_a_file_and_of_classes_are_told_apart_alike(files, capsys):
    documents = []
    for options in (["--unknown", "others.pkl"], ["--split", "mixed", "--unknown-classes", "sing"]):
        assert run([*CALL, *options, "--json"]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    first, second = documents
    assert first["open_set"] == second["open_set"]
    assert (first["open_set"]["known"], first["open_set"]["unknown"]) == (6, 3)
    assert first["thresholds"]["unknown_below"] == 0.35
    assert (first["top1"], first["clips"]) == (second["top1"], 6)
    assert run([*CALL, "--unknown", "others.pkl"]) == 0
    said = capsys.readouterr().out
    for words in (
        "6 known clips against 3 of unknown classes",
        "AUROC",
        "energy",
        "below 35.0% or above strangeness 0.00",
        "of the unknown are named",
    ):
        assert words in said


def test_answers_of_every_clip(files, capsys):
    assert run([*CALL, "--save-answers", "a.csv", "--reliability", "r.png"]) == 0
    rows = list(csv.DictReader((files / "a.csv").open(encoding="utf-8")))
    assert [row["name"] for row in rows] == [f"clip{number}" for number in range(6)]
    for row in rows:
        named = float(row["probability"]) >= 0.35 and float(row["strangeness"]) <= 0
        assert (row["named"], row["guess"] in LABELS) == ("yes" if named else "no", True)
    assert Image.open("r.png").size[0] > 760  # without temperature and with it


def test_clips_without_a_person_are_among_the_answers(files, capsys):
    read = read_pyskl(files / "poses.pkl")
    unseen = replace(read.annotations[0], keypoint_score=np.zeros_like(read.annotations[0].keypoint_score))
    write_pyskl(files / "poses.pkl", [unseen, *read.annotations[1:]], read.splits, classes=read.classes)
    assert run([*CALL, "--save-answers", "a.csv", "--confusion", "c.png"]) == 0
    rows = list(csv.DictReader((files / "a.csv").open(encoding="utf-8")))
    assert [row["name"] for row in rows] == [*(f"clip{number}" for number in range(1, 6)), "clip0"]
    assert [rows[-1][name] for name in ("label", "guess", "probability", "named")] == ["wave", "", "", "no"]
    assert "in 1 of 6 clips nobody is seen" in capsys.readouterr().err


def test_calibration_changes_the_card_and_nothing_else(files, capsys):
    card, before = files / "mine" / "model.json", json.loads((files / "mine" / "model.json").read_text())
    weights = (files / "mine" / "model.safetensors").read_bytes()
    assert run([*CALL, "--calibrate", "--reliability", "r.png", "--json"]) == 0
    document, after = json.loads(capsys.readouterr().out), json.loads(card.read_text())
    assert document["schema"] == "poseact/calibration/1"
    for name in ("temperature", "unknown_below", "unknown_above"):
        assert (document["before"][name], document["after"][name]) == (before.pop(name), after.pop(name))
    assert after.pop("training")["calibration"]["splits"] == ["test"]
    assert before.pop("training") == {}
    assert after == before
    assert "Calibrated again" in (files / "mine" / "model.md").read_text(encoding="utf-8")
    assert (files / "mine" / "model.safetensors").read_bytes() == weights
    assert Image.open("r.png").size[0] > 760
    assert run([*CALL, "--calibrate"]) == 0
    said = capsys.readouterr().out
    assert "unknown above strangeness" in said
    assert run([*CALL, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["calibration_error"] == pytest.approx(document["after"]["calibration_error"], abs=1e-4)


def test_calibration_on_training_clips_is_said(files, capsys):
    assert run([*CALL, "--split", "test,train", "--calibrate"]) == 0
    assert "2 of 8 clips are in the split train" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--unknown", "nowhere.pkl"], 3, "cannot read nowhere.pkl"),
        (["--unknown", "poses.pkl"], 2, "8 of 11 clips of --unknown poses.pkl are of classes that the model knows"),
        (["--unknown-classes", "fly"], 2, "no class 'fly'"),
        (["--unknown-classes", "clap"], 2, "the model knows 'clap'"),
        (["--calibrate", "--confusion", "c.png"], 2, "--calibrate and --confusion do not go together"),
        (["--calibrate", "--model", "mine"], 2, "one run; name it with --model"),
        (["--calibrate", "--split", "mixed"], 3, "1 classes of the clips are not among the model's 3: sing"),
    ],
    ids=[
        "no file",
        "known clips",
        "no such class",
        "known class",
        "measuring",
        "two models",
        "a class of another data set",
    ],
)
def test_mistakes_are_one_line_and_change_nothing(files, capsys, options, code, words):
    card = (files / "mine" / "model.json").read_bytes()
    assert run([*CALL, *options]) == code
    said = capsys.readouterr()
    assert words in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert (files / "mine" / "model.json").read_bytes() == card


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (["evaluate", "poses.pkl", "--model", "posec3d-jhmdb21", "--calibrate"], "is no run of yours"),
        (["evaluate", "poses.pkl", "--calibrate"], "one run; name it with --model"),
        (["evaluate", "--scores", "s.pkl", "--unknown", "others.pkl"], "name one with --model"),
    ],
    ids=["embedded model", "no model", "scores only"],
)
def test_some_models_cannot(files, capsys, call, words):
    assert run([*CALL, "--save-scores", "s.pkl"]) == 0
    capsys.readouterr()
    assert run(call) == 2
    assert words in capsys.readouterr().err


def test_clips_of_which_none_is_named_right_calibrate_nothing(files, capsys):
    assert run([*CALL, "--save-answers", "a.csv"]) == 0
    guess = {row["name"]: row["guess"] for row in csv.DictReader((files / "a.csv").open(encoding="utf-8"))}
    clips = [one for one in read_pyskl(files / "poses.pkl").annotations if one.name in guess]
    wrong = [replace(one, label=(LABELS.index(guess[one.name]) + 1) % 3) for one in clips]
    write_pyskl(files / "wrong.pkl", wrong, classes=LABELS)
    card = (files / "mine" / "model.json").read_bytes()
    capsys.readouterr()
    assert run(["evaluate", "wrong.pkl", "--model", "mine", "--calibrate"]) == 3
    assert "none of the 6 clips is named right" in capsys.readouterr().err
    assert (files / "mine" / "model.json").read_bytes() == card


@pytest.mark.parametrize(
    ("told", "split", "words"),
    [
        ({"train_splits": ["mixed"], "validation_splits": ["train"]}, "test", "6 of 6 clips are in the split mixed"),
        ({"train_splits": ["kept"], "validation_splits": ["held out"]}, "test", ""),
        ({"train_splits": ["kept"], "validation_splits": ["held out"]}, "rest", "mine was trained on kept"),
        ({"train_splits": ["all but rest"], "validation_splits": ["rest"]}, "rest", ""),
        ({"train_splits": "all"}, "rest", ""),
    ],
)
def test_calibration_on_what_the_card_says_was_trained_on_is_said(files, capsys, told, split, words):
    card = files / "mine" / "model.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "training": told}))
    read = read_pyskl(files / "poses.pkl")
    write_pyskl(files / "poses.pkl", read.annotations, {**read.splits, "rest": read.splits["test"][:5]}, classes=LABELS)
    assert run([*CALL, "--split", split, "--calibrate"]) == 0
    said = capsys.readouterr().err
    assert words in said if words else "trained on" not in said
