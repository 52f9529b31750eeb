import numpy as np
import pytest

from poseact.train.metrics import measure, reliability


def test_measure_counts_by_hand():
    probability = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.2, 0.5, 0.3]])
    metrics = measure(probability, np.array([0, 1, 2, 1]))
    assert metrics.top1 == 0.75
    assert metrics.top5 == 1.0
    assert metrics.mean_class == pytest.approx((1 + 0.5 + 1) / 3)
    assert metrics.confusion.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert metrics.loss == pytest.approx(-np.log([0.7, 0.3, 0.7, 0.5]).mean())


def test_classes_that_do_not_occur_do_not_count():
    assert measure(np.eye(4)[[0, 1]], np.array([0, 1])).mean_class == 1.0


@pytest.mark.parametrize(
    ("probability", "label", "error"),
    [([[1.0, 0.0]], [0], 0.0), ([[1.0, 0.0]], [1], 1.0), ([[0.75, 0.25]] * 4, [0, 0, 0, 1], 0.0)],
    ids=["sure and right", "sure and wrong", "as sure as right"],
)
def test_calibration_error(probability, label, error):
    assert reliability(np.array(probability), np.array(label)).error == pytest.approx(error)
