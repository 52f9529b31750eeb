"""`poseact select` and `poseact merge` from the command line."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from poseact.cli.entry import run
from poseact.poses import PoseDataset, everybody, from_tracks, ranked, read_poses, write_poses
from poseact.track import select as judge
from poseact.types import Track

FRAMES = 6


def person(number, x, size, frames=FRAMES, speed=0.0):
    """Somebody whose joints are a grid in a square box, seen in the first `frames` of 6 frames."""
    there = (np.arange(FRAMES) < frames).astype(np.float32)
    left = (x + speed * np.arange(FRAMES)).astype(np.float32)
    grid = np.stack(np.meshgrid(np.linspace(0, size, 17), [size / 2]), -1)[0].astype(np.float32)
    boxes = np.stack([left, 0 * left + 10, left + size, 0 * left + 10 + size], -1) * there[:, None]
    xy = (grid + np.stack([left, 0 * left + 10], -1)[:, None]) * there[:, None, None]
    score = np.repeat(there[:, None], 17, 1) * np.float32(0.8)
    return Track(number, boxes, there * np.float32(0.9), xy, score, np.zeros(FRAMES, bool))


def clip(name, tracks, label=0):
    pts = np.arange(FRAMES) / 25
    poses = from_tracks(tracks, (200, 300), 25.0, pts, np.arange(FRAMES), name=name, label=label)
    return ranked(poses, judge(tracks, (200, 300), "auto"), 1) if tracks else poses


BIG_EARLY, SMALL_LONG, MOVING = person(1, 20, 120, 3), person(2, 200, 60), person(3, 100, 40, speed=9)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """In the working folder: `poses.pkl` of the clips both, pair, lone and none."""
    monkeypatch.chdir(tmp_path)
    clips = [
        clip("both", [BIG_EARLY, SMALL_LONG, MOVING]), clip("pair", [BIG_EARLY, SMALL_LONG], 1),
        clip("lone", [SMALL_LONG]), clip("none", [], 1),
    ]  # fmt: skip
    write_poses(tmp_path / "poses.pkl", PoseDataset(clips, {"train": ["both", "lone"], "val": ["pair"]}, ("a", "b, c")))
    return tmp_path


def chosen(path):
    return {one.name: one.track_id.tolist() for one in read_poses(path).annotations}


@pytest.mark.parametrize(
    ("options", "both", "lone"),
    [
        (["--person", "largest", "--max-persons", "1"], [1], [2]),
        (["--person", "moving", "--max-persons", "1"], [3], [2]),
        (["--person", "longest"], [2, 3], [2]),
        (["--person", "2", "--max-persons", "3"], [2], [2]),
    ],
    ids=["largest", "moving", "longest", "id"],
)
def test_another_rule(files, capsys, options, both, lone):
    code = run(["select", "poses.pkl", *options, "--out", "other.pkl"])
    said = capsys.readouterr()
    now = chosen("other.pkl")
    assert (now["both"], now["lone"], now["none"]) == (both, lone, [])
    assert "are in other.pkl; the choice differs from before in" in said.out
    assert code == (3 if "2" in options[1] else 0)
    before, after = read_poses("poses.pkl"), read_poses("other.pkl")
    assert (after.splits, after.classes) == (before.splits, before.classes)
    for old, new in zip(map(everybody, before.annotations), map(everybody, after.annotations), strict=True):
        assert sorted(old.track_id) == sorted(new.track_id)
        np.testing.assert_array_equal(old.keypoint[np.argsort(old.track_id)], new.keypoint[np.argsort(new.track_id)])


def test_everybody_and_back(files):
    assert run(["select", "poses.pkl", "--person", "all", "--out", "all.parquet", "-q"]) == 0
    assert sorted(chosen("all.parquet")["both"]) == [1, 2, 3]
    assert run(["select", "all.parquet", "--person", "auto", "--max-persons", "1", "--out", "one.pkl", "-q"]) == 0
    assert run(["select", "one.pkl", "--max-persons", "2", "--out", "two.pkl", "-q"]) == 0
    assert chosen("two.pkl")["both"][:1] == chosen("one.pkl")["both"] == chosen("poses.pkl")["both"]
    assert len(chosen("two.pkl")["both"]) == 2


def test_one_clip_only(files, capsys):
    before = chosen("poses.pkl")
    call = ["select", "poses.pkl", "--clip", "both", "--person", "001", "--out", "mended.pkl"]
    assert run(call) == 0
    assert chosen("mended.pkl") == {**before, "both": [1]}
    assert "the choice differs from before in 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "names", "splits"),
    [
        (["--split", "train"], ["both", "lone"], {"train": ["both", "lone"]}),
        (["--split", "train,val"], ["both", "pair", "lone"], {"train": ["both", "lone"], "val": ["pair"]}),
        (["--label", "b, c"], ["pair", "none"], {"val": ["pair"]}),
        (["--label", "a,1"], ["both", "pair", "lone", "none"], {"train": ["both", "lone"], "val": ["pair"]}),
        (["--person", "largest", "--min-frames", "5"], ["lone"], {"train": ["lone"]}),
        (["--min-frames", "1"], ["both", "pair", "lone"], {"train": ["both", "lone"], "val": ["pair"]}),
    ],
    ids=["split", "splits", "comma", "label", "long", "somebody"],
)
def test_fewer_clips(files, options, names, splits):
    assert run(["select", "poses.pkl", *options, "--out", "less.pkl", "-q"]) == 0
    left = read_poses("less.pkl")
    assert [one.name for one in left.annotations] == names
    assert left.splits == splits


def test_list(files, capsys):
    assert run(["select", "poses.pkl", "--list", "--clip", "both", "--clip", "none"]) == 0
    said = capsys.readouterr().out
    assert "both: 6 frames, 300x200 px" in said
    assert "nobody was tracked" in said
    assert "pair" not in said
    assert "number 3 of 3 by auto" in " ".join(said.split())
    assert run(["select", "poses.pkl", "--list", "--json", "--person", "largest"]) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["clip"], len(one["people"])) for one in documents] == [
        ("both", 3), ("pair", 2), ("lone", 1), ("none", 0),
    ]  # fmt: skip
    first = documents[0]["people"][0]
    assert (first["id"], first["chosen"], first["frames"], first["box"]) == (1, True, 3, [120.0, 120.0])
    assert documents[0]["schema"] == "poseact/people/1"
    assert {path.name for path in files.iterdir()} == {"poses.pkl"}


def test_a_long_table_shows_what_changed(files, capsys):
    assert run(["select", "poses.pkl", "--person", "2", "--out", "o.pkl", "--rows", "1"]) == 3
    said = capsys.readouterr()
    assert "and 3 clips more" in said.out
    assert "clips without a person 2: 1, such as 'none'; they stay as they were" in said.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "nothing is to be written; name a file with --out"),
        (["--out", "o.pkl", "--list"], "--list writes nothing"),
        (["--out", "o.pkl", "--person", "tallest"], "unknown person 'tallest'; use auto, largest"),
        (["--out", "o.pkl", "--person", "-1"], "unknown person '-1'"),
        (["--out", "o.pkl", "--person", "9"], "there is no person 9 in 'both' nor in 3 other clips"),
        (["--out", "o.pkl", "--person", "9", "--clip", "both"], "there is no person 9 in 'both'; --list"),
        (["--out", "o.pkl", "--clip", "lonely"], "there is no clip 'lonely' among the 4 clips"),
        (["--out", "o.pkl", "--split", "test"], "there is no split 'test'; the file has train, val"),
        (["--out", "o.pkl", "--label", "jump"], "there is no class 'jump'"),
        (["--out", "o.pkl", "--min-frames", "99"], "no clip is left"),
        (["--out", "o.txt"], "poses are written as .pkl"),
        (["--out", "poses.pkl"], "would overwrite the input"),
        (["--out", "o.pkl", "--rows", "few"], "--rows few: write a number of clips, or all"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_work(files, capsys, options, message):
    assert run(["select", "poses.pkl", *options]) in (2, 3)
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
    assert {path.name for path in files.iterdir()} == {"poses.pkl"}


def test_merge_halves(files, capsys):
    for split in ("train", "val"):
        assert run(["select", "poses.pkl", "--split", split, "--out", f"{split}.pkl", "-q"]) == 0
    assert run(["merge", "val.pkl", "train.pkl", "train.pkl", "--out", "all.parquet"]) == 0
    said = capsys.readouterr().out
    assert "3 clips of 3 files are in all.parquet; 2 that were given twice are there once" in said
    assert "classes: 2; splits: train 2, val 1" in said
    merged = read_poses("all.parquet")
    assert [one.name for one in merged.annotations] == ["both", "lone", "pair"]


def test_merge_refuses(files, capsys):
    dataset = read_poses("poses.pkl")
    changed = [replace(one, fps=24.0) for one in dataset.annotations]
    write_poses(files / "other.pkl", PoseDataset(changed, dataset.splits, dataset.classes))
    assert run(["merge", "poses.pkl", "other.pkl", "--out", "all.pkl"]) == 2
    assert "different clips are called 'both' in poses.pkl and in other.pkl" in capsys.readouterr().err
    assert run(["merge", "poses.pkl", "other.pkl", "--out", "all.pkl", "--prefix"]) == 0
    assert chosen("all.pkl").keys() == {f"{file}/{one.name}" for file in ("poses", "other") for one in changed}
    assert run(["merge", "poses.pkl", "poses.pkl", "--out", "b.pkl", "--prefix"]) == 2
    assert "two files are called 'poses'" in capsys.readouterr().err
    assert run(["merge", "poses.pkl", "--out", "poses.pkl"]) == 3
    assert "would overwrite the input" in capsys.readouterr().err
    assert run(["merge", "nowhere.pkl", "--out", "b.pkl"]) in (2, 3)
    assert "cannot read nowhere.pkl" in capsys.readouterr().err
