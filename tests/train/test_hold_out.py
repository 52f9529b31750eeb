from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseact.poses import PoseDataset, nobody
from poseact.train.hold_out import hold_out, training_splits
from poseact.types import PoseSequence, Provenance


def clip(name: str, label: int, source: str = "") -> PoseSequence:
    one = nobody((10, 10), 10.0, np.zeros(1), np.zeros(1, np.int64), name, label)
    return replace(one, provenance=Provenance(source))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_the_share_of_each_class_is_held_out(share):
    clips = [clip(f"{label}-{number}", label) for label in range(3) for number in range(20)]
    train, validation = hold_out(clips, share)
    assert sorted(train + validation) == sorted(one.name for one in clips)
    assert Counter(name[0] for name in validation) == ({str(label): 20 * share for label in range(3)} if share else {})


@pytest.mark.parametrize("clips", [[], [clip("only", 0)]], ids=["nothing", "one clip"])
def test_the_last_clip_is_never_held_out(clips):
    assert hold_out(clips, 0.9) == ([one.name for one in clips], [])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=40), st.integers(0, 5))
def test_a_source_is_never_on_both_sides(rows, seed):
    clips = [clip(str(number), label, f"video{source}") for number, (label, source) in enumerate(rows)]
    train, validation = hold_out(clips, 0.3, seed)
    source = {one.name: one.provenance.source for one in clips}
    assert not {source[name] for name in train} & {source[name] for name in validation}
    label = {one.name: one.label for one in clips}
    assert {label[name] for name in train} == set(label.values())
    assert (train, validation) == hold_out(clips, 0.3, seed)


def split_into(**splits: int) -> PoseDataset:
    """Two classes, so many clips in each split."""
    names = {split: [f"{split}{number}" for number in range(count)] for split, count in splits.items()}
    clips = [clip(name, number % 2) for members in names.values() for number, name in enumerate(members)]
    return PoseDataset(clips, names, ("a", "b"))


@pytest.mark.parametrize(
    ("splits", "train", "validation", "trained_on", "validated_on"),
    [
        ({"train": 8, "val": 4, "test": 4}, [], [], "train", "val"),
        ({"train": 8, "val": 4, "test": 4}, ["train"], [], "train", "val"),
        ({"train": 8, "val": 4, "test": 4}, [], ["test"], "train", "test"),
        ({"train": 8, "val": 4, "test": 4}, ["train", "val"], ["test"], "train val", "test"),
        ({"val": 4, "test": 4, "one": 4, "two": 4}, [], [], "one two", "val"),
        ({"one": 4, "two": 4, "three": 4}, [], ["three"], "one two", "three"),
        ({"one": 4, "val": 4, "test": 4}, [], ["test"], "one", "test"),
        ({"one": 4, "val": 4, "three": 4}, [], ["three"], "one", "three"),
    ],
)
def test_which_splits_are_trained_on(splits, train, validation, trained_on, validated_on):
    dataset, first, second = training_splits(split_into(**splits), train, validation, 0.2)
    for chosen, expected in ((first, trained_on), (second, validated_on)):
        names = {name for split in chosen for name in dataset.splits[split]}
        assert {name.rstrip("0123456789") for name in names} == set(expected.split())


def test_the_split_test_is_never_trained_on_unasked():
    dataset, train, validation = training_splits(split_into(one=10, test=6), [], [], 0.2)
    names = [name for split in (*train, *validation) for name in dataset.splits[split]]
    assert sorted(names) == sorted(f"one{number}" for number in range(10))
    assert validation
    dataset, train, validation = training_splits(split_into(one=10, test=6), [], [], 0.0)
    assert (len(dataset.splits[train[0]]), validation) == (10, [])
