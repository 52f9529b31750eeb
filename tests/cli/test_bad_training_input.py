"""What `poseact train` cannot learn from, as a user meets it: one line, an exit code, and nothing is overwritten."""

import pickle

import numpy as np
import pytest
import torch

from poseact.cli.entry import run

TINY = [
    "--set", "epochs=1", "--set", "train.batch_size=4", "--set", "preprocessing.clip_len=4",
    "--set", "preprocessing.size=16", "--set", 'config={"base_channels": 4, "blocks": [1, 1, 1]}', "--device", "cpu",
    "--quiet",
]  # fmt: skip


def annotation(number, label=None, joints=17, frames=12, **changes):
    rng = np.random.default_rng(number)
    return {
        "frame_dir": f"clip{number}", "total_frames": frames, "img_shape": (100, 100), "original_shape": (100, 100),
        "label": number % 2 if label is None else label,
        "keypoint": rng.uniform(10, 90, (1, frames, joints, 2)).astype(np.float32),
        "keypoint_score": np.ones((1, frames, joints), np.float32), **changes,
    }  # fmt: skip


def spoilt(key, value):
    one = annotation(3)
    one[key][0, 2, 5] = value
    return one


GOOD = [annotation(number) for number in range(12)]


@pytest.fixture
def poses(tmp_path, monkeypatch):
    """A function that writes `poses.pkl` into the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEACT_OFFLINE", "1")

    def write(annotations=GOOD, splits=None):
        (tmp_path / "poses.pkl").write_bytes(pickle.dumps({"annotations": annotations, "split": splits or {}}))
        return ["train", "poses.pkl", *TINY]

    return write


@pytest.mark.parametrize(
    ("annotations", "splits", "words"),
    [
        ([], {}, "there are no clips in the poses"),
        (GOOD, {"train": [], "val": ["clip1"]}, "split train names no clip"),
        ([{**one, "label": 0} for one in GOOD], {}, "at least two classes"),
        ([*GOOD, annotation(12, label=-1)], {}, "label -1 lies outside the 2 classes"),
        ([*GOOD, annotation(12, label=10**9)], {}, "clip12: label 1000000000 is no number of a class"),
        ([*GOOD, spoilt("keypoint", np.nan)], {}, "'keypoint' must be finite numbers, and 2 of 408 are not"),
        ([*GOOD, spoilt("keypoint", np.inf)], {}, "a joint that is not seen is 0"),
        ([*GOOD, spoilt("keypoint_score", np.nan)], {}, "'keypoint_score' must be finite numbers, and 1 of 204"),
        ([*GOOD, annotation(12, joints=15)], {}, "sequences of one layout"),
        ([annotation(number, joints=23) for number in range(8)], {}, "unknown keypoint layout '23-joints'"),
        ([*GOOD, annotation(12, joints=15, layout="coco17")], {}, "coco17"),
    ],
    ids=[
        "no clips", "empty split", "one class", "no label", "huge label", "NaN", "infinity", "NaN score",
        "other joints", "unknown joints", "joints that do not fit the layout",
    ],
)  # fmt: skip
def test_poses_that_teach_nothing(poses, tmp_path, capsys, annotations, splits, words):
    code = run([*poses(annotations, splits), "--out", "run"])
    said = capsys.readouterr().err.strip().splitlines()
    assert code in (2, 3)
    assert words in said[-1]
    assert len(said) <= 2  # before it, at most the warning that classes have no names
    assert not (tmp_path / "run").exists()


def test_labels_of_a_file_that_are_too_few(poses, tmp_path, capsys):
    (tmp_path / "names.txt").write_text("up\nside\n")
    call = poses([*GOOD, annotation(12, label=2)])
    assert run([*call, "--labels", "names.txt", "--out", "run"]) == 3
    assert capsys.readouterr().err == "error: clip12: label 2 lies outside the 2 classes\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--from", "thunder"], "thunder is one to"),
        (["--from", "first", "--set", 'architecture="c3d"'], "c3d"),
        (["--from", "first", "--set", "config.base_channels=8"], "first"),
    ],
    ids=["no classifier", "another architecture", "another width"],
)
def test_a_start_from_another_architecture(poses, tmp_path, capsys, options, words):
    call = poses()
    assert run([*call, "--out", "first"]) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()}
    capsys.readouterr()
    start = ["train", "poses.pkl", "--device", "cpu", "--quiet", "--out", "second", *options]
    assert run(start) in (2, 5)
    said = capsys.readouterr().err.strip().splitlines()
    assert words in said[-1]
    assert said[-1].startswith("error: ")
    assert {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()} == before
    assert run([*call, "--out", "second"]) == 0  # what failed does not stand in the way


@pytest.mark.parametrize("options", [TINY, ["--few-shot", "--device", "cpu"]], ids=["training", "few examples"])
def test_poses_under_two_names_are_a_leak(poses, capsys, options):
    copies = [{**GOOD[number], "frame_dir": f"copy{number}"} for number in (2, 3)]
    parts = {
        "train": [one["frame_dir"] for one in GOOD],
        "val": [one["frame_dir"] for one in (*copies, annotation(20))],
    }
    poses([*GOOD, *copies, annotation(20)], parts)
    assert run(["train", "poses.pkl", "--out", "run", *(one for one in options if one != "--quiet")]) == 0
    said = capsys.readouterr().err
    assert "2 clips of the validation part have the poses of training clips: a leak (copy2 is clip2, copy3 is" in said


def test_another_configuration_leaves_the_run_as_it_is(poses, tmp_path, capsys):
    call = [*poses(), "--out", "run"]
    assert run(call) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    capsys.readouterr()
    assert run([*call, "--set", "lr=0.5"]) == 2
    said = capsys.readouterr().err
    assert "lr is 0.003 there, 0.5 now" in said
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_no_memory_is_a_limit_that_names_the_batch(poses, capsys, monkeypatch):
    def exhausted(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    monkeypatch.setattr("poseact.train.batches.draw", exhausted)
    call = [*poses(), "--out", "run"]
    assert run(call) == 6
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "out of memory with a batch of 4 clips; add --set accumulate=2, or --set batch_size=2" in said
