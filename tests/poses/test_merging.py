"""Datasets united: shards of one run, classes by name, clips that are there twice; and datasets with fewer clips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseact.errors import InvalidPoses, UsageError
from poseact.poses import PoseDataset, nobody, write_poses
from poseact.poses.merge import Part, merge, prefixed, same_poses, united
from poseact.poses.reduce import frames_seen, kept_clips, of_labels, of_splits
from poseact.types import Provenance


def bare(name, label=-1, source="", layout="coco17", start=0):
    """A clip in which nobody is seen, for tests of names."""
    clip = nobody((240, 320), 25.0, np.arange(2) / 25, np.arange(2) + start, name, label, layout)
    return replace(clip, provenance=Provenance(source=source))


def parts(*datasets):
    return [Part(f"{letter}.pkl", dataset) for letter, dataset in zip("abcdefgh", datasets, strict=False)]


def names(dataset):
    return [clip.name for clip in dataset.annotations]


def test_nothing():
    assert merge([]).dataset == PoseDataset([], {}, ())
    assert merge(parts(PoseDataset([]), PoseDataset([]))).dataset == PoseDataset([], {}, ())


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["run/a.avi", "run/a-b.mp4", "sit/a.avi", "a/b/c.mkv", "z.mp4"]), unique=True),
    st.integers(1, 4), st.randoms(),
)  # fmt: skip
def test_shards_give_what_one_run_gives(tmp_path_factory, paths, count, random):
    folder = tmp_path_factory.mktemp("shards")
    clips = [
        bare(path.rsplit(".", 1)[0], n % 2, f"clips/{path}")
        for n, path in enumerate(sorted(paths, key=lambda path: path.split("/")))
    ]
    split_of = {clip.name: random.choice(["train", "val", None]) for clip in clips}

    def dataset(own):
        splits = {}
        for clip in own:
            if split_of[clip.name]:
                splits.setdefault(split_of[clip.name], []).append(clip.name)
        return PoseDataset(own, splits, ("run", "sit"))

    shards = [dataset([clip for clip in clips if hash(clip.name) % count == n]) for n in range(count)]
    random.shuffle(shards)
    write_poses(folder / "one.pkl", dataset(clips))
    write_poses(folder / "merged.pkl", merge(parts(*shards)).dataset)
    assert (folder / "merged.pkl").read_bytes() == (folder / "one.pkl").read_bytes()


def test_clips_of_one_video_are_ordered_by_their_start():
    late, early = bare("v-a", source="v.mp4", start=50), bare("v-b", source="v.mp4")
    assert names(merge(parts(PoseDataset([late]), PoseDataset([early]))).dataset) == ["v-b", "v-a"]


def test_classes_are_united_by_name():
    first = PoseDataset([bare("a", 0), bare("b", 1), bare("u")], {}, ("run", "sit"))
    second = PoseDataset([bare("c", 0), bare("d", 1)], {}, ("jump", "run"))
    united = merge(parts(first, second)).dataset
    assert united.classes == ("run", "sit", "jump")
    assert [(clip.name, clip.label) for clip in united.annotations] == [
        ("a", 0), ("b", 1), ("c", 2), ("d", 0), ("u", -1),
    ]  # fmt: skip


def test_numbers_without_names_stay_and_unlabelled_clips_join_anything():
    numbered = PoseDataset([bare("a", 7)])
    assert merge(parts(numbered, PoseDataset([bare("b", 3)]))).dataset.classes == ()
    named = PoseDataset([bare("c", 0)], {}, ("run",))
    assert merge(parts(named, PoseDataset([bare("d")]))).dataset.classes == ("run",)
    with pytest.raises(UsageError, match=r"^b.pkl numbers its classes without naming them, a.pkl names them"):
        merge(parts(named, numbered))


def test_splits_are_united_and_nothing_they_name_is_lost():
    first = PoseDataset([bare("b"), bare("a")], {"train": ["b", "gone"], "empty": []})
    second = PoseDataset([bare("c")], {"val": ["c"], "train": ["c", "b"]})
    assert merge(parts(first, second)).dataset.splits == {"train": ["b", "c", "gone"], "val": ["c"], "empty": []}


def test_united_parts_keep_every_clip_in_its_place():
    first = PoseDataset([bare("b", 1), bare("a", 0)], {"val": ["a"]}, ("run", "sit"))
    second = PoseDataset([bare("a", 0), bare("c", 1)], {"val": ["c"]}, ("sit", "fall"))
    found = united(parts(first, PoseDataset([bare("d", -1)]), second))
    assert (found.classes, found.splits) == (("run", "sit", "fall"), {"val": ["a", "c"]})
    labels = [("b", 1), ("a", 0), ("d", -1), ("a", 1), ("c", 2)]
    assert [(one.name, one.label) for one in found.annotations] == labels


def test_a_clip_that_is_there_twice(clip):
    whole = PoseDataset([clip("a"), clip("b")])
    merged = merge(parts(whole, PoseDataset([clip("b")])))
    assert (names(merged.dataset), merged.twice) == (["a", "b"], 1)
    assert merge(parts(whole, whole)).twice == 2
    other = replace(clip("b"), fps=24.0)
    with pytest.raises(UsageError, match=r"different clips are called 'b' in a.pkl and in b.pkl; use --prefix"):
        merge(parts(whole, PoseDataset([other])))
    with pytest.raises(UsageError, match=r"called 'b' twice in a.pkl"):
        merge(parts(PoseDataset([clip("b"), other])))
    told_apart = merge(parts(prefixed(whole, "x"), prefixed(PoseDataset([other], {"val": ["b"]}), "y"))).dataset
    assert (sorted(names(told_apart)), told_apart.splits) == (["x/a", "x/b", "y/b"], {"val": ["y/b"]})


def test_the_same_clip_under_another_number_of_the_same_class():
    merged = merge(
        parts(
            PoseDataset([bare("a", 0)], {}, ("run", "sit")),
            PoseDataset([bare("a", 1)], {}, ("sit", "run")),
        )
    )
    assert (len(merged.dataset), merged.twice) == (1, 1)


@pytest.mark.parametrize(
    ("datasets", "error", "message"),
    [
        ([PoseDataset([bare("a")]), PoseDataset([bare("b", layout="body25")])], UsageError,
         "a.pkl holds coco17 poses, b.pkl body25 poses; make them agree with `poseact convert --to-layout coco17`"),
        ([PoseDataset([bare("a", 5)], {}, ("run",)), PoseDataset([bare("b", 0)], {}, ("sit",))], InvalidPoses,
         "a.pkl: 'a' has the label 5, but there are 1 classes"),
    ],
    ids=["layouts", "label"],
)  # fmt: skip
def test_what_cannot_be_merged(datasets, error, message):
    with pytest.raises(error, match=message):
        merge(parts(*datasets))


def test_same_poses_looks_at_everything(clip):
    one = clip("a")
    assert same_poses(one, clip("a"))
    moved = one.keypoint.copy()
    moved[1, 2, 3, 0] += 1
    for change in (
        {"keypoint": moved}, {"label": 5}, {"others": clip("a")}, {"person_reason": ("x", "y")},
        {"provenance": Provenance()}, {"track_id": one.track_id + 1},
    ):  # fmt: skip
        assert not same_poses(one, replace(one, **change))
        others_differ = "label" not in change  # which others only repeat
        assert same_poses(replace(one, others=one), replace(one, others=replace(one, **change))) != others_differ


@pytest.fixture
def dataset():
    clips = [bare("a", 0), bare("b", 1), bare("c", 1), bare("d")]
    return PoseDataset(clips, {"train": ["a", "b", "gone"], "val": ["b", "c"], "none": []}, ("run", "sit, down"))


def test_splits_are_kept(dataset):
    assert names(of_splits(dataset, ["val"])) == ["b", "c"]
    assert of_splits(dataset, ["val"]).splits == {"val": ["b", "c"]}
    with pytest.raises(UsageError, match="there is no split 'tset'; the file has train, val, none"):
        of_splits(dataset, ["tset"])


@pytest.mark.parametrize(
    ("wanted", "kept", "splits"),
    [
        (["run"], ["a"], {"train": ["a", "gone"], "none": []}),
        (["sit, down", "0"], ["a", "b", "c"], {"train": ["a", "b", "gone"], "val": ["b", "c"], "none": []}),
        (["1"], ["b", "c"], {"train": ["b", "gone"], "val": ["b", "c"], "none": []}),
    ],
    ids=["name", "both", "number"],
)
def test_classes_are_kept(dataset, wanted, kept, splits):
    left = of_labels(dataset, wanted)
    assert (names(left), left.splits, left.classes) == (kept, splits, dataset.classes)


def test_a_class_that_is_not_there(dataset):
    with pytest.raises(UsageError, match="there is no class 'jump'; the file has run, sit, down"):
        of_labels(dataset, ["jump"])
    with pytest.raises(UsageError, match="there is no class '7'; the file has -1, 4"):
        of_labels(PoseDataset([bare("a", 4), bare("b")]), ["7"])


def test_frames_seen(clip):
    assert frames_seen(bare("nobody")) == 0
    one = clip("a", people=1, frames=4)
    some = replace(one, box_score=np.float32([[0.5, 0.5, 0, 0.5]]), interpolated=np.array([[0, 1, 0, 0]], bool))
    assert frames_seen(some) == 2
    assert len(kept_clips(PoseDataset([some]), lambda clip: frames_seen(clip) > 2)) == 0
