"""The choice of people in stored poses: nobody is lost by it, and it can be made again."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from poseact.errors import UsageError
from poseact.poses import everybody, foremost, from_tracks, judged, nobody, ranked, reselect, sequence_tracks
from poseact.track import select
from poseact.types import ARRAYS_OF_PEOPLE, LINES_OF_PEOPLE, PoseSequence, Track


def walker(number: int, height: float, frames: int = 6) -> Track:
    """A person of this height in px in the middle of a picture of 320x240 px."""
    box = np.tile(np.array([150, 120 - height / 2, 170, 120 + height / 2], np.float32), (frames, 1))
    xy = np.full((frames, 17, 2), (160, 120), np.float32)
    score = np.full((frames, 17), 0.9, np.float32)
    return Track(number, box, np.full(frames, 0.9, np.float32), xy, score, np.zeros(frames, bool))


@pytest.fixture
def crowd():
    """Three people: 2 is the largest, then 3, then 1."""
    tracks = [walker(1, 40), walker(2, 200), walker(3, 100)]
    return from_tracks(tracks, (240, 320), 25.0, np.arange(6) / 25, np.arange(6), name="crowd")


@pytest.fixture
def empty():
    return nobody((240, 320), 25.0, np.arange(6) / 25, np.arange(6), "empty")


def test_people_nobody_judged_have_no_score_and_no_reason(crowd, empty):
    assert empty.person_score.shape == (0,)
    assert empty.person_reason == empty.person_estimator == ()
    assert crowd.person_score.tolist() == [0, 0, 0]
    assert crowd.person_reason == ("", "", "")


def test_what_there_is_of_each_person_is_listed(crowd):
    values = {field.name: getattr(crowd, field.name) for field in fields(PoseSequence)}
    of_each = [name for name, value in values.items() if isinstance(value, (np.ndarray, tuple)) and len(value) == 3]
    assert sorted(of_each) == sorted([*ARRAYS_OF_PEOPLE, *LINES_OF_PEOPLE])


@pytest.mark.parametrize(
    ("count", "chosen", "others"),
    [(0, [], [1, 2, 3]), (2, [1, 2], [3]), (3, [1, 2, 3], None), (9, [1, 2, 3], None)],
    ids=["nobody", "two", "all", "more-than-there-are"],
)
def test_foremost_and_everybody_are_inverse(crowd, count, chosen, others):
    parted = foremost(crowd, count)
    assert parted.track_id.tolist() == chosen
    assert (parted.others.track_id.tolist() if parted.others else None) == others
    assert everybody(parted).track_id.tolist() == [1, 2, 3]
    assert foremost(parted, 1).track_id.tolist() == [1]
    np.testing.assert_array_equal(everybody(parted).keypoint, crowd.keypoint)


def test_nobody_can_be_parted(empty):
    assert foremost(empty, 2).others is None
    assert everybody(empty) is empty
    assert reselect(empty, "largest", 2) is empty
    assert ranked(empty, None, 2) is empty
    assert judged(empty, None) is empty


@pytest.mark.parametrize(
    ("rule", "count", "chosen", "others"),
    [("largest", 2, [2, 3], [1]), ("largest", 1, [2], [3, 1]), ("1", 2, [1], [2, 3]), ("all", 9, [2, 3, 1], None)],
    ids=["largest", "one", "by-id", "all"],
)
def test_the_choice_is_made_again(crowd, rule, count, chosen, others):
    first = ranked(crowd, select(sequence_tracks(crowd), crowd.image_size, "longest"), 1)
    again = reselect(first, rule, count)
    assert again.track_id.tolist() == chosen
    assert (again.others.track_id.tolist() if again.others else None) == others
    assert len(again.person_reason) == len(chosen)
    assert list(everybody(again).person_score) == sorted(everybody(again).person_score, reverse=True)


def test_reasons_tell_the_place_and_what_speaks_for_the_person(crowd):
    chosen = reselect(crowd, "largest", 2)
    assert chosen.person_reason[0].startswith("in 100% of the frames, largest")
    assert chosen.person_reason[0].endswith("number 1 of 3 by largest")
    assert chosen.others.person_reason[0].endswith("number 3 of 3 by largest")
    assert reselect(crowd, "3", 2).person_reason[0].endswith("person 3 was asked for")


def test_estimators_stay_with_their_people(crowd):
    marked = replace(crowd, person_estimator=("light", "accurate", "light"))
    assert reselect(marked, "largest", 1).person_estimator == ("accurate",)
    assert reselect(marked, "largest", 1).others.person_estimator == ("light", "light")


def test_an_unknown_person_lists_those_who_are_stored(crowd):
    with pytest.raises(UsageError, match="1, 2, 3"):
        reselect(foremost(crowd, 1), "9", 1)
