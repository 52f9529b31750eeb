"""Where poses are to be steady, a camera that follows somebody does not hide that they move."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from known_answers import card, standing
from pydantic import ValidationError

from poseact.recognize import Stretch
from poseact.recognize.inputs import heatmap_views
from poseact.train.clips import stack
from poseact.zoo.card import Preprocessing, Rgb


@pytest.fixture
def walk():
    """Somebody who walks to the right before a camera that stands still, at 2 px a frame."""
    one = standing(frames=40)
    return replace(one, keypoint=one.keypoint + np.float32([2, 0]) * np.arange(40, dtype=np.float32)[:, None, None])


@pytest.fixture
def followed(walk):
    """The same before one that goes along: they stay where they are, and the background goes to the left."""
    return replace(standing(frames=40), camera=np.tile(np.float32([1, 0, -2, 0]), (40, 1)))


def views(poses, steady):
    settings = card(preprocessing={"steady": steady, "sampler": "even"}).preprocessing
    return torch.cat(list(heatmap_views(Stretch(poses, None, slice(10, 30)), settings)))


def test_following_somebody_makes_no_difference(walk, followed):
    torch.testing.assert_close(views(followed, steady=True), views(walk, steady=True), atol=0.05, rtol=0)
    assert (views(followed, steady=False) - views(walk, steady=False)).abs().max() > 0.5
    torch.testing.assert_close(views(walk, steady=True), views(walk, steady=False))


def test_training_sees_the_same(walk, followed):
    settings = Preprocessing(steady=True)
    clips = stack([replace(walk, label=0), replace(followed, label=1)], ("a", "b"), settings)
    apart = clips.xy[0] - clips.xy[1]
    assert np.ptp(np.asarray(apart), axis=0).max() < 1e-3
    shaken = stack([replace(followed, label=0)], ("a", "b"), Preprocessing())
    np.testing.assert_array_equal(shaken.xy[0], followed.keypoint.swapaxes(0, 1))


def test_pictures_are_not_steady():
    with pytest.raises(ValidationError, match="steady poses do not lie on the pictures"):
        Preprocessing(steady=True, rgb=Rgb())
