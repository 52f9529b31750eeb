"""Fusion of scores, and their files: those of MMAction2 and PYSKL, damaged ones and hostile ones."""

import contextlib
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from payloads import Runs

from poseact.errors import InvalidPoses, LimitExceeded, PoseactError
from poseact.evaluate import Scores, fuse, read_scores, write_scores
from poseact.evaluate.scores import UNLABELLED


def scores(source="one", names=("a", "b", "c"), label=(0, 1, 1), seed=0, classes=3):
    rows = np.random.default_rng(seed).dirichlet(np.ones(classes), len(label)).astype(np.float32)
    return Scores(source, rows, np.array(label), names)


@pytest.mark.parametrize(("weights", "share"), [(None, 0.5), ((1, 1), 0.5), ((2, 1), 2 / 3), ((0, 1), 0.0)], ids=str)
def test_fusion_is_the_weighted_mean(weights, share):
    one, two = scores(), scores("two", seed=1)
    np.testing.assert_allclose(
        fuse([one, two], weights).probability, share * one.probability + (1 - share) * two.probability, atol=1e-7
    )


def test_clips_are_matched_by_name():
    one = scores()
    shuffled = Scores("two", one.probability[[2, 0, 1]], one.label[[2, 0, 1]], ("c", "a", "b"))
    np.testing.assert_allclose(fuse([one, shuffled]).probability, one.probability, atol=1e-7)


def test_labels_are_taken_from_whoever_knows_them():
    unknown = scores(label=(UNLABELLED,) * 3, names=())
    fused = fuse([unknown, scores("two")])
    assert fused.label.tolist() == [0, 1, 1]
    assert fused.names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (scores("two", classes=4), "it has 4 classes, not 3"),
        (scores("two", names=(), label=(0, 1)), "it has 2 clips, not 3"),
        (scores("two", names=("a", "b", "x")), "no scores for 1 clips, such as 'c'"),
        (scores("two", names=(), label=(0, 1, 2)), "clip 3 is of class 2 in one and 1 in the other"),
        (scores("two", names=("a", "a")[:2], label=(0, 0)), "cannot be told apart"),
    ],
    ids=["classes", "length", "names", "labels", "twins"],
)
def test_other_clips_are_not_fused(other, words):
    with pytest.raises(InvalidPoses) as error:
        fuse([scores(), other])
    assert words in str(error.value)
    assert "two cannot be fused with one" in str(error.value)


@pytest.mark.parametrize("form", ["mmaction2", "pyskl"])
def test_what_is_written_is_read_again(tmp_path, form):
    path, written = tmp_path / "scores.pkl", scores()
    write_scores(path, written, form)
    read, logits = read_scores(path)
    assert not logits
    np.testing.assert_allclose(read.probability, written.probability, atol=1e-6)
    if form == "mmaction2":
        assert (read.names, read.label.tolist()) == (written.names, [0, 1, 1])
    first = path.read_bytes()
    write_scores(path, written, form)
    assert path.read_bytes() == first


