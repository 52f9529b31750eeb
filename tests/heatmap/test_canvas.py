"""A canvas that is kept: what is drawn on it does not depend on what was drawn before."""

import pytest
import torch

from poseact.heatmap import Canvas, draw
from poseact.skeleton import COCO17


def poses(seed, views=2, frames=3, people=2, spread=20.0):
    generator = torch.Generator().manual_seed(seed)
    xy = 16 + spread * torch.randn(views, frames, people, 17, 2, generator=generator)
    return xy, torch.rand(views, frames, people, 17, generator=generator)


@pytest.mark.parametrize("kind", ["joint", "limb", "joint+limb"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_nothing_of_the_last_drawing_is_left(kind, channels_last):
    canvas = Canvas()
    for seed in range(4):
        found = draw(*poses(seed), 24, kind=kind, channels_last=channels_last, canvas=canvas)
        assert torch.equal(found, draw(*poses(seed), 24, kind=kind, channels_last=channels_last))


def test_the_memory_is_the_same_as_long_as_the_size_is():
    canvas = Canvas()
    first = draw(*poses(0), 24, canvas=canvas)
    second = draw(*poses(1), 24, canvas=canvas)
    assert first.data_ptr() == second.data_ptr()
    assert torch.equal(first, second)  # overwritten
    other = draw(*poses(1, views=1), 24, canvas=canvas)
    assert torch.equal(other, draw(*poses(1, views=1), 24))
    assert torch.equal(draw(*poses(2), 24, kind="limb", canvas=canvas), draw(*poses(2), 24, kind="limb"))


@pytest.mark.parametrize("kind", ["joint", "limb", "joint+limb"])
def test_one_person_is_drawn_as_one_of_two(kind):
    canvas = Canvas()
    for seed, people in enumerate((1, 2, 1)):
        xy, score = poses(seed, people=people)
        nobody = torch.zeros_like(score)
        found = draw(xy, score, 24, kind=kind, canvas=canvas)
        assert torch.equal(found, draw(torch.cat([xy, xy], 2), torch.cat([nobody, score], 2), 24, kind=kind))


def test_an_empty_drawing_erases():
    canvas = Canvas()
    xy, score = poses(0)
    assert draw(xy, score, 24, canvas=canvas).any()
    assert not draw(xy, 0 * score, 24, canvas=canvas).any()
    assert draw(xy, score, 24, canvas=canvas).any()


@pytest.mark.parametrize("shape", [(1, 1, 1, 17), (2, 3, 2, 17)])
def test_both_kinds_are_joints_then_limbs(shape):
    xy, score = poses(0, *shape[:3])
    both = draw(xy, score, 24, kind="joint+limb")
    assert torch.equal(both[:, :17], draw(xy, score, 24))
    assert torch.equal(both[:, 17:], draw(xy, score, 24, kind="limb"))
    assert both.shape[1] == 17 + len(COCO17.limbs)
