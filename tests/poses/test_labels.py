"""Classes told afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poseact.errors import InvalidPoses, UsageError
from poseact.poses import PoseDataset
from poseact.poses.labels import by_folder, labelled, read_names, with_names


@pytest.fixture
def clips(clip):
    """Makes a dataset of (name, label) pairs."""

    def make(*pairs, classes=()):
        return PoseDataset([replace(clip(name, 1), label=label) for name, label in pairs], {"a": ["x"]}, classes)

    return make


def told(dataset):
    return dataset.classes, [one.label for one in dataset.annotations]


@pytest.mark.parametrize(
    ("pairs", "classes", "expected"),
    [
        ([], (), (("jump",), [])),
        ([("x", -1)], (), (("jump",), [0])),
        ([("x", 0), ("y", -1)], ("run",), (("run", "jump"), [1, 1])),
        ([("x", 0)], ("run", "jump"), (("run", "jump"), [1])),
    ],
    ids=["no clips", "no classes", "another class", "known"],
)
def test_one_class(clips, pairs, classes, expected):
    found = labelled(clips(*pairs, classes=classes), "jump")
    assert told(found) == expected
    assert found.splits == {"a": ["x"]}


def test_numbers_are_not_mixed_with_names(clips):
    with pytest.raises(UsageError, match="without names"):
        labelled(clips(("x", 3)), "jump")


def test_names_for_numbers(clips):
    assert told(with_names(clips(("x", 1), ("y", -1)), ("run", "jump"))) == (("run", "jump"), [1, -1])
    with pytest.raises(UsageError, match="class number 1, but 1 names"):
        with_names(clips(("x", 1)), ("run",))


def test_folders(clips):
    assert told(by_folder(clips(("run/a", -1), ("jump/b/c", 3)))) == (("jump", "run"), [1, 0])
    with pytest.raises(UsageError, match="'a' is in no folder"):
        by_folder(clips(("run/a", -1), ("a", -1)))


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"\xff\xfe", InvalidPoses), (b"", InvalidPoses), (b"a\nb\na\n", UsageError), (b"a\x00\n", UsageError)],
    ids=["no text", "empty", "twice", "no name"],
)
def test_bad_lists(tmp_path, content, error):
    (tmp_path / "names.txt").write_bytes(content)
    with pytest.raises(error, match=r"^[^\n]+$"):
        read_names(tmp_path / "names.txt")
