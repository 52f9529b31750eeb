"""Any poses that a foreign format can hold come back from it as they were, numbers to the last bit."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from foreign import only, reading
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from poseact.poses import PoseDataset, nobody
from poseact.poses.formats import coco, coco_writer, openpose
from poseact.poses.formats.registry import write
from poseact.types import PoseSequence

_PLACES = st.floats(-1e6, 1e6, width=32)
_SCORES = st.sampled_from([0.0, 1.0]) | st.floats(0, 1, width=32)


@st.composite
def seen(draw, layouts=(("body25", 25), ("coco18", 18)), most=10**6, in_any_order=False) -> PoseSequence:
    """People who are each seen at least once, with ascending frames and, unless in any order, ids."""
    layout, joints = draw(st.sampled_from(layouts))
    frames = sorted(draw(st.sets(st.integers(0, most), min_size=1, max_size=4)))
    ids = sorted(draw(st.sets(st.integers(0, 2**50), max_size=3)))
    ids = draw(st.permutations(ids)) if in_any_order else ids
    shape = (len(ids), len(frames), joints)
    score = draw(arrays.arrays(np.float32, shape, elements=_SCORES))
    score[:, 0, 0] = 1
    xy = draw(arrays.arrays(np.float32, (*shape, 2), elements=_PLACES))
    xy[:, 0, 0] = 70  # so that they are no shares of the picture
    there = (score > 0).any(-1)
    corner = draw(arrays.arrays(np.float32, (*shape[:2], 2), elements=st.integers(-1000, 1000)))
    fps = draw(st.sampled_from([25.0, 30.0, 12.5]))
    return PoseSequence(
        keypoint=np.where(score[..., None] > 0, xy, 0), keypoint_score=score, image_size=(200, 100), fps=fps,
        pts=np.array(frames) / fps, frame_index=np.array(frames), track_id=np.array(ids, np.int64),
        boxes=np.where(there[..., None], np.concatenate([corner, corner + 9], -1), 0).astype(np.float32),
        box_score=np.where(there, np.float32(0.25), 0).astype(np.float32),
        interpolated=np.zeros(shape[:2], bool), layout=layout, name=draw(st.text(max_size=5)),
        label=draw(st.integers(-1, 9)),
        camera=draw(arrays.arrays(np.float32, (len(frames), 4), elements=st.floats(-4, 4, width=32))),
    )  # fmt: skip


def same(before, after, names):
    joints = ("keypoint", "keypoint_score", "layout") if len(before) else ()  # without people no file tells the layout
    for name in ("frame_index", "track_id", *joints, *names):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name), name)


@given(seen())
@settings(max_examples=60, deadline=None)
def test_openpose(sequence):
    frames = [(name, json.loads(json.dumps(document))) for name, document in openpose.documents(sequence)]
    found = openpose.parse(frames[::-1], reading(fps=sequence.fps))
    same(sequence, found, ("pts", "fps"))


@given(seen([("body25", 25), ("coco17", 17), ("halpe26", 26)], in_any_order=True))
@settings(max_examples=60, deadline=None)
def test_coco(sequence):
    found = only(coco.parse(json.loads(json.dumps(coco_writer.document(PoseDataset([sequence])))), reading()))
    same(sequence, found, ("pts", "fps", "boxes", "box_score", "label", "image_size", "camera"))
    assert found.name == sequence.name or not sequence.name


def test_many_files_are_flushed_at_once(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("poseact.files._FEW_FILES", 2)
    monkeypatch.setattr(os, "sync", lambda: calls.append(1))
    for frames, expected in ((2, 0), (3, 1)):
        clip = nobody((9, 9), 25.0, np.arange(frames) / 25, np.arange(frames), layout="body25", joints=25)
        write(tmp_path / str(frames), PoseDataset([clip]), "openpose")
        assert len(calls) == expected
        assert len(list((tmp_path / str(frames)).iterdir())) == frames


@pytest.mark.parametrize("count", [0, 1])
def test_no_clip(tmp_path, count):
    clips = [nobody((9, 9), 25.0, np.arange(2) / 25, np.arange(2))][:count]
    write(tmp_path / "a.json", PoseDataset(clips))
    assert json.loads((tmp_path / "a.json").read_text())["annotations"] == []
