"""Checkpoints that are damaged, hostile or of another network: one line, exit code 5, and nothing left behind."""

import os
import random

import pytest
import torch
from checkpoints import saved
from payloads import Runs
from recognitions import poses

from poseact.cli import run
from poseact.models import build
from poseact.poses import write_pyskl
from poseact.zoo import Card, Preprocessing, save

CONFIG = {"num_classes": 3, "base_channels": 4}
HOSTILE = Runs(os.system, "touch was-run")


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(0)
    return build("x3d-s", **CONFIG).state_dict()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty cache, and a working folder of the test's own."""
    monkeypatch.setenv("POSEACT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def one_line(capsys, code, *arguments):
    """The single line that a failing command writes."""
    found = run(list(arguments))
    said = capsys.readouterr()
    assert (found, said.out) == (code, "")
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err


CHECKPOINTS = {  # name: (content from a state dict, exit code, words)
    "empty": (lambda state: b"", 5, "it is empty"),
    "truncated": (lambda state: saved(state)[:9000], 5, "damaged"),
    "text": (lambda state: b"hello", 5, "neither a checkpoint"),
    "html": (lambda state: b"<!doctype html><title>Login</title>", 5, "web page"),
    "hostile": (lambda state: saved({**state, "x": HOSTILE}), 5, "is hostile"),
    "hostile meta": (
        lambda state: saved({"state_dict": state, "meta": HOSTILE}),
        5,
        "is hostile",
    ),
    "non-tensor": (lambda state: saved({"state_dict": {**state, "epoch": 3}}), 5, "not tensors (epoch)"),
    "a list": (lambda state: saved(list(state.values())), 5, "a list, not named tensors"),
    "incomplete": (lambda state: saved(dict(list(state.items())[:-1])), 5, "missing (cls_head.fc_cls.bias)"),
    "a resnet": (lambda state: saved({"conv1.weight": torch.ones(4, 3, 7, 7)}), 5, "no network that poseact knows"),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_import(name, state, home, tmp_path, capsys):
    make, code, words = CHECKPOINTS[name]
    (tmp_path / "bad.pth").write_bytes(make(state))
    assert words in one_line(capsys, code, "weights", "import", "bad.pth")
    assert {path.name for path in tmp_path.iterdir()} == {"bad.pth"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--labels", "ntu60"], 2, "names 60 classes, but the network has 3"),
        (["--name", "posec3d-ntu60-xsub-joint"], 5, "3 classes (x3d-s), but posec3d-ntu60-xsub-joint is one of 60"),
        (["--name", "hrnet-w32"], 5, "not the published file of hrnet-w32-coco-256x192"),
        (["--architecture", "c3d-s"], 5, "it is no c3d-s"),
        (["--architecture", "resnet"], 2, "unknown architecture 'resnet'; known are"),
        (["--kind", "bone"], 2, "bone"),
        (["--name", "../x"], 2, "cannot be the name"),
    ],
    ids=["labels", "class count", "hash", "architecture", "no architecture", "kind", "a path"],
)
def test_import_of_a_good_file_as_what_it_is_not(arguments, code, words, state, home, tmp_path, capsys):
    (tmp_path / "good.pth").write_bytes(saved({"state_dict": state}))
    assert words in one_line(capsys, code, "weights", "import", "good.pth", *arguments)
    assert not home.exists()


def test_changed_bytes(state, home, tmp_path, capsys):
    """100 mutations of a small checkpoint: imported, or one line and nothing left behind."""
    content = saved({"state_dict": state, "meta": {"epoch": 3}})
    chance = random.Random(0)
    codes = []
    for _ in range(100):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 8)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        (tmp_path / "bad.pth").write_bytes(changed)
        codes.append(run(["weights", "import", "bad.pth", "--replace"]))
        said = capsys.readouterr()
        left = {path.name for path in home.rglob("*") if path.is_file()} if home.exists() else set()
        if codes[-1] == 0:
            assert left == {"bad.safetensors", "bad.json"}
            for path in home.rglob("bad.*"):
                path.unlink()
        else:
            assert said.err.count("\n") == 1
            assert (said.out, left) == ("", set())
    assert set(codes) == {0, 5}


@pytest.fixture
def model(state, home, tmp_path):
    """A good model in a folder of its own, with stored poses beside it."""
    card = Card(
        name="good", task="classify", architecture="x3d-s", config=CONFIG, labels=tuple("abc"),
        preprocessing=Preprocessing(clip_len=4, size=32, num_clips=1),
    )  # fmt: skip
    write_pyskl(tmp_path / "poses.pkl", [poses(frames=8)])
    return save(tmp_path / "run", dict(state), card)


def test_a_good_model_answers(model, capsys):
    assert run(["recognize", "poses.pkl", "--model", str(model), "--device", "cpu", "--json"]) == 0
    assert '"label"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content[: len(content) // 2], "not a valid safetensors file"),
        (lambda content: (1 << 50).to_bytes(8, "little") + content[8:], "not a valid safetensors file"),
        (lambda content: content.replace(b'"data_offsets":[0,', b'"data_offsets":[9,', 1), "not a valid safetensors"),
        (lambda content: content.replace(b"cls_head", b"cls_tail"), "does not fit its model card"),
        (lambda content: saved({"x": HOSTILE}), "not a valid safetensors file"),
        (lambda content: b"", "not a valid safetensors file"),
    ],
    ids=["truncated", "terabytes of header", "overlapping", "another network", "hostile", "empty"],
)
def test_recognize_with_a_bad_model(model, change, words, tmp_path, capsys):
    model.write_bytes(change(model.read_bytes()))
    assert words in one_line(capsys, 5, "recognize", "poses.pkl", "--model", str(model), "--device", "cpu")
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bad.pth", "import it first: poseact weights import"),
        ("poses.pkl", "not a .safetensors file"),
        ("nothing", "neither a file"),
        ("movenet-thunder", "not a classifier"),
        ("posec3d-ntu60-xsub-joint", "POSEACT_OFFLINE"),
    ],
    ids=["a checkpoint", "poses", "unknown", "an estimator", "not fetched"],
)
def test_recognize_with_what_is_no_model(name, words, model, tmp_path, capsys):
    (tmp_path / "bad.pth").write_bytes(saved({"x": HOSTILE}))
    assert words in one_line(capsys, 5, "recognize", "poses.pkl", "--model", name, "--device", "cpu")
    assert not (tmp_path / "was-run").exists()


def test_mutated_models_answer_or_say_why(model, capsys):
    content = model.read_bytes()
    chance = random.Random(1)
    codes = set()
    for _ in range(30):
        changed = bytearray(content)
        for _ in range(4):
            changed[chance.randrange(4000)] = chance.randrange(256)
        model.write_bytes(changed)
        codes.add(run(["recognize", "poses.pkl", "--model", str(model), "--device", "cpu"]))
        said = capsys.readouterr()
        assert "Traceback" not in said.err
    assert codes <= {0, 5}
    assert 5 in codes
