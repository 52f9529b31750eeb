"""The benchmark of extraction: how alike two poses are, and who is compared with whom."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from extract import iou_of, oks

BOX = np.array([0, 0, 100, 200], np.float32)


def test_similarity_of_poses():
    pose = np.random.default_rng(0).uniform(10, 90, (17, 2))
    assert oks(pose, pose, BOX) == pytest.approx(1)
    near, far = oks(pose, pose + 2, BOX), oks(pose, pose + 20, BOX)
    assert 0.9 < near < 1
    assert far < near
    missing = pose.copy()
    missing[3] = 0
    assert oks(missing, pose + 2, BOX) == pytest.approx(oks(pose, missing + 2 * (missing != 0), BOX))
    assert oks(np.zeros((17, 2)), pose, BOX) == 0


def test_overlap_of_boxes():
    others = np.array([[0, 0, 100, 200], [50, 0, 150, 200], [200, 0, 300, 200]], np.float32)
    assert iou_of(BOX, others).tolist() == pytest.approx([1, 1 / 3, 0])
