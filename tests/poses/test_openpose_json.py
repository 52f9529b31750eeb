"""OpenPose's folders: what is read from them, and that what is written is read as it was."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from foreign import flat, openpose, reading

from poseact.errors import InvalidPoses, UsageError
from poseact.poses import nobody
from poseact.poses.dataset import PoseDataset
from poseact.poses.formats.frame_names import positions
from poseact.poses.formats.openpose import documents, parse
from poseact.poses.formats.registry import read, write


def frames(*documents, first=0, name="walk_{:012d}_keypoints.json"):
    return [(name.format(first + number), document) for number, document in enumerate(documents)]


def test_nobody():
    found = parse(frames(openpose(), openpose()), reading(image_size=(10, 20)))
    assert found.keypoint.shape == (0, 2, 25, 2)
    assert (found.layout, found.image_size, found.fps) == ("body25", (10, 20), 30.0)


@pytest.mark.parametrize(("joints", "layout"), [(25, "body25"), (18, "coco18"), (15, "15-joints")], ids=str)
def test_layout_by_the_number_of_joints(joints, layout):
    found = parse(frames(openpose((-1, flat(joints, 5, 6)))), reading())
    assert found.layout == layout
    assert found.keypoint[0, 0, 2].tolist() == [7, 8]
    assert found.keypoint_score[0, 0, 2] == np.float32(0.9)
    np.testing.assert_array_equal(found.boxes[0, 0], [5, 6, 4 + joints, 5 + joints])


def test_people_without_ids_are_places_in_their_frame():
    one, two = flat(25, 5, 5), flat(25, 50, 50)
    found = parse(frames(openpose((-1, one), (-1, two)), openpose(), openpose((-1, two))), reading())
    assert found.track_id.tolist() == [1, 2]
    assert found.keypoint[:, :, 0, 0].tolist() == [[5, 0, 50], [50, 0, 0]]
    assert (found.keypoint_score[:, 1] == 0).all()


def test_people_are_ordered_by_their_ids():
    one, two = flat(25, 5, 5), flat(25, 50, 50)
    found = parse(frames(openpose((7, one), (3, two)), openpose((7, one)), openpose((-1, one), (3, two))), reading())
    assert found.track_id.tolist() == [3, 7, 8]
    assert found.keypoint[:, :, 0, 0].tolist() == [[50, 0, 50], [5, 5, 0], [0, 0, 5]]


def test_two_people_of_one_id_are_both_kept():
    found = parse(frames(openpose((3, flat(25, 5, 5)), (3, flat(25, 50, 50)))), reading())
    assert found.keypoint[:, 0, 0, 0].tolist() == [5, 50]
    assert found.track_id.tolist() == [3, 4]


def test_a_joint_that_is_not_seen_has_no_position():
    points = flat(25, 5, 5)
    points[3:6] = [99.0, 98.0, 0]
    found = parse(frames(openpose((0, points))), reading())
    assert found.keypoint[0, 0, 1].tolist() == [0, 0]
    assert found.keypoint_score[0, 0, 1] == 0


def test_frames_are_ordered_by_number_and_none_is_added():
    named = [(f"a{n}_keypoints.json", openpose((0, flat(25, n, n)))) for n in (20, 5, 10)]
    found = parse(named, reading(fps=10.0))
    assert found.frame_index.tolist() == [5, 10, 20]
    assert found.keypoint[0, :, 0, 0].tolist() == [5, 10, 20]
    np.testing.assert_allclose(found.pts, [0.5, 1, 2])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (range(1000, 1017, 4), [1000, 1004, 1008, 1012, 1016]),
        ([5_000_000, 5_000_003], [5_000_000, 5_000_003]),
        ([1694612345711, 1694612345810, 1694612345744], [0, 2, 1]),
        ([20230913143005], [0]),
    ],
    ids=["none", "an offset", "a late offset", "times", "a date"],
)
def test_positions(names, expected):
    assert positions([f"{name}_keypoints.json" for name in names]) == expected


def test_documents_before_version_1_1():
    found = parse(frames({"version": 0.1, "people": [{"pose_keypoints": flat(18, 3, 4)}]}), reading())
    assert found.layout == "coco18"


@pytest.mark.parametrize(
    ("points", "x"), [([0.25, 0.5, 1] * 25, 50), ([-0.5, 0.5, 1] * 25, 50)], ids=["from 0", "from -1"]
)
def test_shares_of_the_picture(points, x):
    document = frames(openpose((0, points)))
    assert parse(document, reading(image_size=(100, 200))).keypoint[0, 0, 0, 0] == x
    with pytest.raises(UsageError, match="--image-size"):
        parse(document, reading())


def test_shares_of_the_picture_beside_what_is_null():
    document = frames(openpose((0, [None, None, 1, *[0.25, 0.5, 1] * 24])))
    (first, second, *_), *_ = parse(document, reading(image_size=(100, 200))).keypoint[0]
    assert (first.tolist(), second.tolist()) == ([0, 0], [50, 50])
    with pytest.raises(UsageError, match="--image-size"):
        parse(document, reading())


def test_two_videos_are_no_clip():
    both = [
        one for stem in ("a", "b_000000000001") for one in frames(openpose(), name=f"{stem}_{{:012d}}_keypoints.json")
    ]
    with pytest.raises(InvalidPoses, match=r"holds frames of 2 videos, 'a', 'b_000000000001'; put each into a folder$"):
        parse(both, reading())
    many = [frames(openpose(), name=f"{stem}_{{:012d}}_keypoints.json")[0] for stem in range(7)]
    with pytest.raises(InvalidPoses, match=r"7 videos, '0', '1', '2', '3', '4' and others; put"):
        parse(many, reading())


def test_what_is_assumed_is_told():
    asked = reading()
    found = parse(frames(openpose((0, flat(25, 5, 70)))), asked)
    assert found.image_size == (94, 29)
    assert len(asked.assumed) == 2


@pytest.mark.parametrize(
    "document",
    [
        None, [], {}, {"people": 3}, {"people": [3]}, openpose((0, [1, 2])), openpose((0, ["a"] * 75)),
        openpose(("x", flat(25, 1, 1))), openpose((0.5, flat(25, 1, 1))), openpose((0, [1e300] * 75)),
        openpose((0, [float("inf")] * 75)), openpose((0, [10**400] * 75)), openpose((0, [True] * 75)),
        openpose((0, flat(25, 1, 1)), (0, flat(18, 1, 1))), openpose((0, [1.0] * 3000)),
    ],
)  # fmt: skip
def test_bad_frames(document):
    with pytest.raises(InvalidPoses, match=r"^[^\n]+$"):
        parse(frames(document), reading())


def normal(sequence, layout):
    """A sequence as OpenPose's files can hold it."""
    seen = sequence.keypoint_score > 0
    return replace(
        sequence, keypoint=np.where(seen[..., None], sequence.keypoint, 0), layout=layout, label=-1,
        frame_index=np.arange(3, 3 + len(sequence.pts)),
    )  # fmt: skip


