"""Pose estimators by name and by file: what opens, how its card is obeyed, and what is refused in one line."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from narrow_yolo import save_yolo
from networks import fill
from payloads import Runs

from poseact.errors import InvalidWeights, UsageError, WeightsNotFound
from poseact.extract.estimators import Opened, is_yolo, open_estimator
from poseact.extract.open import ExtractorSettings, digest_of, open_extractor
from poseact.extract.request import difference, same
from poseact.files import sha256_of
from poseact.pose import HeatmapTopDown, TopDown, UltralyticsPose, simple_baseline
from poseact.recognize import Settings
from poseact.skeleton import COCO17
from poseact.types import Boxes
from poseact.zoo import Card, Estimation, Preprocessing, save

pytestmark = pytest.mark.usefixtures("offline")
ESTIMATION = Estimation(size=(64, 32), codec="udp", refinement="dark", blur=5, margin=1.5)


@pytest.fixture(scope="module")
def network():
    """Its heatmaps vary, unlike those of torch's own initialisation."""
    network = simple_baseline.build_mobilenetv2()
    fill(network)
    return network.half().float()  # as it is stored


@pytest.fixture(scope="module")
def saved(network, tmp_path_factory):
    """Saves the network with a card, once for each card, and gives the path."""
    known = {}

    def path(**changes):
        key = str(changes)
        if key not in known:
            card = {
                "name": "mine", "task": "pose", "architecture": "simple-baseline-mobilenetv2",
                "estimation": ESTIMATION, **changes,
            }  # fmt: skip
            known[key] = save(tmp_path_factory.mktemp("saved"), network.state_dict(), Card(**card), half=True)
        return str(known[key])

    return path


def one_box(*xyxy):
    return [Boxes(np.array([xyxy], np.float32), np.ones(1, np.float32))]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("yolo11n-pose", True), ("yolo26x-pose", True), ("yolov8x-pose-p6", True), ("mine.pt", True),
        ("a/b.onnx", True), ("c.torchscript", True), ("yolo11n", False), ("hrnet-w32", False), ("pose.pth", False),
        ("runs/yolo-pose", False), ("", False),
    ],
)  # fmt: skip
def test_what_ultralytics_opens(name, expected):
    assert is_yolo(name) is expected


@pytest.mark.parametrize("name", ["thunder", "lightning", "movenet-thunder"])
def test_embedded_estimators(name):
    opened = open_estimator(name, flip=False)
    assert isinstance(opened.estimator, TopDown)
    assert opened.estimator.name in ("movenet-thunder", "movenet-lightning")
    assert len(opened.sha256) == 64


@pytest.mark.parametrize("flip", [False, True], ids=["no flip", "flip"])
def test_the_card_says_how_heatmaps_are_read(network, saved, flip):
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    boxes = one_box(20, 30, 90, 110)
    opened = open_estimator(saved(), flip=flip)
    assert isinstance(opened.estimator, HeatmapTopDown)
    expected = HeatmapTopDown(
        network, name="mine", size=(64, 32), codec="udp", refinement="dark", blur=5, margin=1.5, flip=flip
    )
    (found,), (wanted,) = opened.estimator([image], boxes), expected([image], boxes)
    np.testing.assert_allclose(found.xy, wanted.xy, atol=1e-3)
    np.testing.assert_allclose(found.score, wanted.score, atol=1e-5)
    other = HeatmapTopDown(network, name="mine", size=(64, 32), flip=flip)
    assert np.abs(found.xy - other([image], boxes)[0].xy).max() > 0.1  # another codec is seen


def test_the_folder_of_a_run_will_do(saved):
    assert open_estimator(str(Path(saved()).parent), flip=False).estimator.name == "mine"


def test_yolo_pose_needs_no_detector(tmp_path):
    path = save_yolo(tmp_path / "mine-pose.pt")
    extractor = open_extractor(ExtractorSettings(pose=str(path)), "cpu")
    assert isinstance(extractor.scout, UltralyticsPose)
    assert (extractor.detector, extractor.estimator) == (None, None)
    assert extractor.weights == {"estimator": extractor.scout.sha256}
    with pytest.raises(UsageError, match="leave out --detector nanodet"):
        open_extractor(ExtractorSettings(pose=str(path), detector="nanodet"), "cpu")


def test_classes_of_a_detector_that_has_none_are_refused():
    with pytest.raises(UsageError, match="what a YOLO calls people; name one with --detector"):
        open_extractor(ExtractorSettings(detector_classes=("Fall",)), "cpu")


def test_no_class_at_all_is_refused():
    with pytest.raises(UsageError, match="--detector-classes names no class"):
        open_extractor(ExtractorSettings(detector="mine.pt", detector_classes=()), "cpu")


