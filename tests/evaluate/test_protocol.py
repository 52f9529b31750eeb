"""The published protocol against a plain restatement of it, with networks whose answers are known."""

import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from oracles import Oracle, card, clip, empty_clip, fixed, oracle
from torch import nn

from poseact.errors import InputError, InvalidPoses
from poseact.evaluate import Scores, evaluate
from poseact.evaluate.protocol import scores_of
from poseact.heatmap import evaluation_views
from poseact.recognize import Classifier, Ensemble, Stretch


def by_hand(one, kind="joint", gain=1.0, clips=10, flip=True, temperature=1.0):
    """(3,) probabilities: 10 clips, then their mirror images; softmax of each, then the mean."""
    views = evaluation_views(
        one.keypoint, one.keypoint_score, one.image_size, clip_len=6, num_clips=clips, size=12, kind=kind, flip=flip
    )
    logits = Oracle.rule(views, gain).double().numpy() / temperature
    powers = np.exp(logits)
    return (powers / powers.sum(1, keepdims=True)).mean(0)


@pytest.mark.parametrize(
    ("changes", "options", "arguments"),
    [
        ({}, {}, {}),
        ({}, {"clips": 1, "flip": False}, {"clips": 1, "flip": False}),
        ({"preprocessing": {"kind": "limb"}}, {}, {"kind": "limb"}),
        ({"temperature": 2.5}, {}, {"temperature": 2.5}),
    ],
    ids=["10 clips x flip", "one view", "limbs", "calibrated"],
)
def test_the_scores_are_those_of_the_protocol(changes, options, arguments):
    clips = [clip(f"clip{number}", number % 3, frames=7 + 5 * number, seed=number) for number in range(6)]
    classifier = oracle(options=options, **changes)
    scores = scores_of(classifier, clips, seconds=None)
    expected = np.stack([by_hand(one, **arguments) for one in clips])
    np.testing.assert_allclose(scores.probability, expected, atol=2e-6)
    assert scores.names == tuple(one.name for one in clips)
    assert sum(map(len, classifier.network.views)) == 6 * (1 if options else 20)


def test_the_views_are_the_published_ones_in_order():
    one, classifier = clip(frames=31), oracle()
    scores_of(classifier, [one], seconds=None)
    expected = evaluation_views(one.keypoint, one.keypoint_score, one.image_size, clip_len=6, num_clips=10, size=12)
    assert torch.equal(torch.cat(classifier.network.views), expected)


@pytest.mark.parametrize(
    ("weights", "share"), [(None, 0.5), ((1, 1), 0.5), ((2, 1), 2 / 3)], ids=["default", "1:1", "2:1"]
)
def test_two_streams_are_fused_by_their_probabilities(weights, share):
    clips = [clip(f"clip{number}", number % 3, seed=number) for number in range(4)]
    joint, limb = oracle(name="joint"), oracle(3.0, name="limb", preprocessing={"kind": "limb"})
    found = evaluate(clips, Ensemble([joint, limb]), weights=weights)
    expected = [share * by_hand(one) + (1 - share) * by_hand(one, kind="limb", gain=3.0) for one in clips]
    np.testing.assert_allclose(found.scores.probability, np.stack(expected), atol=2e-6)
    assert [part.source for part in found.parts] == ["joint", "limb"]
    assert [part.share for part in found.parts] == pytest.approx([share, 1 - share])
    assert [part.views for part in found.parts] == [20, 20]


def test_everybody_is_drawn_unless_the_card_says_otherwise():
    both = clip(people=2)
    first = scores_of(oracle(preprocessing={"people": 1}), [both], seconds=None)
    everybody = scores_of(oracle(), [both], seconds=None)
    np.testing.assert_allclose(everybody.probability[0], by_hand(both), atol=2e-6)
    assert abs(first.probability - everybody.probability).max() > 1e-4


def test_a_model_of_short_clips_sees_a_long_one_by_windows():
    long = clip(frames=60)  # 6 s
    classifier = oracle(preprocessing={"seconds": 2.0})
    scores = scores_of(classifier, [long], seconds=2.0)
    parts = [classifier.judge(Stretch(long, None, slice(first, first + 20))).probability for first in (0, 20, 40)]
    np.testing.assert_allclose(scores.probability[0], np.mean(parts, 0), atol=1e-6)


def test_clips_without_a_person_count_as_wrong():
    clips = [clip("a", 0), empty_clip("b", 0), clip("c", 1)]
    found = evaluate(clips, fixed(2.0, 0.0, -1.0))
    assert (found.outcome.clips, found.outcome.nobody, found.nobody) == (3, 1, ("b",))
    assert found.outcome.top1 == pytest.approx(1 / 3)
    assert found.outcome.top5 == pytest.approx(2 / 3)
    assert found.outcome.mean_class == pytest.approx((0.5 + 0) / 2)


def test_progress_counts_the_clips_of_every_model():
    seen = []
    clips = [clip(str(number), 0) for number in range(3)]
    evaluate(clips, Ensemble([fixed(1.0, 0.0, 0.0)] * 2), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 6) for number in range(1, 7)]


def test_few_views_are_in_memory_at_a_time(monkeypatch):
    from poseact.recognize import inputs

    counts = {"alive": 0, "most": 0}
    draw = inputs.iter_evaluation_views

    def forget(size):
        counts["alive"] -= size

    def counted(*arguments, **options):
        for views in draw(*arguments, **options):
            counts["alive"] += len(views)
            counts["most"] = max(counts["most"], counts["alive"])
            weakref.finalize(views, forget, len(views))
            yield views

    monkeypatch.setattr(inputs, "iter_evaluation_views", counted)
    evaluate([clip(str(number), 0, seed=number) for number in range(5)], fixed(1.0, 0.0, 0.0))
    assert 0 < counts["most"] <= 16  # of 100


