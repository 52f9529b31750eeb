import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from known_answers import card, constant, standing
from pydantic import ValidationError

from poseact.errors import ModelError
from poseact.recognize import Stretch
from poseact.recognize.result import LEAST_FRAMES, named
from poseact.recognize.strangeness import centred, energy, strangeness
from poseact.recognize.thresholds import Thresholds
from poseact.train.calibration import TYPICAL_CLASSES
from poseact.types import Prediction
from poseact.zoo.card import read_card
from poseact.zoo.store import write_card

GUESSES = (Prediction("jump", 0.6), Prediction("run", 0.4))
TYPICAL = torch.tensor([[[2.0, -1.0, -1.0], [-1.0, 2.0, -1.0]]])
VALUES = st.lists(st.floats(-50, 50), min_size=3, max_size=3)


@pytest.mark.parametrize(
    ("logits", "temperature", "expected"),
    [
        ([0.0], 1.0, 0.0),
        ([0.0, 0.0], 1.0, -math.log(2)),
        ([0.0, 0.0], 2.0, -2 * math.log(2)),
        ([1.0, 3.0], 1.0, -math.log(math.e + math.e**3)),
        ([2.0, 6.0], 2.0, -2 * math.log(math.e + math.e**3)),
        ([1000.0, 0.0], 1.0, -1000.0),
    ],
    ids=["one class", "even", "even and warm", "by hand", "by hand and warm", "large"],
)
def test_energy_by_hand(logits, temperature, expected):
    assert float(energy(torch.tensor(logits), temperature)) == pytest.approx(expected)


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=8), st.floats(0.1, 10), st.floats(0.1, 20))
def test_stronger_evidence_has_less_energy(logits, temperature, more):
    """Probabilities do not tell whether all logits are lower; the energy does, by exactly as much."""
    first = torch.tensor(logits, dtype=torch.float64)
    torch.testing.assert_close(energy(first + more, temperature), energy(first, temperature) - more)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([2.0, -1.0, -1.0], 0.0),
        ([8.0, 5.0, 5.0], 0.0),
        ([-1.0, 3.0, -2.0], math.sqrt(2)),
        ([0.0, 0.0, 0.0], math.sqrt(6)),
        ([-1.0, -1.0, 2.0], math.sqrt(18)),
    ],
    ids=["typical", "all higher alike", "near the second class", "nothing", "no class that was learnt"],
)
def test_strangeness_by_hand(logits, expected):
    found = strangeness(torch.tensor([[logits]]), 3.0, TYPICAL)
    assert (found.shape, float(found)) == ((1, 1), pytest.approx(expected, abs=1e-9))


@given(VALUES, VALUES, st.floats(-20, 20))
def test_it_is_the_distance_to_the_nearest_and_what_all_classes_share_says_nothing(logits, other, more):
    typical = torch.stack([centred(torch.tensor(other)), torch.tensor([2.0, -1.0, -1.0], dtype=torch.float64)])
    given = torch.tensor(logits, dtype=torch.float64)
    found = strangeness(given[None, None] + more, typical=typical[None])
    expected = min(float((centred(given) - one).norm()) for one in typical)
    assert float(found) == pytest.approx(expected, abs=1e-5)


def test_streams_have_typical_logits_of_their_own():
    logits = torch.tensor([[[1.0, -1.0]] * 3, [[-1.0, 1.0]] * 3])
    typical = torch.tensor([[[1.0, -1.0]], [[1.0, -1.0]]])
    torch.testing.assert_close(
        strangeness(logits, 1.0, typical), torch.tensor([[0.0] * 3, [8**0.5] * 3], dtype=torch.float64)
    )


def test_where_nothing_is_typical_it_is_the_energy():
    logits = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(strangeness(logits, 2.0), energy(logits, 2.0))


@pytest.mark.parametrize(
    ("strange", "threshold", "expected"),
    [(None, -3.0, "jump"), (-2.0, None, "jump"), (-3.0, -3.0, "jump"), (-2.99, -3.0, "unknown")],
    ids=["not measured", "no threshold", "at the threshold", "above it"],
)
def test_too_strange_is_unknown(strange, threshold, expected):
    assert named(GUESSES, LEAST_FRAMES, strange, Thresholds(above=threshold)) == expected


def test_a_classifier_measures_by_its_card():
    card = {"typical": (((2.0, -1.0, -1.0), (-1.0, 2.0, -1.0)),), "temperature": 3.0}
    model = constant(0.0, 4.0, -1.0, **card)
    judged = model.judge(Stretch(standing(20)))
    assert judged.strangeness == pytest.approx(math.sqrt(0 + 1 + 1), abs=1e-6)
    assert judged.energy == pytest.approx(-3 * math.log(1 + math.exp(4 / 3) + math.exp(-1 / 3)), abs=1e-6)
    assert (
        constant(0.0, 4.0, -1.0).judge(Stretch(standing(20))).strangeness
        == constant(0.0, 4.0, -1.0).judge(Stretch(standing(20))).energy
    )


def test_typical_logits_of_other_streams_are_refused():
    with pytest.raises(ModelError, match="typical logits of 2 streams, and the network 1"):
        constant(1.0, 0.0, 0.0, typical=(((1.0, 0.0, -1.0),),) * 2)


@pytest.mark.parametrize(
    "typical",
    [((),), (((1.0, 2.0),),), (((1.0, 0.0, -1.0),), ((1.0, 0.0, -1.0),) * 2), (((math.nan, 0.0, 0.0),),)],
    ids=["no rows", "too few numbers", "streams that differ", "no number"],
)
def test_cards_that_cannot_be(typical):
    with pytest.raises(ValidationError):
        constant(1.0, 0.0, 0.0, typical=typical)


def test_the_largest_typical_logits_fit_into_a_card(tmp_path):
    row = tuple(-12.3456 for _ in range(TYPICAL_CLASSES))
    labels = tuple(map(str, range(TYPICAL_CLASSES)))
    largest = card(labels=labels, config={"num_classes": TYPICAL_CLASSES}, typical=((row,) * TYPICAL_CLASSES,) * 2)
    write_card(tmp_path / "m.json", largest)
    assert read_card(tmp_path / "m.json") == largest
