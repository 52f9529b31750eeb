import numpy as np
import pytest
import torch
from boxes_in_noise import noise, people

from poseact.errors import UsageError
from poseact.pose import TopDown
from poseact.pose.people import within_picture


@pytest.fixture(scope="module")
def lightning(movenet):
    return movenet("movenet-lightning")


@pytest.fixture(scope="module")
def estimator(lightning):
    return TopDown(lightning, input_size=96, flip=False, batch_size=3)


@pytest.mark.parametrize(
    "counts", [[], [0], [0, 2, 0], [1, 4]], ids=["no pictures", "nobody", "a crowd of two", "one and four"]
)
def test_one_row_per_box(estimator, counts):
    boxes = [people(*([10, 10, 60, 90 + 5 * row] for row in range(count))) for count in counts]
    images = [noise(100 + 10 * index, 120) for index in range(len(counts))]
    keypoints = estimator(images, boxes)
    assert [found.xy.shape for found in keypoints] == [(count, 17, 2) for count in counts]
    assert all(found.xy.dtype == found.score.dtype == np.float32 for found in keypoints)


def test_the_batch_does_not_matter(estimator):
    images = [noise(100, 120), noise(90, 140, seed=1)]
    boxes = [people([10, 10, 60, 90], [50, 0, 110, 99]), people([0, 0, 140, 90], [-20, 10, 60, 100])]
    together = estimator(images, boxes)
    for image, owned, found in zip(images, boxes, together, strict=True):
        for row in range(len(owned)):
            (alone,) = estimator([image], [owned[[row]]])
            assert alone.xy[0] == pytest.approx(found.xy[row], abs=0.05)
            assert alone.score[0] == pytest.approx(found.score[row], abs=1e-3)


@pytest.mark.parametrize(
    "box",
    [[30, 30, 30, 80], [30, 30, 20, 80], [200, 10, 260, 90], [-60, 10, 0, 90], [np.nan, 0, 10, 10], [0, 0, np.inf, 10]],
    ids=["no width", "turned around", "right of the picture", "left of the picture", "not a number", "infinite"],
)
def test_a_box_without_a_picture_has_no_joints(estimator, box):
    (found,) = estimator([noise(100, 120)], [people([10, 10, 60, 90], box)])
    assert found.score[0].any()
    assert not found.score[1].any()
    assert not found.xy[1].any()


def test_joints_are_in_the_picture_or_unseen(estimator):
    (found,) = estimator([noise(100, 120)], [people([-40, -40, 30, 30], [90, 60, 200, 200])])
    seen = found.score > 0
    assert ((found.xy > 0) & (found.xy <= [119, 99]))[seen].all()
    assert not found.xy[~seen].any()
    assert ((found.score >= 0) & (found.score <= 1)).all()


@pytest.mark.parametrize(
    "box",
    [[5, 5, 5.001, 5.001], [-1e7, -1e7, 1e7, 1e7], [0, 50, 120, 50.01], [119.5, 99.5, 500, 500]],
    ids=["a speck", "huge", "a line", "the last corner"],
)
def test_odd_boxes_give_keypoints(estimator, box):
    (found,) = estimator([noise(100, 120)], [people(box)])
    assert np.isfinite(found.xy).all()
    assert ((found.score >= 0) & (found.score <= 1)).all()


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ([60.5, 20.25], [60.5, 20.25]),
        ([0.0, 0.0], [0.25, 0.25]),
        ([-3.4, 50], [0.25, 50]),
        ([122.4, 100.4], [119, 99]),
        ([-3.6, 50], None),
        ([60, 102.6], None),
    ],
    ids=["inside", "the first pixel", "just left", "just past the corner", "left", "below"],
)
def test_within_picture(point, expected):
    frame, slack = np.array([[120.0, 100.0]]), np.array([[3.0, 3.0]])
    xy, score = within_picture(np.array([[point]]), np.array([[0.5]]), frame, slack)
    assert xy[0, 0] == pytest.approx(expected or [0, 0])
    assert score[0, 0] == (0.5 if expected else 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input_size": 100}, "multiples of 32, got \\(100, 100\\)"),
        ({"input_size": (0, 64)}, "multiples of 32"),
        ({"margin": 0.0}, "must be positive, got 0.0 and 16"),
        ({"batch_size": 0}, "must be positive"),
    ],
    ids=["not a multiple", "no height", "no margin", "no batch"],
)
def test_impossible_settings(lightning, settings, message):
    with pytest.raises(UsageError, match=message):
        TopDown(lightning, **settings)


def test_pictures_and_boxes_must_match(estimator):
    with pytest.raises(UsageError, match="1 pictures, but 2 lists of boxes"):
        estimator([noise(10, 10)], [people(), people()])


def test_torch_modes_are_left_alone(estimator):
    estimator([noise(100, 120)], [people([10, 10, 60, 90])])
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
