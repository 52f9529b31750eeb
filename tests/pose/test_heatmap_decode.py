import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from poseact.pose.heatmap_decode import OFFSET_REACH, REFINEMENTS, average_flipped, decode, smoothed

HEIGHT, WIDTH = 64, 48


def maps(*points, sigma=2.0, height=HEIGHT, width=WIDTH):
    """One person's heatmaps (1, K, height, width) with a Gaussian of height 1 around each point (x, y)."""
    rows, columns = np.mgrid[:height, :width]
    squared = [(columns - x) ** 2 + (rows - y) ** 2 for x, y in points]
    return torch.tensor(np.exp(-np.array(squared) / (2 * sigma**2))[None], dtype=torch.float32)


def spikes(values, height=12, width=10):
    """(1, 1, height, width), zero but for {(x, y): value}."""
    heatmap = torch.zeros(1, 1, height, width)
    for (x, y), value in values.items():
        heatmap[0, 0, y, x] = value
    return heatmap


# The rules restated in NumPy, one joint at a time.


def blurred(heatmap, kernel):
    border = kernel // 2
    framed = cv2.GaussianBlur(np.pad(heatmap, border), (kernel, kernel), 0)
    inner = framed[border : border + heatmap.shape[0], border : border + heatmap.shape[1]]
    return inner * heatmap.max() / inner.max()


def quarter(heatmap, x, y):
    height, width = heatmap.shape
    step = np.zeros(2)
    if 1 < x < width - 1 and 0 < y < height:
        step[0] = np.sign(heatmap[y, x + 1] - heatmap[y, x - 1]) / 4
    if 1 < y < height - 1 and 0 < x < width:
        step[1] = np.sign(heatmap[y + 1, x] - heatmap[y - 1, x]) / 4
    return step


def dark(heatmap, x, y, kernel):
    height, width = heatmap.shape
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return np.zeros(2)
    log = np.log(np.maximum(blurred(heatmap, kernel), 1e-10).astype(np.float64))
    gradient_y, gradient_x = np.gradient(log)
    hessian = np.array(
        [
            [np.gradient(gradient_x, axis=1)[y, x], np.gradient(gradient_x, axis=0)[y, x]],
            [np.gradient(gradient_y, axis=1)[y, x], np.gradient(gradient_y, axis=0)[y, x]],
        ]
    )
    return -np.linalg.solve(hessian, [gradient_x[y, x], gradient_y[y, x]])


def udp(heatmap, x, y, kernel):
    log = np.log(np.clip(blurred(heatmap, kernel), 1e-3, 50).astype(np.float64))
    patch = np.pad(log, 1, mode="edge")[y : y + 3, x : x + 3]
    gradient = (patch[1] @ [-0.5, 0, 0.5], patch[:, 1] @ [-0.5, 0, 0.5])
    mixed = (patch[2, 2] - patch[1, 2] - patch[2, 1] + 2 * patch[1, 1] - patch[1, 0] - patch[0, 1] + patch[0, 0]) / 2
    hessian = np.array([[patch[1] @ [1, -2, 1], mixed], [mixed, patch[:, 1] @ [1, -2, 1]]])
    return -np.linalg.solve(hessian + np.finfo(np.float32).eps * np.eye(2), gradient)


def restated(heatmap, refinement, kernel):
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
    if refinement == "none":
        return np.array([x, y], float)
    if refinement == "quarter":
        return np.array([x, y]) + quarter(heatmap, x, y)
    return np.array([x, y]) + {"dark": dark, "udp": udp}[refinement](heatmap, x, y, kernel)


@pytest.mark.parametrize("refinement", REFINEMENTS)
def test_nobody(refinement):
    xy, score = decode(torch.zeros(0, 17, HEIGHT, WIDTH), refinement, 11)
    assert (xy.shape, score.shape) == ((0, 17, 2), (0, 17))


@pytest.mark.parametrize("refinement", REFINEMENTS)
@pytest.mark.parametrize(
    "heatmap",
    [
        torch.zeros(1, 1, 16, 12),
        torch.full((1, 1, 16, 12), -0.5),
        torch.full((1, 1, 16, 12), torch.nan),
        torch.full((1, 1, 16, 12), -torch.inf),
    ],
    ids=["zero", "negative", "not a number", "minus infinity"],
)
def test_unseen(heatmap, refinement):
    xy, score = decode(heatmap, refinement, 11)
    assert xy.tolist() == [[[0, 0]]]
    assert score.tolist() == [[0]]


@pytest.mark.parametrize(
    ("values", "xy", "score"),
    [
        ({(3, 7): 0.5}, [3, 7], 0.5),
        ({(0, 0): 0.25}, [0, 0], 0.25),
        ({(9, 11): 1.25}, [9, 11], 1.25),
        ({(8, 2): 0.5, (1, 3): 0.5}, [8, 2], 0.5),
    ],
    ids=["inside", "first pixel", "last pixel", "the first of two"],
)
def test_maximum(values, xy, score):
    found, height = decode(spikes(values), "none", 11)
    assert found[0, 0].tolist() == xy
    assert height.item() == score


