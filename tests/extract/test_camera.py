"""The camera's movement is read from the background, and nothing else."""

import cv2
import numpy as np
import pytest
from test_picture_estimator import Standing

from poseact.extract import Extractor
from poseact.extract.camera import STILL, CameraMotion
from poseact.poses import steadied
from poseact.types import Boxes
from poseact.video import VideoWriter


@pytest.fixture(scope="module")
def world():
    noise = np.random.default_rng(0).integers(0, 255, (1400, 1800, 3)).astype(np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)


def shown(world, matrix, size=(640, 480)):
    return cv2.warpAffine(world, matrix, size)


def test_a_camera_that_pans_turns_and_zooms_around_somebody(world):
    """The person stands; in the pictures they move, and so does what they wear, at random."""
    rng = np.random.default_rng(1)
    motion = CameraMotion()
    camera, seen = [], []
    for number in range(12):
        zoom, turn = 1 + 0.01 * number, 0.004 * number
        a, b = zoom * np.cos(turn), zoom * np.sin(turn)
        matrix = np.array([[a, -b, -400 - 9.0 * number], [b, a, -300 + 4.0 * number]])
        joints = np.array([[700.0, 500.0], [740.0, 560.0]]) @ matrix[:, :2].T + matrix[:, 2]
        image = shown(world, matrix)
        left, top, right, bottom = *(joints[0] - 40).astype(int), *(joints[1] + 40).astype(int)
        image[top:bottom, left:right] = rng.integers(0, 255, (bottom - top, right - left, 3))
        camera.append(motion(image, Boxes(np.float32([[left, top, right, bottom]]), np.ones(1, np.float32))))
        seen.append(joints)
    keypoint = np.float32([seen])
    assert camera[0].tolist() == list(STILL)
    assert np.ptp(keypoint, axis=1).max() > 80
    assert np.ptp(steadied(keypoint, np.stack(camera)), axis=1).max() < 1


def test_people_are_no_background(world):
    """Nothing but the person moves: the picture moves within the box alone."""
    motion = CameraMotion()
    still, box = np.array([[1, 0, -400.0], [0, 1, -300]]), Boxes(np.float32([[100, 60, 600, 470]]), np.ones(1, "f"))
    for number in range(3):
        image = shown(world, still)
        moved = still + np.array([[0, 0, 12.0 * number], [0, 0, 0]])
        image[60:470, 100:600] = shown(world, moved)[60:470, 100:600]
        found = motion(image, box)
    np.testing.assert_allclose(found, STILL, atol=0.02)


def test_where_nothing_can_be_followed_nothing_is_said(world):
    nobody, black = Boxes.empty(), np.zeros((480, 640, 3), np.uint8)
    everything = Boxes(np.float32([[-5, -5, 700, 500]]), np.ones(1, np.float32))
    one, other = (shown(world, np.array([[1, 0, x], [0, 1, -400.0]])) for x in (-100, -1000))
    for images, people in (((black, black), nobody), ((one, other), nobody), ((one, one), everything)):
        motion = CameraMotion()
        assert [motion(image, people).tolist() for image in images] == [list(STILL)] * 2


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (33, 31), (4000, 3)])
def test_tiny_pictures(size):
    motion = CameraMotion()
    noise = np.random.default_rng(0).integers(0, 255, (2, *size, 3)).astype(np.uint8)
    for image in noise:
        assert motion(image, Boxes.empty()).tolist() == list(STILL)


def test_pictures_of_other_sizes(world):
    motion = CameraMotion()
    for size in ((320, 240), (320, 250), (240, 320), (640, 480)):
        assert motion(shown(world, np.array([[1, 0, -400.0], [0, 1, -300.0]]), size), Boxes.empty()).tolist() == list(
            STILL
        )


@pytest.mark.parametrize("pose_every", [1, 3])
def test_a_video_that_pans(world, tmp_path, pose_every):
    with VideoWriter(tmp_path / "pan.mp4", 25, (320, 240)) as writer:
        for number in range(13):
            writer.write(shown(world, np.array([[1, 0, -400.0 - 4 * number], [0, 1, -300.0]]), (320, 240)))
    found = Extractor(None, Standing(2), weights={"estimator": "abc"}, pose_every=pose_every)(tmp_path / "pan.mp4")
    camera = found.poses.camera
    assert camera.shape == (13, 4)
    assert camera[0].tolist() == list(STILL)
    np.testing.assert_allclose(camera[1:], np.tile([1, 0, -4, 0], (12, 1)), atol=0.2)
