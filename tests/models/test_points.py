"""Places read back from heatmaps, what is made of them, and the network that looks at both."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from poseact.errors import UsageError
from poseact.heatmap import draw
from poseact.models import build
from poseact.models.points import FEATURES, PointStream, movements, places
from poseact.skeleton import COCO17

SIDE = 32
TINY = {
    "in_channels": 17, "base_channels": 4, "blocks": (1, 1), "inflate": (0, 1), "spatial_strides": (1, 2),
    "temporal_strides": (1, 1), "point_width": 8, "num_classes": 3,
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
    moved = movements(found, peak).unflatten(2, (-1,))
    assert moved.shape == (1, 5, 17 * FEATURES)
    assert moved.isfinite().all()
    about, changes = moved[0, 2, 34:68].view(17, 2), moved[0, 2, 68:102].view(17, 2)
    assert (about[7] == 0).all()
    assert (changes[7] == 0).all()


def test_nobody_is_all_zeros():
    assert (movements(*places(torch.zeros(2, 17, 8, SIDE, SIDE))) == 0).all()


def test_changes_are_in_units_of_the_person():
    """A person twice as large that moves twice as far looks the same but for its place in the square."""
    torch.manual_seed(0)
    xy, score = torch.rand(1, 8, 17, 2) / 4, torch.ones(1, 8, 17)
    small, large = movements(xy, score), movements(2 * xy, score)
    torch.testing.assert_close(small[..., 34:], large[..., 34:])
    assert not torch.allclose(small[..., :34], large[..., :34])


def test_it_is_the_same_under_autocast():
    torch.manual_seed(0)
    stream, heatmaps = PointStream(17, 8).eval(), drawn(4 + 24 * torch.rand(8, 17, 2), torch.ones(8, 17))
    with torch.autocast("cpu", torch.bfloat16):
        coarse = stream(heatmaps)
    assert torch.equal(coarse, stream(heatmaps))


def test_too_few_frames_are_refused():
    with pytest.raises(ValueError, match="2 frames are too short"):
        PointStream(17, 8)(torch.zeros(1, 17, 2, 8, 8))


def test_a_negative_number_of_blocks_is_refused():
    with pytest.raises(UsageError, match="point_blocks"):
        build("slowonly-points", **TINY, point_blocks=-1)


def test_in_training_each_stream_answers_by_itself():
    torch.manual_seed(0)
    network, heatmaps = build("slowonly-points", **TINY).train(), torch.rand(6, 17, 4, 16, 16)
    nn.init.normal_(network.cls_head.fc_cls.weight)
    conv, points = network.backbone(heatmaps).flatten(1).split([32, 16], 1)
    assert len(conv) == 12
    assert (conv[6:] == 0).all()
    assert (points[:6] == 0).all()
    alone = network(heatmaps)
    alone[:6].sum().backward()
    assert network.backbone.conv1.conv.weight.grad is not None
    assert not network.backbone.points.enter[0].conv.weight.grad.any()


def test_the_answer_is_the_sum_of_what_both_say():
    torch.manual_seed(0)
    network, heatmaps = build("slowonly-points", **TINY).eval(), torch.rand(2, 17, 8, 16, 16)
    weight, bias = network.cls_head.fc_cls.weight, network.cls_head.fc_cls.bias
    nn.init.normal_(weight)
    embedding = network.embed(heatmaps)
    points = network.backbone.points(heatmaps)
    torch.testing.assert_close(embedding[:, -16:], points)
    torch.testing.assert_close(network(heatmaps), embedding @ weight.T + bias)
