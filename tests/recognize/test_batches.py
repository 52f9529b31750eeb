"""Views of many clips in shared batches: nothing is lost or mixed up, and few views are in memory at a time."""

import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from known_answers import Recorder, card, constant, standing
from torch import nn

from poseact.errors import InvalidPoses
from poseact.recognize import Classifier, Stretch
from poseact.recognize.batches import view_logits


class Same(nn.Module):
    """Answers each view with its own number, and notes the size of every batch."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def forward(self, views):
        self.batches.append(len(views))
        return views.flatten(1)[:, :2]


def view(number):
    return torch.full((1, 1, 2), float(number))


@given(st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=5), max_size=6), st.integers(4, 9))
def test_each_clip_gets_the_answers_to_its_own_views(parts, at_once):
    network, number, clips, expected = Same(), 0, [], []
    for sizes in parts:
        clip = []
        for size in sizes:
            clip.append((torch.cat([view(number + one) for one in range(size)]),))
            number += size
        clips.append(clip)
        expected.append(torch.cat([part for (part,) in clip])[:, 0, 0])
    found = list(view_logits(network, clips, at_once=at_once))
    assert [one[0, :, 0].tolist() for one in found] == [one.tolist() for one in expected]
    assert max(network.batches, default=0) <= at_once
    assert sum(network.batches) == number


def test_clips_of_one_view_share_batches():
    network = Same()
    list(view_logits(network, ([(view(number),)] for number in range(20)), at_once=8))
    assert network.batches == [8, 8, 4]


def test_two_streams_stay_two_streams():
    network = nn.Module()
    network.forward = lambda rgb, pose: (rgb.flatten(1)[:, :2], -pose.flatten(1)[:, :2])
    (found,) = view_logits(network, [[(view(3), view(4))]], at_once=2)
    assert found.tolist() == [[[3, 3]], [[-4, -4]]]


def test_few_views_are_alive_however_many_there_are():
    alive, most = 0, 0

    def born(tensor):
        nonlocal alive, most
        alive, size = alive + len(tensor), len(tensor)
        most = max(most, alive)

        def gone():
            nonlocal alive
            alive -= size

        weakref.finalize(tensor, gone)
        return tensor

    clips = ((((born(torch.zeros(2, 4, 2)),) for _ in range(10))) for _ in range(20))
    assert len(list(view_logits(Same(), clips, at_once=8))) == 20
    assert most <= 8 + 2  # one batch, and the part that did not fit


def test_no_clips_no_answers():
    assert list(view_logits(Same(), [], at_once=8)) == []


def test_a_classifier_answers_stretches_as_it_answers_one_by_one():
    classifier = constant(1.0, 2.0, 0.0, preprocessing={"num_clips": 3, "flip": True})
    logits = list(classifier.view_logits(Stretch(standing(frames)) for frames in (5, 9, 30)))
    assert [tuple(one.shape) for one in logits] == [(1, 6, 3)] * 3
    np.testing.assert_allclose(
        classifier.probabilities(logits[1])[0], classifier.judge(Stretch(standing(9))).probability, atol=1e-7
    )
    with pytest.raises(InvalidPoses, match="no people"):
        list(classifier.view_logits([Stretch(standing(5), rows=[])]))


@pytest.mark.parametrize(
    ("frames", "sampler", "views"),
    [(4, "pyskl", 2), (4, "mmaction2", 2), (4, "even", 6), (3, "pyskl", 6), (30, "pyskl", 6)],
    ids=["as long as a clip", "of MMAction2", "even ones differ", "shorter", "longer"],
)
def test_clips_of_the_same_frames_are_looked_at_once(frames, sampler, views):
    network = Recorder()
    settings = {"num_clips": 3, "flip": True, "sampler": sampler}
    classifier = Classifier(network, card(("wave", "clap"), preprocessing=settings))
    classifier.judge(Stretch(standing(frames)))
    assert len(network.stream(0)) == views
    assert next(classifier.view_logits([Stretch(standing(frames))])).shape[1] == 6
