"""`poseact recognize` with several models, and with models that look at pictures: options, answers, one-line errors."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from recognitions import poses

from poseact.cli import run
from poseact.cli.numbers import joined, numbers
from poseact.errors import UsageError
from poseact.poses import read_pyskl, write_pyskl
from poseact.zoo import Card, save
from poseact.zoo.build import build

LABELS = ("wave", "clap", "jump")
TINY = {"base_channels": 4, "blocks": [1, 1], "inflate": [0, 1], "spatial_strides": [2, 2], "temporal_strides": [1, 1]}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], []),
        (["a.mp4", "--weights"], ["a.mp4", "--weights"]),
        (["--weights", "1", "a.mp4"], ["--weights=1", "a.mp4"]),
        (["a.mp4", "--weights", "1", "1"], ["a.mp4", "--weights=1,1"]),
        (["--weights", "2", ".5", "1e-1", "a.mp4", "3"], ["--weights=2,.5,1e-1", "a.mp4", "3"]),
        (["--weights", "1,1", "a.mp4"], ["--weights=1,1", "a.mp4"]),
        (["--weights", "1 1", "a.mp4"], ["--weights=1 1", "a.mp4"]),
        (["--weights=1", "1", "a.mp4"], ["--weights=1,1", "a.mp4"]),
        (["--weights", "-1", "nan", "x"], ["--weights=-1,nan", "x"]),
        (["--weights", "1", "--model", "2"], ["--weights=1", "--model", "2"]),
        (["--top", "3", "4"], ["--top", "3", "4"]),
        (["--", "--weights", "1", "1"], ["--", "--weights", "1", "1"]),
        (["--weights", "1", "./1"], ["--weights=1", "./1"]),
    ],
    ids=[
        "nothing", "no number", "one", "two", "several and a file", "commas", "one word", "equals", "refused later",
        "the next option", "another option", "after the dashes", "a file called 1",
    ],
)  # fmt: skip
def test_numbers_after_an_option_are_its_own(arguments, expected):
    assert joined(arguments, ["--weights"]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, None), ("1", (1.0,)), ("1,1", (1.0, 1.0)), (" 2  .5, 1e3 ", (2.0, 0.5, 1000.0))],
    ids=str,
)
def test_numbers(text, expected):
    assert numbers(text, "--weights") == expected


@pytest.mark.parametrize(("text", "word"), [("", ""), ("1,x", "x"), ("a b", "a"), (",", ",")], ids=str)
def test_what_is_no_number_is_refused(text, word):
    with pytest.raises(UsageError, match=f"'{word}' is no number"):
        numbers(text, "--weights")


@pytest.mark.parametrize(
    "arguments",
    [
        "a.mp4 b.mp4 --model joint --model limb --weights 3 1",
        "a.mp4 --weights 3 1 b.mp4 --model joint --model limb",
        "--weights 3,1 --model joint --model limb a.mp4 b.mp4",
        "--model joint a.mp4 --model limb b.mp4 --weights=3 1",
        "--model joint --model limb --weights 3 1 -- a.mp4 b.mp4",
    ],
)
def test_models_and_weights_become_settings_wherever_they_stand(arguments, files, opened, capsys):
    files("a.mp4", "b.mp4")
    assert run(["recognize", *arguments.split()]) == 0
    assert (opened[0].settings.models, opened[0].settings.weights) == (("joint", "limb"), (3.0, 1.0))
    assert opened[0].seen == ["a.mp4", "b.mp4"]


def test_streams_are_weighted_alone(files, opened, capsys):
    files("a.mp4")
    assert run(["recognize", "a.mp4", "--model", "rgbpose", "--stream-weights", "2", "1"]) == 0
    settings = opened[0].settings
    assert (settings.models, settings.weights, settings.stream_weights) == (("rgbpose",), None, (2.0, 1.0))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--model a --model b --weights 1", "1 numbers for 2 models"),
        ("--weights 1 1", "2 numbers for 1 models; give one for each; write ./1 for a file"),
        ("--model a --model b --weights 0 0", "not all are 0"),
        ("--model a --model b --weights 1 -1", "of at least 0"),
        ("--model a --model b --weights 1 nan", "finite"),
        ("--model a --model b --weights one two", "'one' is no number"),
        ("--model a --stream-weights 1", "1 numbers for 2 streams"),
        ("--weights", "--weights"),
    ],
    ids=["too few", "too many", "all 0", "negative", "no number", "words", "one stream", "nothing"],
)
def test_wrong_weights_are_one_line_before_any_work(arguments, words, files, opened, capsys):
    files("a.mp4", "two")
    assert run(["recognize", "a.mp4", *arguments.split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert not opened


def model(folder, name, *, labels=LABELS, config=None, preprocessing=None):
    """A small classifier with random weights, as `poseact train` would leave it; its weight file."""
    import torch

    torch.manual_seed(len(name))
    card = Card(
        name=name, task="classify", architecture="slowonly", labels=labels,
        config={**TINY, "num_classes": len(labels), **(config or {})},
        preprocessing={"clip_len": 8, "size": 16, "num_clips": 2, **(preprocessing or {})},
    )  # fmt: skip
    network = build(card)
    torch.nn.init.normal_(network.cls_head.fc_cls.weight, std=2.0)
    return str(save(folder, dict(network.state_dict()), card, stem=name))


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """Weight files of four models by name, and stored poses of one who stands."""
    folder = tmp_path_factory.mktemp("zoo")
    rgb = {"num_clips": 2, "flip": False, "rgb": {"clip_len": 4, "size": 32}}
    write_pyskl(folder / "poses.pkl", [poses(frames=20)])
    return {
        "joint": model(folder, "joint"),
        "limb": model(folder, "limb", preprocessing={"kind": "limb"}),
        "other": model(folder, "other", labels=("wave", "run", "jump")),
        "pictures": model(folder, "pictures", config={"in_channels": 3}, preprocessing=rgb),
        "poses": str(folder / "poses.pkl"),
    }


def answered(capsys, *arguments):
    code = run(["recognize", "--device", "cpu", "--json", *arguments])
    document = json.loads(capsys.readouterr().out)
    return code, document, {one["label"]: one["probability"] for one in document["predictions"]}


def test_the_command_of_the_documentation_averages_the_streams(zoo, capsys, tmp_path):
    _, alone, joint = answered(capsys, zoo["poses"], "--model", zoo["joint"])
    limb = answered(capsys, zoo["poses"], "--model", zoo["limb"])[2]
    assert max(abs(joint[label] - limb[label]) for label in LABELS) > 0.05
    command = [
        sys.executable, "-m", "poseact", "recognize", zoo["poses"], "--device", "cpu", "--json",
        "--model", zoo["joint"], "--model", zoo["limb"], "--weights", "1", "1", "--save-heatmaps", str(tmp_path),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    fused = {one["label"]: one["probability"] for one in document["predictions"]}
    assert fused == pytest.approx({label: (joint[label] + limb[label]) / 2 for label in LABELS}, abs=2e-6)
    assert document["schema"] == "poseact/recognition/1"
    assert document["model"]["name"] == "joint + limb"
    assert [(one["name"], one["weight"], one["stream_weights"]) for one in document["models"]] == [
        ("joint", 0.5, None), ("limb", 0.5, None),
    ]  # fmt: skip
    assert document["models"][0]["sha256"] == alone["model"]["sha256"] == alone["models"][0]["sha256"]
    assert [path.suffix for path in tmp_path.iterdir()] == [".png"]


def test_other_weights_and_a_table_that_names_them(zoo, capsys):
    joint = answered(capsys, zoo["poses"], "--model", zoo["joint"])[2]
    limb = answered(capsys, zoo["poses"], "--model", zoo["limb"])[2]
    arguments = [zoo["poses"], "--model", zoo["joint"], "--model", zoo["limb"], "--weights", "3", "1"]
    fused = answered(capsys, *arguments)[2]
    assert fused == pytest.approx({one: 0.75 * joint[one] + 0.25 * limb[one] for one in LABELS}, abs=2e-6)
    assert run(["recognize", "--device", "cpu", *arguments]) == 0
    table = capsys.readouterr().out
    assert "joint 75%" in table
    assert "limb 25%" in table


@pytest.mark.parametrize(
    ("names", "arguments", "code", "words"),
    [
        (["joint", "other"], [], 2, "class 1 is 'clap' in the first and 'run' in the second"),
        (["joint"], ["--stream-weights", "1", "2"], 2, "joint has one stream"),
        (["pictures"], [], 4, "poses without pictures"),
        (["joint", "pictures"], [], 4, "give the video itself"),
    ],
    ids=["other classes", "one stream", "no pictures", "no pictures for one of two"],
)
def test_models_that_cannot_answer_are_one_line(names, arguments, code, words, zoo, capsys):
    chosen = [word for name in names for word in ("--model", zoo[name])]
    assert run(["recognize", zoo["poses"], "--device", "cpu", *chosen, *arguments]) == code
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error


def test_people_together_are_one_answer(zoo, capsys, tmp_path):
    write_pyskl(tmp_path / "pair.pkl", [poses(people=2, frames=20)])
    pair, heatmaps = str(tmp_path / "pair.pkl"), tmp_path / "seen"
    arguments = [pair, "--model", zoo["joint"], "--together", "--save-heatmaps", str(heatmaps)]
    _, document, together = answered(capsys, *arguments)
    (person,) = document["persons"]
    assert (person["track"], person["together_with"]) == (2, [1])
    assert document["reason"].startswith("people 2 and 1 are looked at as one; person 2: in 100%")
    assert len(list(heatmaps.iterdir())) == 1
    _, apart, first = answered(capsys, pair, "--model", zoo["joint"], "--person", "all")
    assert [one["together_with"] for one in apart["persons"]] == [[], []]
    assert max(abs(together[label] - first[label]) for label in LABELS) > 1e-4
    assert run(["recognize", "--device", "cpu", pair, "--model", zoo["joint"], "--together"]) == 0
    assert "people 2 and 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "trained with one person at a time"), (["--person", "1"], "person 1 is one alone")],
    ids=["a model of one", "an id"],
)
def test_who_cannot_be_together_is_one_line(arguments, words, zoo, capsys):
    assert run(["recognize", zoo["poses"], "--device", "cpu", "--together", *arguments]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert words in captured.err


def test_a_model_without_weight_need_not_be_served(zoo, capsys):
    joint = answered(capsys, zoo["poses"], "--model", zoo["joint"])[2]
    chosen = ["--model", zoo["joint"], "--model", zoo["pictures"], "--weights", "1", "0"]
    assert answered(capsys, zoo["poses"], *chosen)[2] == joint


def test_pictures_and_poses_of_a_video_are_fused(zoo, samples, capsys, tmp_path):
    chosen = [
        "--speed",
        "fast",
        "--model",
        zoo["pictures"],
        "--model",
        zoo["joint"],
        "--overlay",
        str(tmp_path / "o.mp4"),
    ]
    code, document, fused = answered(capsys, str(samples / "run.mp4"), *chosen)
    assert code == 0
    assert set(fused) == set(LABELS)
    assert sum(fused.values()) == pytest.approx(1, abs=1e-5)
    assert document["model"]["name"] == "pictures + joint"
    assert (tmp_path / "o.mp4").stat().st_size > 1000
    alone = answered(capsys, str(samples / "run.mp4"), *chosen[:4])[2]
    assert alone != fused
    assert Path(zoo["pictures"]).exists()


def test_stored_poses_of_several_data_sets_keep_their_classes_by_name(zoo, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clips = [replace(poses(frames=8), name=name, label=0) for name in ("one", "two")]
    write_pyskl(Path("a.pkl"), clips, {"train": ["two"]}, classes=("jump", "walk"))
    write_pyskl(Path("b.pkl"), clips[:1], {"train": ["one"]}, classes=("walk", "run"))
    write_pyskl(Path("bare.pkl"), clips[:1])
    call = ["recognize", "--device", "cpu", "-q", "--model", zoo["joint"], "--save-poses"]
    assert run([*call, "ab.pkl", "a.pkl", "b.pkl", "bare.pkl"]) == 0
    stored = read_pyskl(Path("ab.pkl"))
    named = [(one.name, one.label) for one in stored.annotations]
    assert named == [("one", 0), ("two", 0), ("one-2", 1), ("one-3", -1)]
    assert (stored.classes, stored.splits) == (("jump", "walk", "run"), {"train": ["two", "one-2"]})
    capsys.readouterr()
    assert run([*call, "alone.pkl", "bare.pkl"]) == 0
    assert read_pyskl(Path("alone.pkl")).annotations[0].label == 0


def test_labels_that_name_no_class_cost_no_poses(zoo, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clips = [replace(poses(frames=8), name="one", label=label) for label in (7, 1)]
    write_pyskl(Path("beyond.pkl"), clips, {"train": ["one"]}, classes=("jump", "walk"))
    assert run(["recognize", "--device", "cpu", "--model", zoo["joint"], "beyond.pkl", "--save-poses", "p.pkl"]) == 0
    assert "p.pkl: 1 labels that are numbers without a name of a class are left out" in capsys.readouterr().err
    stored = read_pyskl(Path("p.pkl"))
    assert [(one.name, one.label) for one in stored.annotations] == [("one", -1), ("one-2", 1)]
    assert stored.splits == {"train": ["one", "one-2"]}
