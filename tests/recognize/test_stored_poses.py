"""Recognition of poses that others stored: rows of people who are never seen pad their files."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from known_answers import Recorder, card
from recognitions import poses

from poseact.errors import UsageError
from poseact.recognize import Classifier, Recognizer, Settings
from poseact.skeleton import COCO17


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


def test_a_box_without_a_joint_is_no_person():
    boxed = poses(people=2)
    joints = boxed.keypoint_score * np.array([1, 0], np.float32)[:, None, None]
    found = answered(replace(boxed, keypoint_score=joints), person="all")
    assert [person.id for person in found.persons] == [1]


def test_who_was_classified_is_stored_first_and_the_others_by_their_scores():
    crowd = replace(poses(people=3), person_score=np.array([0.2, 0.1, 0.9], np.float32))
    stored = answered(crowd, person="2").chosen_first
    assert stored.track_id.tolist() == [2]
    assert stored.others.track_id.tolist() == [3, 1]
    everybody = answered(crowd, person="all")
    assert everybody.chosen_first.track_id.tolist() == [person.id for person in everybody.persons]
    assert everybody.chosen_first.others is None
    again = answered(stored, person="2")
    assert again.predictions == answered(crowd, person="2").predictions


def test_a_model_of_another_layout_is_refused_before_a_video_is_decoded(tmp_path):
    estimator = SimpleNamespace(name="light", layout=COCO17)
    extractor = SimpleNamespace(estimator=None, scout=estimator)  # cannot be called
    model = Classifier(Recorder(3), card(layout="halpe26", config={"num_classes": 3, "in_channels": 26}))
    with pytest.raises(
        UsageError, match=r"light finds the joints of coco17, and the model reads halpe26; .*--to-layout"
    ):
        Recognizer(extractor, model, Settings())(tmp_path / "absent.mp4")
