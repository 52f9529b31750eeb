"""Places read back from heatmaps, what is made of them, and the network that looks at both."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from poseact.errors import UsageError
from poseact.heatmap import draw
from poseact.models import build
from poseact.models.points import PartStream, PointPart, figure_size, movements, places
from poseact.skeleton import COCO17

SIDE = 32
WHOLE = PointPart(channels=range(17), origin=range(17), pairs=[(5, 7), (9, 10)], place=True)
ARM = PointPart(channels=(5, 7, 9), origin=(5, 6))
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


def moved(xy, score, part=WHOLE):
    return movements(xy, score, figure_size(xy, score), part)


def test_an_empty_channel_has_no_place_and_does_not_move():
    xy, score = 16 * torch.ones(5, 17, 2), torch.ones(5, 17)
    score[2, 7] = 0
    found, peak = places(drawn(xy, score))
    assert peak[0, 2, 7] == 0
    said = moved(found, peak)
    assert said.shape == (1, 5, WHOLE.features)
    assert said.isfinite().all()
    scores, about, square, *changes = said[0, 2, : 17 * 9].split([17, *[34] * 4])
    assert scores[7] == 0
    for one in (about, square, *changes):
        assert not one.view(17, 2)[7].any()
    arm, wrists = said[0, :, 17 * 9 : 17 * 9 + 4].unflatten(1, (2, 2)).unbind(1)
    assert (arm[2] == 0).all()
    assert not wrists.any()  # all lie in one place


def test_pairs_say_how_one_joint_lies_to_another_and_how_this_changes():
    torch.manual_seed(0)
    xy, score = torch.rand(1, 8, 17, 2), torch.ones(1, 8, 17)
    apart, change, further = moved(xy, score)[..., 17 * 9 :].unflatten(2, (3, 2, 2)).unbind(2)
    along = (xy[:, :, [5, 9]] - xy[:, :, [7, 10]]) / figure_size(xy, score)
    torch.testing.assert_close(apart, along)
    torch.testing.assert_close(change[:, :-1], along[:, 1:] - along[:, :-1])
    torch.testing.assert_close(further[:, 1:-2], along[:, 3:] - along[:, :-3])


def test_a_part_is_measured_from_its_origin():
    torch.manual_seed(0)
    xy, score = torch.rand(1, 8, 17, 2), torch.ones(1, 8, 17)
    about = moved(xy, score, ARM)[..., 3:9].unflatten(2, (3, 2))
    torch.testing.assert_close(
        about, (xy[:, :, [5, 7, 9]] - xy[:, :, [5, 6]].mean(2, keepdim=True)) / (2 * figure_size(xy, score))
    )
    score[:, :, 6] = 0  # the middle of what is seen
    torch.testing.assert_close(moved(xy, score, ARM)[..., 3:5], torch.zeros(1, 8, 2))


def test_nobody_is_all_zeros():
    assert (moved(*places(torch.zeros(2, 17, 8, SIDE, SIDE))) == 0).all()


def test_changes_are_in_units_of_the_person():
    """A person twice as large that moves twice as far looks the same but for its place in the square."""
    torch.manual_seed(0)
    xy, score = torch.rand(1, 8, 17, 2) / 4, torch.ones(1, 8, 17)
    small, large = moved(xy, score), moved(2 * xy, score)
    square = slice(17 * 3, 17 * 5)
    assert not torch.allclose(small[..., square], large[..., square])
    small[..., square], large[..., square] = 0, 0
    torch.testing.assert_close(small, large)


def test_it_does_not_matter_which_arm_waves():
    """A figure and its mirror image have the same features."""
    torch.manual_seed(0)
    parts = [{"channels": [5, 7, 9], "origin": [5, 6], "pairs": [[9, 5]]}]
    config = {**TINY, "point_parts": parts, "point_mirror": list(COCO17.flip_joints)}
    backbone = build("slowonly-points", **config).eval().backbone
    xy, score = 4 + 24 * torch.rand(8, 17, 2), 0.2 + 0.8 * torch.rand(8, 17)
    mirrored = (xy * torch.tensor([-1, 1]) + torch.tensor([SIDE - 1, 0]))[:, list(COCO17.flip_joints)]
    one, other = backbone(drawn(xy, score)), backbone(drawn(mirrored, score[:, list(COCO17.flip_joints)]))
    torch.testing.assert_close(one[:, 32:], other[:, 32:], rtol=1e-3, atol=1e-4)
    assert one[:, 32:].any()


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


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"channels": [17], "origin": [0]}, "17 is none of the channels 0 to 16"),
        ({"channels": [0], "origin": [99]}, "99 is none of the channels 0 to 16"),
        ({"channels": [0], "origin": [0], "pairs": [[0, 17]]}, "17 is none of the channels 0 to 16"),
        ({"channels": [-1], "origin": [0]}, "greater than or equal to 0"),
        ({"channels": [], "origin": [0]}, "at least 1 item"),
        ({"channels": [0], "origin": []}, "at least 1 item"),
        ({"channels": [0]}, "required"),
        ({"channels": [0], "origin": [0], "pairs": [[1]]}, "required"),
        ({"channels": [0], "origin": [0], "else": 1}, "not permitted"),
        (7, "valid dictionary"),
    ],
)
def test_parts_of_channels_that_are_not_there_are_refused(wrong, why):
    with pytest.raises(UsageError, match=f"point_parts: .*{why}"):
        build("slowonly-points", **TINY, point_parts=[wrong])


@pytest.mark.parametrize("wrong", [[0, 2], [0, 0], list(range(18)), ["a"], [0.0], [-1]])
def test_a_mirror_that_is_no_order_of_the_first_channels_is_refused(wrong):
    with pytest.raises(UsageError, match="an order of the first of 17 channels"):
        build("slowonly-points", **TINY, point_mirror=wrong)


@pytest.mark.parametrize("wrong", [{"point_blocks": -1}, {"point_streams": 0}])
def test_impossible_numbers_of_blocks_and_streams_are_refused(wrong):
    with pytest.raises(UsageError, match=f"numbers of networks.*{next(iter(wrong.values()))}"):
        build("slowonly-points", **{**TINY, **wrong})


def test_dropout_is_for_the_volumes_alone():
    network = build("slowonly-points", **TINY, volume_dropout=1.0).train()
    volumes, points = network.backbone(torch.rand(6, 17, 4, 16, 16)).flatten(1).split(6)
    assert not volumes.any()
    assert points.any()
    assert network.cls_head.dropout.p == 0


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
    first, second = (stream.parts[0].enter[0].conv.weight.grad for stream in network.backbone.points)
    assert bool(first.any())
    assert not second.any()
    assert not network.backbone.conv1.conv.weight.grad.any()


def test_the_answer_is_the_mean_of_what_the_streams_say():
    torch.manual_seed(0)
    network, heatmaps = (
        build("slowonly-points", **{**TINY, "point_streams": 2}).eval(),
        torch.rand(2, 17, 8, 16, 16),
    )
    weight, bias = network.cls_head.fc_cls.weight, network.cls_head.fc_cls.bias
    nn.init.normal_(weight)
    embedding = network.embed(heatmaps)
    said = network.backbone.moved(heatmaps)
    streams = [stream(said) for stream in network.backbone.points]
    torch.testing.assert_close(embedding[:, -32:], torch.cat(streams, 1))
    alone = [
        3 * part @ share.T + bias
        for part, share in zip(embedding.split([32, 16, 16], 1), weight.split([32, 16, 16], 1), strict=True)
    ]
    torch.testing.assert_close(network(heatmaps), torch.stack(alone).mean(0))


@pytest.mark.parametrize("rows", [2, 4, 8, 16])
def test_gradients_are_right_also_with_one_thread(rows):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.manual_seed(0)
        network = PartStream(73, 16, 2).to(memory_format=torch.channels_last_3d).train()
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        exact = copy.deepcopy(network).double()
        moved = torch.randn(rows, 16, 73)
        for one, given_rows in ((network, moved), (exact, moved.double())):
            found = one(given_rows)
            (found * torch.linspace(-1, 1, found.numel()).reshape(found.shape).to(found)).sum().backward()
        whole = max(one.grad.norm() for one in exact.parameters())
        for (name, one), other in zip(network.named_parameters(), exact.parameters(), strict=True):
            assert (one.grad - other.grad).norm() <= 1e-3 * other.grad.norm() + 1e-5 * whole, name
    finally:
        torch.set_num_threads(threads)
