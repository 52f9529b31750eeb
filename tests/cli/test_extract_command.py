"""`poseact extract-poses` from the command line, on real clips of which few frames are looked at."""

import json
import pickle
import shutil

import numpy as np
import pytest

from poseact.cli import run
from poseact.poses import read_poses

FEW = ["--frames", "3", "--seconds", "0.3", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path, monkeypatch, samples):
    """The working folder, with class folders of two clips and one file that is no video."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    for name, label in (("run.mp4", "run"), ("walk.mp4", "walk")):
        (tmp_path / "clips" / label).mkdir(parents=True)
        shutil.copy(samples / name, tmp_path / "clips" / label / name)
    (tmp_path / "clips" / "walk" / "bad.mp4").write_bytes(b"no video")
    return tmp_path


def test_a_folder_becomes_a_data_set_and_what_failed_is_listed(folder, capsys):
    call = ["extract-poses", "clips", "--out", "poses.pkl", *FEW]
    assert run(call) == 3
    said = capsys.readouterr()
    assert "2 of 3 videos are in poses.pkl" in said.out
    assert "failed: 1 of 3 videos, see poses.pkl.errors.jsonl" in said.out
    dataset = read_poses(folder / "poses.pkl")
    assert dataset.classes == ("run", "walk")
    assert [(one.name, one.label) for one in dataset.annotations] == [("run/run", 0), ("walk/walk", 1)]
    (line,) = (folder / "poses.pkl.errors.jsonl").read_text().splitlines()
    assert json.loads(line)["code"] == "InvalidVideo"

    first = (folder / "poses.pkl").read_bytes()
    assert run(call) == 3
    assert "all of them from before" in capsys.readouterr().out
    assert (folder / "poses.pkl").read_bytes() == first
    assert run([*call, "--max-persons", "1"]) == 2
    assert "with --max-persons 2, now with --max-persons 1" in capsys.readouterr().err


def test_half_as_many_bytes_per_joint(folder, capsys):
    call = ["extract-poses", "clips", *FEW, "--out"]
    assert run([*call, "poses.pkl"]) == 3
    assert run([*call, "half.pkl", "--float16"]) == 3
    with (folder / "half.pkl").open("rb") as file:
        stored = pickle.load(file)["annotations"]
    for half, full in zip(stored, read_poses(folder / "poses.pkl").annotations, strict=True):
        assert half["keypoint"].dtype == half["keypoint_score"].dtype == np.float16
        assert np.array_equal(half["keypoint"], full.keypoint.astype(np.float16))
    shutil.copy(folder / "clips/run/run.mp4", folder / "clips/run/more.mp4")  # what is new joins what was rounded
    assert run([*call, "half.pkl", "--float16"]) == 3
    after = {one.name: one.keypoint for one in read_poses(folder / "half.pkl").annotations}
    assert len(after) == 3
    assert all(np.array_equal(after[one["frame_dir"]], one["keypoint"]) for one in stored)
    capsys.readouterr()
    assert run([*call, "half.pkl"]) == 2
    assert "with --float16, now without --float16" in capsys.readouterr().err


def test_a_table_of_stretches_and_what_would_be_done(folder, capsys):
    (folder / "clips.csv").write_text(
        "path,label,start,end,group\nclips/run/run.mp4,run,0,0.4,a\nclips/run/run.mp4,run,0.4,0.8,a\n"
        "clips/walk/walk.mp4,walk,,,b\nclips/walk/bad.mp4,walk,,,b\n"
    )
    call = ["extract-poses", "clips.csv", "--out", "poses.pkl", "--split", "0.5", *FEW]
    assert run([*call, "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["waiting"], plan["done"], plan["probed"], plan["unreadable"]) == (4, 0, 4, 1)
    assert plan["frames"] == 12
    assert plan["seconds"] > 0
    assert list(folder.glob("poses*")) == []
    assert run(call) == 3
    dataset = read_poses(folder / "poses.pkl")
    assert [one.name for one in dataset.annotations] == ["run/run@0-0.4", "run/run@0.4-0.8", "walk/walk"]
    assert sorted(map(sorted, dataset.splits.values())) == [["run/run@0-0.4", "run/run@0.4-0.8"], ["walk/walk"]]
    capsys.readouterr()
    assert run([*call, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "0 clips would be done, 3 are, 1 failed before" in said
    assert "2 classes" in said
    assert run([*call, "--dry-run", "--retry-failed"]) == 0
    assert "1 clip would be done, 3 are" in capsys.readouterr().out
    assert run([*call, "--dry-run", "--max-persons", "1"]) == 2
    assert "with --max-persons 2, now with --max-persons 1" in capsys.readouterr().err
    assert run([*call, "--dry-run", "--max-persons", "1", "--overwrite"]) == 0
    assert "4 clips would be done, 0 are" in capsys.readouterr().out
    assert len(list(folder.glob("poses*"))) == 4  # and nothing was changed


def test_a_folder_of_images(folder, samples, capsys):
    from PIL import Image

    from poseact.video import open_video

    (folder / "frames").mkdir()
    with open_video(samples / "walk.mp4") as reader:
        for frame in reader.frames(range(20, 24)):
            Image.fromarray(frame.image).save(folder / "frames" / f"{frame.index}.jpg")
    assert run(["extract-poses", "frames", "--out", "poses.pkl", "--image-fps", "5", "--device", "cpu"]) == 0
    (poses,) = read_poses(folder / "poses.pkl").annotations
    assert (poses.name, poses.fps, len(poses.pts)) == ("frames", 5, 4)
    assert poses.keypoint_score.max() > 0.3


def test_shards_are_merged_to_what_one_run_gives(folder, capsys):
    """Byte for byte, whatever the order of the videos in their table."""
    (folder / "clips.csv").write_text(
        "path,label,split,start,end\nclips/walk/walk.mp4,walk,val,,\nclips/run/run.mp4,run,train,0.4,0.8\n"
        "clips/walk/bad.mp4,walk,val,,\nclips/run/run.mp4,run,train,0,0.4\n"
    )
    assert run(["extract-poses", "clips.csv", "--out", "all.pkl", "--json", *FEW]) == 3
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert documents[-1]["done"] == 3
    parts = []
    for number in (1, 2, 3):
        run(["extract-poses", "clips.csv", "--out", f"{number}.pkl", "--shard", f"{number}/3", "--quiet", *FEW])
        parts += [f"{number}.pkl"] if (folder / f"{number}.pkl").exists() else []
    capsys.readouterr()
    assert run(["merge", *parts, "--out", "merged.pkl"]) == 0
    assert (folder / "merged.pkl").read_bytes() == (folder / "all.pkl").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere", "--out", "poses.pkl"], 3, "nowhere"),
        (["empty", "--out", "poses.pkl"], 3, "holds no video and no folder of images"),
        (["clips", "--out", "poses.txt"], 2, "poses.txt"),
        (["clips", "--out", "poses.pkl", "--shard", "4/3"], 2, "write i/n"),
        (["clips", "--out", "poses.pkl", "--person", "tallest"], 2, "tallest"),
        (["clips", "--out", "poses.pkl", "--device", "abacus"], 2, "abacus"),
        (["clips", "--out", "poses.pkl", "--splits", "missing.csv"], 2, "missing.csv"),
        (["clips", "--out", "poses.pkl", "--split", "2"], 2, "must lie between 0 and 1"),
    ],
    ids=["no folder", "no video", "suffix", "shard", "person", "device", "splits", "share"],
)
def test_what_cannot_work_is_one_line(folder, capsys, arguments, code, words):
    (folder / "empty").mkdir()
    assert run(["extract-poses", *arguments]) == code
    said = capsys.readouterr()
    (line,) = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert words in line
    assert not (folder / "poses.pkl").exists()
