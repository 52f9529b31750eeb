"""People who are looked at as one: who is drawn, what is said of them, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from known_answers import Recorder, card, constant, softmax
from recognitions import poses

from poseact.errors import UsageError
from poseact.recognize import Classifier, Ensemble, Recognizer, Settings, Stretch


def recorder(people=2, **preprocessing):
    return Classifier(Recorder(3), card(preprocessing={"people": people, **preprocessing}))


def three(frames=12):
    """Three people, of whom the second one is the largest and the third is there in the first half alone."""
    sequence = poses(people=3, frames=frames)
    present = np.ones((3, frames), bool)
    present[2, frames // 2 :] = False
    boxes = sequence.boxes.copy()
    boxes[1, :, 1] = 0
    return replace(
        sequence, boxes=boxes * present[..., None], box_score=sequence.box_score * present,
        keypoint=sequence.keypoint * present[..., None, None],
        keypoint_score=sequence.keypoint_score * present[..., None],
    )  # fmt: skip


def answered(sequence, classifier, **settings):
    return Recognizer(None, classifier, Settings(**settings)).answered(sequence, "poses.pkl")


def test_one_stack_holds_everybody_who_is_asked_for():
    sequence, both, alone = poses(people=2), recorder(), recorder()
    both(sequence, [0, 1])
    for row in (0, 1):
        alone(sequence, [row])
    wide, (left, right) = both.network.stream(0), alone.network.stream(0)
    assert wide.shape == (1, 17, 4, 16, 16)
    assert (wide[0] > 0.1).sum() > (left > 0.1).sum()  # two figures, in a box around both
    assert not torch.equal(left, right)
    torch.testing.assert_close(wide, both.heatmaps(sequence, [0, 1]))


@pytest.mark.parametrize(
    ("people", "ids"), [(2, (2, 1)), (5, (2, 1, 3)), (None, (2, 1, 3))], ids=["two", "five", "any"]
)
def test_the_best_by_the_rule_are_taken_as_many_as_the_model_knows(people, ids):
    classifier = recorder(people)
    found = answered(three(), classifier, person="largest", together=True)
    (person,) = found.persons
    assert (person.ids, person.rows) == (ids, tuple(number - 1 for number in ids))
    assert person.title == f"people {', '.join(map(str, ids[:-1]))} and {ids[-1]}"
    torch.testing.assert_close(classifier.network.stream(0)[:1], classifier.drawn(Stretch(three(), person.rows))[:1])


def test_frames_with_one_of_them_count():
    sequence = three()
    late = replace(sequence, box_score=sequence.box_score * np.array([[1], [0], [1]], np.float32))
    early = replace(late, box_score=late.box_score * np.repeat([[0.0], [0.0], [1.0]], 12, 1).astype(np.float32))
    assert answered(late, recorder(None), together=True).persons[0].frames == 12
    (person,) = answered(early, recorder(None), together=True).persons
    assert (person.frames, person.first_pts, person.last_pts) == (6, 0.0, 0.5)


def test_alone_there_is_nobody_to_look_at_as_well():
    (person,) = answered(poses(), recorder(), together=True).persons
    assert (person.ids, person.title) == ((1,), "person 1")
    assert answered(poses(people=0), recorder(), together=True).persons == ()


def test_models_that_were_taught_with_fewer_people_decide_for_all():
    models = [constant(1.0, 0.0, 0.0, preprocessing={"people": people}) for people in (None, 3, 2)]
    fused = Ensemble(models)
    assert fused.people == 2
    assert Ensemble(models[:1]).people is None
    found = answered(three(), fused, together=True)
    assert len(found.persons[0].ids) == 2
    assert found.predictions[0].probability == pytest.approx(softmax(1.0, 0.0, 0.0)[0])


def test_a_model_of_one_person_looks_at_nobody_together():
    with pytest.raises(UsageError, match="posec3d-jhmdb21 was trained with one person at a time"):
        Recognizer.open(Settings(together=True))


def test_one_person_is_not_together():
    with pytest.raises(UsageError, match="person 3 is one alone; with --together choose a rule"):
        Settings(person="3", together=True)
