"""Targets that other models have a say in."""

import numpy as np
import pytest
import torch
from swings import swings, tiny

from poseact.cli.entry import run as poseact
from poseact.errors import InvalidPoses, UsageError
from poseact.evaluate.score_files import write_scores
from poseact.evaluate.scores import Scores
from poseact.poses import write_poses
from poseact.train import train
from poseact.train.batches import Random, training_batches
from poseact.train.clips import stack
from poseact.train.teacher import with_soft_targets


@pytest.fixture
def clips():
    dataset = swings(4)
    return stack(dataset.annotations, dataset.classes, tiny().preprocessing)


def test_without_a_teacher_the_label_is_the_target(clips):
    assert with_soft_targets(clips, [], 0.5) is clips
    everything = range(len(clips))
    assert torch.equal(clips.targets(everything).argmax(1), clips.label)
    assert torch.equal(clips.targets(everything).sum(1), torch.ones(len(clips)))


@pytest.mark.parametrize(("share", "kept"), [(0.0, 1.0), (0.25, 0.75), (1.0, 0.0)], ids=["none", "some", "all"])
def test_the_label_keeps_the_rest(clips, share, kept):
    said = {name: np.full(len(clips.classes), 1 / len(clips.classes), np.float32) for name in clips.names}
    target = with_soft_targets(clips, [said], share).targets(range(len(clips)))
    own = target[torch.arange(len(clips)), clips.label]
    assert torch.allclose(own, torch.full_like(own, kept + share / len(clips.classes)))
    assert torch.allclose(target.sum(1), torch.ones(len(clips)))


def test_teachers_that_know_a_clip_are_averaged_and_others_left_out(clips):
    first, second, *others = clips.names
    sure, unsure = np.eye(len(clips.classes), dtype=np.float32)[:2]
    target = with_soft_targets(clips, [{first: sure}, {first: unsure, second: unsure}], 1.0).targets(range(len(clips)))
    assert target[0].tolist()[:2] == [0.5, 0.5]
    assert target[1].tolist() == unsure.tolist()
    assert torch.equal(target[2:], clips.targets(range(2, len(clips))))
    assert others


@pytest.mark.parametrize(
    ("said", "words"),
    [({"somebody else": np.ones(2, np.float32) / 2}, "none of the"), ({"a": np.ones(7, np.float32) / 7}, "7 classes")],
    ids=["unknown clips", "other classes"],
)
def test_scores_of_something_else_are_refused(clips, said, words):
    with pytest.raises(InvalidPoses, match=words):
        with_soft_targets(clips, [said], 0.5)


def test_batches_aim_at_what_the_teacher_says(clips):
    said = {name: np.array([0.3, 0.7], np.float32) for name in clips.names}
    rows = [2, 0, 1]
    random = Random.of(0, torch.device("cpu"))
    ((_, target),) = training_batches(
        with_soft_targets(clips, [said], 1.0), [rows], tiny(), random, torch.device("cpu")
    )
    assert torch.allclose(target, torch.tensor([0.3, 0.7]).expand(3, 2))


def test_a_run_goes_on_with_its_own_teacher_only(tmp_path):
    dataset = swings()
    one, other = ({clip.name: np.array(row, np.float32) for clip in dataset.annotations} for row in ([1, 0], [0, 1]))
    arguments = {"dataset": dataset, "settings": tiny(epochs=1), "out": tmp_path / "run", "name": "taught"}
    train(**arguments, teachers=[one])
    train(**arguments, teachers=[one])
    with pytest.raises(UsageError):
        train(**arguments, teachers=[other])


def test_a_stopped_run_ends_where_an_uninterrupted_one_does(tmp_path):
    dataset = swings()
    said = {clip.name: np.array([0.3, 0.7], np.float32) for clip in dataset.annotations}
    arguments = {
        "dataset": dataset, "settings": tiny(epochs=4, patience=3), "name": "taught", "teachers": [said],
        "train_splits": ["train"], "validation_splits": ["val"],
    }  # fmt: skip

    def stop(epoch):
        if epoch.number == 2:
            raise KeyboardInterrupt

    train(**arguments, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(**arguments, out=tmp_path / "stopped", on_epoch=stop)
    train(**arguments, out=tmp_path / "stopped")
    for name in ("metrics.csv", "model.safetensors"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_command_reads_score_files(tmp_path, capsys):
    dataset = swings()
    poses, scores = tmp_path / "poses.pkl", tmp_path / "scores.pkl"
    write_poses(poses, dataset)
    names = tuple(one.name for one in dataset.annotations)
    rows = np.full((len(names), 2), 0.5, np.float32)
    write_scores(scores, Scores("teacher", rows, np.array([one.label for one in dataset.annotations]), names))
    nameless = tmp_path / "nameless.pkl"
    write_scores(nameless, Scores("teacher", rows, np.zeros(len(names), np.int64)), "pyskl")
    command = ["train", str(poses), "--out", str(tmp_path / "run"), "--val-share", "0", "--set", "epochs=1", "--quiet"]
    assert poseact([*command, "--teacher", str(nameless)]) == 2
    assert "does not name its clips" in capsys.readouterr().err
    assert poseact([*command, "--teacher", str(scores)]) == 0


def test_a_teacher_that_numbers_the_classes_otherwise_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    dataset = swings()
    write_poses(tmp_path / "poses.pkl", dataset)
    names = tuple(one.name for one in dataset.annotations)
    label = np.array([1 - one.label for one in dataset.annotations])
    write_scores(tmp_path / "s.pkl", Scores("m", np.full((len(names), 2), 0.5, np.float32), label, names))
    assert poseact(["train", "poses.pkl", "--out", "run", "--teacher", "s.pkl", "--set", "epochs=1"]) == 3
    assert "its classes are numbered otherwise" in capsys.readouterr().err
