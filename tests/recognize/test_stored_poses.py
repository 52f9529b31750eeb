"""Recognition of poses that others stored: rows of people who are never seen pad their files."""

from dataclasses import replace

import pytest
from known_answers import Recorder, card
from recognitions import poses

from poseact.errors import UsageError
from poseact.recognize import Classifier, Recognizer, Settings


def answered(sequence, **settings):
    return Recognizer(None, Classifier(Recorder(3), card()), Settings(**settings)).answered(sequence, "poses.pkl")


def absent(sequence, rows):
    """Without a joint or a box of some people."""
    there = [row not in rows for row in range(len(sequence))]
    kept = {
        name: (getattr(sequence, name).T * there).T for name in ("keypoint", "keypoint_score", "boxes", "box_score")
    }
    return replace(sequence, **kept)


def test_a_row_of_nobody_is_no_person():
    found = answered(absent(poses(people=3), [1]), person="all")
    assert sorted(person.id for person in found.persons) == [1, 3]
    assert [len(one.rows) for one in found.persons] == [1, 1]
    with pytest.raises(UsageError, match="no person 2; the people in this video are 1, 3"):
        answered(absent(poses(people=3), [1]), person="2")


@pytest.mark.parametrize("person", ["all", "auto"])
def test_rows_of_nobody_alone_are_nobody(person):
    found = answered(absent(poses(people=2), [0, 1]), person=person)
    assert (found.label, found.persons) == ("no person", ())