@pytest.mark.parametrize(
    ("clips", "classes", "words"),
    [
        ([empty_clip()], (), "nobody is seen in any of the clips"),
        ([clip(label=-1)], (), "1 of 1 clips have no label"),
        ([clip(label=3)], (), "label 3 lies outside the 3 classes that the model has"),
        ([clip(label=2)], ("wave", "clap"), "label 2 lies outside the 2 classes that the file names"),
        ([clip(label=1)], ("wave", "sing"), "1 classes of the clips are not among the model's 3: sing"),
    ],
    ids=["nobody", "no label", "label of no class", "label beyond the file's names", "a class of another data set"],
)
def test_clips_that_do_not_fit_are_one_line(clips, classes, words):
    with pytest.raises(InvalidPoses) as error:
        evaluate(clips, fixed(1.0, 0.0, 0.0), classes=classes)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_classes_in_another_order_are_found_by_name():
    found = evaluate([clip("a", 0), clip("b", 1)], fixed(3.0, 0.0, 0.0), classes=("clap", "wave"))
    assert found.scores.label.tolist() == [1, 0]
    assert found.outcome.top1 == 0.5


def test_classes_of_the_same_name_are_not_confused():
    """FineGYM-99 has two of them."""
    labels = ("tuck", "leap", "tuck")
    model, clips = fixed(0.0, 1.0, 3.0, labels=labels), [clip(name, label) for label, name in enumerate("abc")]
    assert evaluate(clips, model, classes=labels).scores.label.tolist() == [0, 1, 2]
    assert evaluate(clips, model, classes=("leap", "tuck", "tuck")).scores.label.tolist() == [1, 0, 2]


def test_a_form_without_names_has_a_row_for_every_clip():
    clips = [clip("a", 0), empty_clip("b", 0), clip("c", 1)]
    found = evaluate(clips, fixed(2.0, 0.0, -1.0))
    whole = found.of_all_clips()
    np.testing.assert_allclose(whole.probability[1], np.full(3, 1 / 3))
    np.testing.assert_array_equal(whole.probability[[0, 2]], found.scores.probability)
    assert (whole.label.tolist(), whole.names) == ([0, -1, 1], ())
    for model in (None, fixed(2.0, 0.0, -1.0)):
        stored = evaluate(clips, model, [whole], classes=("wave", "clap", "jump"))
        np.testing.assert_allclose(stored.of_all_clips().probability, whole.probability, atol=1e-7)
        assert (stored.outcome.top1, stored.nobody) == (found.outcome.top1, ("b",))


@pytest.mark.parametrize("named", [True, False], ids=["by name", "by place"])
def test_scores_of_clips_whose_second_person_alone_is_seen_give_the_same_accuracy_again(named):
    second = clip("b", 0, people=2)
    second = replace(second, keypoint_score=second.keypoint_score * np.array([0, 1], np.float32)[:, None, None])
    clips = [clip("a", 0), second, clip("c", 1)]
    found = evaluate(clips, fixed(2.0, 0.0, -1.0, preprocessing={"people": 1}))
    assert (found.nobody, found.outcome.top1) == (("b",), pytest.approx(1 / 3))
    stored = evaluate(clips, None, [found.scores if named else found.of_all_clips()], classes=("wave", "clap", "jump"))
    assert (stored.nobody, stored.outcome.top1) == (found.nobody, found.outcome.top1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["fewer first", "fewer last"])
def test_clips_that_one_of_several_lacks_are_left_out_in_any_order(order):
    clips = [clip("a", 0), empty_clip("b", 1), clip("c", 1)]
    fewer = evaluate(clips, fixed(2.0, 0.0, -1.0)).scores
    more = Scores("all", np.eye(3, dtype=np.float32), np.array([0, 1, 1]), ("a", "b", "c"))
    found = evaluate(clips, None, [(fewer, more)[one] for one in order], classes=("wave", "clap", "jump"))
    assert (found.scores.names, found.nobody, found.rows) == (("a", "c"), ("b",), (0, 2))
    beside = evaluate(clips, fixed(2.0, 0.0, -1.0), [more])
    assert (beside.scores.names, beside.nobody) == (("a", "c"), ("b",))


def test_another_layout_is_one_line():
    with pytest.raises(InvalidPoses, match="poses are coco17, but other reads openpose25"):
        evaluate([clip()], fixed(1.0, 0.0, 0.0, name="other", layout="openpose25"))


def test_models_that_look_at_pictures_want_some():
    model = Classifier(
        nn.Identity(), card(preprocessing={"rgb": {}}, config={"num_classes": 3, "in_channels": 3}, name="rgb")
    )
    with pytest.raises(InputError, match="looks at pictures"):
        evaluate([clip()], model)


def test_a_model_of_weight_0_decides_no_windows():
    clips = [clip(f"clip{number}", number, frames=40, seed=number) for number in range(3)]  # 4 s
    whole, short = oracle(), oracle(name="short", preprocessing={"seconds": 1.0})
    alone = evaluate(clips, whole).scores.probability
    together = Ensemble([whole, short], (1, 0))
    np.testing.assert_allclose(evaluate(clips, together, weights=(1, 0)).scores.probability, alone, atol=1e-6)
    assert np.abs(evaluate(clips, together, weights=(1, 1e-9)).scores.probability - alone).max() > 1e-3
