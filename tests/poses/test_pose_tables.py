"""Tables: CSV of DeepLabCut and of MediaPipe's landmarks."""

from __future__ import annotations

import numpy as np
import pytest
from foreign import reading

from poseact.errors import InvalidPoses, UsageError
from poseact.poses.formats import deeplabcut, mediapipe
from poseact.poses.formats.registry import read
from poseact.poses.formats.table import rows_of
from poseact.poses.remap import remapped
from poseact.skeleton import declaration, layout, register

DLC = "DLC_resnet50_mouseJan1shuffle1_50000"
MOUSE = f"""\
scorer,{",".join([DLC] * 9)}
bodyparts,snout,snout,snout,left ear,left ear,left ear,right ear,right ear,right ear
coords,x,y,likelihood,x,y,likelihood,x,y,likelihood
0,10.5,20.5,0.99,30,40,0.5,50,60,0.25
1,11,21,0.9,,,,51,61,nan
2,,,,,,,,,
"""
TWO = """\
scorer,net,net,net,net,net,net,net,net,net
individuals,mickey,mickey,mickey,minnie,minnie,minnie,single,single,single
bodyparts,snout,snout,snout,snout,snout,snout,cheese,cheese,cheese
coords,x,y,likelihood,x,y,likelihood,x,y,likelihood
0,1,2,0.5,,,,9,8,1.0
1,3,4,0.5,5,6,0.25,9,8,1.0
"""
LABELLED = """\
scorer,,,me,me,me,me
bodyparts,,,nose,nose,paw,paw
coords,,,x,y,x,y
labeled-data,clip,img010.png,1,2,3,4
labeled-data,clip,img002.png,5,6,,
"""


def test_a_mouse():
    assert deeplabcut.fits(rows_of(MOUSE, "file"))
    found = deeplabcut.parse(MOUSE, reading(image_size=(480, 640)))
    assert found.keypoint[0, :, 0].tolist() == [[10.5, 20.5], [11, 21], [0, 0]]
    assert found.keypoint_score[0].tolist() == np.float32([[0.99, 0.5, 0.25], [0.9, 0, 0], [0, 0, 0]]).tolist()
    assert found.keypoint[0, 1, 2].tolist() == [0, 0]
    assert found.layout == DLC
    assert declaration(DLC)["keypoints"] == ["snout", "left ear", "right ear"]
    assert declaration(DLC)["pairs"] == [["left ear", "right ear"]]


def test_two_animals():
    found = deeplabcut.parse(TWO, reading())
    assert layout(found.layout).keypoints == ("snout", "cheese")
    assert found.track_id.tolist() == [1, 2, 3]
    assert found.keypoint_score.tolist() == [[[0.5, 0], [0.5, 0]], [[0, 0], [0.25, 0]], [[0, 1], [0, 1]]]


def test_labelled_by_hand():
    found = deeplabcut.parse(LABELLED, reading())
    assert found.frame_index.tolist() == [2, 10]
    assert found.keypoint_score.tolist() == [[[1, 0], [1, 1]]]
    assert found.keypoint[0].tolist() == [[[5, 6], [0, 0]], [[1, 2], [3, 4]]]


def test_joints_go_by_name_into_a_declared_layout():
    register({"name": "mouse-2", "keypoints": ["right ear", "tail", "snout"]}, "here")
    found = remapped(deeplabcut.parse(MOUSE, reading()), layout("mouse-2"))
    assert found.keypoint[0, 0].tolist() == [[50, 60], [0, 0], [10.5, 20.5]]
    assert found.keypoint_score[0, 0].tolist() == np.float32([0.25, 0, 0.99]).tolist()


@pytest.mark.parametrize(
    "bad",
    [
        "", "scorer", "scorer,a\n", "scorer,a\nbodyparts,b\n", "scorer,a\nbodyparts,b\ncoords,x\n0,1\n",
        "scorer,a,a\nbodyparts,b,b\ncoords,x,z\n0,1,2\n", "scorer,a,a\nbodyparts,b,b\ncoords,x,x\n0,1,2\n",
        "scorer,a,a\nbodyparts,b,b\ncoords,x,y\n0,1\n", "scorer,a,a\nbodyparts,b,b\ncoords,x,y\n0,1,word\n",
        "scorer,a,a\nbodyparts,b,b\ncoords,x,y\n0,1,inf\n", "scorer,a,a\nbodyparts,b,b\ncoords,x,y\n0,1,2\n0,1,2\n",
        "scorer,a,a\nbodyparts,b,b\ncoords,x,y\n", "scorer,a,a\nbodyparts,b\ncoords,x,y\n0,1,2\n",
        "scorer\nbodyparts\ncoords\n0\n", "scorer,a,a\nbodyparts,b,b\ncoords,x,y\n0,1,1e30\n",
        'scorer,"a\nbodyparts', "scorer,a,a\nbodyparts,\x01,\x01\ncoords,x,y\n0,1,2\n",
    ],
)  # fmt: skip
def test_bad_tables_of_deeplabcut(bad):
    with pytest.raises(InvalidPoses, match=r"^[^\n]+$"):
        deeplabcut.parse(bad, reading())


def wide(titles, rows, first=()):
    lines = [[*first, *(title for landmark in range(33) for title in titles(landmark))], *rows]
    return "\n".join(",".join(map(str, line)) for line in lines)


def shares(x, visibility=0.5):
    return [value for landmark in range(33) for value in (x, landmark / 100, 0.3, visibility)]


