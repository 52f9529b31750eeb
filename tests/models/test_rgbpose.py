"""RGBPose-Conv3D: published names, size, cost and logits, the start from two networks, the options of its training."""

import pytest
import torch
from networks import FINGERPRINTS, fill, macs, parameters, published, shapes, wave

from poseact.errors import InvalidWeights, UsageError
from poseact.models import build, merged, two_losses
from poseact.models.rgbpose import PICTURES, POSES

RGB = {"base_channels": 8, "blocks": (1, 1, 1, 1)}
POSE = {"base_channels": 8, "blocks": (1, 1, 1)}
SMALL = {"num_classes": 3, "rgb": RGB, "pose": POSE}


def small(**options):
    torch.manual_seed(0)
    return build("rgbpose-conv3d", **SMALL, **options)


def clips(count=2):
    torch.manual_seed(1)
    return torch.randn(count, 3, 2, 64, 64), torch.rand(count, 17, 8, 16, 16)


def test_published_names_and_shapes():
    with torch.device("meta"):
        network = build("rgbpose-conv3d", num_classes=60)
    assert shapes(network) == published("keys_rgbpose_conv3d.txt")
    assert len(network.state_dict()) == 594


def test_size_and_cost():
    """36.15 million parameters and 58.0 GMACs for 8 pictures of 224 px and 32 heatmaps of 56 px."""
    with torch.device("meta"):
        network = build("rgbpose-conv3d", num_classes=60).eval()
    assert round(parameters(network) / 1e6, 2) == 36.15
    assert round(macs(network, (1, 3, 8, 224, 224), (1, 17, 32, 56, 56)) / 1e9, 1) == 58.0


def test_logits_equal_the_reference():
    expected = FINGERPRINTS["rgbpose_conv3d"]
    network = build("rgbpose-conv3d", num_classes=60).double().eval()
    fill(network)
    with torch.inference_mode():
        rgb, pose = network(wave(1, 3, 8, 64, 64), wave(1, 17, 32, 16, 16, phase=0.7))
    assert rgb[0, :5].numpy() == pytest.approx(expected["rgb_first5"], abs=1e-6)
    assert pose[0, :5].numpy() == pytest.approx(expected["pose_first5"], abs=1e-6)
    assert rgb.sum().item() == pytest.approx(expected["rgb_sum"], abs=1e-6)
    assert pose.sum().item() == pytest.approx(expected["pose_sum"], abs=1e-6)


def single(arguments, changes, seed):
    """One path as a network of its own, with norms as training leaves them."""
    torch.manual_seed(seed)
    network = build("slowonly", num_classes=3, **{**arguments, **changes}).double().eval()
    for key, tensor in network.state_dict().items():
        if ".bn." in key and tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5)
    return network


def test_the_start_gives_what_the_two_networks_gave():
    rgb, pose = single(PICTURES, RGB, 2), single(POSES, POSE, 3)
    network = small().double().eval()
    laterals = {key: value.clone() for key, value in network.state_dict().items() if "_lateral." in key}
    start = merged(rgb.state_dict(), pose.state_dict(), network.state_dict())
    network.load_state_dict(start)
    frames, heatmaps = (one.double() for one in clips())
    with torch.inference_mode():
        found = network(frames, heatmaps)
        torch.testing.assert_close(found, (rgb(frames), pose(heatmaps)), atol=1e-9, rtol=1e-9)
    assert len(laterals) == 14
    assert all(torch.equal(start[key], value) for key, value in laterals.items())
    assert float(found[0].abs().max()) > 1e-3


def test_the_published_start_has_the_published_names():
    rgb = build("slowonly", num_classes=60, **PICTURES)
    pose = build("slowonly-pose-only", num_classes=60)
    start = merged(rgb.state_dict(), pose.state_dict(), build("rgbpose-conv3d", num_classes=60).state_dict())
    assert {key: tuple(tensor.shape) for key, tensor in start.items()} == published("keys_rgbpose_conv3d.txt")
    for key in ("rgb_path.layer3.0.conv1", "rgb_path.layer4.0.downsample", "pose_path.layer2.0.conv1"):
        path, layer = key.split(".", 1)
        source = (rgb if path == "rgb_path" else pose).state_dict()[f"backbone.{layer}.conv.weight"]
        wide = start[f"backbone.{key}.conv.weight"]
        assert torch.equal(wide[:, : source.shape[1]], source)
        assert not wide[:, source.shape[1] :].any()


def states():
    return single(PICTURES, RGB, 0).state_dict(), single(POSES, POSE, 0).state_dict()


def changed(state, key, tensor):
    return {**state, key: tensor} if tensor is not None else {one: state[one] for one in state if one != key}


