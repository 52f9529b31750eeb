"""Subject-centred crop, resize and centre crop of keypoints."""

import pytest
import torch

from poseact.errors import UsageError
from poseact.heatmap import centre_crop, resize, resize_short_side, subject_crop


@pytest.mark.parametrize(
    ("xy", "options", "moved", "size"),
    [
        ([], {}, [], (480, 640)),
        ([[0, 0], [0, 0]], {}, [[0, 0], [0, 0]], (480, 640)),  # nobody
        ([[0, 100], [0, 200]], {}, [[0, 100], [0, 200]], (480, 640)),  # no x at all
        ([[100, 100], [109, 200]], {}, [[100, 100], [109, 200]], (480, 640)),  # narrower than 10 px
        ([[100, 100], [110, 200]], {}, [[58, 13], [68, 113]], (125, 125)),
        ([[100, 100], [300, 200], [0, 150]], {}, [[25, 75], [225, 175], [0, 125]], (250, 250)),
        ([[100, 100], [300, 200]], {"hw_ratio": None}, [[25, 13], [225, 113]], (125, 250)),
        ([[1, 1], [41, 81]], {}, [[30, 10], [70, 90]], (100, 100)),  # corners -29.0 and -9.0: outside the picture
        ([[1, 1], [41, 81]], {"beyond_image": False}, [[1, 1], [41, 81]], (91, 71)),
        ([[2.1, 2.1], [42.1, 42.1]], {}, [[4.1, 4.1], [44.1, 44.1]], (49, 49)),  # int(-2.9) is -2, int(47.1) is 47
        ([[100, 100], [300, 200]], {"padding": 0.0}, [[0, 50], [200, 150]], (200, 200)),
        ([[100, 100], [300, 200]], {"hw_ratio": 2.0}, [[25, 200], [225, 300]], (500, 250)),
    ],
    ids=[
        "empty", "nobody", "no-x", "narrow", "just-wide-enough", "missing-x-stays", "own-aspect", "beyond", "clipped",
        "truncated", "no-padding", "tall",
    ],
)  # fmt: skip
def test_subject_crop(
    xy: list[list[float]], options: dict[str, float], moved: list[list[float]], size: tuple[int, int]
) -> None:
    cropped, box = subject_crop(torch.tensor(xy, dtype=torch.float32).reshape(-1, 2), (480, 640), **options)
    assert box == size
    torch.testing.assert_close(cropped, torch.tensor(moved, dtype=torch.float32).reshape(-1, 2))


def test_one_box_around_all_people_and_frames() -> None:
    xy = torch.tensor([[[[100.0, 100.0]], [[110.0, 110.0]]], [[[300.0, 100.0]], [[300.0, 200.0]]]])  # (V, T, K, 2)
    cropped, box = subject_crop(xy, (480, 640))
    assert box == (250, 250)
    assert cropped[0, 0, 0].tolist() == [25, 75]


@pytest.mark.parametrize(
    ("size", "short", "new"),
    [((480, 640), 64, (64, 85)), ((640, 480), 64, (85, 64)), ((64, 64), 64, (64, 64)), ((457, 458), 64, (64, 64))],
)
def test_short_side(size: tuple[int, int], short: int, new: tuple[int, int]) -> None:
    corner = torch.tensor([[float(size[1]), float(size[0])], [0.0, 0.0]])
    resized, seen = resize_short_side(corner, size, short)
    assert seen == new
    torch.testing.assert_close(resized, torch.tensor([[new[1], new[0]], [0, 0]], dtype=torch.float32))


def test_stretch_gives_each_axis_its_own_factor() -> None:
    assert resize(torch.tensor([[320.0, 120.0], [0.0, 0.0]]), (480, 640), (64, 32)).tolist() == [[16, 16], [0, 0]]


def test_centre_crop_moves_every_keypoint() -> None:
    assert centre_crop(torch.tensor([[10.0, 0.0], [0.0, 0.0]]), (64, 85), (64, 64)).tolist() == [[0, 0], [-10, 0]]


@pytest.mark.parametrize(
    "resize", [lambda xy, size: resize(xy, size, (8, 8)), lambda xy, size: resize_short_side(xy, size, 8)]
)
def test_a_picture_needs_an_area(resize: object) -> None:
    with pytest.raises(UsageError, match=r"\(0, 640\)"):
        resize(torch.zeros(1, 2), (0, 640))
