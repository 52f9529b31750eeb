"""The adapter to ultralytics' pose models: boxes and joints of one pass, and no file that runs code."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from narrow_yolo import save_yolo
from payloads import Runs

from poseact.detect import UltralyticsDetector, yolo
from poseact.errors import InvalidWeights, UsageError, WeightsNotFound
from poseact.pose import PictureEstimator, UltralyticsPose

pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture(scope="session")
def random_pose(tmp_path_factory):
    return save_yolo(tmp_path_factory.mktemp("yolo-pose") / "random-pose.pt")


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)


@pytest.fixture(scope="session")
def estimator(random_pose):
    """Of a threshold below every score."""
    return UltralyticsPose(random_pose, threshold=0.0, size=64, batch_size=2)


def result(xyxy, score, joints):
    """What ultralytics gives for a picture."""
    boxes = SimpleNamespace(xyxy=torch.tensor(xyxy).float().reshape(-1, 4), conf=torch.tensor(score).float())
    return SimpleNamespace(boxes=boxes, keypoints=SimpleNamespace(data=torch.as_tensor(joints).float()))


def test_boxes_and_joints_of_each_picture(estimator, noise, capfd):
    found = estimator.everybody([noise, np.zeros((40, 60, 3), np.uint8), noise[:50, :30]])
    assert isinstance(estimator, PictureEstimator)
    assert (estimator.name, len(estimator.sha256), estimator.layout.name) == ("random-pose.pt", 64, "coco17")
    assert len(found) == 3
    assert len(found[0][0]) > 0
    for (boxes, people), (width, height) in zip(found, [(120, 90), (60, 40), (30, 50)], strict=True):
        assert people.xy.shape == (len(boxes), 17, 2)
        assert (np.diff(boxes.score) <= 0).all()
        assert ((people.score >= 0) & (people.score <= 1)).all()
        assert (people.xy >= 0).all()
        assert (people.xy <= [width - 1, height - 1]).all()
        assert not people.xy[people.score == 0].any()
    assert capfd.readouterr().out == ""


def test_no_pictures(estimator):
    assert estimator.everybody([]) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1)], ids=str)
def test_tiny_pictures(estimator, shape):
    ((boxes, people),) = estimator.everybody([np.zeros((*shape, 3), np.uint8)])
    assert len(boxes) == len(people)
    assert np.isfinite(people.xy).all()


def test_the_network_sees_every_picture_once(estimator, noise):
    seen = []
    estimator.everybody([noise])  # the first call warms up
    network = estimator._model.predictor.model
    network.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    estimator.everybody([noise, noise, noise])
    assert seen == [2, 1]


def test_the_boxes_are_those_of_the_same_file_as_detector(estimator, random_pose, noise):
    (boxes,) = UltralyticsDetector(random_pose, threshold=0.0, size=64)([noise])
    ((same, _),) = estimator.everybody([noise])
    np.testing.assert_allclose(same.xyxy, boxes.xyxy)


def test_unseen_joints(estimator, noise):
    joints = np.full((1, 17, 3), [50.0, 40.0, 0.9])
    joints[0, 0] = [0, 0, 0.3]  # put there by ultralytics, below a confidence of 0.5
    joints[0, 1] = [30, 20, 0.3]  # left where it is, by newer versions
    joints[0, 2] = [-40, 20, 0.9]  # far outside
    joints[0, 3] = [121, 20, 0.9]  # just outside
    joints[0, 4] = [np.nan, 20, 0.9]
    joints[0, 5] = [30, 20, np.nan]
    joints[0, 6] = [30, 20, 1.5]
    joints[0, 7] = [0, 20, 0.8]  # at the left border
    _, people = estimator._people(result([[10, 10, 90, 80]], [0.7], joints), noise)
    np.testing.assert_allclose(people.score[0, :9], [0, 0.3, 0, 0.9, 0, 0, 1, 0.8, 0.9], rtol=1e-6)
    assert people.xy[0, [0, 2, 4, 5]].tolist() == [[0, 0]] * 4
    assert people.xy[0, [1, 3, 8]].tolist() == [[30, 20], [119, 20], [50, 40]]
    assert people.xy[0, 7, 0] > 0  # a coordinate of 0 would be read as "not seen"


def test_rows_follow_the_boxes(estimator, noise):
    """Sorted by score; a box without area goes, with its joints."""
    joints = np.stack([np.full((17, 3), [value, value, 0.9]) for value in (10.0, 20.0, 30.0)])
    found = result([[0, 0, 50, 50], [300, 10, 400, 60], [5, 5, 60, 60]], [0.2, 0.9, 0.6], joints)
    boxes, people = estimator._people(found, noise)
    assert boxes.score.tolist() == pytest.approx([0.6, 0.2])
    assert people.xy[:, 0, 0].tolist() == [30, 10]


def test_nobody(estimator, noise):
    boxes, people = estimator._people(result([], [], np.zeros((0, 17, 3))), noise)
    assert (len(boxes), people.xy.shape) == (0, (0, 17, 2))


def test_joints_without_visibility_have_the_score_of_the_box(estimator, noise):
    _, people = estimator._people(result([[10, 10, 90, 80]], [0.7], np.full((1, 17, 2), 50.0)), noise)
    np.testing.assert_allclose(people.score, 0.7)


def test_other_keypoints_are_refused(tmp_path, estimator, noise):
    save_yolo(tmp_path / "hand.pt", kpt_shape=[5, 3])
    with pytest.raises(InvalidWeights, match=r"hand\.pt finds 5 keypoints; poseact reads the 17 of COCO"):
        UltralyticsPose(tmp_path / "hand.pt")
    with pytest.raises(InvalidWeights, match="finds 4 keypoints"):
        estimator._people(result([[10, 10, 90, 80]], [0.7], np.full((1, 4, 3), 0.5)), noise)


def test_people_may_be_called_something_else(tmp_path):
    path = save_yolo(tmp_path / "skiers.pt", name="skier")
    with pytest.raises(UsageError, match="--detector-classes skier"):
        UltralyticsPose(path)
    assert UltralyticsPose(path, classes=["Skier"]).classes == ("skier",)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("yolo11n-pose.pt", WeightsNotFound, "pose estimator yolo11n-pose.pt is not here and POSEACT_OFFLINE"),
        ("nowhere/yolo.pt", WeightsNotFound, "such as yolo11n-pose.pt"),
        ("model.zip", UsageError, "pose estimator 'model.zip' is not a .pt"),
    ],
    ids=["offline", "missing file", "suffix"],
)
def test_files_that_are_not_there(name, error, words):
    with pytest.raises(error, match=words) as caught:
        UltralyticsPose(name)
    assert "\n" not in str(caught.value)


def test_a_hostile_file_runs_nothing(tmp_path):
    torch.save({"model": Runs(os.mkdir, "executed")}, "bad.pt")
    with pytest.raises(InvalidWeights, match=r"bad\.pt"):
        UltralyticsPose("bad.pt")
    assert not Path("executed").exists()


def test_an_export_gives_what_its_checkpoint_gives(random_pose, noise):
    script = yolo._ultralytics().YOLO(str(random_pose), verbose=False).export(format="torchscript", imgsz=64)
    square = noise[:64, :64]
    ((boxes, people),) = UltralyticsPose(script, threshold=0.0).everybody([square])
    ((same, _),) = UltralyticsPose(random_pose, threshold=0.0, size=64).everybody([square])
    assert people.xy.shape == (len(boxes), 17, 2)
    np.testing.assert_allclose(boxes.score[:5], same.score[:5], atol=1e-3)


def test_a_detector_is_no_pose_estimator(tmp_path):
    path = save_yolo(tmp_path / "boxes.pt", "detect")
    with pytest.raises(InvalidWeights, match="'detect'; a pose estimator is needed"):
        UltralyticsPose(path)
    script = yolo._ultralytics().YOLO(str(path), verbose=False).export(format="torchscript", imgsz=64)
    with pytest.raises(InvalidWeights, match=r"boxes\.torchscript cannot be opened") as caught:
        UltralyticsPose(script)
    assert "\n" not in str(caught.value)