def test_classes_of_an_estimator_of_whole_pictures_that_has_none_are_refused(monkeypatch):
    whole = Opened(SimpleNamespace(name="whole", layout=COCO17, everybody=lambda images: []), "abc")
    monkeypatch.setattr("poseact.extract.open.open_estimator", lambda *_, **__: whole)
    settings = ExtractorSettings(pose="higher-hrnet-w32", detector_classes=("Fall",))
    with pytest.raises(UsageError, match="calls people, and higher-hrnet-w32 is none"):
        open_extractor(settings, "cpu")
    assert open_extractor(replace(settings, detector_classes=None), "cpu").scout is whole.estimator


def test_other_estimators_follow_detector_and_scout(saved):
    extractor = open_extractor(ExtractorSettings(pose=saved()), "cpu")
    assert (extractor.detector.name, extractor.scout.name) == ("nanodet-g", "movenet-lightning")
    assert extractor.estimator.name == "mine"
    assert set(extractor.weights) == {"detector", "scout", "estimator"}


@pytest.mark.parametrize(
    ("settings", "second_look"),
    [
        (Settings(speed="fast").extractor, False), (Settings(speed="balanced").extractor, True),
        (ExtractorSettings(pose="movenet-lightning"), False), (ExtractorSettings(pose="lightning", flip=True), True),
    ],
    ids=["fast", "balanced", "lightning by its full name", "lightning, mirrored"],
)  # fmt: skip
def test_the_scouts_poses_are_not_estimated_twice(settings, second_look):
    extractor = open_extractor(settings, "cpu")
    assert (extractor.estimator is not None) is second_look
    assert ("estimator" in extractor.weights) is second_look


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("hrnet-w3", UsageError, r"unknown pose estimator 'hrnet-w3'.* did you mean hrnet-w32"),
        ("yolo11-pos", UsageError, r"did you mean .*yolo11n-pose"),
        ("qwertz", UsageError, r"thunder and lightning come with poseact"),
        ("", UsageError, r"unknown pose estimator ''"),
        ("x" * 5000, UsageError, r"unknown pose estimator"),
        ("nowhere/model.safetensors", UsageError, r"neither a file"),
        ("hrnet-w32", WeightsNotFound, r"POSEACT_OFFLINE"),
        ("yolo11n-pose", WeightsNotFound, r"pose estimator yolo11n-pose\.pt is not here and POSEACT_OFFLINE"),
        ("posec3d-jhmdb21", UsageError, r"is a classifier of actions, not a pose estimator; give it to --model"),
        ("posec3d-ntu60-xsub-joint", UsageError, r"is a classifier of actions"),
        ("nanodet-g", UsageError, r"is a person detector, not a pose estimator; give it to --detector"),
        ("a.pth", InvalidWeights, r"import it first: poseact weights import a\.pth"),
        ("a.txt", InvalidWeights, r"a\.txt is not a \.safetensors file"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_is_refused(name, error, words):
    for file in ("a.pth", "a.txt"):
        Path(file).write_bytes(b"nothing")
    with pytest.raises(error, match=words) as caught:
        open_estimator(name, flip=False)
    assert "\n" not in str(caught.value)
    assert not Path("../home").exists()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"estimation": None}, InvalidWeights, "does not say how its heatmaps are read"),
        ({"architecture": "nanodet-g"}, InvalidWeights, "does not fit its model card"),
        (
            {"task": "classify", "labels": ("a", "b"), "config": {"num_classes": 2}, "preprocessing": Preprocessing()},
            InvalidWeights, "cannot be built",
        ),
    ],
    ids=["no estimation", "another architecture", "a classifier's card"],
)  # fmt: skip
def test_cards_that_do_not_fit(saved, changes, error, words):
    with pytest.raises(error, match=words):
        open_estimator(saved(**changes), flip=False)


def test_a_hostile_yolo_runs_nothing():
    torch.save({"model": Runs(os.mkdir, "executed")}, "bad.pt")
    with pytest.raises(InvalidWeights, match=r"bad\.pt"):
        open_estimator("bad.pt", flip=False)
    assert not Path("executed").exists()


def test_a_file_that_another_took_the_place_of_is_another_model(saved, tmp_path):
    file = shutil.copy(saved(), tmp_path / "m.safetensors")
    before = digest_of(str(file))
    assert before == sha256_of(file)
    with file.open("ab") as appended:
        appended.write(b"x")
    assert digest_of(str(file)) not in (before, None)
    assert digest_of(str(Path(saved()).parent)) == before
    assert [digest_of(name) for name in ("thunder", "auto", "yolo11n-pose", "/proc/self/mem")] == [None] * 4


def test_older_records_without_a_digest_are_taken_as_they_are():
    new = {"pose": "m.safetensors", "pose-sha256": "ab" * 32}
    assert same({"pose": "m.safetensors"}, new)
    assert difference({"pose": "m.safetensors", "threads": 2}, {**new, "threads": 4}) == (
        "with --threads 2, now with --threads 4"
    )
    assert not same({**new, "pose-sha256": "cd" * 32}, new)
    assert difference({**new, "pose-sha256": "cd" * 32}, new) == (
        "with a --pose of sha256 cdcdcdcdcdcd, now with a --pose of sha256 abababababab"
    )
