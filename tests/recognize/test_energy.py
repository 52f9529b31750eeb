import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poseact.recognize.energy import energy


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