@pytest.mark.parametrize(
    ("which", "key", "tensor", "words"),
    [
        (0, "cls_head.fc_cls.bias", None, "cls_head.fc_rgb.bias is in one of them only"),
        (0, "backbone.layer9.weight", torch.zeros(1), "layer9"),
        (
            1,
            "cls_head.fc_cls.weight",
            torch.zeros(4, 128),
            "fc_pose.weight is .4, 128. where rgbpose-conv3d has .3, 128",
        ),
        (1, "backbone.layer2.0.conv1.conv.weight", torch.zeros(16, 99, 3, 1, 1), "reads 99 channels"),
        (0, "backbone.conv1.conv.weight", torch.zeros(4, 3, 1, 7, 7), "rgb_path.conv1.conv.weight is"),
    ],
    ids=["missing", "unexpected", "classes", "too many channels", "width"],
)
def test_networks_that_do_not_go_together(which, key, tensor, words):
    pair = list(states())
    pair[which] = changed(pair[which], key, tensor)
    with pytest.raises(InvalidWeights, match=words):
        merged(*pair, small().state_dict())


def test_the_losses_are_those_of_each_head():
    logits = (torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 1.0]]))
    labels = torch.tensor([0, 1])
    rgb, pose = two_losses(logits, labels)
    assert rgb.item() == pytest.approx((0.126928 + 0.693147) / 2, abs=1e-5)
    assert pose.item() == pytest.approx((0.693147 + 0.313262) / 2, abs=1e-5)


def gradients(network, head, pictures):
    """Whether a loss of one head reaches the stem of the picture path, or of the pose path."""
    network.zero_grad()
    network(*clips())[head].square().sum().backward()
    stem = (network.backbone.rgb_path if pictures else network.backbone.pose_path).conv1.conv.weight
    return stem.grad is not None and bool(stem.grad.abs().sum() > 0)


@pytest.mark.parametrize(
    ("options", "pictures_learn_from_pose", "poses_learn_from_rgb"),
    [({}, True, True), ({"pose_detach": True}, False, True), ({"rgb_detach": True}, True, False)],
    ids=["plain", "pose detached", "rgb detached"],
)
def test_detached_paths_learn_from_their_own_head(options, pictures_learn_from_pose, poses_learn_from_rgb):
    network = small(**options)
    assert gradients(network, 1, pictures=True) == pictures_learn_from_pose
    assert gradients(network, 0, pictures=False) == poses_learn_from_rgb
    assert gradients(network, 0, pictures=True)
    assert gradients(network, 1, pictures=False)


def test_dropped_paths_see_nothing_of_the_other_in_training_only():
    network = small(rgb_drop_path=1.0, pose_drop_path=1.0, dropout=0.0)
    frames, heatmaps = clips()
    other_frames, other_heatmaps = frames.flip(4), heatmaps.flip(4)
    network.train()
    torch.testing.assert_close(network(frames, heatmaps)[0], network(frames, other_heatmaps)[0])
    torch.testing.assert_close(network(frames, heatmaps)[1], network(other_frames, heatmaps)[1])
    network.eval()
    assert not torch.allclose(network(frames, heatmaps)[0], network(frames, other_heatmaps)[0])
    assert not torch.allclose(network(frames, heatmaps)[1], network(other_frames, heatmaps)[1])


def test_half_dropped_paths_differ_from_step_to_step():
    network = small(rgb_drop_path=0.5, dropout=0.0).train()
    torch.manual_seed(0)
    frames, heatmaps = clips()
    found = {round(network(frames, heatmaps)[0].sum().item(), 5) for _ in range(12)}
    assert 1 < len(found) <= 4  # two places, each dropped or not


def test_every_parameter_learns():
    network = small()
    rgb, pose = network(*clips())
    sum(two_losses((rgb, pose), torch.tensor([0, 2]))).backward()
    lost = [key for key, parameter in network.named_parameters() if parameter.grad is None]
    assert lost == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rgb_drop_path": 1.5}, "rgb_drop_path 1.5"),
        ({"pose_drop_path": -0.1}, "pose_drop_path -0.1"),
        ({"pose": {**POSE, "blocks": (1, 1)}}, "one stage more"),
        ({"colour": 1}, "colour"),
    ],
    ids=["above 1", "below 0", "stages", "argument"],
)
def test_options_that_cannot_work(options, words):
    with pytest.raises(UsageError, match=words):
        build("rgbpose-conv3d", **{**SMALL, **options})


@pytest.mark.parametrize(
    "shape", [(1, 17, 7, 16, 16), (1, 17, 32, 16, 16), (1, 17, 8, 20, 20)], ids=["few", "many", "large"]
)
def test_clips_that_do_not_belong_together(shape):
    with pytest.raises(UsageError, match="4 heatmaps per picture"):
        small().eval()(torch.rand(1, 3, 2, 64, 64), torch.rand(shape))
