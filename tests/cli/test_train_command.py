"""`poseact train` from the command line, on poses of a body whose wrists swing one way or the other."""

import json
import sys
from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

from poseact.cli.entry import run
from poseact.poses import write_pyskl
from poseact.types import PoseSequence, Provenance

TINY = [
    "--set", "epochs=2", "--set", "train.batch_size=4", "--set", "preprocessing.clip_len=4",
    "--set", "preprocessing.size=16", "--set", 'config={"base_channels": 4, "blocks": [1, 1, 1]}', "--device", "cpu",
]  # fmt: skip


def swing(name: str, label: int) -> PoseSequence:
    random = np.random.default_rng(crc32(name.encode()))
    keypoint = np.stack([np.linspace(40, 60, 17), np.linspace(20, 90, 17)], 1) + random.normal(0, 1, (1, 6, 17, 2))
    keypoint[0, :, [9, 10], 1 - label] += 20 * np.sin(np.arange(6))
    return PoseSequence(
        keypoint=keypoint.astype(np.float32), keypoint_score=np.ones((1, 6, 17), np.float32), image_size=(100, 100),
        fps=10.0, pts=np.arange(6) / 10, frame_index=np.arange(6), track_id=np.ones(1, np.int64),
        boxes=np.ones((1, 6, 4), np.float32), box_score=np.ones((1, 6), np.float32),
        interpolated=np.zeros((1, 6), bool), name=name, label=label, provenance=Provenance(f"{name}.mp4"),
    )  # fmt: skip


@pytest.fixture
def poses(tmp_path):
    """A file of 20 clips of two classes."""

    def write(classes=("up", "side"), splits=None, change=lambda one: one):
        path = tmp_path / "poses.pkl"
        clips = [change(swing(f"clip{number}", number % 2)) for number in range(20)]
        write_pyskl(path, clips, splits=splits, classes=classes)
        return path

    return write


def test_a_run_leaves_a_model_curves_and_pictures(poses, tmp_path, capsys):
    out = tmp_path / "run"
    assert run(["train", str(poses()), "--out", str(out), *TINY]) == 0
    said = capsys.readouterr()
    assert "validation: top-1" in said.out
    assert "epoch 2/2" in said.err
    assert "calibration: error" in said.out
    assert "unknown: nothing; thresholds need 20 validation clips" in said.out
    for name in ("curves.png", "confusion.png", "reliability.png"):
        with Image.open(out / name) as picture:
            assert min(picture.size) > 200
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[-1]["val_top1"] is not None
    card = json.loads((out / "model.json").read_text())
    assert card["labels"] == ["up", "side"]
    assert card["config"]["in_channels"] == 34
    assert (card["training"]["clips"], card["training"]["validation_clips"]) == (16, 4)
    assert card["unknown_above"] is None  # of four clips
    assert [len(row) for row in card["typical"][0]] == [2, 2]
    described = (out / "model.md").read_text(encoding="utf-8")
    for words in ("0: up, 1: side", "(confusion.png)", "4 clips)", card["training"]["data"], f"--model {out}"):
        assert words in described
    assert {"calibration_error_before", "calibration_error_after", "validation_kept"} <= card["training"].keys()


def test_the_same_command_again_changes_nothing(poses, tmp_path, capsys):
    call = ["train", str(poses()), "--out", str(tmp_path / "run"), *TINY]
    assert run(call) == 0
    first = (tmp_path / "run" / "model.safetensors").read_bytes()
    assert run(call) == 0
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == first
    assert run([*call, "--set", "lr=0.5"]) == 2
    assert "other settings" in capsys.readouterr().err


def test_other_poses_in_the_same_folder_are_refused(poses, tmp_path, capsys):
    call = ["train", str(poses()), "--out", str(tmp_path / "run"), *TINY]
    assert run(call) == 0
    poses(change=lambda one: replace(one, keypoint=one.keypoint + 1))
    assert run(call) == 2
    assert "other settings or data" in capsys.readouterr().err


