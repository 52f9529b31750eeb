"""Contact sheets of heatmaps, and confusion matrices."""

import numpy as np
import pytest
from PIL import Image

from poseact.errors import OutputError, UsageError
from poseact.evaluate import Scores
from poseact.report.body_names import part_of, side_of
from poseact.report.confusion import write_confusion
from poseact.report.contact_sheet import COLUMNS, PARTS, TILE, write_heatmaps
from poseact.report.curves import write_curves
from poseact.report.reliability import temperature_panels, write_reliability
from poseact.skeleton import COCO17
from poseact.train.metrics import reliability

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
        ("nose - left_shoulder", "head"), ("right_shoulder - right_elbow", "right arm"), ("left_foot", "left leg"),
        ("left_foot_index", "left leg"), ("right_big_toe", "right leg"), ("left_heel - left_foot_index", "left leg"),
        ("Left Elbow", "left arm"), ("LeftKnee", "left leg"), ("left_forearm", "left arm"), ("RAnkle", "right leg"),
        ("left_mouth", "head"), ("right_pinky", "right arm"), ("tail base", "torso"),
        ("leftknee", "left leg"), ("forehead", "head"), ("right_eyebrow", "head"), ("rightwrist", "right arm"),
    ],
)  # fmt: skip
def test_part_of(name, part):
    assert part_of(name) == part


@pytest.mark.parametrize(
    ("name", "side"),
    [("left_hip", "left"), ("left ear", "left"), ("RightKnee", "right"), ("LHip", "left"), ("neck", ""), ("tail", "")],
)
def test_side_of(name, side):
    assert side_of(name) == side


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


def test_many_classes_make_no_larger_picture_and_names_are_no_formulas(tmp_path):
    sides = []
    for classes in (61, 400):
        counts = np.eye(classes, dtype=int) * 3 + np.eye(classes, k=1, dtype=int)
        names = [f"class {number} for $\\frac$ and $" * 3 for number in range(classes)]
        write_confusion(counts, names, tmp_path / "c.png", "$5 for $10")
        image = Image.open(tmp_path / "c.png")
        assert np.asarray(image.convert("L")).std() > 5
        sides.append(image.size)
    assert sides[0] == sides[1]
    assert max(sides[0]) < 4000


def test_a_name_is_no_formula(tmp_path):
    row = {"epoch": 1, "loss": 1.0, "accuracy": 0.5, "val_loss": None, "val_top1": None}
    write_curves([row], tmp_path / "curves.png", "$\\frac{$")
    found = reliability(np.array([[0.7, 0.3]]), np.array([0]))
    write_reliability([("before", found)], tmp_path / "sure.png", "$\\frac{$")
    assert len(list(tmp_path.glob("*.png"))) == 2


def test_a_confusion_matrix_needs_its_labels(tmp_path):
    with pytest.raises(UsageError):
        write_confusion(np.zeros((2, 3)), ["a", "b"], tmp_path / "c.png")


@pytest.mark.parametrize("panels", [1, 2])
def test_a_reliability_diagram(panels, tmp_path):
    found = reliability(np.array([[0.95, 0.05], [0.4, 0.6]]), np.array([0, 0]))
    write_reliability([("before", found), ("after", found)][:panels], tmp_path / "r.png", "mine")
    picture = np.asarray(Image.open(tmp_path / "r.png").convert("RGB"))
    assert picture.shape[1] > 380 * panels
    assert (picture == (0x48, 0x78, 0xA8)).all(-1).any()


def test_a_reliability_diagram_of_nothing(tmp_path):
    write_reliability([("none", reliability(np.zeros((0, 2)), np.zeros(0, int)))], tmp_path / "r.png")
    assert min(Image.open(tmp_path / "r.png").size) > 300


@pytest.mark.parametrize(
    ("untempered", "names"),
    [
        (None, ["as it is"]),
        ([[0.5, 0.5], [0.25, 0.75]], ["as it is"]),
        ([[0.9, 0.1], [0.0, 1.0]], ["without temperature", "with temperature"]),
    ],
    ids=["not measured", "no temperature", "before and after"],
)
def test_the_temperature_has_a_panel_where_it_changes_something(untempered, names):
    rows = np.array([[0.5, 0.5], [0.25, 0.75]])
    found = Scores("s", rows, np.array([0, 0]), untempered=None if untempered is None else np.array(untempered))
    panels = temperature_panels(found)
    assert [name for name, _ in panels] == names
    assert panels[-1][1].error == pytest.approx(reliability(rows, found.label).error)
    if len(panels) > 1:
        assert panels[0][1].error == pytest.approx(0.45)  # both in the last bin: 0.95 sure, half right
