import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseact.pose.crop import cut, to_crop, to_image, windows

SQUARE = (64, 64)
PORTRAIT = (256, 192)


@pytest.mark.parametrize(
    ("boxes", "size", "margin", "expected"),
    [
        (np.zeros((0, 4)), SQUARE, 1.25, np.zeros((0, 4))),
        ([[0, 0, 10, 10]], SQUARE, 1.0, [[5, 5, 10, 10]]),
        ([[0, 0, 10, 20]], SQUARE, 1.25, [[5, 10, 25, 25]]),
        ([[100, 50, 300, 450]], PORTRAIT, 1.25, [[200, 250, 375, 500]]),
        ([[0, 0, 400, 40]], PORTRAIT, 1.0, [[200, 20, 400, 400 * 256 / 192]]),
    ],
    ids=["nobody", "square", "tall in a square", "the example of HRNet's pipeline", "wide in a portrait"],
)
def test_windows(boxes, size, margin, expected):
    assert windows(np.asarray(boxes), size, margin) == pytest.approx(np.asarray(expected))


def test_hrnet_pipeline_is_a_moved_window():
    window = windows(np.array([[100.0, 50, 300, 450]]), PORTRAIT, 1.25)
    assert PORTRAIT[1] / window[0, 2] == PORTRAIT[0] / window[0, 3] == pytest.approx(0.512)
    index = np.array([[[120.0, 80]]])
    moved = window + np.array([0.5 - 0.5 / 0.512, 0.5 - 0.5 / 0.512, 0, 0])
    classic = (index - [200, 250]) * 0.512 + [96, 128]
    assert to_crop(index + 0.5, moved, PORTRAIT) - 0.5 == pytest.approx(classic)


coordinate = st.floats(-500, 500)
extent = st.floats(1, 1000)


@given(
    window=st.tuples(coordinate, coordinate, extent, extent),
    point=st.tuples(coordinate, coordinate),
    size=st.tuples(st.integers(1, 512), st.integers(1, 512)),
)
def test_round_trip(window, point, size):
    window, point = np.array([window]), np.array([[point]])
    assert to_image(to_crop(point, window, size), window, size) == pytest.approx(point, abs=1e-6)


@given(x=st.floats(-200, 200), y=st.floats(-200, 200), width=extent, height=extent, margin=st.floats(0.5, 3))
def test_the_box_lies_centred_in_its_window(x, y, width, height, margin):
    box = np.array([[x, y, x + width, y + height]])
    window = windows(box, PORTRAIT, margin)
    corners = to_crop(box.reshape(1, 2, 2), window, PORTRAIT)[0]
    assert corners.mean(0) == pytest.approx([PORTRAIT[1] / 2, PORTRAIT[0] / 2], abs=1e-6)
    sides = (corners[1] - corners[0]) * margin / [PORTRAIT[1], PORTRAIT[0]]
    assert sides.max() == pytest.approx(1)


def test_cut_of_the_whole_picture_is_the_picture():
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    assert (cut(image, np.array([32.0, 24, 64, 48]), (48, 64)) == image).all()


@pytest.mark.parametrize("zoom", [0.25, 1.0, 3.0, 6.5], ids=lambda zoom: f"window {zoom} times the crop")
def test_a_blob_lands_where_the_map_says(zoom):
    rows, columns = np.mgrid[:600, :800]
    where = np.array([402.0, 297.0])
    spread = 4 * max(zoom, 1)
    blob = 255 * np.exp(-((columns - where[0]) ** 2 + (rows - where[1]) ** 2) / (2 * spread**2))
    image = np.repeat(blob[..., None], 3, 2).round().astype(np.uint8)
    window = np.array([400.0, 300, 64 * zoom, 64 * zoom])
    crop = cut(image, window, SQUARE)[..., 0].astype(float)
    expected = to_crop(where[None, None] + 0.5, window[None], SQUARE)[0, 0] - 0.5
    crop_rows, crop_columns = np.mgrid[: SQUARE[0], : SQUARE[1]]
    inner = crop * (crop > 100)
    found = [(inner * crop_columns).sum() / inner.sum(), (inner * crop_rows).sum() / inner.sum()]
    assert found == pytest.approx(expected, abs=0.15 if zoom >= 1 else 0.6)


def test_outside_the_picture_is_black():
    image = np.full((20, 20, 3), 200, np.uint8)
    crop = cut(image, np.array([0.0, 0, 40, 40]), (40, 40))
    assert (crop[:20, :20] == 0).all()
    assert (crop[20:, 20:] == 200).all()


def test_shrinking_averages_instead_of_aliasing():
    image = np.zeros((512, 512, 3), np.uint8)
    image[:, ::2] = 255
    crop = cut(image, np.array([256.0, 256, 512, 512]), SQUARE)
    assert np.abs(crop[2:-2, 2:-2].astype(int) - 128).max() <= 2
