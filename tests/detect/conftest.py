"""Fixtures of the detector tests: the embedded network, real pictures of people."""

from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest
from safetensors.torch import load_file

from poseact.detect.nanodet import NanoDet, build

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def network() -> NanoDet:
    """The embedded network with its weights, float32."""
    network = build()
    tensors = load_file(ROOT / "weights" / "nanodet-g.safetensors")
    network.load_state_dict({name: value.float() for name, value in tensors.items()})
    return network.eval()


@pytest.fixture(scope="session")
def street():
    """(1080, 810, 3) uint8 RGB: four people in front of a bus, the picture that ultralytics is shipped with."""
    found = find_spec("ultralytics")
    path = Path(found.origin).parent / "assets" / "bus.jpg"
    if not path.is_file():
        pytest.skip("reason: this ultralytics comes without its sample picture")
    return cv2.imread(str(path))[..., ::-1]


@pytest.fixture(autouse=True, scope="session")
def own_ultralytics_settings(tmp_path_factory):
    """ultralytics reads its folder once, at import: keep the tests out of the user's."""
    patch = pytest.MonkeyPatch()
    patch.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("ultralytics")))
    yield
    patch.undo()