@pytest.mark.parametrize(("joints", "layout"), [(25, "body25"), (18, "coco18")], ids=str)
def test_round_trip(tmp_path, clip, joints, layout):
    sequences = [normal(clip(f"walk/{people}", people, joints=joints), layout) for people in (1, 3)]
    for number, dataset in enumerate([PoseDataset(sequences[:1]), PoseDataset(sequences)]):
        write(tmp_path / str(number), dataset, "openpose")
        found = read(tmp_path / str(number))
        assert found.format == "openpose"
        for before, after in zip(dataset.annotations, found.dataset.annotations, strict=True):
            assert after.name in (before.name, str(number))
            np.testing.assert_array_equal(before.keypoint, after.keypoint)
            np.testing.assert_array_equal(before.keypoint_score, after.keypoint_score)
            np.testing.assert_array_equal(before.track_id, after.track_id)
            np.testing.assert_array_equal(before.frame_index, after.frame_index)
            assert after.layout == layout


def test_a_clip_with_nobody_is_written(tmp_path):
    empty = nobody((9, 9), 25.0, np.arange(2) / 25, np.arange(2), "none", layout="body25", joints=25)
    write(tmp_path / "out", PoseDataset([empty]), "openpose")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "none_000000000000_keypoints.json", "none_000000000001_keypoints.json",
    ]  # fmt: skip
    assert len(read(tmp_path / "out").dataset.annotations[0].pts) == 2


def test_a_clip_with_nobody_has_the_joints_of_the_others(tmp_path):
    for name, frame in (("a", openpose()), ("b", openpose((1, flat(18, 5, 5))))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0_keypoints.json").write_text(json.dumps(frame))
    clips = read(tmp_path).dataset.annotations
    assert [(clip.layout, clip.keypoint.shape) for clip in clips] == [
        ("coco18", (0, 1, 18, 2)), ("coco18", (1, 1, 18, 2)),
    ]  # fmt: skip


def test_other_layouts_are_not_written(clip):
    with pytest.raises(UsageError, match="--to-layout body25"):
        list(documents(clip("walk")))


def test_a_name_leads_nowhere_else(tmp_path, clip):
    names = ["../../up", "/root", "..", "a/../b", "a/b", ".hidden", "a\0b", "\ud800x", "é" * 300, "-", "\n"]
    clips = [normal(clip(name, 1, joints=25), "body25") for name in names]
    write(tmp_path / "in" / "out", PoseDataset(clips), "openpose")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["out"]
    assert len(read(tmp_path / "in" / "out").dataset) == len(names)