@pytest.mark.parametrize(
    ("peak", "offset"),
    [
        ((4, 5), [0.25, -0.25]),
        ((2, 5), [0.25, -0.25]),
        ((1, 5), [0, -0.25]),
        ((0, 5), [0, 0]),
        ((8, 5), [0.25, -0.25]),
        ((9, 5), [0, -0.25]),
        ((4, 1), [0.25, 0]),
        ((4, 0), [0, 0]),
        ((4, 10), [0.25, -0.25]),
        ((4, 11), [0.25, 0]),
        ((1, 1), [0, 0]),
    ],
    ids=lambda value: str(value) if isinstance(value, tuple) else "",
)
def test_quarter_offset_tests_each_axis_by_itself(peak, offset):
    """In MMPose 0.x and the original HRNet every row but the first two and (8, 5) and (4, 10) would stay in place."""
    x, y = peak
    values = {(x, y): 1.0}
    if x < 9:
        values[x + 1, y] = 0.5
    if y > 0:
        values[x, y - 1] = 0.5
    if x > 0:
        values[x - 1, y] = 0.25
    if y < 11:
        values[x, y + 1] = 0.25
    # Where a neighbour is missing the other one alone would pull; the rule must forbid it.
    xy, _ = decode(spikes(values), "quarter", 11)
    assert (xy[0, 0] - torch.tensor(peak)).tolist() == offset


def test_quarter_offset_between_equal_neighbours_is_nothing():
    xy, _ = decode(maps((20, 30)), "quarter", 11)
    assert xy[0, 0].tolist() == [20, 30]


@pytest.mark.parametrize("refinement", REFINEMENTS)
@pytest.mark.parametrize("kernel", [3, 7, 11, 17])
def test_as_restated_for_one_joint_at_a_time(refinement, kernel):
    """Gaussians with noise, some at the border, of several people."""
    generator = np.random.default_rng(kernel)
    points = generator.uniform([0, 0], [WIDTH - 1, HEIGHT - 1], (24, 2))
    heatmaps = maps(*points).view(4, 6, HEIGHT, WIDTH) * torch.linspace(0.1, 1.2, 6)[:, None, None]
    heatmaps += torch.tensor(generator.normal(0, 0.01, heatmaps.shape), dtype=torch.float32)
    before = heatmaps.clone()
    xy, score = decode(heatmaps, refinement, kernel)
    expected = np.array([[restated(joint, refinement, kernel) for joint in person] for person in heatmaps.numpy()])
    assert xy.numpy() == pytest.approx(expected, abs=2e-3)
    assert score.equal(heatmaps.amax((2, 3)))
    assert heatmaps.equal(before)


@pytest.mark.parametrize(
    ("refinement", "kernel", "sigma", "tolerance"),
    [
        ("none", 11, 2, 0.5),
        ("quarter", 11, 2, 0.25),
        ("dark", 11, 2, 0.002),
        ("dark", 17, 3, 0.002),
        ("udp", 11, 2, 0.01),
        ("udp", 17, 3, 0.01),
    ],
    ids=str,
)
@given(x=st.floats(16, 30), y=st.floats(16, 46))
@settings(max_examples=25, deadline=None)
def test_a_gaussian_is_found(refinement, kernel, sigma, tolerance, x, y):
    xy, _ = decode(maps((x, y), sigma=sigma), refinement, kernel)
    assert xy[0, 0].tolist() == pytest.approx([x, y], abs=tolerance + 1e-4)


@pytest.mark.parametrize(
    ("peak", "moves"),
    [((2, 30), True), ((1, 30), False), (((WIDTH - 3), 30), True), ((WIDTH - 2, 30), False), ((20, HEIGHT - 2), False)],
    ids=str,
)
def test_dark_leaves_the_border_alone_and_udp_does_not(peak, moves):
    heatmaps = maps((peak[0] + 0.3, peak[1] + 0.3))
    assert (decode(heatmaps, "dark", 11)[0][0, 0].tolist() != list(peak)) == moves
    assert decode(heatmaps, "udp", 11)[0][0, 0].tolist() != list(peak)


@pytest.mark.parametrize("refinement", ["dark", "udp"])
@pytest.mark.parametrize("value", [1.0, 5e-4], ids=["flat", "flat and low"])
def test_where_nothing_curves_nothing_moves(refinement, value):
    heatmaps = torch.full((1, 1, 40, 40), -1.0)
    heatmaps[..., 20, 20] = value
    heatmaps[..., 8:32, 8:32] = value
    xy, score = decode(heatmaps, refinement, 3)
    assert xy.isfinite().all()
    assert score.item() == pytest.approx(value)
    flat = torch.full((1, 1, 40, 40), value)
    assert decode(flat, refinement, 1)[0].tolist() == [[[0, 0]]]


