"""COCO keypoints JSON: annotations, results and videos, read, written, and read again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from foreign import flat, only, reading

from poseact.errors import InvalidPoses
from poseact.poses import PoseDataset
from poseact.poses.formats.coco import fits, parse
from poseact.poses.formats.coco_writer import document
from poseact.poses.formats.registry import read, write
from poseact.skeleton import COCO17, declaration, layout

CATEGORY = {
    "id": 1, "name": "person", "supercategory": "person", "keypoints": list(COCO17.keypoints),
    "skeleton": [[16, 14], [14, 12]],
}  # fmt: skip


def images(*names, **more):
    return [{"id": 10 + n, "file_name": name, "width": 200, "height": 100, **more} for n, name in enumerate(names)]


def person(image, points, **more):
    box = {"bbox": [4.0, 5.0, 30.0, 40.0], "area": 1200.0, "iscrowd": 0, "num_keypoints": 17}
    return {"id": image, "image_id": image, "category_id": 1, "keypoints": points, **box, **more}


def labelled(x, flags=(2,)):
    return [value for joint in range(17) for value in (x + joint, 9, flags[joint % len(flags)])]


def annotations(pictures, people, categories=(CATEGORY,), **more):
    return {"images": pictures, "annotations": people, "categories": list(categories), **more}


def test_pictures_without_people():
    found = only(parse(annotations(images("1.jpg", "2.jpg"), []), reading()))
    assert found.keypoint.shape == (0, 2, 17, 2)
    assert (found.image_size, found.layout, found.name) == ((100, 200), "coco17", "clip")
    assert found.frame_index.tolist() == [1, 2]


def test_labels_by_hand():
    people = [person(11, labelled(5, (2, 1, 0)))]
    found = only(parse(annotations(images("a_1.jpg", "a_2.jpg"), people), reading()))
    assert found.keypoint_score[0, 1, :3].tolist() == [1, 1, 0]
    assert found.keypoint[0, 1, :3].tolist() == [[5, 9], [6, 9], [0, 0]]
    assert found.boxes[0].tolist() == [[0, 0, 0, 0], [4, 5, 34, 45]]
    assert found.box_score[0].tolist() == [0, 1]


def test_tracks_are_rows_in_the_order_of_their_ids():
    people = [
        person(10, labelled(5), track_id=9),
        person(10, labelled(50), track_id=2),
        person(11, labelled(7), track_id=9),
    ]
    found = only(parse(annotations(images("1.jpg", "2.jpg"), people), reading()))
    assert found.track_id.tolist() == [2, 9]
    assert found.keypoint[:, :, 0, 0].tolist() == [[50, 0], [5, 7]]


@pytest.mark.parametrize(
    ("told", "tracks"),
    [
        ([9, 2, 4], [9, 2, 4]), ([4], [4, 2, 9]), ([7, 9, 7, 9], [9, 2, 4]), ([], [2, 4, 9]), (None, [2, 4, 9]),
        ([9.0], [2, 4, 9]), (["9"], [2, 4, 9]), ([True, 9], [2, 4, 9]), ({"9": 0}, [2, 4, 9]),
    ],
    ids=["all", "one", "unknown", "none", "not told", "floats", "texts", "truths", "object"],
)  # fmt: skip
def test_the_order_of_people(told, tracks):
    people = [person(10, labelled(10 * track), track_id=track) for track in (4, 9, 2)]
    found = only(parse(annotations(images("1.jpg", video_id=1), people, videos=[{"id": 1, "people": told}]), reading()))
    assert found.track_id.tolist() == tracks
    assert found.keypoint[:, 0, 0, 0].tolist() == [10 * track for track in tracks]


def test_negative_ids_are_none():
    people = [
        person(10 + n, labelled(x), track_id=track) for n, x, track in ((0, 5, -1), (0, 50, 7), (0, 90, -1), (1, 7, -2))
    ]
    found = only(parse(annotations(images("1.jpg", "2.jpg"), people), reading()))
    assert found.track_id.tolist() == [7, 8, 9]
    assert found.keypoint[:, :, 0, 0].tolist() == [[50, 0], [5, 7], [90, 0]]


def test_frames_are_counted_as_people_do():
    people = [person(10 + n, labelled(n)) for n in range(3)]
    found = only(parse(annotations(images("f10.jpg", "f9.jpg", "f100.jpg"), people), reading()))
    assert found.frame_index.tolist() == [9, 10, 100]
    assert found.keypoint[0, :, 0, 0].tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("told", "own", "fps", "pts"),
    [
        ([0.5, 0.75], True, None, [0.5, 0.75]),
        ([0.5, 0.75], True, 10.0, [0.1, 0.2]),
        ([33, 133], False, None, [1 / 30, 2 / 30]),
        (["2013-11-14 17:02:52"] * 2, False, None, [1 / 30, 2 / 30]),
    ],
    ids=["ours", "ours at another rate", "milliseconds", "dates"],
)
def test_times(told, own, fps, pts):
    pictures = [{**one, "timestamp": time} for one, time in zip(images("1.jpg", "2.jpg"), told, strict=True)]
    document = annotations(pictures, [], **({"poseact": {}} if own else {}))
    assert only(parse(document, reading(fps=fps))).pts.tolist() == pts


def test_folders_are_videos():
    pictures = images("val/one/0.jpg", "val/two/0.jpg", "val/one/1.jpg")
    found = parse(annotations(pictures, [person(12, labelled(3))]), reading())
    assert [(clip.name, len(clip), len(clip.pts)) for clip in found.annotations] == [("one", 1, 2), ("two", 0, 1)]


def test_videos_of_coco_vid():
    pictures = images("x.jpg", "y.jpg", video_id=4)
    for number, picture in enumerate(pictures):
        picture["frame_id"] = 3 - number
    videos = [{"id": 4, "name": "walk", "width": 200, "height": 100, "fps": 12.5}]
    found = only(parse(annotations(pictures, [person(10, labelled(3))], videos=videos), reading()))
    assert (found.name, found.fps) == ("walk", 12.5)
    assert found.frame_index.tolist() == [2, 3]
    assert found.keypoint[0, :, 0, 0].tolist() == [0, 3]


def test_posetrack():
    names = ["nose", "head_bottom", "head_top", "left_ear", "right_ear", *COCO17.keypoints[5:]]
    pictures = [
        {
            "id": 10003420000 + n, "vid_id": "000342", "frame_id": 10003420000 + n, "nframes": 98, "width": 200,
            "height": 100, "file_name": f"images/val/000342_mpii_test/{n:06d}.jpg",
        }
        for n in range(3)
    ]  # fmt: skip
    people = [person(10003420001, labelled(3), track_id=0, scores=[])]
    found = only(parse(annotations(pictures, people, [{**CATEGORY, "keypoints": names}]), reading()))
    assert found.name == "000342_mpii_test"
    assert found.frame_index.tolist() == [0, 1, 2]
    assert layout(found.layout).keypoints == tuple(names)
    assert found.track_id.tolist() == [0]


def test_an_animal_brings_its_layout():
    category = {
        "id": 3, "name": "horse é", "keypoints": ["nose", "left hoof", "right hoof", "tail"],
        "skeleton": [[1, 2], [1, 3], [2, 4], [9, 1], [4, 4]],
    }  # fmt: skip
    one = {**person(10, flat(4, 5, 6, 2)), "category_id": 3}
    found = only(parse(annotations(images("1.jpg"), [one], [category]), reading()))
    own = declaration(found.layout)
    assert own["keypoints"] == category["keypoints"]
    assert own["pairs"] == [["left hoof", "right hoof"]]
    assert own["limbs"] == [["nose", "left hoof"], ["nose", "right hoof"]]  # the other one has no mirror image


def test_results():
    people = [{"image_id": n, "category_id": 1, "keypoints": flat(17, n, n, 0.7), "score": 0.6} for n in (0, 3)]
    found = only(parse(people, reading(image_size=(50, 60), fps=25.0)))
    assert found.keypoint.shape == (1, 4, 17, 2)
    assert found.keypoint_score[0, :, 0].tolist() == pytest.approx([0.7, 0, 0, 0.7])
    assert found.box_score[0].tolist() == pytest.approx([0.6, 0, 0, 0.6])


def test_results_on_every_third_frame():
    people = [{"image_id": n, "category_id": 1, "keypoints": flat(17, n, n)} for n in range(3, 33, 3) if n != 9]
    assert only(parse(people, reading())).frame_index.tolist() == list(range(0, 33, 3))


def test_results_of_single_pictures_are_no_video():
    people = [{"image_id": n, "category_id": 1, "keypoints": flat(17, 1, 1)} for n in (37777, 397133, 558840)]
    with pytest.raises(InvalidPoses, match="no frames of one video"):
        parse(people, reading())


POINTS = labelled(5)


@pytest.mark.parametrize(
    "bad",
    [
        None, 3, "x", {}, {"images": []}, annotations([], []), annotations([3], []), annotations([{}], []),
        annotations(images("1.jpg"), [3]), annotations(images("1.jpg"), [{}]),
        annotations([*images("1.jpg"), *images("2.jpg")], []),
        annotations(images("1.jpg", "2.jpg", frame_id=4), []),
        annotations([*images("1.jpg"), {"id": 1, "file_name": "2.jpg", "width": 9, "height": 9}], []),
        annotations(images("1.jpg", width=-3), []), annotations(images("1.jpg", width=1e300), []),
        annotations(images("1.jpg", frame_id="x"), []),
        annotations(images("1.jpg", timestamp=float("nan")), [], poseact={}),
        annotations(images("1.jpg"), [person(10, POINTS[1:])]), annotations(images("1.jpg"), [person(10, "x")]),
        annotations(images("1.jpg"), [person(10, [[1, 2, 3]])]),
        annotations(images("1.jpg"), [person(10, [1e39] * 51)]),
        annotations(images("1.jpg"), [person(10, POINTS, bbox=[1, 2])]),
        annotations(images("1.jpg"), [person(10, POINTS, bbox=[1, 2, 1e30, 4])]),
        annotations(images("1.jpg"), [person(10, POINTS, keypoint_scores=[1.0])]),
        annotations(images("1.jpg"), [person(10, POINTS, track_id=1.5)]),
        annotations(images("1.jpg"), [person(10, POINTS, track_id=2**60)]),
        annotations(images("1.jpg"), [person(10, POINTS[:30])]),
        annotations(images("1.jpg"), [], [{**CATEGORY, "keypoints": ["a", "a"]}]),
        annotations(images("1.jpg"), [], [{**CATEGORY, "keypoints": [3]}]),
        annotations(images("1.jpg"), [], videos=3), annotations(images("1.jpg"), [], poseact={"classes": 3}),
        annotations(images("1.jpg"), [], poseact={"split": 3}),
        annotations(images("1.jpg"), [], poseact={"layouts": 3}),
        [3], [{"image_id": -1}], [{"image_id": 0, "keypoints": [1.0]}], [{"image_id": True, "keypoints": POINTS}],
    ],
)  # fmt: skip
def test_bad_documents(bad):
    with pytest.raises(InvalidPoses, match=r"^[^\n]+$"):
        parse(bad, reading())


def normal(sequence):
    """A sequence as COCO can hold it: ids ascend, and who is not seen has neither a box nor a position."""
    seen = sequence.keypoint_score > 0
    there = seen.any(-1)
    return replace(
        sequence, keypoint=np.where(seen[..., None], sequence.keypoint, 0),
        boxes=np.where(there[..., None], sequence.boxes, 0), box_score=np.where(there, sequence.box_score, 0),
    )  # fmt: skip


def test_round_trip(tmp_path, clip):
    sequences = [normal(clip("walk/é 1", 2)), normal(clip("walk/2", 0)), normal(clip("three", 3, frames=2))]
    dataset = PoseDataset(sequences, {"train": ["walk/2"], "val": []}, ("run", "walk", "é", "a", "b"))
    write(tmp_path / "poses.json", dataset)
    found = read(tmp_path / "poses.json")
    assert (found.format, found.assumed) == ("coco", ())
    assert (found.dataset.splits, found.dataset.classes) == (dataset.splits, dataset.classes)
    for before, after in zip(sequences, found.dataset.annotations, strict=True):
        for name in ("keypoint", "keypoint_score", "pts", "frame_index", "track_id", "box_score"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name), name)
        np.testing.assert_allclose(before.boxes, after.boxes, rtol=1e-6)
        told = ("name", "label", "fps", "image_size", "layout")
        assert [getattr(before, name) for name in told] == [getattr(after, name) for name in told]


def test_what_is_written_is_what_coco_asks_for(clip):
    written = json.loads(json.dumps(document(PoseDataset([normal(clip("walk", 2))]))))
    assert fits(written)
    ids = {picture["id"] for picture in written["images"]}
    assert len(ids) == len(written["images"]) == 5
    assert [one["id"] for one in written["annotations"]] == list(range(1, 11))
    for one in written["annotations"]:
        flags = one["keypoints"][2::3]
        assert one["image_id"] in ids
        assert len(one["keypoints"]) == 51
        assert set(flags) <= {0, 2}
        assert one["num_keypoints"] == sum(flag > 0 for flag in flags)
        assert one["area"] == pytest.approx(one["bbox"][2] * one["bbox"][3])
    (category,) = written["categories"]
    assert category["keypoints"] == list(COCO17.keypoints)
    assert [12, 14] in category["skeleton"]  # counted from 1: left hip, left knee


def test_two_files_may_mean_different_things_by_a_name():
    found = []
    for keypoints in (["a", "b"], ["a", "c"], ["a", "b"]):
        one = {**person(10, flat(2, 5, 6, 2)), "category_id": 3}
        category = {"id": 3, "name": "gripper", "keypoints": keypoints}
        found.append(only(parse(annotations(images("1.jpg"), [one], [category]), reading())).layout)
    assert found[0] == found[2] == "gripper2"
    assert found[1].startswith("gripper2-")
    assert layout(found[1]).keypoints == ("a", "c")
