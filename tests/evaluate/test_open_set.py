"""Clips of unknown classes: how well they are told apart, by hand and by models whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_answers import LABELS
from oracles import clip, empty_clip, fixed, oracle

from poseact.errors import InvalidPoses, UsageError
from poseact.evaluate import Scores, evaluate, evaluate_unknown, parted
from poseact.evaluate.open_set import open_set, separation
from poseact.poses import PoseDataset
from poseact.recognize import Ensemble, Stretch, Thresholds

VALUES = st.lists(st.integers(-5, 5), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("known", "unknown", "auroc", "fpr95"),
    [
        ([1], [0], 1.0, 0.0),
        ([0], [1], 0.0, 1.0),
        ([1], [1], 0.5, 1.0),
        ([3, 4], [1, 2], 1.0, 0.0),
        ([1, 3], [0, 2], 0.75, 0.5),
        ([5] * 19 + [0], [1, 1, 6], 19 * 2 / 60, 1 / 3),
    ],
    ids=["apart", "upside down", "equal", "two apart", "mixed", "a twentieth of the known may go"],
)
def test_separation_by_hand(known, unknown, auroc, fpr95):
    found = separation(np.array(known, float), np.array(unknown, float))
    assert (found.auroc, found.fpr95) == pytest.approx((auroc, fpr95))


@settings(max_examples=60, deadline=None)
@given(VALUES, VALUES)
def test_separation_is_the_share_of_pairs(known, unknown):
    pairs = [(one > other) + 0.5 * (one == other) for one in known for other in unknown]
    found = separation(np.array(known, float), np.array(unknown, float))
    assert found.auroc == pytest.approx(np.mean(pairs))
    limit = max(value for value in known if np.mean([one >= value for one in known]) >= 0.95)
    assert found.fpr95 == pytest.approx(np.mean([one >= limit for one in unknown]))


def scores(top, strangeness=None):
    rows = np.array([[one, 1 - one] for one in top])
    measured = None if strangeness is None else np.array(strangeness)
    return Scores("s", rows, np.zeros(len(top), int), energy=measured, strangeness=measured)


@pytest.mark.parametrize(
    ("thresholds", "strangeness", "named"),
    [
        (Thresholds(), [0.0, 9.0], [True, True]),
        (Thresholds(below=0.7), [0.0, 9.0], [False, True]),
        (Thresholds(above=5.0), [0.0, 9.0], [True, False]),
        (Thresholds(0.9, 9.0), [0.0, 9.0], [False, True]),
        (Thresholds(above=5.0), None, [True, True]),
    ],
    ids=["none", "probability", "strangeness", "on the thresholds", "not measured"],
)
def test_what_is_named(thresholds, strangeness, named):
    assert scores([0.6, 0.9], strangeness).named(thresholds).tolist() == named


def test_without_measures_only_the_probability_tells():
    found = open_set(scores([0.9, 0.8]), scores([0.6], [1.0]), Thresholds(0.7))
    assert (found.energy, found.strangeness, found.probability.auroc) == (None, None, 1.0)
    assert (found.named_known, found.named_unknown) == (1.0, 0.0)


def test_the_thresholds_of_models_are_averaged_as_in_recognition():
    first = fixed(1.0, 0.0, 0.0, unknown_below=0.2, unknown_above=4.0)
    second = fixed(1.0, 0.0, 0.0, unknown_below=0.6, unknown_above=-2.0)
    found = evaluate([clip()], Ensemble([first, second]), weights=(3, 1))
    assert (found.thresholds.below, found.thresholds.above) == pytest.approx((0.3, 2.5))
    without = fixed(1.0, 0.0, 0.0, unknown_below=0.5)
    assert evaluate([clip()], Ensemble([first, without])).thresholds.above is None


TYPICAL = (((0.4, -0.2, -0.2), (-0.2, 0.4, -0.2)),)


def test_the_measures_are_those_of_recognition():
    clips, model = [clip(str(number), seed=number) for number in range(3)], oracle(temperature=2.0, typical=TYPICAL)
    found = evaluate(clips, model).scores
    expected = [model.judge(Stretch(one)) for one in clips]
    np.testing.assert_allclose(found.energy, [one.energy for one in expected], atol=1e-5)
    np.testing.assert_allclose(found.strangeness, [one.strangeness for one in expected], atol=1e-5)
    assert (found.strangeness > 0).all()
    np.testing.assert_allclose(found.probability, [one.probability for one in expected], atol=1e-6)
    plain = evaluate(clips, oracle()).scores
    np.testing.assert_allclose(found.untempered, plain.probability, atol=1e-6)


def test_fused_scores_keep_what_all_have():
    clips = [clip(str(number), seed=number) for number in range(3)]
    one, other = oracle(typical=TYPICAL), oracle(3.0, temperature=2.0)
    alone, beside = evaluate(clips, one).scores, evaluate(clips, other).scores
    found = evaluate(clips, Ensemble([one, other]), weights=(3, 1)).scores
    np.testing.assert_allclose(found.energy, 0.75 * alone.energy + 0.25 * beside.energy, atol=1e-5)
    strange = 0.75 * alone.strangeness + 0.25 * beside.strangeness
    np.testing.assert_allclose(found.strangeness, strange, atol=1e-5)
    np.testing.assert_allclose(found.untempered, 0.75 * alone.untempered + 0.25 * beside.untempered, atol=1e-6)
    stored = evaluate(clips, one, [Scores("file", beside.probability, beside.label, beside.names)])
    assert (stored.scores.energy, stored.scores.strangeness) == (None, None)
    assert (stored.scores.untempered, stored.thresholds) == (None, None)


def test_unknown_clips_are_measured_without_changing_the_rest():
    known = [clip(str(number), number % 3, seed=number) for number in range(4)]
    strange = [clip("far", -1, seed=9), empty_clip("nobody", -1)]
    model = oracle(unknown_below=0.4, typical=TYPICAL)
    found = evaluate(known, model)
    both = evaluate_unknown(found, strange, model)
    assert replace(both, open_set=None) == found
    assert (both.open_set.known, both.open_set.unknown) == (4, 1)
    judged = model.judge(Stretch(strange[0]))
    assert both.open_set.probability.auroc == np.mean(found.scores.probability.max(1) > judged.probability.max())
    assert both.open_set.energy.auroc == np.mean(found.scores.energy < judged.energy)
    assert both.open_set.strangeness.auroc == np.mean(found.scores.strangeness < judged.strangeness)
    assert both.open_set.named_unknown == float(judged.probability.max() >= 0.4)


def test_unknown_clips_need_a_model_and_people():
    known, model = [clip()], fixed(1.0, 0.0, 0.0)
    found = evaluate(known, model)
    with pytest.raises(InvalidPoses, match="nobody is seen in any of the 1 unknown clips"):
        evaluate_unknown(found, [empty_clip()], model)
    stored = evaluate(known, model, [Scores("file", found.scores.probability, found.scores.label, ("clip",))])
    with pytest.raises(UsageError, match="leave --scores out"):
        evaluate_unknown(stored, known, model)


CLIPS = [clip("a", 0), clip("b", 1), clip("c", 3), clip("d", 3)]
DATASET = PoseDataset(CLIPS, {}, (*LABELS, "sing"))


def test_clips_of_other_classes_are_set_apart():
    known, strange = parted(DATASET, CLIPS, ["sing"], LABELS)
    assert [one.name for one in known] == ["a", "b"]
    assert [(one.name, one.label) for one in strange] == [("c", -1), ("d", -1)]


@pytest.mark.parametrize(
    ("clips", "unknown", "kind", "words"),
    [
        (CLIPS, ["fly"], UsageError, "no class 'fly'; some of theirs are wave, clap, jump, sing"),
        (CLIPS, ["clap"], UsageError, "the model knows 'clap'"),
        (CLIPS[:2], ["sing"], InvalidPoses, "0 clips are of unknown classes and 2 of others"),
        (CLIPS[2:], ["sing"], InvalidPoses, "2 clips are of unknown classes and 0 of others"),
    ],
    ids=["not there", "known", "none unknown", "none known"],
)
def test_classes_that_cannot_be_set_apart(clips, unknown, kind, words):
    with pytest.raises(kind) as error:
        parted(DATASET, clips, unknown, LABELS)
    assert words in str(error.value)
