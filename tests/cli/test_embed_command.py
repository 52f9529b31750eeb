"""`poseact embed` from the command line, with a tiny network and few clips."""

import csv
import sys
from dataclasses import replace

import numpy as np
import pyarrow.parquet
import pytest
import torch
from recognitions import poses as people

from poseact.cli.entry import run
from poseact.models import build
from poseact.poses import nobody, write_pyskl
from poseact.zoo import Card, save

CONFIG = {"base_channels": 4, "blocks": [1, 1, 1], "in_channels": 17, "num_classes": 2}
WIDTH = 64


@pytest.fixture
def files(tmp_path, monkeypatch):
    """In the working folder: `poses.pkl` of 4 clips, one of them without a label and one without people; a model."""
    monkeypatch.chdir(tmp_path)
    one = people(frames=8)
    clips = [
        replace(one, keypoint=one.keypoint + 3 * number, name=f"clip{number}", label=label)
        for number, label in enumerate((0, 1, -1))
    ]
    empty = nobody((120, 160), 10.0, np.arange(8) / 10, np.arange(8), "empty", 0)
    splits = {"train": ["clip0"], "val": ["clip0", "clip1"], "no": []}
    write_pyskl(tmp_path / "poses.pkl", [*clips[:2], empty, clips[2]], splits, classes=("wave", "clap"))
    write_pyskl(tmp_path / "nobody.pkl", [empty])
    torch.manual_seed(0)
    card = Card(
        name="tiny", task="classify", architecture="slowonly", config=CONFIG, labels=("wave", "clap"),
        preprocessing={"clip_len": 4, "size": 16, "num_clips": 2},
    )  # fmt: skip
    save(tmp_path / "tiny", build("slowonly", **CONFIG).state_dict(), card)
    return tmp_path


def test_what_a_killed_process_left_half_written_is_removed(files):
    (files / ".e-abcd1234.poseact-part.npz").write_bytes(b"half")
    assert embed("--out", "e.npz") == 0
    assert sorted(path.name for path in files.iterdir()) == ["e.npz", "nobody.pkl", "poses.pkl", "tiny"]


def embed(*arguments: str) -> int:
    return run(["embed", "poses.pkl", "--model", "tiny", "--device", "cpu", *arguments])


def test_one_vector_per_clip(files, capsys):
    assert embed("--out", "e.npz") == 0
    said = capsys.readouterr()
    assert said.out == f"3 vectors of {WIDTH} features, of 3 clips, are in e.npz\n"
    assert "such as 'empty'" in said.err
    with np.load("e.npz", allow_pickle=False) as found:
        assert found["embedding"].shape == (3, WIDTH)
        assert found["embedding"].dtype == np.float32
        assert found["name"].tolist() == ["clip0", "clip1", "clip2"]
        assert found["label"].tolist() == [0, 1, -1]
        assert found["split"].tolist() == ["train,val", "val", ""]
        assert found["classes"].tolist() == ["wave", "clap"]
        assert found["model"] == "tiny"
        assert len(str(found["sha256"])) == 64


def test_the_vectors_are_what_the_last_layer_reads(files):
    """The linear layer on top of them gives the logits that recognition gives."""
    from poseact.poses import read_poses
    from poseact.recognize import Classifier, Stretch

    assert embed("--out", "e.npz", "--views", "all") == 0
    classifier = Classifier.open("tiny")
    clip = read_poses("poses.pkl").annotations[0]
    logits = next(classifier.view_logits([Stretch(clip)]))[0]
    with np.load("e.npz") as found:
        vectors, views = torch.from_numpy(found["embedding"]), found["view"]
    assert views.tolist() == [0, 1, 2, 3] * 3
    torch.testing.assert_close(classifier.network.cls_head.fc_cls(vectors[:4]), logits)


@pytest.mark.parametrize("views", ["mean", "all"])
def test_every_format_says_the_same(files, views):
    for suffix in ("npz", "parquet", "csv"):
        assert embed("--out", f"e.{suffix}", "--views", views, "--split", "train") == 0
    count = 4 if views == "all" else 1
    with np.load("e.npz") as found:
        vectors = found["embedding"]
    table = pyarrow.parquet.read_table("e.parquet")
    with (files / "e.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(vectors) == table.num_rows == len(rows) == count
    assert table.column("class").to_pylist() == [row["class"] for row in rows] == ["wave"] * count
    np.testing.assert_array_equal(np.stack(table.column("embedding").to_numpy()), vectors)
    np.testing.assert_allclose([[float(row[f"e{n}"]) for n in range(WIDTH)] for row in rows], vectors, rtol=1e-6)
    assert table.schema.metadata[b"model"] == b"tiny"


def test_the_mean_is_that_of_the_views(files):
    assert embed("--out", "mean.npz") == 0
    assert embed("--out", "all.npz", "--views", "all") == 0
    with np.load("mean.npz") as mean, np.load("all.npz") as every:
        np.testing.assert_allclose(mean["embedding"], every["embedding"].reshape(3, 4, WIDTH).mean(1), rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        (["poses.pkl", "--out", "e.txt"], 2, "choose one of these suffixes"),
        (["poses.pkl", "--out", "tiny"], 2, "choose one of these suffixes"),
        (["missing.pkl", "--out", "e.npz"], 3, "missing.pkl"),
        (["poses.pkl", "--out", "e.npz", "--split", "valid"], 2, "there is no split 'valid'"),
        (["poses.pkl", "--out", "e.npz", "--split", "no"], 3, "split no names no clip"),
        (["nobody.pkl", "--out", "e.npz"], 3, "nobody is seen in any of the 1 clips"),
        (["poses.pkl", "--out", "e.npz", "--model", "nowhere"], 5, "nowhere"),
        (["poses.pkl", "--out", "e.npz", "--model", "movenet-thunder"], 5, "not a classifier"),
        (["poses.pkl", "--out", "e.npz", "--model", "pictures"], 2, "looks at pictures"),
    ],
    ids=["suffix", "folder", "no file", "split", "empty split", "nobody", "no model", "estimator", "pictures"],
)
def test_mistakes_are_one_line(files, capsys, call, code, words):
    card = Card(
        name="rgb", task="classify", architecture="slowonly", config={**CONFIG, "in_channels": 3},
        labels=("wave", "clap"), preprocessing={"clip_len": 4, "size": 16, "rgb": {"clip_len": 2, "size": 16}},
    )  # fmt: skip
    save(files / "pictures", build("slowonly", **card.config).state_dict(), card)
    assert run(["embed", "--model", "tiny", *call]) == code
    said = capsys.readouterr()
    assert words in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert not (files / "e.npz").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text on other systems")
@pytest.mark.parametrize("suffix", ["npz", "parquet", "csv"])
def test_names_of_files_that_are_no_text(files, suffix):
    assert embed("--out", f"\udcfe.{suffix}") == 0
    assert (files / f"\udcfe.{suffix}").is_file()


@pytest.mark.parametrize("suffix", ["npz", "parquet", "csv"])
def test_interrupted_it_leaves_what_was_there(files, monkeypatch, capsys, suffix):
    from poseact.recognize import Classifier

    (files / f"e.{suffix}").write_text("older")
    features = Classifier.view_features

    def interrupted(*arguments):
        yield next(features(*arguments))
        raise KeyboardInterrupt

    before = sorted(path.name for path in files.iterdir())
    monkeypatch.setattr(Classifier, "view_features", interrupted)
    assert embed("--out", f"e.{suffix}") == 130
    assert (files / f"e.{suffix}").read_text() == "older"
    assert sorted(path.name for path in files.iterdir()) == before
