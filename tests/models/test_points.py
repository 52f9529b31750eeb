"""Places read back from heatmaps, what is made of them, and the network that looks at both."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from poseact.errors import UsageError
from poseact.heatmap import draw
from poseact.models import build
from poseact.models.points import FEATURES, movements, places
from poseact.skeleton import COCO17

SIDE = 32
PAIRS = torch.tensor([[5, 9], [7, 10]])  # left upper arm, both wrists
TINY = {
    "in_channels": 17, "base_channels": 4, "blocks": (1, 1), "inflate": (0, 1), "spatial_strides": (1, 2),
    "temporal_strides": (1, 1), "point_width": 8, "point_streams": 1, "num_classes": 3,
}  # fmt: skip


def drawn(xy, score):
    """(T, K, 2) px and (T, K) -> (1, K, T, SIDE, SIDE)."""
    return draw(xy[None, :, None], score[None, :, None], SIDE, 0.7, kind="joint", layout=COCO17)


@given(st.integers(0, 10_000))
def test_places_are_those_that_were_drawn(seed):
    torch.manual_seed(seed)
    xy, score = 4 + 24 * torch.rand(5, 17, 2), 0.2 + 0.8 * torch.rand(5, 17)
    found, peak = places(drawn(xy, score))
    assert (found[0] * SIDE - 0.5 - xy).abs().max() < 0.05  # the middle of the first pixel is 0
    assert (peak[0] <= score + 1e-6).all()
    assert (peak[0] > 0.5 * score).all()


def test_an_empty_channel_has_no_place_and_does_not_move():
    xy, score = 16 * torch.ones(5, 17, 2), torch.ones(5, 17)
    score[2, 7] = 0
    found, peak = places(drawn(xy, score))
    assert peak[0, 2, 7] == 0
    moved = movements(found, peak, PAIRS).unflatten(2, (-1,))
    assert moved.shape == (1, 5, 17 * FEATURES + 4)
    assert moved.isfinite().all()
    about, changes = moved[0, 2, 34:68].view(17, 2), moved[0, 2, 68:102].view(17, 2)
    assert (about[7] == 0).all()
    assert (changes[7] == 0).all()
    arm, wrists = moved[0, :, -4:].unflatten(1, (2, 2)).unbind(1)
    assert (arm[2] == 0).all()
    assert not wrists.any()  # all lie in one place


def test_pairs_say_how_one_joint_lies_to_another():
    torch.manual_seed(0)
    xy, score = torch.rand(1, 8, 17, 2), torch.ones(1, 8, 17)
    apart = movements(xy, score, PAIRS)[..., -4:].unflatten(2, (2, 2))
    along = xy[:, :, [5, 9]] - xy[:, :, [7, 10]]
    torch.testing.assert_close(apart / apart[:, :1, :1].norm(), along / along[:, :1, :1].norm())


def test_nobody_is_all_zeros():
    assert (movements(*places(torch.zeros(2, 17, 8, SIDE, SIDE)), PAIRS) == 0).all()


def test_changes_are_in_units_of_the_person():
    """A person twice as large that moves twice as far looks the same but for its place in the square."""
    torch.manual_seed(0)
    xy, score = torch.rand(1, 8, 17, 2) / 4, torch.ones(1, 8, 17)
    small, large = movements(xy, score, PAIRS), movements(2 * xy, score, PAIRS)
    torch.testing.assert_close(small[..., 34:], large[..., 34:])
    assert not torch.allclose(small[..., :34], large[..., :34])


def test_it_is_the_same_under_autocast():
    torch.manual_seed(0)
    backbone = build("slowonly-points", **TINY).eval().backbone
    heatmaps = drawn(4 + 24 * torch.rand(8, 17, 2), torch.ones(8, 17))
    with torch.autocast("cpu", torch.bfloat16):
        coarse = backbone(heatmaps)
    fine = backbone(heatmaps)
    assert torch.equal(coarse[:, 32:], fine[:, 32:])
    assert not torch.equal(coarse[:, :32], fine[:, :32])


def test_too_few_frames_are_refused():
    with pytest.raises(ValueError, match="2 frames are too short"):
        build("slowonly-points", **TINY)(torch.zeros(1, 17, 2, 8, 8))


@pytest.mark.parametrize("pairs", [[[0, 17]], [[-1, 2]], [[1]], [[1, 2, 3]]])
def test_pairs_of_channels_that_are_not_there_are_refused(pairs):
    with pytest.raises(UsageError, match="pairs of the channels 0 to 16"):
        build("slowonly-points", **TINY, point_pairs=pairs)


@pytest.mark.parametrize("wrong", [{"point_blocks": -1}, {"point_streams": 0}])
def test_impossible_numbers_of_blocks_and_streams_are_refused(wrong):
    with pytest.raises(UsageError, match=f"numbers of networks.*{next(iter(wrong.values()))}"):
        build("slowonly-points", **{**TINY, **wrong})


def test_in_training_each_stream_answers_by_itself():
    torch.manual_seed(0)
    network, heatmaps = build("slowonly-points", **{**TINY, "point_streams": 2}).train(), torch.rand(6, 17, 4, 16, 16)
    nn.init.normal_(network.cls_head.fc_cls.weight)
    rows = network.backbone(heatmaps).flatten(1).split(6)
    assert len(rows) == 3
    for at, row in enumerate(rows):
        shown = [bool(part.any()) for part in row.split([32, 16, 16], 1)]
        assert shown == [at == other for other in range(3)]
    network(heatmaps)[6:12].sum().backward()
    first, second = (stream.enter[0].conv.weight.grad for stream in network.backbone.points)
    assert bool(first.any())
    assert not second.any()
    assert not network.backbone.conv1.conv.weight.grad.any()


def test_the_answer_is_the_mean_of_what_the_streams_say():
    torch.manual_seed(0)
    network, heatmaps = (
        build("slowonly-points", **{**TINY, "point_streams": 2}, point_pairs=[(0, 5)]).eval(),
        torch.rand(2, 17, 8, 16, 16),
    )
    weight, bias = network.cls_head.fc_cls.weight, network.cls_head.fc_cls.bias
    nn.init.normal_(weight)
    embedding = network.embed(heatmaps)
    moved = movements(*places(heatmaps), torch.tensor([[0], [5]]))
    streams = [stream(moved) for stream in network.backbone.points]
    torch.testing.assert_close(embedding[:, -32:], torch.cat(streams, 1))
    alone = [
        3 * part @ share.T + bias
        for part, share in zip(embedding.split([32, 16, 16], 1), weight.split([32, 16, 16], 1), strict=True)
    ]
    torch.testing.assert_close(network(heatmaps), torch.stack(alone).mean(0))
