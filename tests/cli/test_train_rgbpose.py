"""RGBPose-Conv3D by its three commands: pictures alone, poses alone, both as one, and then the answer for a video."""

import json
from dataclasses import replace

import pytest
from squares import CLASSES, squares

from poseact.cli.entry import run
from poseact.poses import write_pyskl

SMALL = [
    "--set", "preprocessing.clip_len=8", "--set", "preprocessing.size=16", "--set", "preprocessing.num_clips=1",
    "--set", "train_size=16", "--set", "batch_size=4", "--set", "epochs=2", "--set", "lr_batch=4", "--device", "cpu",
]  # fmt: skip
PICTURES = ["--set", 'preprocessing.rgb={"clip_len": 2, "size": 64}', "--set", "config.base_channels=8",
            "--set", "config.blocks=[1, 1, 1, 1]"]  # fmt: skip
POSES = ["--set", 'config={"base_channels": 8, "blocks": [1, 1, 1]}']


@pytest.fixture
def poses(tmp_path):
    """A file of poses of videos that have moved to clips/ since."""
    dataset = squares(tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "clips")
    write_pyskl(tmp_path / "poses.pkl", dataset.annotations, splits=dataset.splits, classes=dataset.classes)
    return tmp_path / "poses.pkl"


def trained(folder, name, recipe, *options):
    call = ["train", str(folder / "poses.pkl"), "--out", str(folder / name), "--recipe", recipe, *SMALL, *options]
    return run([*call, "--videos", str(folder / "clips")])


def test_three_commands_make_a_model_of_two_streams(poses, tmp_path, samples, capsys):
    assert trained(tmp_path, "rgb", "rgb-only", *PICTURES) == 0
    assert trained(tmp_path, "pose", "pose-only", *POSES) == 0
    capsys.readouterr()
    start = ["--from-rgb", str(tmp_path / "rgb"), "--from-pose", str(tmp_path / "pose")]
    assert trained(tmp_path, "both", "rgbpose", *start) == 0
    said = capsys.readouterr()
    assert said.out.startswith("validation: top-1")
    assert "(pictures " in said.out
    last = next(line for line in said.err.splitlines() if line.startswith("epoch 2/2"))
    assert last.count("(pictures ") == last.count(", poses ") == 2  # of training and of validation clips
    card = json.loads((tmp_path / "both" / "model.json").read_text())
    assert (card["architecture"], card["labels"]) == ("rgbpose-conv3d", list(CLASSES))
    assert {"validation_top1", "validation_top1_rgb", "validation_top1_pose"} <= card["training"].keys()
    assert (tmp_path / "both" / "confusion.png").stat().st_size > 1000

    call = ["recognize", str(samples / "run.mp4"), "--model", str(tmp_path / "both"), "--speed", "fast", "--json"]
    assert run([*call, "--device", "cpu"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {one["label"] for one in document["predictions"]} == set(CLASSES)
    assert document["models"][0]["stream_weights"] == [0.5, 0.5]


def test_class_folders_are_the_videos_of_their_poses(tmp_path):
    """The poses were extracted into the cache of the run when the folder had another name."""
    dataset = squares(tmp_path / "before")
    clips = [replace(one, name=f"{CLASSES[one.label]}/{one.name}") for one in dataset.annotations]
    (tmp_path / "before").rename(tmp_path / "clips")
    write_pyskl(tmp_path / "run.poses.pkl", clips, classes=CLASSES)
    call = ["train", str(tmp_path / "clips"), "--out", str(tmp_path / "run"), "--recipe", "rgb-only", *SMALL, *PICTURES]
    assert run(call) == 0
    assert json.loads((tmp_path / "run" / "model.json").read_text())["config"]["in_channels"] == 3


@pytest.mark.parametrize(
    ("recipe", "options", "code", "words"),
    [
        ("rgbpose", ["--from-rgb", "x"], 2, "belong together"),
        ("rgbpose", ["--from-rgb", "x", "--from-pose", "y", "--from", "z"], 2, "belong together"),
        ("rgbpose", ["--from-rgb", "missing", "--from-pose", "missing"], 5, "missing"),
        ("rgbpose", ["--from-rgb", "posec3d-jhmdb21", "--from-pose", "posec3d-jhmdb21"], 2, "no network of pictures"),
        ("rgb-only", ["--set", "augmentation.mixup=0.5"], 2, "mixup changes poses, not pictures"),
        ("rgb-only", ["--videos", "nowhere"], 3, "12 of 12 videos are not in nowhere"),
        ("rgb-only", [], 3, "give their folder with --videos DIR"),
    ],
)
def test_wrong_calls_of_two_streams_are_one_line(poses, tmp_path, capsys, recipe, options, code, words):
    call = ["train", str(poses), "--out", str(tmp_path / "run"), "--recipe", recipe, *SMALL, *options]
    assert run(call) == code
    said = capsys.readouterr().err
    assert words in said
    assert said.strip().count("\n") == 0
    assert not (tmp_path / "run").exists()