NAMES = layout("mediapipe33").keypoints


@pytest.mark.parametrize(
    "titles",
    [
        lambda n: [f"{NAMES[n]}_{axis}" for axis in ("x", "y", "z", "visibility")],
        lambda n: [f"{NAMES[n].upper()}_{axis}" for axis in "XYZV"],
        lambda n: [f"{'_'.join(reversed(NAMES[n].split('_', 1)))} {axis}" for axis in ("x", "y", "z", "vis")],
        lambda n: [f"{axis}{n}" for axis in "xyzv"],
        lambda n: [f"{axis}{n + 1}" for axis in "xyzv"],
        lambda n: [f"landmark_{n:02d}_{axis}" for axis in ("x", "y", "z", "visibility")],
        lambda n: [f"{axis}_{n}" for axis in ("x", "y", "z", "visibility")],
    ],
    ids=["names", "capitals", "turned", "x0", "x1", "landmark_00_x", "x_0"],
)
def test_a_line_per_frame(titles):
    text = wide(titles, [[0, *shares(0.25)], [3, *shares(0.5, 0)]], ["frame"])
    assert mediapipe.fits(rows_of(text, "file"))
    found = mediapipe.parse(text, reading(image_size=(100, 200)))
    assert (found.layout, found.keypoint.shape) == ("mediapipe33", (1, 4, 33, 2))
    np.testing.assert_allclose(found.keypoint[0, 0], [[50, n] for n in range(33)], rtol=1e-6)
    assert found.keypoint_score[0, :, 5].tolist() == [0.5, 0, 0, 0]


def test_without_visibility_and_frame():
    text = wide(lambda n: [f"x{n}", f"y{n}"], [[150, 80] * 33, [""] * 66, [160, 90] * 33])
    found = mediapipe.parse(text, reading())
    assert found.keypoint[0, :, 0].tolist() == [[150, 80], [0, 0], [160, 90]]
    assert found.keypoint_score[0, :, 0].tolist() == [1, 0, 1]


def test_other_columns_are_passed_over():
    text = wide(lambda n: [f"x{n}", f"y{n}"], [["jump", 1.5, *[150, 80] * 33]], ["class", "time"])
    assert mediapipe.parse(text, reading()).keypoint[0, 0, 0].tolist() == [150, 80]


def test_people_have_ids():
    rows = [[0, 7, *[150, 80] * 33], [0, 2, *[50, 80] * 33], [1, "", *[151, 80] * 33]]
    text = wide(lambda n: [f"x{n}", f"y{n}"], rows, ["frame", "person_id"])
    found = mediapipe.parse(text, reading())
    assert found.track_id.tolist() == [2, 7, 8]
    assert found.keypoint[:, :, 0, 0].tolist() == [[50, 0], [150, 0], [0, 151]]


@pytest.mark.parametrize("named", [False, True], ids=["numbers", "names"])
def test_a_line_per_landmark(named):
    lines = ["frame,landmark,x,y,z,visibility"]
    lines += [f"{frame},{NAMES[n] if named else n},{0.25},{n / 100},0,0.5" for frame in (0, 2) for n in range(33)]
    text = "\n".join(lines[:-1])  # the last landmark of the last frame is not there
    assert mediapipe.fits(rows_of(text, "file"))
    found = mediapipe.parse(text, reading(image_size=(100, 200)))
    np.testing.assert_allclose(found.keypoint[0, 0], [[50, n] for n in range(33)], rtol=1e-6)
    assert found.keypoint_score[0, :, 31].tolist() == [0.5, 0, 0.5]
    assert found.keypoint_score[0, :, 32].tolist() == [0.5, 0, 0]


def test_shares_need_the_size():
    text = wide(lambda n: [f"x{n}", f"y{n}", f"z{n}", f"v{n}"], [shares(0.5)])
    with pytest.raises(UsageError, match="--image-size"):
        mediapipe.parse(text, reading())


@pytest.mark.parametrize(
    "bad",
    [
        "", "a,b\n1,2", "frame,landmark,x\n0,0,1", "frame,landmark,x,y\n0,33,1,2", "frame,landmark,x,y\n0,tail,1,2",
        "frame,landmark,x,y\n0,0,1,2\n0,0,1,2", "frame,landmark,x,y\n0,0,1", "frame,landmark,x,y\nx,0,1,2",
        "frame,landmark,x,y\n-1,0,11,22", "frame,landmark,x,y\n0.5,0,11,22", "frame,landmark,x,y\n9e15,0,11,22",
        "frame,landmark,x,y\n0,0,11,1e30",
        "x0,y0\n1,2", "nose_x\n1", "nose_x,nose_y\n1", "nose_x,nose_y\na,b", "nose_x,nose_y", "nose_x,nose_y\ninf,2",
        "nose_x,nose_y,frame\n11,22", '"', "\x00",
    ],
)  # fmt: skip
def test_bad_tables_of_landmarks(bad):
    with pytest.raises(InvalidPoses, match=r"^[^\n]+$"):
        mediapipe.parse(bad, reading(image_size=(100, 200)))


@pytest.mark.parametrize(("text", "form"), [(MOUSE, "deeplabcut"), ("nose_x,nose_y\n90,80\n", "mediapipe")])
def test_the_content_tells_which(tmp_path, text, form):
    (tmp_path / "walk.csv").write_text("\ufeff" + text.replace("\n", "\r\n"))
    found = read(tmp_path / "walk.csv")
    assert (found.format, found.dataset.annotations[0].name) == (form, "walk")
