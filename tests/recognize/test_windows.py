import numpy as np
import pytest

from poseact.recognize.windows import Window, windows


def at(fps: float, frames: int, start: float = 0.0) -> np.ndarray:
    return start + np.arange(frames) / fps


@pytest.mark.parametrize(
    ("pts", "present", "seconds", "expected"),
    [
        (at(30, 4), [False] * 4, 1.0, []),
        (at(30, 1), [True], 1.0, [Window(0, 0)]),
        (at(30, 40), [True] * 40, 4 / 3, [Window(0, 39)]),
        (at(30, 59), [True] * 59, 4 / 3, [Window(0, 58)]),
        (at(30, 80), [True] * 80, 4 / 3, [Window(0, 39), Window(40, 79)]),
        (at(30, 80), [True] * 80, None, [Window(0, 79)]),
        (at(4, 60), [True] * 60, None, [Window(0, 59)]),
        (at(4, 80), [True] * 80, None, [Window(0, 39), Window(40, 79)]),
        (at(30, 40), [False] * 10 + [True] * 20 + [False] * 10, 4 / 3, [Window(10, 29)]),
        (np.r_[at(12, 16), at(12, 16, 4.0)], [True] * 32, 4 / 3, [Window(0, 15), Window(16, 31)]),
        (np.r_[at(12, 16), at(12, 16, 4.0)], [True] * 17 + [False] * 15, 4 / 3, [Window(0, 15)]),
        (at(2, 10), [True] * 10, 1.0, [Window(0, 1), Window(2, 3), Window(4, 5), Window(6, 7), Window(8, 9)]),
    ],
    ids=[
        "never seen", "one frame", "training length", "up to half more", "two", "whole", "as long as published clips",
        "longer than these", "comes and goes",
        "not looked at between", "a crumb is dropped", "slow video",
    ],
)  # fmt: skip
def test_windows(pts, present, seconds, expected):
    assert windows(pts, np.array(present), seconds) == expected


def test_windows_are_equally_long_where_the_frame_rate_changes():
    pts = np.concatenate([np.arange(300) / 50, 6 + np.arange(60) / 10])  # 6 s of 50 frames/s, 6 s of 10
    found = windows(pts, np.ones(360, bool), 1.6)
    assert len(found) == 7
    assert [one.first for one in found][1:] == [one.last + 1 for one in found][:-1]
    lengths = [pts[one.last] - pts[one.first] for one in found]
    assert max(lengths) < 1.72
    assert min(lengths) > 1.5
