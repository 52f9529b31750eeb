import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from poseact.train.calibration import (
    ENOUGH,
    answers,
    as_rows,
    calibrate,
    fit_temperature,
    strangeness_of,
    typical_logits,
)  # fmt: skip
from poseact.train.metrics import reliability


def drawn(count: int, true: float, views: int = 1, seed: int = 0):
    """Clips whose labels follow the softmax of their logits at temperature `true`: (N, 1, views, 5), (N,)."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(count, 1, 1, 5, generator=generator)
    label = torch.multinomial((logits[:, 0, 0] / true).softmax(1), 1, generator=generator)[:, 0]
    return list(logits.expand(-1, -1, views, -1)), label


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("views", [1, 3])
def test_the_temperature_is_recovered(true, views):
    assert fit_temperature(*drawn(20_000, true, views)) == pytest.approx(true, rel=0.06)


def test_calibration_makes_the_probabilities_honest():
    logits, label = drawn(5000, 3.0)
    found = calibrate(logits, label)
    assert found.before.error > 0.1
    assert found.after.error < 0.03
    assert found.card == {
        "temperature": found.temperature, "unknown_below": found.unknown_below, "unknown_above": found.unknown_above,
    }  # fmt: skip
    assert found.figures["calibration_error_after"] == round(found.after.error, 4)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(0, 99), st.booleans())
def test_the_thresholds_keep_what_they_promise(count, seed, learnt):
    logits, label = drawn(count, 1.0, seed=seed)
    typical = typical_logits(*drawn(40, 1.0, seed=seed + 1)) if learnt else None
    found = calibrate(logits, label, typical=typical)
    probability = answers(logits, found.temperature)
    strange = np.array([strangeness_of(one, found.temperature, typical=typical) for one in logits])
    right = probability.max(1).values[probability.argmax(1) == label]
    assert (found.unknown_above is None) == (count < ENOUGH)
    assert (found.unknown_below == 0) == (len(right) < ENOUGH)
    above = math.inf if found.unknown_above is None else found.unknown_above
    assert (strange <= above).mean() >= 0.95
    assert not len(right) or (right >= found.unknown_below).float().mean() >= 0.95
    assert found.kept == pytest.approx(
        ((probability.max(1).values.numpy() >= found.unknown_below) & (strange <= above)).mean()
    )
    if count >= 40:  # and not much more than promised
        assert (strange < found.unknown_above - 1e-3).mean() <= 0.98


def test_no_right_answer_leaves_the_threshold_open():
    assert calibrate([torch.tensor([[[9.0, 0.0]]])] * ENOUGH, torch.tensor([1] * ENOUGH)).unknown_below == 0


@pytest.mark.parametrize("count", [1, 4, 9, 19, 40, 400])
def test_few_clips_that_are_all_named_right_do_not_make_the_network_sure(count):
    generator = torch.Generator().manual_seed(0)
    label = torch.randint(4, (count,), generator=generator)
    logits = [6.0 * F.one_hot(one, 4).float()[None, None] for one in label]
    found = calibrate(logits, label)
    assert found.temperature > (0.5 if count < ENOUGH else 0.1)
    assert found.unknown_below < 1
    assert found.kept == 1


def test_views_may_differ_in_number_and_streams_have_shares():
    logits = [torch.tensor([[[0.0, 1.0]], [[2.0, 0.0]]]), torch.tensor([[[0.0, 1.0]] * 2, [[2.0, 0.0]] * 2])]
    logits = [one.reshape(2, -1, 2) for one in logits]
    expected = 0.75 * torch.tensor([0.0, 1.0]).softmax(0) + 0.25 * torch.tensor([2.0, 0.0]).softmax(0)
    torch.testing.assert_close(answers(logits, 1.0, (0.75, 0.25)), torch.stack([expected] * 2))
    energy = -0.75 * math.log(1 + math.e) - 0.25 * math.log(1 + math.e**2)
    assert [strangeness_of(one, 1.0, (0.75, 0.25)) for one in logits] == pytest.approx([energy] * 2)
    typical = typical_logits(logits, torch.tensor([1, 1]))
    assert as_rows(typical) == (((-0.5, 0.5),), ((1.0, -1.0),))
    assert [strangeness_of(one, 1.0, (0.75, 0.25), typical) for one in logits] == pytest.approx([0] * 2)


def test_typical_logits_by_hand():
    logits = [torch.tensor([[[3.0, 0.0], [1.0, 0.0]]]), torch.tensor([[[0.0, 6.0]]]), torch.tensor([[[0.0, 2.0]]])]
    assert as_rows(typical_logits(logits, torch.tensor([0, 1, 1]))) == (((1.0, -1.0), (-2.0, 2.0)),)


def test_reliability_by_hand():
    probability = np.array([[0.95, 0.05], [0.91, 0.09], [0.4, 0.6], [1.0, 0.0]])
    found = reliability(probability, np.array([0, 1, 1, 0]))
    assert found.count.tolist() == [0] * 6 + [1, 0, 0, 3]
    assert found.accuracy[[6, 9]].tolist() == pytest.approx([1, 2 / 3])
    assert found.confidence[[6, 9]].tolist() == pytest.approx([0.6, (0.95 + 0.91 + 1) / 3])
    assert found.error == pytest.approx((0.4 + 3 * ((0.95 + 0.91 + 1) / 3 - 2 / 3)) / 4)
