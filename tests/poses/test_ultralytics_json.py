"""Predictions of ultralytics' pose models, those of the installed package included."""

from __future__ import annotations

import json

import numpy as np
import pytest
from foreign import reading

from poseact.errors import InvalidPoses, UsageError
from poseact.poses.formats.registry import read
from poseact.poses.formats.ultralytics_json import fits, fits_frame, parse


def person(x, visible=0.9, **more):
    found = {
        "name": "person", "class": 0, "confidence": 0.75, "box": {"x1": 1.0, "y1": 2.0, "x2": 30.0, "y2": 40.0},
        "keypoints": {"x": [x + joint for joint in range(17)], "y": [9.5] * 17}, **more,
    }  # fmt: skip
    if visible is not None and "keypoints" not in more:
        found["keypoints"] = {**found["keypoints"], "visible": [visible] * 17}
    return found


FRAMES = [[person(5, track_id=2), person(50, track_id=1)], [], [person(7, track_id=2)]]


def test_frames():
    assert fits(FRAMES)
    found = parse(FRAMES, reading())
    assert found.track_id.tolist() == [1, 2]
    assert found.keypoint[:, :, 0, 0].tolist() == [[50, 0, 0], [5, 0, 7]]
    assert found.keypoint_score[1, :, 3].tolist() == pytest.approx([0.9, 0, 0.9])
    assert found.boxes[1].tolist() == [[1, 2, 30, 40], [0, 0, 0, 0], [1, 2, 30, 40]]
    assert found.box_score[1].tolist() == pytest.approx([0.75, 0, 0.75])


def test_one_frame():
    assert fits_frame(FRAMES[0])
    assert not fits_frame(FRAMES)
    assert parse(FRAMES[0], reading()).keypoint.shape == (2, 1, 17, 2)


@pytest.mark.parametrize("document", [[[], []], []], ids=["two frames", "no frame"])
def test_nobody(document):
    if document:
        assert parse(document, reading()).keypoint.shape == (0, 2, 17, 2)
    else:
        with pytest.raises(InvalidPoses, match="no frame"):
            parse(document, reading())


def test_without_scores_what_is_placed_is_seen():
    one = person(5, visible=None)
    one["keypoints"]["x"][2] = one["keypoints"]["y"][2] = 0.0
    found = parse([[one]], reading())
    assert found.keypoint_score[0, 0].tolist() == [1, 1, 0] + [1] * 14


def test_a_detection_without_keypoints_is_nobody():
    car = {"name": "car", "class": 2, "confidence": 0.5, "box": {"x1": 1, "y1": 2, "x2": 3, "y2": 4}}
    assert len(parse([[car, person(5)]], reading())) == 1


def test_shares_of_the_picture():
    one = person(0, box={"x1": 0.1, "y1": 0.2, "x2": 0.3, "y2": 0.4})
    one["keypoints"].update(x=[0.25] * 17, y=[0.5] * 17)
    found = parse([[one]], reading(image_size=(100, 200)))
    assert found.keypoint[0, 0, 0].tolist() == [50, 50]
    np.testing.assert_allclose(found.boxes[0, 0], [20, 20, 60, 40])
    with pytest.raises(UsageError, match="--image-size"):
        parse([[one]], reading())


@pytest.mark.parametrize("form", ["list", "lines", "files"])
def test_forms(tmp_path, form):
    if form == "list":
        path = tmp_path / "walk.json"
        path.write_text(json.dumps(FRAMES))
    elif form == "lines":
        path = tmp_path / "walk.jsonl"
        path.write_text("".join(f"{json.dumps(frame)}\n" for frame in FRAMES))
    else:
        path = tmp_path / "walk"
        path.mkdir()
        for number, frame in enumerate([[], *FRAMES]):
            (path / f"frame{number + 8}.json").write_text(json.dumps(frame))
    found = read(path)
    (clip,) = found.dataset.annotations
    assert (found.format, clip.name) == ("ultralytics", "walk")
    assert clip.keypoint[1, -3:, 0, 0].tolist() == [5, 0, 7]
    assert clip.frame_index.tolist() == ([8, 9, 10, 11] if form == "files" else [0, 1, 2])


def test_what_the_installed_package_writes():
    torch = pytest.importorskip("torch")
    results = pytest.importorskip("ultralytics.engine.results")
    points = torch.rand(2, 17, 3) * torch.tensor([200.0, 100.0, 1.0])
    boxes = torch.tensor([[1.0, 2, 50, 60, 8, 0.9, 0], [3, 4, 70, 80, 3, 0.8, 0]])  # xyxy, id, confidence, class
    result = results.Results(
        np.zeros((100, 200, 3), np.uint8), "clip.mp4", {0: "person"}, boxes=boxes, keypoints=points
    )
    found = parse(json.loads(json.dumps([result.summary()])), reading())
    assert found.track_id.tolist() == [3, 8]
    seen = points[[1, 0], :, 2:].numpy() > 0
    np.testing.assert_allclose(found.keypoint[:, 0], np.where(seen, points[[1, 0], :, :2].numpy(), 0), atol=1e-4)
    np.testing.assert_allclose(found.keypoint_score[:, 0], points[[1, 0], :, 2].numpy(), atol=1e-4)


@pytest.mark.parametrize(
    "bad",
    [
        None, 3, {}, [3], [[3]], [[person(5, keypoints=3)]], [[person(5, keypoints={"x": [1.0]})]],
        [[person(5, keypoints={"x": [1.0], "y": [1.0, 2.0]})]], [[person(5, box=3)]],
        [[person(5, box={"x1": "a"})]], [[person(5, track_id="a")]], [[person(5, confidence="a")]],
        [[person(1e30)]], [[person(5), person(5, keypoints={"x": [1.0], "y": [1.0]})]],
    ],
)  # fmt: skip
def test_bad_documents(bad):
    with pytest.raises(InvalidPoses, match=r"^[^\n]+$"):
        parse(bad, reading())