@pytest.mark.parametrize("kernel", [1, 3, 5, 7, 9, 11, 17])
def test_smoothed_is_opencvs_blur_of_the_framed_map(kernel):
    heatmaps = torch.tensor(np.random.default_rng(0).uniform(0, 1, (2, 3, 30, 20)), dtype=torch.float32)
    expected = [[blurred(joint, kernel) for joint in person] for person in heatmaps.numpy()]
    assert smoothed(heatmaps, kernel).numpy() == pytest.approx(np.array(expected), abs=1e-5)


def test_smoothed_keeps_the_maximum():
    heatmaps = maps((3, 4), (20, 30)) * torch.tensor([0.3, 0.9])[:, None, None]
    assert smoothed(heatmaps, 11).amax((2, 3)).numpy() == pytest.approx(heatmaps.amax((2, 3)).numpy())


@pytest.mark.parametrize("refinement", REFINEMENTS)
def test_people_do_not_depend_on_each_other(refinement):
    heatmaps = maps((3.3, 4), (20.2, 30), (40, 60.4), (47, 63)).view(2, 2, HEIGHT, WIDTH)
    together, _ = decode(heatmaps, refinement, 11)
    for row in range(2):
        assert decode(heatmaps[[row]], refinement, 11)[0][0].numpy() == pytest.approx(together[row].numpy(), abs=1e-5)


def test_half_precision_is_read():
    xy, score = decode(maps((20, 30)).half(), "dark", 11)
    assert xy.dtype == score.dtype == torch.float32
    assert xy[0, 0].tolist() == pytest.approx([20, 30], abs=1e-2)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (False, [[4, 10, 11, 12], [4.5, 6, 7.5, 9]]),
        (True, [[4, 6, 11, 12], [4.5, 6.5, 8, 9.5]]),
    ],
    ids=["udp", "classic"],
)
def test_average_flipped(shift, expected):
    """Two joints that are left and right of each other, one row of four pixels."""
    heatmaps = torch.tensor([[[[0.0, 4, 6, 8]], [[0, 4, 8, 12]]]])
    mirrored = torch.tensor([[[[6.0, 7, 8, 9]], [[16, 16, 16, 8]]]])
    averaged = average_flipped(heatmaps, mirrored, (1, 0), shift=shift)
    assert averaged[0, :, 0].tolist() == expected


def regression_maps(*points, height=HEIGHT, width=WIDTH):
    """(1, 3 K, height, width) as UDP regression is trained: 1 around each point, and how far it is from there."""
    rows, columns = np.mgrid[:height, :width]
    reach = OFFSET_REACH * max(height, width)
    each = [(x - columns, y - rows) for x, y in points]
    drawn = [((np.hypot(dx, dy) <= reach).astype(float), dx / reach, dy / reach) for dx, dy in each]
    return torch.tensor(np.array(drawn).reshape(1, -1, height, width), dtype=torch.float32)


def offsets_in_numpy(maps, kernel):
    """The rule restated with OpenCV, one joint at a time: (K, 2) px and (K,)."""
    places, scores = [], []
    for joint in maps.numpy()[0].reshape(-1, 3, *maps.shape[2:]):
        sides = (2 * kernel + 1, kernel, kernel)
        likelihood, dx, dy = (cv2.GaussianBlur(one, (side, side), 0) for one, side in zip(joint, sides, strict=True))
        y, x = np.unravel_index(likelihood.argmax(), likelihood.shape)
        reach = 0.0546875 * max(likelihood.shape)
        places.append([x + dx[y, x] * reach, y + dy[y, x] * reach])
        scores.append(likelihood[y, x])
    return np.array(places), np.array(scores)


@pytest.mark.parametrize("kernel", [1, 5, 11])
@pytest.mark.parametrize("shape", [(64, 48), (96, 72), (8, 8), (8, 1)], ids=str)
def test_offsets_are_read_as_in_the_reference(shape, kernel):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 51, *shape, generator=generator) + 1
    xy, score = decode(noise, "offsets", kernel)
    expected, heights = offsets_in_numpy(noise, kernel)
    np.testing.assert_allclose(score[0], heights, atol=1e-5)
    np.testing.assert_allclose(xy[0], expected, atol=1e-4)


@pytest.mark.parametrize("point", [(20.3, 31.8), (24, 32), (37.75, 10.25)], ids=str)
def test_offsets_find_joints_between_pixels(point):
    xy, score = decode(regression_maps(point, (10.0, 10.0)), "offsets", 11)
    assert xy[0, 0].tolist() == pytest.approx(point, abs=0.01)
    assert score[0, 0] > 0.2
    assert xy[0, 1].tolist() == pytest.approx((10, 10), abs=0.01)


def test_offsets_mirror():
    """The average with mirrored maps that agree changes nothing."""
    maps = regression_maps((20.3, 31.8), (30.5, 12.25))
    mirrored = regression_maps((WIDTH - 1 - 30.5, 12.25), (WIDTH - 1 - 20.3, 31.8))
    torch.testing.assert_close(average_flipped(maps, mirrored, (1, 0), shift=False), maps)
