"""Weighted means of classifiers whose answers are known, and the models that do not go together."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_answers import LABELS, Recorder, card, constant, softmax, standing

from poseact.errors import UsageError
from poseact.recognize import Classifier, Ensemble, Stretch
from poseact.recognize.shares import shares

WAVE, CLAP = softmax(2.0, 0.0, 0.0), softmax(0.0, 1.0, -1.0)


def pair(weights=None, first=None, second=None):
    return Ensemble([constant(2.0, 0.0, 0.0, **(first or {})), constant(0.0, 1.0, -1.0, **(second or {}))], weights)


@pytest.mark.parametrize(
    ("weights", "count", "expected"),
    [
        (None, 1, (1.0,)),
        (None, 4, (0.25,) * 4),
        ((5.0,), 1, (1.0,)),
        ((1, 1), 2, (0.5, 0.5)),
        ((3, 1, 0), 3, (0.75, 0.25, 0.0)),
        ((1e308, 1e308), 2, (0.5, 0.5)),
        ((5e-324, 0.0), 2, (1.0, 0.0)),
    ],
    ids=["one", "equal", "one with a weight", "published", "one is left out", "huge", "tiny"],
)
def test_shares(weights, count, expected):
    assert shares(weights, count, "--weights", "models") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("weights", "count", "words"),
    [
        (None, 0, "name at least one"),
        ((), 1, "--weights nothing: 0 numbers for 1 models"),
        ((1,), 2, "--weights 1: 1 numbers for 2 models"),
        ((1, 1, 3), 2, "write ./3 for a file of this name"),
        ((0, 0), 2, "not all are 0"),
        ((1, -1), 2, "--weights 1 -1: weights are finite numbers of at least 0"),
        ((1, math.nan), 2, "finite"),
        ((math.inf, 1), 2, "finite"),
    ],
    ids=["nothing to weight", "none", "too few", "too many", "all 0", "negative", "no number", "infinite"],
)
def test_weights_that_cannot_work_are_one_line(weights, count, words):
    with pytest.raises(UsageError) as error:
        shares(weights, count, "--weights", "models")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (None, (WAVE + CLAP) / 2),
        ((1, 1), (WAVE + CLAP) / 2),
        ((3, 1), 0.75 * WAVE + 0.25 * CLAP),
        ((0, 7), CLAP),
    ],
    ids=["equal", "1:1", "3:1", "one is left out"],
)
def test_the_answer_is_the_weighted_mean(weights, expected):
    fused, poses = pair(weights), standing(20)
    np.testing.assert_allclose(fused.judge(Stretch(poses)).probability, expected, atol=1e-6)
    answer = fused(poses, [0])
    assert {one.label: one.probability for one in answer.predictions} == pytest.approx(
        dict(zip(LABELS, expected, strict=True)), abs=1e-6
    )
    assert answer.segments[0].probability == pytest.approx(expected.max(), abs=1e-6)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=2).filter(lambda weights: sum(weights) > 1e-6))
def test_a_mean_of_probabilities_is_one(weights):
    probability = pair(weights).judge(Stretch(standing(5))).probability
    assert probability.sum() == pytest.approx(1, abs=1e-5)
    assert (probability <= np.maximum(WAVE, CLAP) + 1e-5).all()
    assert (probability >= np.minimum(WAVE, CLAP) - 1e-5).all()


def test_a_model_of_weight_0_is_not_asked():
    network = Recorder(3)
    fused = Ensemble([constant(1.0, 0.0, 0.0), Classifier(network, card())], (1, 0))
    fused(standing(20), [0])
    assert network.shown == []
    assert [model.weight for model in fused.models] == [1.0, 0.0]


def test_a_model_of_weight_0_decides_nothing():
    short = {"seconds": 1.0, "preprocessing": {"kind": "limb", "seconds": 1.0}}
    assert pair((1, 0), second=short).seconds is None
    assert pair((0, 1), second=short).seconds == 1.0
    assert pair((0, 1), second=short).preprocessing.kind == "limb"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": ("wave", "clap", "run")}, "class 2 is 'jump' in the first and 'run' in the second"),
        ({"labels": ("wave", "jump", "clap")}, "class 1 is 'clap' in the first and 'jump' in the second"),
        ({"labels": (*LABELS, "run")}, "class 3 is missing in the first and 'run' in the second"),
        ({"labels": LABELS[:2]}, "class 2 is 'jump' in the first and missing in the second"),
        ({"layout": "body25", "config": {"in_channels": 25}}, "one reads coco17 poses, the other body25"),
    ],
    ids=["another class", "another order", "more", "fewer", "another layout"],
)
def test_models_that_do_not_go_together_are_refused(changes, words):
    with pytest.raises(UsageError, match="model and other cannot be fused") as error:
        pair(second={"name": "other", **changes})
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("first", "second", "windows"),
    [(None, None, 1), (1.0, None, 4), (None, 1.0, 4), (2.0, 1.0, 4), (1.0, 2.0, 4), (2.0, 2.0, 2)],
    ids=str,
)
def test_all_look_at_the_shortest_window(first, second, windows):
    fused = pair(first={"seconds": first}, second={"seconds": second})
    assert len(fused(standing(100), [0]).segments) == windows


def test_thresholds_are_averaged_and_models_named():
    fused = pair(
        (3, 1), {"name": "joint", "unknown_below": 0.2}, {"name": "limb", "unknown_below": 0.4}
    )  # fmt: skip
    assert fused.thresholds.below == pytest.approx(0.25)
    assert [(model.name, model.weight) for model in fused.models] == [("joint", 0.75), ("limb", 0.25)]


def test_nobody_is_no_answer():
    poses = standing(20)
    poses.box_score[:] = 0
    assert pair()(poses, [0]).predictions == ()


def test_the_heatmaps_are_those_of_the_first_that_sees_poses():
    pictures = {"config": {"in_channels": 3}, "preprocessing": {"rgb": {}}}
    limbs = {"preprocessing": {"kind": "limb", "clip_len": 6, "seconds": 1.0}}
    fused = pair(first=pictures, second=limbs)
    assert fused.heatmaps(standing(100), [0]).shape == (1, 17, 6, 16, 16)
    assert fused.preprocessing.kind == "limb"
    with pytest.raises(UsageError, match="looks at pictures only"):
        Ensemble([constant(1.0, 0.0, 0.0, **pictures)]).heatmaps(standing(100), [0])


E_WAVE, E_CLAP = -math.log(math.e**2 + 2), -math.log(1 + math.e + math.exp(-1))


@pytest.mark.parametrize(
    ("thresholds", "expected", "label"),
    [
        ((None, None), None, "wave"),
        ((-3.0, None), None, "wave"),
        ((-3.0, 0.0), -1.5, "wave"),
        ((-3.0, -3.0), -3.0, "unknown"),
    ],
    ids=["none", "one", "below the mean", "above the mean"],
)
def test_energies_and_their_thresholds_are_averaged(thresholds, expected, label):
    fused = pair(None, *({"unknown_above": one} for one in thresholds))
    assert fused.thresholds.above == expected
    answer = fused(standing(20), [0])
    assert answer.energy == pytest.approx((E_WAVE + E_CLAP) / 2, abs=1e-6)
    assert answer.segments[0].label == label


def test_the_energy_is_that_of_the_calibrated_logits():
    warm = constant(2.0, 0.0, 0.0, temperature=2.0, seconds=1.0)
    answer = warm(standing(100), [0])
    assert len(answer.segments) == 4
    assert answer.energy == pytest.approx(-2 * math.log(math.e + 2), abs=1e-6)


def test_other_stream_weights_have_no_threshold_of_energy():
    """It was chosen for the usual ones."""
    two = {
        "architecture": "rgbpose-conv3d", "preprocessing": {"rgb": {"clip_len": 2, "size": 16}}, "unknown_above": -1.0,
    }  # fmt: skip
    assert constant(0.0, 0.0, 0.0, **two).thresholds.above == -1.0
    assert constant(0.0, 0.0, 0.0, options={"stream_weights": (2, 1)}, **two).thresholds.above is None