def test_mmaction2_reads_what_is_written(tmp_path):
    """With plain pickle, as its tools do: tensors with `.numpy()` and `.item()`."""
    write_scores(tmp_path / "scores.pkl", scores())
    code = (
        f"import pickle; rows = pickle.load(open({str(tmp_path / 'scores.pkl')!r}, 'rb'));"
        "print([type(row['pred_score']).__name__ for row in rows], sum(float(row['pred_score'].numpy().sum()) "
        "for row in rows), [row['gt_label'].item() for row in rows], rows[0]['gt_label'].size(0))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "['Tensor', 'Tensor', 'Tensor'] 3.0" in said or "2.99999" in said or "3.00000" in said
    assert said.rstrip().endswith("[0, 1, 1] 1")


def test_pyskl_reads_what_is_written(tmp_path):
    write_scores(tmp_path / "scores.pkl", scores(), "pyskl")
    rows = pickle.loads((tmp_path / "scores.pkl").read_bytes())
    assert [row.shape for row in rows] == [(3,)] * 3
    assert {type(row) for row in rows} == {np.ndarray}


def row(*values, **options):
    return torch.tensor(values, **options)


@pytest.mark.parametrize(
    ("entries", "expected", "label"),
    [
        ([{"pred_score": row(0.25, 0.75), "gt_label": row(1)}], [[0.25, 0.75]], [1]),
        ([{"pred_scores": {"item": row(0.25, 0.75)}, "gt_labels": {"item": row([1])}}], [[0.25, 0.75]], [1]),
        ([np.array([0.25, 0.75])], [[0.25, 0.75]], [-1]),
        (np.array([[0.25, 0.75], [1, 0]], np.float32), [[0.25, 0.75], [1, 0]], [-1, -1]),
        ([np.array([[0.25, 0.75]], np.float16)], [[0.25, 0.75]], [-1]),
        ([np.array([0.0, np.log(3)])], [[0.25, 0.75]], [-1]),
        ([{"pred_score": row(9.0, 0.25, 0.75, 9.0)[1:3], "gt_label": 1, "img_shape": (2, 2)}], [[0.25, 0.75]], [1]),
    ],
    ids=["MMAction2 1.x", "MMAction2 1.0", "PYSKL", "one array", "half precision", "logits", "a view"],
)
def test_foreign_files(tmp_path, entries, expected, label):
    (tmp_path / "scores.pkl").write_bytes(pickle.dumps(entries))
    read, _ = read_scores(tmp_path / "scores.pkl")
    np.testing.assert_allclose(read.probability, expected, atol=1e-6)
    assert read.label.tolist() == label


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is damaged or not a pickle"),
        (b"\x80", "is damaged or not a pickle"),
        (pickle.dumps([Runs(os.system, "touch hostile")]), "asks for"),
        (pickle.dumps([{"pred_score": torch.zeros(2, dtype=torch.complex64)}]), "is not a file of scores"),
        (pickle.dumps([]), "holds no scores"),
        (pickle.dumps({"annotations": []}), "holds no scores"),
        (pickle.dumps([{"keypoint": 3}]), "there is no 'pred_score', only keypoint"),
        (pickle.dumps([3]), "expected an array, or a dict"),
        (pickle.dumps([np.array([0.5, 0.5]), np.array([0.1, 0.2, 0.7])]), "entry 1: 3 classes, but entry 0 has 2"),
        (pickle.dumps([np.array([0.5, np.nan])]), "scores must be finite"),
        (pickle.dumps([np.array([1e300, 1e300])]), "scores must be finite"),
        (pickle.dumps([np.array([1.0])]), "scores of 1 classes"),
        (pickle.dumps([np.zeros((3, 2))]), "average the clips first"),
        (pickle.dumps([{"pred_score": np.array([0.5, 0.5]), "gt_label": 2}]), "label 2 lies outside the 2 classes"),
        (pickle.dumps([{"pred_score": np.array([0.5, 0.5]), "gt_label": "jump"}]), "must be one class number"),
        (pickle.dumps([np.array(["a", "b"])]), "is not a file of scores"),
    ],
    ids=[
        "empty", "one byte", "shell", "complex", "no entries", "poses", "no scores", "numbers", "ragged", "nan",
        "too large", "one class", "views", "label outside", "text label", "text",
    ],
)  # fmt: skip
def test_bad_files_are_one_line(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scores.pkl").write_bytes(content)
    with pytest.raises(InvalidPoses) as error:
        read_scores(tmp_path / "scores.pkl")
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "hostile").exists()


def test_one_array_named_a_million_times_is_refused(tmp_path):
    (tmp_path / "scores.pkl").write_bytes(pickle.dumps([np.full(10_000, 1e-4)] * 100_000))
    with pytest.raises(LimitExceeded, match="expands to far more scores"):
        read_scores(tmp_path / "scores.pkl")


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(InvalidPoses, match="No such file"):
        read_scores(tmp_path / "none.pkl")


VALID = pickle.dumps([{"pred_score": torch.tensor([0.25, 0.75]), "gt_label": torch.tensor([1])}])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_ends_in_a_typed_error_or_in_scores(tmp_path_factory, data):
    content = bytearray(VALID)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "scores.pkl"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    with contextlib.suppress(PoseactError):
        read, _ = read_scores(path)
        assert np.allclose(read.probability.sum(1), 1, atol=1e-5)


@pytest.mark.shared
def test_the_files_of_mmaction2(shared):
    joint, _ = read_scores(shared / "data/pyskl_format/mmaction2_fuse_joint.pkl")
    bone, _ = read_scores(shared / "data/pyskl_format/mmaction2_fuse_bone.pkl")
    assert joint.probability.shape == bone.probability.shape == (60, 120)
    assert joint.label.tolist() == bone.label.tolist()
    right = [int((one.probability.argmax(1) == one.label).sum()) for one in (joint, bone, fuse([joint, bone]))]
    assert right == [55, 56, 56]
