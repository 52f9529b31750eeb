"""Splits by files, in the forms of UCF101 and HMDB51, and by chance."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseact.errors import UsageError
from poseact.extract.clips import Clip
from poseact.extract.inputs import Inputs
from poseact.extract.splits import chosen_splits, groups_by, random_split, read_splits

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=80).map(
    lambda labels: {f"clip{number}": label for number, label in enumerate(labels)}
)


@given(LABELS, st.floats(0.05, 0.95), st.integers(0, 3))
def test_every_class_is_split_by_the_share(labels, share, seed):
    parts = random_split(labels, share, seed=seed)
    assert parts.keys() == labels.keys()
    for label, count in Counter(labels.values()).items():
        held_out = sum(parts[name] == "val" for name in labels if labels[name] == label)
        assert abs(held_out - count * (1 - share)) < 1
        assert count < 2 or 0 < held_out < count


@given(LABELS, st.data())
def test_groups_are_never_cut(labels, data):
    groups = {name: data.draw(st.sampled_from("abcdef")) for name in labels}
    parts = random_split(labels, 0.7, groups=groups)
    assert all(len({parts[name] for name in labels if groups[name] == group}) == 1 for group in set(groups.values()))


@given(LABELS, st.randoms())
def test_the_order_of_the_clips_does_not_matter(labels, random):
    names = list(labels)
    random.shuffle(names)
    assert random_split({name: labels[name] for name in names}, 0.8) == random_split(labels, 0.8)


def test_groups_share_out_the_classes():
    labels = {f"p{person}/{action}{take}": action for person in range(10) for action in range(3) for take in range(4)}
    parts = random_split(labels, 0.8, groups=groups_by(r"^(p\d+)/", list(labels)))
    held_out = {name.split("/")[0] for name, part in parts.items() if part == "val"}
    assert len(held_out) == 2
    assert Counter(labels[name] for name, part in parts.items() if part == "val") == {0: 8, 1: 8, 2: 8}


def test_another_seed_is_another_split():
    labels = dict.fromkeys((f"clip{number}" for number in range(100)), 0)
    assert random_split(labels, 0.5, seed=1) != random_split(labels, 0.5, seed=2)


NAMES = ["wave/v_a", "wave/v_b", "jump/v_c", "jump/v_d"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"s.csv": "path,split\nwave/v_a.avi,train\njump/v_c,val\n"}, {"wave/v_a": "train", "jump/v_c": "val"}),
        ({"s.tsv": "split\tpath\ntest\tv_d.mp4\n"}, {"jump/v_d": "test"}),
        (
            {"evaluation_test.txt": "wave/v_a\n", "Validation.txt": "wave/v_b\n", "mytrain.txt": "v_c\n"},
            {"wave/v_a": "test", "wave/v_b": "val", "jump/v_c": "train"},
        ),
        (
            {"trainlist01.txt": "wave/v_a.avi 2\njump/v_c.avi 1\n", "testlist01.txt": "wave/v_b.avi\njump/v_d.avi\n"},
            {"wave/v_a": "train", "jump/v_c": "train", "wave/v_b": "test", "jump/v_d": "test"},
        ),
        (
            {"wave_test_split1.txt": "v_a.avi 1 \nv_b.avi 2\n", "jump_test_split1.txt": "v_c.avi 0\nv_d.avi 1\n"},
            {"wave/v_a": "train", "wave/v_b": "test", "jump/v_d": "train"},
        ),
        ({"val.txt": "elsewhere/v_x.avi\nwave/v_b.avi\n"}, {"wave/v_b": "val"}),
    ],
    ids=["csv", "tsv by ending", "other names", "UCF101", "HMDB51", "a list"],
)
def test_files_of_splits(tmp_path, files, expected):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert read_splits([tmp_path / name for name in files], NAMES) == expected
    if len(files) > 1:
        inputs = Inputs(tuple(Clip(Path("x"), name, 0) for name in NAMES))
        assert chosen_splits(inputs, [tmp_path / "*.txt"]) == expected


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("s.csv", "", "needs a first line"),
        ("s.csv", "path,part\na,b\n", "needs a first line"),
        ("s.csv", "path,split\nx,train\n", "names none of the 4 clips"),
        ("s.csv", "path,split\nv_a,train\nwave/v_a,val\n", "wave/v_a is in the splits train and val"),
        ("list.txt", "wave/v_a\n", "is no list of one split"),
        ("train_and_val.txt", "wave/v_a\n", "is no list of one split"),
        ("wave_test_split1.txt", "v_a.avi three\n", "is not a video and 0, 1 or 2"),
        ("train.txt", "\x00\n", "names none"),
    ],
)
def test_files_that_are_no_splits_are_one_line(tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError) as caught:
        read_splits([tmp_path / name], NAMES)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_that_ends_two_clips_is_nobodys(tmp_path):
    (tmp_path / "train.txt").write_text("a\nx/a\n")
    assert read_splits([tmp_path / "train.txt"], ["x/a", "y/a"]) == {"x/a": "train"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"share": 1.0}, "must lie between 0 and 1"),
        ({"share": float("nan")}, "must lie between 0 and 1"),
        ({"share": 0.5, "group_by": "("}, "is no regular expression"),
        ({"share": 0.5, "group_by": "person"}, "finds nothing in 4 names, such as 'wave/v_a'"),
        ({"group_by": "x"}, "give --split too"),
        ({"share": 0.5, "paths": [Path("s.csv")]}, "give one of the two"),
        ({"paths": [Path("nowhere/*.txt")]}, "no list of splits is called"),
        ({"paths": [Path("nowhere.csv")]}, "cannot be read"),
    ],
)
def test_options_that_cannot_work(options, words):
    inputs = Inputs(tuple(Clip(Path("x"), name, 0) for name in NAMES))
    with pytest.raises(UsageError, match=words):
        chosen_splits(inputs, options.pop("paths", []), **options)


def test_patterns_of_splits_are_read_as_those_of_videos(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "lists" / "deep").mkdir(parents=True)
    (tmp_path / "lists" / "deep" / "trainlist01.txt").write_text("wave/v_a.avi 1\n")
    inputs = Inputs(tuple(Clip(Path("x"), name, 0) for name in NAMES))
    assert chosen_splits(inputs, [Path("~/lists/**/*.txt")]) == {"wave/v_a": "train"}


def test_the_table_says_it_or_chance_by_its_groups():
    clips = tuple(Clip(Path("x"), name, 0) for name in NAMES)
    inputs = Inputs(clips, splits={"wave/v_a": "test"}, groups={"wave/v_a": "g", "jump/v_d": "g"})
    assert chosen_splits(inputs, []) == {"wave/v_a": "test"}
    drawn = chosen_splits(inputs, [], share=0.5)
    assert drawn["wave/v_a"] == drawn["jump/v_d"]


def test_the_whole_name_comes_before_the_name_without_a_suffix(tmp_path, caplog):
    table = tmp_path / "splits.csv"
    table.write_text("path,split\na, train\na.1 ,val\nnobody.avi,val\n")
    assert read_splits([table], ["a", "a.1", "b"]) == {"a": "train", "a.1": "val"}
    assert "1 lines of the lists of splits name no clip, such as nobody.avi" in caplog.text
    assert "1 clips are in no split, such as b" in caplog.text
