"""Contact sheets of heatmaps, and confusion matrices."""

import numpy as np
import pytest
from PIL import Image

from poseact.errors import OutputError, UsageError
from poseact.report.confusion import write_confusion
from poseact.report.contact_sheet import COLUMNS, PARTS, TILE, part_of, write_heatmaps
from poseact.skeleton import COCO17

LIMBS = [f"{COCO17.keypoints[start]} - {COCO17.keypoints[end]}" for start, end in COCO17.limbs]


def stack(channels=17, frames=16, size=(24, 24)):
    views = np.zeros((2, channels, frames, *size), np.float32)
    views[:, :, :, size[0] // 2, size[1] // 2] = 1
    return views


@pytest.mark.parametrize(
    ("views", "names", "columns"),
    [
        (stack(frames=1), COCO17.keypoints, 1),
        (stack(), COCO17.keypoints, COLUMNS),
        (stack(), LIMBS, COLUMNS),
        (stack(channels=1, size=(56, 20)), ["tail"], COLUMNS),
    ],
    ids=["one frame", "joints", "limbs", "one unknown channel, tall"],
)
def test_a_sheet_has_a_column_per_frame(views, names, columns, tmp_path):
    write_heatmaps(views, tmp_path / "h.png", names)
    image = np.asarray(Image.open(tmp_path / "h.png"))
    assert image.shape[1] > columns * TILE
    dark = (image[-TILE // 2] < 40).all(-1)
    assert dark.sum() >= 0.7 * columns * TILE


def test_a_part_is_drawn_in_its_colour(tmp_path):
    views = np.zeros((1, 17, 4, 32, 32), np.float32)
    views[0, COCO17.keypoints.index("left_wrist"), :, 10:20, 10:20] = 1
    write_heatmaps(views, tmp_path / "h.png", COCO17.keypoints)
    image = np.asarray(Image.open(tmp_path / "h.png")).astype(int)[:, 200:]
    found = {
        part: int((np.abs(image - np.array(colour)).max(-1) < 16).sum()) for part, colour in PARTS if part != "torso"
    }
    assert found["left arm"] > 1000
    assert {part for part, pixels in found.items() if pixels} == {"left arm"}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("nose", "head"), ("left_ear", "head"), ("left_shoulder", "torso"), ("right_hip", "torso"), ("belly", "torso"),
        ("left_wrist", "left arm"), ("right_ankle", "right leg"), ("left_hip - left_knee", "left leg"),
        ("nose - left_shoulder", "head"), ("right_shoulder - right_elbow", "right arm"),
    ],
)  # fmt: skip
def test_part_of(name, part):
    assert part_of(name) == part


@pytest.mark.parametrize("shape", [(0, 17, 4, 8, 8), (1, 16, 4, 8, 8), (17, 4, 8, 8)], ids=["none", "channels", "axes"])
def test_another_shape_is_refused(shape, tmp_path):
    with pytest.raises(UsageError):
        write_heatmaps(np.zeros(shape), tmp_path / "h.png", COCO17.keypoints)
    assert not list(tmp_path.iterdir())


def test_an_unwritable_sheet_is_an_output_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        write_heatmaps(stack(), tmp_path / "file" / "h.png", COCO17.keypoints)


@pytest.mark.parametrize(
    ("confusion", "labels"),
    [(np.zeros((2, 2), int), ["a", "b"]), (np.diag(np.arange(21)) + 1, [f"class_{number}" for number in range(21)])],
    ids=["nothing counted", "21 classes"],
)
def test_a_confusion_matrix_is_a_picture(confusion, labels, tmp_path):
    write_confusion(confusion, labels, tmp_path / "c.png", "a title")
    image = np.asarray(Image.open(tmp_path / "c.png").convert("RGB"))
    assert image.shape[0] > 25 * len(labels)
    assert image.std() > 5


def test_a_confusion_matrix_needs_its_labels(tmp_path):
    with pytest.raises(UsageError):
        write_confusion(np.zeros((2, 3)), ["a", "b"], tmp_path / "c.png")
