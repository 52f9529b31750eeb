"""`poseact evaluate` from the command line, with tiny networks and few clips."""

import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from recognitions import shaken

from poseact.cli.entry import run
from poseact.models import build
from poseact.poses import read_poses, write_poses, write_pyskl
from poseact.zoo import Card, save

LABELS = ("wave", "clap", "jump")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """In the working folder: `poses.pkl` of 6 test and 2 training clips, and the models `joint` and `limb`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    clips = [shaken(f"clip{number}", number % 3, number) for number in range(8)]
    names = [one.name for one in clips]
    write_pyskl(tmp_path / "poses.pkl", clips, {"test": names[:6], "train": names[6:], "none": []}, classes=LABELS)
    write_pyskl(tmp_path / "bare.pkl", clips)
    for seed, kind in enumerate(("joint", "limb")):
        torch.manual_seed(seed)
        config = {"base_channels": 4, "blocks": [1, 1, 1], "in_channels": 17, "num_classes": 3}
        preprocessing = {"clip_len": 4, "size": 16, "num_clips": 2, "kind": kind}
        card = Card(
            name=kind, task="classify", architecture="slowonly", config=config, labels=LABELS,
            preprocessing=preprocessing,
        )  # fmt: skip
        save(tmp_path / kind, build("slowonly", **config).state_dict(), card)
    return tmp_path


def test_the_figures_of_one_model(files, capsys):
    call = ["evaluate", "poses.pkl", "--model", "joint", "--device", "cpu"]
    assert run(call) == 0
    said = capsys.readouterr().out
    assert "joint on poses.pkl, test: 6 clips" in said
    for words in ("top-1", "top-5", "mean class", "classes: 3, worst first", "most often taken for"):
        assert words in said
    assert run([*call, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "poseact/evaluation/1"
    assert (document["clips"], document["nobody"], document["splits"]) == (6, 0, ["test"])
    assert document["models"][0]["views"] == 4
    right = sum(one["right"] for one in document["classes"])
    assert document["top1"] == pytest.approx(right / 6, abs=1e-5)
    assert sum(one["clips"] for one in document["mistakes"]) == 6 - right


@pytest.mark.parametrize("name", ["poses.parquet", "poses"], ids=["Parquet", "npz"])
def test_every_form_of_poses_is_evaluated_alike(files, capsys, name):
    call = ["--model", "joint", "--split", "test", "--device", "cpu", "--json"]
    write_poses(files / name, read_poses(files / "poses.pkl"))
    answers = []
    for poses in ("poses.pkl", name):
        assert run(["evaluate", poses, *call]) == 0
        document = json.loads(capsys.readouterr().out)
        answers.append((document["clips"], document["top1"], document["classes"], document["mistakes"]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 6


def test_saved_scores_give_the_same_fusion_as_the_models(files, capsys):
    assert run(["evaluate", "poses.pkl", "--model", "limb", "--save-scores", "limb.pkl", "-q"]) == 0
    capsys.readouterr()
    answers = []
    for others in (["--model", "limb"], ["--scores", "limb.pkl"]):
        call = [
            "evaluate",
            "poses.pkl",
            "--model",
            "joint",
            *others,
            "--weights",
            "2",
            "1",
            "--save-scores",
            "both.pkl",
        ]
        assert run([*call, "--json"]) == 0
        answers.append((json.loads(capsys.readouterr().out), (files / "both.pkl").read_bytes()))
    (models, first), (stored, second) = answers
    rows = [np.stack([row["pred_score"].numpy() for row in pickle.loads(part)]) for part in (first, second)]
    np.testing.assert_allclose(*rows, atol=1e-6)
    assert models["top1"] == stored["top1"]
    assert [part["weight"] for part in stored["models"]] == pytest.approx([2 / 3, 1 / 3], abs=1e-5)
    assert stored["models"][1]["sha256"] is None


@pytest.mark.parametrize("form", ["mmaction2", "pyskl"])
def test_scores_alone_need_no_model(files, capsys, form):
    save_it = ["--save-scores", "joint.pkl", "--scores-format", form]
    assert run(["evaluate", "poses.pkl", "--model", "joint", *save_it, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    poses = [] if form == "mmaction2" else ["poses.pkl"]
    (files / "names.txt").write_text("\n".join(LABELS))
    assert run(["evaluate", *poses, "--scores", "joint.pkl", "--labels", "names.txt", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["top1"], again["classes"]) == (first["top1"], first["classes"])


def test_a_confusion_matrix(files, capsys):
    assert run(["evaluate", "poses.pkl", "--model", "joint", "--split", "test,train", "--confusion", "c.png"]) == 0
    assert "test, train: 8 clips" in capsys.readouterr().out
    with Image.open("c.png") as picture:
        assert min(picture.size) > 200


def test_fewer_views_are_quicker(files, capsys):
    assert run(["evaluate", "poses.pkl", "--model", "joint", "--clips", "1", "--no-flip", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["views"] == 1


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        (["poses.pkl", "--split", "valid"], 2, "there is no split 'valid'; the file has test, train, none"),
        (["poses.pkl", "--split", "none"], 3, "split none names no clip"),
        (["none.pkl"], 3, "cannot read none.pkl"),
        ([], 2, "nothing to evaluate on"),
        (["poses.pkl", "--model", "nowhere"], 5, "nowhere"),
        (["poses.pkl", "--model", "joint", "--weights", "1", "1"], 2, "2 numbers for 1 models and files of scores"),
        (["poses.pkl", "--model", "joint", "--scores", "poses.pkl"], 3, "poses.pkl holds no scores"),
        (["poses.pkl", "--model", "joint", "--classes", "0"], 2, "--classes 0"),
        (["poses.pkl", "--model", "joint", "--labels", "ntu60"], 2, "--labels ntu60 calls the classes drink water,"),
        (["poses.pkl", "--model", "movenet-thunder"], 5, "not a classifier"),
        (["poses.pkl", "--model", "joint", "--save-answers", "poses.pkl"], 2, "the suffix must be .csv"),
        (["poses.pkl", "--model", "joint", "--save-scores", "poses.pkl"], 3, "would overwrite the input"),
        (["poses.pkl", "--model", "joint", "--confusion", "a.png", "--reliability", "a.png"], 2, "the same file"),
        (["poses.pkl", "--model", "joint", "--confusion", "/proc/no/a.png"], 3, "cannot write /proc/no/a.png"),
        (["--scores", "s.pkl", "--clips", "3"], 2, "--clips is for models, and --scores holds answers"),
        (["--scores", "s.pkl", "--no-flip"], 2, "--flip or --no-flip is for models"),
        (["poses.pkl", "--scores", "s.pkl", "--videos", "clips"], 2, "--videos is for models"),
        (["poses.pkl", "--model", "joint", "--scores-format", "pyskl"], 2, "is the form of --save-scores FILE"),
    ],
    ids=[
        "unknown split", "empty split", "no file", "nothing", "no model", "weights", "no scores", "no rows", "labels",
        "no classifier", "another suffix", "the input", "one file twice", "nowhere to write",
        "clips of scores", "views of scores", "videos of scores",
        "a form of nothing",
    ],
)  # fmt: skip
def test_mistakes_are_one_line(files, capsys, call, code, words):
    assert run(["evaluate", *call]) == code
    said = capsys.readouterr()
    assert words in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)


def test_interrupted_it_leaves_nothing(files, capsys, monkeypatch):
    from poseact.recognize import Classifier

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Classifier, "view_logits", interrupt)
    assert run(["evaluate", "poses.pkl", "--model", "joint", "--save-scores", "s.pkl"]) == 130
    assert sorted(path.name for path in files.iterdir()) == ["bare.pkl", "joint", "limb", "poses.pkl"]
    assert "interrupted" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_costs_no_other(files, capsys, monkeypatch):
    from poseact.cli import evaluation
    from poseact.errors import OutputError

    def full(*_):
        raise OutputError("cannot write s.pkl: the disk is full")

    monkeypatch.setattr(evaluation, "write_scores", full)
    call = [
        "poses.pkl",
        "--model",
        "joint",
        "--save-scores",
        "s.pkl",
        "--confusion",
        "c.png",
        "--save-answers",
        "a.csv",
    ]
    assert run(["evaluate", *call]) == 3
    assert "the disk is full" in capsys.readouterr().err
    assert (files / "c.png").exists()
    assert (files / "a.csv").exists()
