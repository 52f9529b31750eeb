"""Poses as files of MMPose, ultralytics, AlphaPose, MediaPipe and DeepLabCut, which come back as they were."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from foreign import reading
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_foreign_round_trip import seen

from poseact.errors import UsageError
from poseact.poses import PoseDataset, nobody
from poseact.poses.formats import alphapose, deeplabcut, mediapipe, mmpose, ultralytics_json
from poseact.poses.formats.registry import OWN, WRITTEN, read, write
from poseact.poses.formats.writers import WRITERS, fills_gaps, loses_camera, reorders

COCO, BODY, HALPE, MEDIAPIPE = ("coco17", 17), ("body25", 25), ("halpe26", 26), ("mediapipe33", 33)


@pytest.mark.parametrize(
    ("form", "parse", "layouts"),
    [
        ("mmpose", mmpose.parse, [COCO, BODY]),
        ("ultralytics", ultralytics_json.parse, [COCO]),
        ("alphapose", alphapose.parse, [COCO, HALPE]),
        ("mediapipe", mediapipe.parse, [MEDIAPIPE]),
        ("deeplabcut", deeplabcut.parse, [COCO, BODY]),
    ],
    ids=["mmpose", "ultralytics", "alphapose", "mediapipe", "deeplabcut"],
)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_there_and_back(form, parse, layouts, data):
    """AlphaPose does not list frames without a person; DeepLabCut has no ids and no boxes."""
    sequence = data.draw(seen(layouts, most=200, in_any_order=form in ("mmpose", "deeplabcut")))
    if form == "ultralytics":  # where (0, 0) means that a joint is not seen
        assume((sequence.keypoint.any(-1) | (sequence.keypoint_score == 0)).all())
    if form == "alphapose":  # where 0 is what stands there when nobody is followed
        assume(sequence.track_id.tolist() != [0])
    suffix, text = WRITERS[form]
    content = text(sequence)
    if form == "alphapose" and not len(sequence):
        assert json.loads(content) == []
        return
    told = reading(fps=sequence.fps, image_size=sequence.image_size)
    found = parse(json.loads(content) if suffix == ".json" else content, told)
    there, kept = (np.isin(one.frame_index, other.frame_index) for one, other in ((found, sequence), (sequence, found)))
    assert kept.all() or form == "alphapose"
    assert len(found) == len(sequence)
    if not len(sequence):
        return
    assert found.layout == sequence.layout
    np.testing.assert_array_equal(found.keypoint[:, there], sequence.keypoint[:, kept])
    np.testing.assert_array_equal(found.keypoint_score[:, there], sequence.keypoint_score[:, kept])
    assert not found.keypoint_score[:, ~there].any()
    assert not sequence.keypoint_score[:, ~kept].any()
    if form != "deeplabcut":
        assert found.track_id.tolist() == sequence.track_id.tolist()
    assert fills_gaps(sequence, form) == (~there).any()
    if form in ("mmpose", "ultralytics"):
        np.testing.assert_array_equal(found.boxes[:, there], sequence.boxes[:, kept])
    if form == "mmpose":
        np.testing.assert_array_equal(found.camera, sequence.camera)


def one_person(name, layout, joints):
    clip = nobody((200, 100), 30.0, np.arange(2) / 30, np.arange(2), name, layout=layout, joints=joints)
    return replace(
        clip, keypoint=np.arange(4 * joints, dtype=np.float32).reshape(1, 2, joints, 2) + 20,
        keypoint_score=np.full((1, 2, joints), 0.5, np.float32), track_id=np.array([3]),
        boxes=np.full((1, 2, 4), 9, np.float32), box_score=np.ones((1, 2), np.float32),
        interpolated=np.zeros((1, 2), bool), person_score=np.ones(1, np.float32), person_reason=("",),
        person_estimator=("",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("form", "frames", "filled"),
    [
        ("ultralytics", [], False), ("ultralytics", [0, 1, 2], False), ("ultralytics", [1, 2], True),
        ("ultralytics", [0, 2], True), ("mediapipe", [1, 2], False), ("mediapipe", [3, 4], True),
        ("mediapipe", [0, 3, 6], True), ("mediapipe", list(range(0, 24, 3)), False),
        ("mediapipe", [*range(0, 24, 3), 25], True), ("mediapipe", [5] * 9, True), ("alphapose", [0, 1], False),
        ("alphapose", [0, 2], True), ("mmpose", [0, 2], False), ("openpose", [0, 2], False), ("coco", [0, 2], False),
    ],
)  # fmt: skip
def test_frames_that_were_not_looked_at(form, frames, filled):
    one = one_person("a", *COCO)
    count = len(frames)
    clip = nobody((200, 100), 30.0, np.arange(count) / 30, np.array(frames, np.int64), "a")
    if count:
        arrays = {
            name: np.repeat(getattr(one, name)[:, :1], count, 1)
            for name in ("keypoint", "keypoint_score", "boxes", "box_score", "interpolated")
        }
        people = ("track_id", "person_score", "person_reason", "person_estimator")
        clip = replace(clip, **arrays, **{name: getattr(one, name) for name in people})
    assert fills_gaps(clip, form) == filled


@pytest.mark.parametrize(
    ("form", "ids", "other"),
    [
        ("openpose", [], False), ("openpose", [3, 7], False), ("openpose", [7, 3], True), ("ultralytics", [7, 3], True),
        ("alphapose", [1, 7, 3], True), ("mediapipe", [7, 3], True), ("deeplabcut", [7, 3], False),
        ("mmpose", [7, 3], False), ("coco", [7, 3], False), ("pyskl", [7, 3], False),
    ],
)  # fmt: skip
def test_the_order_of_people(clip, form, ids, other):
    assert reorders(replace(clip("a", len(ids)), track_id=np.array(ids, np.int64)), form) == other


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("moved", [False, True])
def test_how_the_camera_moved(tmp_path, form, moved):
    still = one_person("a", *(MEDIAPIPE if form == "mediapipe" else COCO if form == "alphapose" else BODY))
    clip = replace(still, camera=np.array([[1, 0, 0, 0], [1, 0.5, 3, -0.25]], np.float32)) if moved else still
    suffix = ".json" if form == "coco" else OWN[form][0] if form in OWN else ""
    write(tmp_path / f"out{suffix}", PoseDataset([clip]), form)
    (found,) = read(tmp_path / f"out{suffix}", form).dataset.annotations
    assert loses_camera(clip, form) == (found.camera.tolist() != clip.camera.tolist())
    assert loses_camera(clip, form) == (moved and form not in (*OWN, "coco", "mmpose"))


@pytest.mark.parametrize(
    "told",
    [None, 3, "still", {}, [], [[1, 0, 0, 0]], [[1, 0, 0, 0], [1, 0, 0]], [[1, 0, 0, 0], [1, 0, 0, float("nan")]],
     [[1, 0, 0, 0], [1, 0, 0, 10**400]], [[1, 0, 0, 0], [1, 0, 0, "3"]], [[1, 0, 0, 0], 3]],
)  # fmt: skip
def test_what_is_no_movement_of_a_camera_is_passed_over(told):
    document = json.loads(WRITERS["mmpose"][1](one_person("a", *COCO)))
    document["meta_info"]["camera_motion"] = told
    assert mmpose.parse(document, reading()).camera.tolist() == [[1, 0, 0, 0]] * 2


@pytest.mark.parametrize("form", WRITERS)
def test_several_clips_are_files_in_a_folder(tmp_path, form):
    layout = MEDIAPIPE if form == "mediapipe" else COCO
    clips = [one_person(name, *layout) for name in ("walk/a.b", "walk/c", "../ä\n", "../ä_")]
    for _ in range(2):  # over itself
        write(tmp_path / "out", PoseDataset(clips), form)
    found = read(tmp_path / "out")
    assert found.format == form
    assert sorted(one.name for one in found.dataset.annotations) == ["walk/a.b", "walk/c", "ä_", "ä_-2"]
    assert all((one.keypoint == clips[0].keypoint).all() for one in found.dataset.annotations)
    one = tmp_path / f"one{WRITERS[form][0]}"
    write(one, PoseDataset(clips[:1]), form)
    assert len(read(one).dataset) == 1
    with pytest.raises(UsageError, match="name a folder for 4 clips"):
        write(one, PoseDataset(clips), form)
    with pytest.raises(UsageError, match="is no name for"):
        write(tmp_path / "two.xml", PoseDataset(clips), form)


@pytest.mark.parametrize("form", ["alphapose", "mediapipe"])
def test_joints_that_a_format_has_not(tmp_path, form):
    with pytest.raises(UsageError, match="use --to-layout"):
        write(tmp_path / "out", PoseDataset([one_person("a", *BODY)]), form)
    assert not list(tmp_path.iterdir())


def test_a_table_of_which_kind(tmp_path):
    with pytest.raises(UsageError, match="--to mediapipe or --to deeplabcut"):
        write(tmp_path / "out.csv", PoseDataset([one_person("a", *BODY)]))
