"""Temperature and thresholds fitted anew to clips, against the calibration that training does."""

import numpy as np
import pytest
import torch
from oracles import clip, empty_clip, fixed, oracle

from poseact.errors import InvalidPoses, UsageError
from poseact.evaluate import own_card, recalibrate
from poseact.evaluate.protocol import view_logits
from poseact.train import calibrate
from poseact.zoo.load import find
from poseact.zoo.store import save, write_card

CLIPS = [clip(f"clip{number}", number % 3, seed=number) for number in range(12)]


@pytest.mark.parametrize("typical", [(), (((0.4, -0.2, -0.2),),)], ids=["by energy", "by typical logits"])
def test_it_is_the_calibration_of_training_on_the_views_of_evaluation(typical):
    model = oracle(3.0, temperature=0.7, training={"clips": 40}, typical=typical)
    found = recalibrate(model, CLIPS, about={"splits": ["val"]})
    logits, label = list(view_logits(model, CLIPS, seconds=None)), torch.tensor([one.label for one in CLIPS])
    expected = calibrate(logits, label, typical=torch.tensor(typical, dtype=torch.float64) if typical else None)
    assert found.found.card == expected.card
    assert (found.after.temperature, found.after.unknown_above) == (expected.temperature, expected.unknown_above)
    assert found.before is model.card
    assert found.after.training == {
        "clips": 40, "calibration": {"clips": 12, "splits": ["val"], **expected.figures},
    }  # fmt: skip
    assert found.reliability_before.count.sum() == 12


def test_too_sure_a_model_gets_a_higher_temperature():
    found = recalibrate(fixed(8.0, 0.0, 0.0), CLIPS, about={})  # sure of a third of the clips
    assert found.after.temperature > 5
    assert found.found.after.error < 0.35 < found.reliability_before.error


def test_people_who_are_not_there_say_nothing():
    model = oracle()
    found, alone = (recalibrate(model, clips, about={}) for clips in ([*CLIPS, empty_clip()], CLIPS))
    assert (found.clips, found.nobody) == (13, 1)
    assert found.found.card == alone.found.card


@pytest.mark.parametrize(
    ("clips", "words"),
    [([empty_clip()], "nobody is seen"), ([clip(label=-1)], "1 of 1 clips have no label")],
    ids=["nobody", "no label"],
)
def test_clips_that_cannot_calibrate(clips, words):
    with pytest.raises(InvalidPoses, match=words):
        recalibrate(oracle(), clips, about={})


@pytest.mark.parametrize("name", ["posec3d-jhmdb21", "mine"])
def test_only_own_cards_are_written(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = oracle()
    save(tmp_path / "mine", {"weight": torch.zeros(1)}, model.card)
    if name == "mine":
        path = own_card(name)
        assert path.name == "model.json"
        write_card(path, model.card.model_copy(update={"temperature": 2.5}))
        assert '"temperature": 2.5' in path.read_text()
        assert find(name).with_suffix(".json").samefile(path)
    else:
        with pytest.raises(UsageError, match="is no run of yours; copy"):
            own_card(name)


def test_probabilities_after_are_those_of_the_new_card():
    found = recalibrate(oracle(3.0), CLIPS, about={})
    again = recalibrate(oracle(3.0, temperature=found.after.temperature), CLIPS, about={})
    np.testing.assert_allclose(again.reliability_before.confidence, found.found.after.confidence, atol=1e-6)
