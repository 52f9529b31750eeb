"""Cards that do not fit their networks."""

import re

import pytest
from known_answers import constant, standing

from poseact.errors import ModelError


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"config": {"in_channels": 34}}, "asks for 17 heatmaps (joint of coco17), but the network looks at 34"),
        ({"preprocessing": {"kind": "joint+limb"}}, "asks for 34 heatmaps"),
    ],
)
def test_a_card_that_does_not_fit_its_network_is_refused_at_once(changes, words):
    with pytest.raises(ModelError, match=re.escape(words)):
        constant(1.0, 0.0, 0.0, **changes)


def test_what_a_network_cannot_look_at_is_the_models_fault():
    classifier = constant(1.0, 0.0, 0.0)
    classifier.network.forward = _refuse
    with pytest.raises(ModelError, match="model cannot look at clips as its card has them: too short"):
        classifier(standing(), [0])


def _refuse(*_):
    raise ValueError("too short")
