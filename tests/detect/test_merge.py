"""One box per person out of overlapping candidates."""

import pytest
import torch

from poseact.detect.merge import merge

LEFT, RIGHT = [0.0, 0.0, 40.0, 100.0], [60.0, 0.0, 100.0, 100.0]
NEAR_LEFT = [2.0, 0.0, 42.0, 100.0]


def run(boxes, score, view=None, views=1):
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return merge(boxes, torch.tensor(score, dtype=torch.float32), torch.tensor(view or [0] * len(boxes)), views)


@pytest.mark.parametrize(
    ("boxes", "score", "people"),
    [
        ([], [], 0),
        ([LEFT], [0.5], 1),
        ([LEFT, NEAR_LEFT], [0.5, 0.4], 1),
        ([LEFT, RIGHT], [0.5, 0.6], 2),
        ([LEFT, [0.0, 0.0, 40.0, 30.0]], [0.5, 0.4], 2),
    ],
    ids=["nobody", "one", "duplicate", "two", "a head is another box"],
)
def test_people_are_counted(boxes, score, people):
    merged, total = run(boxes, score)
    assert len(merged) == len(total) == people


def test_scores_descend_and_boxes_follow():
    merged, total = run([LEFT, RIGHT], [0.3, 0.6])
    torch.testing.assert_close(merged, torch.tensor([RIGHT, LEFT]))
    assert total[0] > total[1]


def test_box_is_the_mean_weighted_by_squared_score():
    merged, _ = run([LEFT, NEAR_LEFT], [0.8, 0.4])
    share = 0.4**2 / (0.8**2 + 0.4**2)
    torch.testing.assert_close(merged, torch.tensor([[2 * share, 0, 40 + 2 * share, 100]]))


def test_score_of_a_lone_candidate_is_reduced_and_of_a_supported_one_kept():
    _, alone = run([LEFT], [0.8])
    _, supported = run([LEFT] * 4, [0.8] * 4)
    torch.testing.assert_close(alone, torch.tensor([0.5 * (0.8 + 0.2)]))
    torch.testing.assert_close(supported, torch.tensor([0.8]))


def test_a_view_that_sees_nobody_halves_the_score():
    _, one = run([LEFT] * 4, [0.8] * 4)
    _, two = run([LEFT] * 4, [0.8] * 4, views=2)
    torch.testing.assert_close(two, one / 2)


def test_a_candidate_supports_one_person_only():
    between = [20.0, 0.0, 60.0, 100.0]
    _, total = run([LEFT, between, [10.0, 0.0, 50.0, 100.0]], [0.9, 0.8, 0.7])
    torch.testing.assert_close(total, torch.tensor([(0.9 + (0.9 + 0.7) / 4) / 2, (0.8 + 0.8 / 4) / 2]))
