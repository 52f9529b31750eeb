"""Results of AlphaPose in its three forms."""

from __future__ import annotations

import numpy as np
import pytest
from foreign import flat, reading

from poseact.errors import InvalidPoses
from poseact.poses.formats.alphapose import fits, parse


def person(image, x, joints=17, **more):
    return {
        "image_id": image, "category_id": 1, "keypoints": flat(joints, x, 9.5), "score": 3.1,
        "box": [1.0, 2.0, 30.0, 40.0], **more,
    }  # fmt: skip


@pytest.mark.parametrize(("joints", "layout"), [(17, "coco17"), (26, "halpe26"), (136, "136-joints")], ids=str)
def test_its_own_list(joints, layout):
    people = [
        person("0.jpg", 5, joints, idx=[2.0]),
        person("0.jpg", 50, joints, idx=1),
        person("3.jpg", 7, joints, idx=[[2.0, 1.0]]),
    ]
    assert fits(people)
    found = parse(people, reading())
    assert (found.layout, found.track_id.tolist()) == (layout, [1, 2])
    assert found.keypoint[:, :, 0, 0].tolist() == [[50, 0, 0, 0], [5, 0, 0, 7]]
    assert found.boxes[0, 0].tolist() == [1, 2, 31, 42]
    assert found.box_score[0].tolist() == pytest.approx([0.9, 0, 0, 0])


@pytest.mark.parametrize(("people", "points"), [("bodies", "joints"), ("people", "pose_keypoints_2d")])
def test_forms_of_others(people, points):
    document = {
        f"{n}.jpg": {"version": "AlphaPose v0.3", people: [{points: flat(18, 5 + n, 9)}]} for n in (2, 0)
    }  # fmt: skip
    assert fits(document)
    found = parse(document, reading())
    assert (found.layout, found.keypoint.shape) == ("coco18", (1, 3, 18, 2))
    assert found.keypoint[0, :, 0, 0].tolist() == [5, 0, 7]


def test_what_poseflow_tracked():
    people = {f"{n}.jpg": [{"keypoints": flat(17, 5 + n, 9), "scores": 2.5, "idx": 4}] for n in range(2)}
    assert fits({"9.jpg": [], **people})
    found = parse(people, reading())
    assert found.track_id.tolist() == [4]
    assert found.keypoint[0, :, 0, 0].tolist() == [5, 6]


def test_ids_of_a_run_without_tracking_are_none():
    people = [person(f"{n}.jpg", x, idx=[[0.0], [0.0]]) for n in range(2) for x in (5, 50)]
    found = parse(people, reading())
    assert found.track_id.tolist() == [1, 2]
    assert found.keypoint[:, :, 0, 0].tolist() == [[5, 5], [50, 50]]


@pytest.mark.parametrize(
    ("names", "frames"),
    [
        (["walk_001.png", "walk_002.png"], [1, 2]),
        (["clip7/b.png", "clip7/a.png"], [0, 1]),
        (["10.jpg", "9.jpg"], list(range(11))),
        (["1694612345810.jpg", "1694612345711.jpg"], [0, 1]),
    ],
    ids=["from 1", "words", "numbers", "times"],
)
def test_frames_by_the_names_of_pictures(names, frames):
    found = parse([person(name, 5) for name in names], reading())
    assert found.frame_index.tolist() == frames


def test_scores_of_old_versions_exceed_one():
    found = parse([person("0.jpg", 5, keypoints=flat(17, 5, 5, 4.5))], reading())
    assert found.keypoint_score.max() == 1


@pytest.mark.parametrize(
    "bad",
    [
        None, [], {}, 3, [3], [{}], {"a.jpg": 3}, {"a.jpg": {"people": 3}}, {"a.jpg": {"people": [3]}},
        {"a.jpg": {"people": [{}]}}, {"a.jpg": {"people": []}, "b.jpg": 3},
        [person("0.jpg", 5), 3], [person("0.jpg", 5), {"image_id": 3}], [person("0.jpg", 5, keypoints=3)],
        [person("0.jpg", 5, keypoints=[1, 2])], [person("0.jpg", 5, idx="x")], [person("0.jpg", 5, idx=0.5)],
        [person("0.jpg", 5, box=[1])], [person("0.jpg", 5, box=["x"] * 4)], [person("0.jpg", 1e30)],
        [person("0.jpg", 5), person("1.jpg", 5, 26)], [person("0.jpg", 5), person("9999999.jpg", 5)],
    ],
)  # fmt: skip
def test_bad_documents(bad):
    with pytest.raises(InvalidPoses, match=r"^[^\n]+$"):
        parse(bad, reading())


def test_nobody_is_seen_where_scores_are_zero():
    found = parse([person("1.jpg", 5, keypoints=flat(17, 5, 5, 0.0), box=None)], reading())
    assert len(found) == 0
    assert np.isfinite(found.pts).all()
