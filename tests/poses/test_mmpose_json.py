"""Predictions of MMPose: documents of its demos and lists of its inferencer."""

from __future__ import annotations

import json

import numpy as np
import pytest
from foreign import reading

from poseact.errors import InvalidPoses
from poseact.poses.formats.mmpose import fits, fits_frame, parse
from poseact.poses.formats.registry import read
from poseact.skeleton import COCO17, declaration

META = {
    "dataset_name": "coco", "num_keypoints": 17,
    "keypoint_id2name": {str(number): name for number, name in enumerate(COCO17.keypoints)},
    "skeleton_links": [[15, 13], [13, 11]],
}  # fmt: skip


def instance(x, joints=17, score=0.8, **more):
    return {
        "keypoints": [[x + joint, 9.5] for joint in range(joints)],
        "keypoint_scores": [score] * joints,
        "bbox": [[1.0, 2.0, 30.0, 40.0]],
        "bbox_score": 0.7,
        **more,
    }


def demo(*frames, meta=META):
    return {"meta_info": meta, "instance_info": [{"frame_id": n, "instances": list(people)} for n, people in frames]}


@pytest.mark.parametrize(
    ("document", "frames"),
    [
        (demo((1, [instance(5)]), (2, []), (3, [instance(7), instance(50)])), [1, 2, 3]),
        (demo((1, [instance(5)]), (2, []), (3, [instance(7), instance(50)]))["instance_info"], [1, 2, 3]),
        ([[instance(5)], [], [instance(7), instance(50)]], [0, 1, 2]),
    ],
    ids=["demo", "inferencer", "lists"],
)
def test_frames(document, frames):
    assert fits(document)
    found = parse(document, reading())
    assert found.layout == "coco17"
    assert found.frame_index.tolist() == frames
    assert found.keypoint[:, :, 0, 0].tolist() == [[5, 0, 7], [0, 0, 50]]
    assert found.keypoint_score[0, :, 0].tolist() == pytest.approx([0.8, 0, 0.8])
    assert found.boxes[0].tolist() == [[1, 2, 30, 40], [0, 0, 0, 0], [1, 2, 30, 40]]
    assert found.box_score[0].tolist() == pytest.approx([0.7, 0, 0.7])


def test_a_picture():
    found = parse([instance(5), instance(7)], reading())
    assert found.keypoint[:, :, 0, 0].tolist() == [[5], [7]]


def test_a_file_per_frame(tmp_path):
    for number, people in enumerate([[], [instance(5)], [], [instance(7), instance(50)]]):
        (tmp_path / f"img_{number + 9}.json").write_text(json.dumps(people))
    found = read(tmp_path)
    (clip,) = found.dataset.annotations
    assert found.format == "mmpose"
    assert clip.frame_index.tolist() == [9, 10, 11, 12]
    assert clip.keypoint[:, :, 0, 0].tolist() == [[0, 5, 0, 7], [0, 0, 0, 50]]


def test_a_demo_file_per_frame(tmp_path):
    for number in range(2):
        (tmp_path / f"{number}.json").write_text(json.dumps({"meta_info": META, "instance_info": [instance(number)]}))
    (clip,) = read(tmp_path).dataset.annotations
    assert (clip.layout, clip.keypoint[0, :, 0, 0].tolist()) == ("coco17", [0, 1])


def test_a_demo_file_per_frame_of_which_the_first_show_nobody(tmp_path):
    for number, people in enumerate([[], [], [instance(5)]]):
        (tmp_path / f"{number}.json").write_text(json.dumps({"meta_info": META, "instance_info": people}))
    (clip,) = read(tmp_path).dataset.annotations
    assert clip.keypoint[0, :, 0, 0].tolist() == [0, 0, 5]


def test_a_file_per_video(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_text(json.dumps(demo((1, [instance(5)]), (2, []))))
    assert [(clip.name, len(clip.pts)) for clip in read(tmp_path).dataset.annotations] == [("one", 2), ("two", 2)]


def test_scores_of_simcc_may_exceed_one():
    assert parse([[instance(5, score=1.04)]], reading()).keypoint_score.max() == 1


def test_tracks():
    found = parse([[instance(5, track_id=4), instance(6, track_id=0)], [instance(7, track_id=4)]], reading())
    assert found.track_id.tolist() == [0, 4]
    assert found.keypoint[:, :, 0, 0].tolist() == [[6, 0], [5, 7]]


def test_the_order_of_people():
    people = [instance(5, track_id=4), instance(6, track_id=0), instance(7, track_id=2)]
    found = parse(demo((0, people), meta={**META, "people": [2, 8, 4]}), reading())
    assert found.track_id.tolist() == [2, 4, 0]
    assert found.keypoint[:, 0, 0, 0].tolist() == [7, 5, 6]


def test_what_is_no_frame_is_passed_over():
    assert fits_frame({"instance_info": [instance(5)]})
    assert not fits_frame({"instance_info": [True, False]})


def test_nobody():
    found = parse(demo((0, []), (1, [])), reading())
    assert (found.keypoint.shape, found.layout) == ((0, 2, 17, 2), "coco17")


def test_a_hand_brings_its_layout():
    names = {"0": "wrist", "1": "thumb", "2": "index"}
    meta = {"dataset_name": "my hand", "keypoint_id2name": names, "skeleton_links": [[0, 1], [0, 2]]}
    found = parse(demo((0, [instance(5, joints=3)]), meta=meta), reading())
    assert found.layout == "my-hand-3"
    assert declaration("my-hand-3") == {
        "name": "my-hand-3", "keypoints": ["wrist", "thumb", "index"], "pairs": [],
        "limbs": [["wrist", "thumb"], ["wrist", "index"]], "coco17": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        None, 3, {}, [], [3], [[3]], {"instance_info": 3}, {"instance_info": [{}]}, {"instance_info": [3]},
        demo((1, []), (1, [])), demo((0.5, [])), demo(("x", [])), demo((0, [3])), demo((0, [{}])),
        demo((0, [instance(5, keypoints=[])])), demo((0, [instance(5, keypoints=[[1, 2, 3]] * 17)])),
        demo((0, [instance(5, keypoints=[[1, 2], [1]])])), demo((0, [instance(5, keypoint_scores=[1.0])])),
        demo((0, [instance(5, keypoint_scores=None)])), demo((0, [instance(5, bbox=[[1, 2]])])),
        demo((0, [instance(5, bbox=[["a"] * 4])])), demo((0, [instance(5, bbox_score="x")])),
        demo((0, [instance(5, track_id=[])])), demo((0, [instance(5, joints=3)])),
        demo((0, [instance(5)]), meta={**META, "keypoint_id2name": {"0": 3}}), demo((0, [instance(1e30)])),
    ],
)  # fmt: skip
def test_bad_documents(bad):
    with pytest.raises(InvalidPoses, match=r"^[^\n]+$"):
        parse(bad, reading())


def test_what_is_null_is_not_seen():
    one = instance(5)
    one["keypoints"][3] = [None, None]
    found = parse([[one]], reading())
    assert found.keypoint_score[0, 0, 3] == 0
    assert np.count_nonzero(found.keypoint_score) == 16
