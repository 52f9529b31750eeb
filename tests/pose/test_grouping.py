"""Heatmaps and tags to people: made so that the right answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from poseact.pose.grouping import CANDIDATE, MOST_PEOPLE, ORDER, candidates, group, quarter_offset

K = 17
SPACE = 8  # px between two people's joints, more than the neighbourhood


def scene(people: list[dict[int, float]], tags: list[float], size: int = 40):
    """Heatmaps and tags in which person i has joint k with a score; its tag lies around every place of its own."""
    heatmaps, tag = torch.zeros(K, size, size), torch.full((K, size, size, 1), 1e3)
    for index, (person, own) in enumerate(zip(people, tags, strict=True)):
        for joint, score in person.items():
            x, y = place(index, joint)
            heatmaps[joint, y, x] = score
        rows = slice(3 + SPACE * index, 6 + SPACE * index)
        tag[:, rows] = own
    return heatmaps, tag


def place(person: int, joint: int) -> tuple[int, int]:
    return 2 + 2 * joint, 4 + SPACE * person


def test_the_order_names_every_joint_once():
    assert sorted(ORDER) == list(range(K))


def test_nobody():
    xy, score, confidence = group(torch.zeros(K, 16, 16), torch.zeros(K, 16, 16, 2))
    assert (xy.shape, score.shape, confidence.shape) == ((0, K, 2), (0, K), (0,))


@pytest.mark.parametrize("height", [CANDIDATE - 1e-3, CANDIDATE + 1e-3], ids=["below", "above"])
def test_a_candidate_is_above_the_threshold(height):
    heatmaps, tags = scene([{5: height}], [1.0])
    assert len(group(heatmaps, tags)[0]) == (height > CANDIDATE)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.integers(0, K - 1), st.floats(0.2, 1), min_size=1), min_size=1, max_size=4))
def test_people_with_different_tags_are_told_apart(people):
    heatmaps, number = scene(people, [float(index) for index in range(len(people))])
    # Equally far from each other, so that no exchange of two joints costs the same.
    tags = torch.stack([torch.where(number[..., 0] == index, 3.0, 0.0) for index in range(4)], 3)
    xy, score, confidence = group(heatmaps, tags)
    assert len(xy) == len(people)
    for row in range(len(xy)):
        joints = np.flatnonzero(score[row])
        person = {round((xy[row, joint, 1] - 4) / SPACE) for joint in joints}
        assert len(person) == 1
        wanted = people[person.pop()]
        assert sorted(wanted) == joints.tolist()
        np.testing.assert_allclose(score[row, joints], [wanted[joint] for joint in joints], rtol=1e-6)
        assert confidence[row] == pytest.approx(sum(wanted.values()) / K, rel=1e-5)


def test_equal_tags_of_the_same_joint_stay_two_people():
    xy, score, _ = group(*scene([{5: 0.9}, {5: 0.8}], [1.0, 1.0]))
    assert len(xy) == 2
    assert (score > 0).sum() == 2


@pytest.mark.parametrize(("apart", "people"), [(0.9, 1), (1.1, 2)], ids=["close", "far"])
def test_a_joint_joins_the_person_whose_tag_is_close(apart, people):
    heatmaps, tags = scene([{0: 0.9}, {1: 0.9}], [0.0, apart])
    assert len(group(heatmaps, tags)[0]) == people


def test_joints_are_given_out_together():
    """The higher candidate is nearer to both people; each person still gets one."""
    heatmaps, tags = torch.zeros(K, 40, 40), torch.zeros(K, 40, 40, 1)
    for x, y, joint, height, tag in [
        (5, 5, 0, 0.9, 0.0), (30, 5, 0, 0.9, 1.2), (5, 20, 1, 0.5, 0.3), (30, 20, 1, 0.9, 0.65),
    ]:  # fmt: skip
        heatmaps[joint, y, x], tags[joint, y, x] = height, tag
    xy, score, _ = group(heatmaps, tags)
    assert len(xy) == 2
    assert sorted(xy[:, 1, 0].astype(int)) == [5, 30]
    assert (score[:, :2] > 0).all()


def test_a_missing_joint_is_looked_for_where_tags_are_the_persons():
    heatmaps, tags = scene([{0: 0.95}, {0: 0.9, 1: 0.9}], [0.0, 5.0])
    x, y = place(0, 1)
    heatmaps[1, y, x] = 0.08  # too low for a candidate
    _, score, confidence = group(heatmaps, tags)
    assert score[0, 1] == pytest.approx(0.08)
    assert confidence[0] == pytest.approx(0.95 / K)  # a joint found later does not count
    assert not score[0, 2:].any()


def test_two_tags_per_place_are_one_vector():
    heatmaps, tags = scene([{0: 0.9}, {1: 0.9}], [0.0, 0.6])
    assert len(group(heatmaps, tags)[0]) == 1
    assert len(group(heatmaps, torch.cat([tags, 1.5 * tags], 3))[0]) == 2


def test_no_more_candidates_than_people_are_looked_for():
    heatmaps = torch.zeros(K, 60, 60)
    heatmaps[:, ::6, ::6] = torch.rand(K, 10, 10) + 0.5
    value, place_, tag = candidates(heatmaps, torch.zeros(K, 60, 60, 1))
    assert (value.shape, place_.shape, tag.shape) == ((K, MOST_PEOPLE), (K, MOST_PEOPLE, 2), (K, MOST_PEOPLE, 1))
    assert (np.diff(value, axis=1) <= 0).all()


def test_a_picture_smaller_than_the_number_of_candidates():
    assert len(group(torch.ones(K, 2, 2), torch.zeros(K, 2, 2, 1))[0]) > 0


@pytest.mark.parametrize(
    ("neighbours", "offset"),
    [
        ({}, (-0.25, -0.25)), ({(1, 0): 0.5}, (0.25, -0.25)), ({(0, 1): 0.5}, (-0.25, 0.25)),
        ({(1, 0): 0.5, (-1, 0): 0.5}, (-0.25, -0.25)),
    ],
    ids=["none", "right", "below", "a tie"],
)  # fmt: skip
def test_quarter_offset(neighbours, offset):
    heatmaps = torch.zeros(1, 5, 5)
    heatmaps[0, 2, 2] = 1
    for (right, down), value in neighbours.items():
        heatmaps[0, 2 + down, 2 + right] = value
    assert quarter_offset(heatmaps, np.array([[2, 2]])).tolist() == [list(offset)]


@pytest.mark.parametrize(("corner", "offset"), [((0, 0), (-0.25, -0.25)), ((4, 4), (0.25, 0.25))], ids=str)
def test_the_border_repeats_itself(corner, offset):
    heatmaps = torch.zeros(1, 5, 5)
    heatmaps[0, corner[1], corner[0]] = 1
    assert quarter_offset(heatmaps, np.array([corner])).tolist() == [list(offset)]
