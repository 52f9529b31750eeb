import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseact.pose.affine import CODECS, cut, to_crop, to_image
from poseact.pose.crop import windows

PORTRAIT = (256, 192)
HEATMAP = (64, 48)
EXAMPLE = windows(np.array([[100.0, 50, 300, 450]]), PORTRAIT, 1.25)


def smooth_picture(height, width):
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(columns / (7 + channel) + channel) * np.cos(rows / (9 - channel)) for channel in range(3)]
    return (127 + 120 * np.stack(waves, 2)).astype(np.uint8)


def test_the_example_of_the_published_pipeline():
    assert EXAMPLE.tolist() == [[200, 250, 375, 500]]
    points = np.array([[[200.0, 250], [100, 50], [300, 450], [12.5, 0]]])
    expected = [[96, 128], [96 - 51.2, 128 - 102.4], [96 + 51.2, 128 + 102.4], [0, 0]]
    assert to_crop(points, EXAMPLE, PORTRAIT, "classic")[0] == pytest.approx(np.array(expected))


def test_udp_maps_edges_to_the_middles_of_the_outermost_pixels():
    points = np.array([[[200.0, 250], [12.5, 0], [387.5, 500]]])
    expected = np.array([[95.5, 127.5], [0, 0], [191, 255]])
    assert to_crop(points, EXAMPLE, PORTRAIT, "udp")[0] == pytest.approx(expected)
    assert to_image(np.array([[[47.0, 63]]]), EXAMPLE, HEATMAP, "udp")[0, 0] == pytest.approx([387.5, 500])


@pytest.mark.parametrize("codec", CODECS)
def test_nobody(codec):
    nobody, nothing = np.zeros((0, 17, 2)), np.zeros((0, 4))
    assert to_crop(nobody, nothing, PORTRAIT, codec).shape == (0, 17, 2)
    assert to_image(nobody, nothing, PORTRAIT, codec).shape == (0, 17, 2)


def test_classic_is_the_map_of_three_points():
    """As the reference defines it: the centre, the middle of the left edge, and a third point at a right angle."""
    window = windows(np.array([[17.0, 33, 140.5, 190.25]]), PORTRAIT, 1.25)
    x, y, width, _ = window[0]
    height, across = PORTRAIT
    picture = np.float32([[x, y], [x - width / 2, y], [x - width / 2, y + width / 2]])
    crop = np.float32([[across / 2, height / 2], [0, height / 2], [0, height / 2 + across / 2]])
    matrix = cv2.getAffineTransform(picture, crop)
    points = np.random.default_rng(0).uniform(0, 300, (1, 20, 2))
    expected = points[0] @ matrix[:, :2].T + matrix[:, 2]
    assert to_crop(points, window, PORTRAIT, "classic")[0] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("codec", "factor"), [("classic", [1 / 4, 1 / 4]), ("udp", [47 / 191, 63 / 255])], ids=["classic", "udp"]
)
def test_heatmaps_lie_on_crops(codec, factor):
    points = np.random.default_rng(1).uniform(-50, 500, (1, 9, 2))
    in_crop = to_crop(points, EXAMPLE, PORTRAIT, codec)
    assert to_crop(points, EXAMPLE, HEATMAP, codec) == pytest.approx(in_crop * factor)


coordinate = st.floats(-500, 500)
extent = st.floats(1, 1000)


@given(coordinate, coordinate, extent, extent, coordinate, coordinate, st.sampled_from(CODECS))
def test_there_and_back(x, y, width, height, point_x, point_y, codec):
    window = windows(np.array([[x, y, x + width, y + height]]), PORTRAIT, 1.25)
    point = np.array([[[point_x, point_y]]])
    there = to_crop(point, window, PORTRAIT, codec)
    assert to_image(there, window, PORTRAIT, codec) == pytest.approx(point, abs=1e-6)


@pytest.mark.parametrize(
    ("codec", "window"), [("classic", [96.0, 128, 192, 256]), ("udp", [95.5, 127.5, 191, 255])], ids=CODECS
)
@pytest.mark.parametrize("offset", [(0, 0), (40, -30), (-7, 211)], ids=["whole", "half outside", "left and below"])
def test_at_the_pictures_own_scale_pixels_are_copied(codec, window, offset):
    image = smooth_picture(256, 192)
    moved = np.add(window, [*offset, 0, 0])
    around = np.zeros((256 + 2 * 256, 192 + 2 * 192, 3), np.uint8)
    around[256:512, 192:384] = image
    expected = around[256 + offset[1] :, 192 + offset[0] :][:256, :192]
    assert (cut(image, moved, PORTRAIT, codec) == expected).all()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("zoom", [0.4, 1.3, 3.1], ids=lambda zoom: f"{zoom} px of the picture per px")
def test_cut_reads_where_to_image_says(codec, zoom):
    """Bilinear interpolation restated in NumPy, black outside; OpenCV rounds places to 1/32 px."""
    image = smooth_picture(120, 90)
    window = np.array([50.3, 55.8, 48 * zoom, 64 * zoom])
    rows, columns = np.mgrid[: HEATMAP[0], : HEATMAP[1]]
    points = np.stack([columns, rows], 2).reshape(1, -1, 2).astype(float)
    x, y = np.round(to_image(points, window[None], HEATMAP, codec)[0] * 32).T / 32
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    padded = np.pad(image.astype(float), ((200, 200), (200, 200), (0, 0)))
    expected = np.zeros((len(x), 3))
    for dx in (0, 1):
        for dy in (0, 1):
            weight = (1 - abs(x - left - dx)) * (1 - abs(y - top - dy))
            expected += weight[:, None] * padded[top + dy + 200, left + dx + 200]
    found = cut(image, window, HEATMAP, codec).reshape(-1, 3)
    assert np.abs(found - expected).max() <= 2
    assert np.abs(found - expected).mean() < 0.3


def test_only_udp_crops_mirror():
    image = smooth_picture(120, 90)
    window, mirrored = np.array([40.0, 60, 60, 80]), np.array([89 - 40.0, 60, 60, 80])
    differences = {}
    for codec in CODECS:
        crop = cut(image, window, HEATMAP, codec).astype(int)
        other = cut(np.ascontiguousarray(image[:, ::-1]), mirrored, HEATMAP, codec)[:, ::-1]
        differences[codec] = np.abs(crop - other).max()
    assert differences["udp"] <= 2
    assert differences["classic"] > 10
