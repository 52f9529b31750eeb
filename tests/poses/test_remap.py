"""Poses from layout to layout: what coincides comes back as it was, means are means, nothing is invented."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from any_poses import assert_same, sequences
from hypothesis import given, settings
from hypothesis import strategies as st

from poseact.errors import InvalidPoses, UsageError
from poseact.poses import PoseDataset, nobody
from poseact.poses.remap import dataset_as, declared_as, remapped
from poseact.skeleton import NAMES, correspondence, layout, register

PAIRS = list(permutations(NAMES, 2))
quick = settings(max_examples=8, deadline=None)


def shared(source, target):
    """Names in `source` of the places that both have."""
    common = set(source.place) & set(target.place)
    return [index for index, place in enumerate(source.place) if place in common]


@pytest.mark.parametrize(("one", "other"), PAIRS, ids="-".join)
@given(data=st.data())
@quick
def test_there_and_back(one, other, data):
    source, target = layout(one), layout(other)
    poses = replace(data.draw(sequences(joints=len(source.keypoints))), layout=one)
    poses = replace(poses, others=None if poses.others is None else replace(poses.others, layout=one))
    there = remapped(poses, target)
    back = remapped(there, source)
    assert (there.layout, back.layout) == (other, one)
    same = shared(source, target)
    assert len(same) >= 12
    for before, after in ((poses, back), (poses.others, back.others)):
        if before is None:
            assert after is None
            continue
        np.testing.assert_array_equal(before.keypoint[:, :, same], after.keypoint[:, :, same])
        np.testing.assert_array_equal(before.keypoint_score[:, :, same], after.keypoint_score[:, :, same])
    means = {source.keypoints.index(name) for name, _ in source.means}
    lost = [joint for joint in range(len(source.keypoints)) if joint not in same and joint not in means]
    assert not back.keypoint[:, :, lost].any()
    assert not back.keypoint_score[:, :, lost].any()
    seen = (back.keypoint_score > 0).any(-1)
    np.testing.assert_array_equal(back.boxes, np.where(seen[..., None], poses.boxes, 0))
    np.testing.assert_array_equal(back.box_score, np.where(seen, poses.box_score, 0))
    changed = ("keypoint", "keypoint_score", "boxes", "box_score", "others")
    assert_same(poses, back, [field for field in poses.__slots__ if field not in changed])


def one_person(name, **joints):
    """A person in one frame; the joints given as (x, y, score), all others unseen."""
    body = layout(name)
    empty = nobody((100, 100), 25.0, np.zeros(1), np.zeros(1, int), "p", layout=name, joints=len(body.keypoints))
    xy, score = np.zeros((1, 1, len(body.keypoints), 2), np.float32), np.zeros((1, 1, len(body.keypoints)), np.float32)
    for joint, (x, y, seen) in joints.items():
        index = body.keypoints.index(joint)
        xy[0, 0, index], score[0, 0, index] = (x, y), seen
    return replace(
        empty, keypoint=xy, keypoint_score=score, track_id=np.ones(1, int), boxes=np.ones((1, 1, 4), np.float32),
        box_score=np.ones((1, 1), np.float32), interpolated=np.zeros((1, 1), bool),
        person_score=np.zeros(1, np.float32),
        person_reason=(), person_estimator=(),
    )  # fmt: skip


def joint(poses, name):
    index = layout(poses.layout).keypoints.index(name)
    return (*poses.keypoint[0, 0, index].tolist(), float(poses.keypoint_score[0, 0, index]))


def test_the_neck_is_between_the_shoulders_and_as_sure_as_the_worse_one():
    body = one_person("coco17", left_shoulder=(10, 20, 0.5), right_shoulder=(30, 24, 0.75))
    for name in ("coco18", "body25", "halpe26"):
        assert joint(remapped(body, layout(name)), "neck") == (20, 22, 0.5)
    assert joint(remapped(body, layout("mpii16")), "thorax") == (20, 22, 0.5)


def test_a_mean_needs_all_its_parts():
    body = one_person("coco17", left_shoulder=(10, 20, 0.5), left_hip=(10, 40, 0.5), right_hip=(20, 40, 0.25))
    assert joint(remapped(body, layout("body25")), "neck") == (0, 0, 0)
    assert joint(remapped(body, layout("body25")), "mid_hip") == (15, 40, 0.25)
    assert joint(remapped(body, layout("h36m17")), "spine") == (0, 0, 0)


def test_a_joint_that_is_there_is_taken_rather_than_a_mean():
    body = one_person("body25", neck=(5, 5, 0.9), left_shoulder=(10, 20, 0.5), right_shoulder=(30, 24, 0.75))
    assert joint(remapped(body, layout("halpe26")), "neck") == pytest.approx((5, 5, 0.9))
    assert joint(remapped(one_person("mpii16", pelvis=(1, 2, 1)), layout("h36m17")), "root") == (1, 2, 1)


@pytest.mark.parametrize(
    ("source", "joint_there", "target", "joint_here"),
    [
        ("penn13", "head", "halpe26", "head"), ("penn13", "head", "h36m17", "head"),
        ("jhmdb15", "neck", "coco18", "neck"), ("jhmdb15", "face", "coco17", "nose"),
        ("h36m17", "neck_base", "coco18", "neck"), ("mpii16", "upper_neck", "halpe26", "neck"),
    ],
    ids="-".join,
)  # fmt: skip
def test_names_that_are_not_the_same_place(source, joint_there, target, joint_here):
    there = one_person(source, **{joint_there: (7, 7, 1)})
    assert joint(remapped(there, layout(target)), joint_here) == (0, 0, 0)


def test_same_places_under_other_names():
    there = remapped(one_person("coco17", left_ankle=(3, 4, 1)), layout("h36m17"))
    assert joint(there, "left_foot") == (3, 4, 1)
    assert joint(remapped(one_person("halpe26", head=(3, 4, 1)), layout("h36m17")), "head") == (3, 4, 1)
    assert joint(remapped(one_person("halpe26", left_heel=(3, 4, 1)), layout("mediapipe33")), "left_heel") == (3, 4, 1)


@pytest.mark.parametrize(("seen", "left"), [("left_heel", 0), ("left_ankle", 1)])
def test_a_person_of_whom_no_joint_is_left_has_no_box(seen, left):
    body = one_person("halpe26", **{seen: (7, 7, 1)})
    there = remapped(replace(body, others=replace(body, track_id=body.track_id + 1)), layout("coco17"))
    for poses in (there, there.others):
        assert (poses.boxes.tolist(), poses.box_score.tolist()) == ([[[left] * 4]], [[left]])


def test_own_skeletons():
    names = ["snout", "left_ear_base", "right_ear_base", "poll", "tail"]
    dog = {"name": "dog-remap", "keypoints": names, "means": {"poll": ["left_ear_base", "right_ear_base"]}}
    dog = register(dog, "dog.toml")
    cat = register({"name": "cat-remap", "keypoints": ["tail", "nose"], "places": {"nose": "snout"}}, "cat.toml")
    assert correspondence(dog, cat) == ((4,), (0,))
    assert correspondence(cat, dog) == ((1,), (), (), (), (0,))
    assert correspondence(dog, layout("coco17")) == ((),) * 17
    with pytest.raises(UsageError, match="dog-remap and coco17 have no joint in common"):
        remapped(one_person("dog-remap"), layout("coco17"))


def test_poses_of_nobody_told_which_joints():
    with pytest.raises(UsageError, match=r"p: nobody told which joints the 21-joints are; say it with --layout"):
        remapped(nobody((9, 9), 25.0, np.zeros(1), np.zeros(1), "p", layout="21-joints", joints=21), layout("coco17"))


def test_datasets(clip):
    dataset = PoseDataset([clip("a"), clip("b", people=0)], {"val": ["a"]}, ("run",))
    there = dataset_as(dataset, layout("body25"))
    assert (there.splits, there.classes) == (dataset.splits, dataset.classes)
    assert {one.layout for one in there.annotations} == {"body25"}
    assert declared_as(dataset, layout("h36m17")).annotations[0].layout == "h36m17"
    with pytest.raises(InvalidPoses, match="a: the poses have 17 joints, but the layout body25 has 25"):
        declared_as(dataset, layout("body25"))
