"""Poses are seen as by a camera that stands still."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from poseact.errors import InvalidPoses
from poseact.poses import nobody, shared_out, steadied
from poseact.types import PoseSequence

STILL = np.tile(np.float32([1, 0, 0, 0]), (8, 1))
MOVES = arrays.arrays(np.float64, (8, 4), elements=st.floats(-1, 1)).map(
    lambda a: a * (0.1, 0.1, 20, 20) + (1, 0, 0, 0)
)


def seen_by(camera, place):
    """(1, T, 1, 2): what stands at one place of the first picture, in px of every picture."""
    turn, shift = 1.0 + 0j, 0j
    seen = []
    for number, (a, b, x, y) in enumerate(camera):
        if number:
            turn, shift = (a + 1j * b) * turn, (a + 1j * b) * shift + x + 1j * y
        seen.append(turn * complex(*place) + shift)
    return np.array([[[(z.real, z.imag)] for z in seen]])


@given(MOVES)
def test_who_stands_still_before_a_moving_camera_stands_still(camera):
    seen = seen_by(camera, (300, 200))
    steady = steadied(seen, camera)
    np.testing.assert_allclose(steady, np.broadcast_to(seen[:, 4:5], steady.shape), atol=1e-6)


@given(MOVES, st.integers(1, 4), st.sampled_from([0.0, 0.6]))
def test_movements_shared_out_lead_to_the_same_place(camera, step, uneven):
    at = np.arange(8) * step
    shared = shared_out(camera, at, np.arange(8 * step) + uneven * (np.arange(8 * step) % 2))
    assert shared.shape == (8 * step, 4)
    assert shared.dtype == np.float32
    np.testing.assert_allclose(seen_by(shared, (300, 200))[:, at], seen_by(camera, (300, 200)), rtol=1e-3, atol=0.05)


def test_movements_are_shared_out_where_there_were_looks():
    camera = np.float32([[1, 0, 0, 0], [1, 0, 6, 3], [1, 0, 5, 0]])
    shared = shared_out(camera, np.array([1, 4, 5]), np.arange(7) / 25)
    assert shared[:, 2].tolist() == [0, 0, 2, 2, 2, 5, 0]
    assert shared[:, 3].tolist() == [0, 0, 1, 1, 1, 0, 0]


def test_missing_joints_stay_missing():
    poses = np.ones((2, 8, 3, 2), np.float32)
    poses[0, 2, 1] = 0
    camera = STILL.copy()
    camera[:, 2] = 7
    steady = steadied(poses, camera)
    assert steady.dtype == np.float32
    assert (steady[0, 2, 1] == 0).all()
    assert steady[1, :, 0, 0].tolist() == [1 - 7 * (t - 4) for t in range(8)]


def test_the_first_movement_is_from_before_the_stretch():
    camera = STILL.copy()
    camera[0] = (2, 1, 50, 60)
    poses = np.random.default_rng(0).random((1, 8, 17, 2))
    assert steadied(poses, camera) is poses


@pytest.mark.parametrize("factor", [0, 1e38], ids=["to a point", "to infinity"])
def test_movement_beyond_all_numbers_changes_nothing(factor):
    poses = np.ones((1, 8, 3, 2), np.float32)
    assert steadied(poses, STILL * np.float32(factor)) is poses


def test_one_frame():
    poses = np.ones((1, 1, 3, 2), np.float32)
    assert steadied(poses, np.float32([[1, 0, 9, 9]])) is poses
    assert shared_out(STILL[:1], np.array([0]), np.zeros(1)).tolist() == [[1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("pts", "expected"),
    [([0, 1, 5], [0, 2, 8]), ([0, 1, 2], [0, 5, 5]), ([0, 0, 0], [0, 5, 5])],
    ids=["by time", "evenly", "without times"],
)
def test_a_movement_is_shared_out_by_the_time_that_passes(pts, expected):
    camera = np.float32([[1, 0, 0, 0], [1, 0, 10, 0]])
    assert shared_out(camera, np.array([0, 2]), np.array(pts) / 25)[:, 2].tolist() == expected


@pytest.mark.parametrize("camera", [np.full((2, 4), np.nan), np.ones((3, 4)), np.ones((2, 3))])
def test_cameras_that_cannot_be(camera):
    one = nobody((48, 64), 25.0, np.zeros(2), np.arange(2))
    assert one.camera.tolist() == [[1, 0, 0, 0]] * 2
    values = {name: getattr(one, name) for name in one.__slots__}
    with pytest.raises(InvalidPoses, match="camera"):
        PoseSequence(**{**values, "camera": np.float32(camera)})