def test_settings_from_a_file(poses, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text("[train]\nepochs = 1\nlr = 0.01\n[augmentation]\nmixup = 0.1\n")
    call = ["train", str(poses()), "--out", str(tmp_path / "run"), *TINY[2:], "--config", str(config)]
    assert run(call) == 0
    settings = json.loads((tmp_path / "run" / "config.json").read_text())["settings"]
    assert (settings["epochs"], settings["lr"], settings["augmentation"]["mixup"]) == (1, 0.01, 0.1)


def test_splits_of_the_file_are_used(poses, tmp_path):
    names = [f"clip{number}" for number in range(20)]
    path = poses(splits={"train": names[:12], "val": names[12:15], "test": names[15:]})
    assert run(["train", str(path), "--out", str(tmp_path / "run"), *TINY]) == 0
    training = json.loads((tmp_path / "run" / "model.json").read_text())["training"]
    assert (training["clips"], training["validation_clips"]) == (12, 3)


@pytest.mark.parametrize("share", ["0", "0.4"])
def test_the_share_that_is_held_out(poses, tmp_path, share):
    call = ["train", str(poses()), "--out", str(tmp_path / "run"), "--val-share", share, "--licence", "CC0-1.0", *TINY]
    assert run(call) == 0
    card = json.loads((tmp_path / "run" / "model.json").read_text())
    assert card["training"]["validation_clips"] == 20 * float(share)
    assert card["licence"] == "CC0-1.0"


def test_numbers_become_names(poses, tmp_path, capsys):
    path = poses(classes=())
    assert run(["train", str(path), "--out", str(tmp_path / "numbers"), *TINY]) == 0
    assert "--labels" in capsys.readouterr().err
    names = tmp_path / "names.txt"
    names.write_text("up\nside\n")
    assert run(["train", str(path), "--out", str(tmp_path / "names"), "--labels", str(names), *TINY]) == 0
    found = [json.loads((tmp_path / name / "model.json").read_text())["labels"] for name in ("numbers", "names")]
    assert found == [["0", "1"], ["up", "side"]]


def test_a_new_head_on_a_trained_backbone(poses, tmp_path):
    path = poses()
    assert run(["train", str(path), "--out", str(tmp_path / "first"), *TINY]) == 0
    path = poses(classes=("north", "east"))
    fine = [
        "train", str(path), "--out", str(tmp_path / "fine"), "--from", str(tmp_path / "first"), "--set", "frozen=5",
        *TINY,
    ]  # fmt: skip
    assert run(fine) == 0
    from poseact.zoo import load

    first, second = (load(str(tmp_path / name)).state_dict() for name in ("first", "fine"))
    same = {key for key in first if (first[key] == second[key]).all()}
    assert {key for key in first if key.startswith("backbone.")} <= same
    assert "cls_head.fc_cls.weight" not in same


def test_oddities_are_said_before_the_first_step(poses, tmp_path, capsys):
    def change(one):
        label = 2 if one.name == "clip0" else one.label
        return replace(one, label=label, provenance=replace(one.provenance, estimator=f"net{label}"))

    path = poses(classes=("up", "side", "rare", "absent"), change=change)
    assert run(["train", str(path), "--out", str(tmp_path / "run"), "--val-share", "0", *TINY]) == 0
    said = capsys.readouterr().err
    assert said.index("absent") < said.index("epoch 1/2")
    assert "rare (1)" in said
    assert "different networks" in said


@pytest.mark.parametrize("quiet", [(), ("--quiet",)], ids=["talking", "quiet"])
def test_curves_for_tensorboard(poses, tmp_path, quiet):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="the extra `tensorboard` is not installed"
    )
    out = tmp_path / "run"
    assert run(["train", str(poses()), "--out", str(out), "--tensorboard", *quiet, *TINY]) == 0
    events = accumulator.EventAccumulator(str(out / "tensorboard")).Reload()
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    for curve, column in (("loss/train", "loss"), ("top1/train", "accuracy"), ("lr", "lr")):
        found = [(one.step, one.value) for one in events.Scalars(curve)]
        assert found == [(row["epoch"], pytest.approx(row[column], rel=1e-4, abs=1e-6)) for row in rows]
    assert [one.step for one in events.Scalars("top1/validation")] == [2]


def test_tensorboard_that_is_not_installed(poses, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert run(["train", str(poses()), "--out", str(tmp_path / "run"), "--tensorboard", *TINY]) == 2
    assert "pip install 'poseact[tensorboard]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--config", "missing.toml"], 2, "cannot be read as TOML"),
        (["--set", "lr"], 2, "NAME=VALUE"),
        (["--set", "colour=red"], 2, "colour"),
        (["--set", "batch_size=16", "--set", "accumulate=9"], 2, "less than two clips"),
        (["--recipe", "ntu6"], 2, "known are small"),
        (["--labels", "missing.txt"], 2, "neither a file with one name per line"),
        (["--train-split", "nothing"], 2, "there is no split"),
        (["--from", "missing"], 5, "missing"),
        (["--set", "architecture=resnet"], 2, "unknown architecture"),
        (["--set", "config={}", "--set", 'architecture=["x"]'], 2, "architecture"),
    ],
)
def test_wrong_calls_are_one_line(poses, tmp_path, capsys, arguments, code, words):
    assert run(["train", str(poses()), "--out", str(tmp_path / "run"), *TINY, *arguments]) == code
    said = capsys.readouterr().err.strip().splitlines()
    assert words in said[-1]
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_folder_without_class_folders(tmp_path, capsys):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").touch()
    assert run(["train", str(tmp_path / "clips"), "--out", str(tmp_path / "run")]) == 3
    assert "class folders" in capsys.readouterr().err


def test_few_examples_are_enough(poses, tmp_path, capsys):
    out = tmp_path / "few"
    assert run(["train", str(poses()), "--out", str(out), "--few-shot", "--val-share", "0.5", "--device", "cpu"]) == 0
    assert "validation: top-1" in capsys.readouterr().out
    card = json.loads((out / "model.json").read_text())
    assert card["labels"] == ["up", "side"]
    assert card["training"]["few_shot"]["backbone"] == "posec3d-jhmdb21"
    assert (card["training"]["train_splits"], card["training"]["validation_splits"]) == (["kept"], ["held out"])
    assert card["training"]["validation_top1"] == 1.0


def test_training_goes_on_with_the_settings_of_the_model(poses, tmp_path):
    path = poses()
    assert run(["train", str(path), "--out", str(tmp_path / "first"), *TINY]) == 0
    assert run(["train", str(path), "--out", str(tmp_path / "on"), "--from", str(tmp_path / "first"), *TINY[:4]]) == 0
    first, second = (json.loads((tmp_path / name / "model.json").read_text()) for name in ("first", "on"))
    assert [first[key] for key in ("config", "preprocessing")] == [second[key] for key in ("config", "preprocessing")]
