"""Which network a state dict is of, told from names and shapes; tensors without memory."""

import pytest
import torch
from checkpoints import network, renamed
from networks import published

from poseact.errors import InvalidWeights
from poseact.zoo.architecture import identify
from poseact.zoo.build import differences

RGB_ONLY = {
    "in_channels": 3, "base_channels": 64, "blocks": [3, 4, 6, 3], "inflate": [0, 0, 1, 1],
    "spatial_strides": [1, 2, 2, 2], "temporal_strides": [1, 1, 1, 1], "stem_stride": [1, 2, 2],
    "pool_stride": [1, 2, 2],
}  # fmt: skip


def shapes_of(architecture, **config):
    return network(architecture, device="meta", **config).state_dict()


def empty(shapes):
    return {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}


@pytest.mark.parametrize(
    ("architecture", "config", "expected"),
    [
        ("slowonly", {}, {}),
        ("slowonly-346", {}, {}),
        ("slowonly-wd", {}, {}),
        ("slowonly-base16", {}, {}),
        ("c3d-s", {}, {}),
        ("c3d", {}, {}),
        ("x3d-s", {}, {}),
        ("x3d", {}, {}),
        ("slowonly", RGB_ONLY, RGB_ONLY),
        ("slowonly", {"in_channels": 34},
         {"in_channels": 34, "base_channels": 32, "blocks": [4, 6, 3], "inflate": [0, 1, 1]}),
        ("c3d-s", {"in_channels": 34, "base_channels": 16}, {"in_channels": 34, "base_channels": 16}),
        ("x3d-s", {"base_channels": 8}, {"base_channels": 8}),
        ("x3d-s", {"blocks": [1, 1, 1]}, {"blocks": [1, 1, 1]}),
    ],
    ids=str,
)  # fmt: skip
def test_classifiers(architecture, config, expected):
    state = shapes_of(architecture, num_classes=7, **config)
    found = identify(state)
    assert (found.task, found.architecture, found.classes) == ("classify", architecture, 7)
    assert found.config == {**expected, "num_classes": 7}
    assert not differences(network(found.architecture, device="meta", **found.config), state)


@pytest.mark.parametrize(
    "config",
    [{}, {"rgb": {"base_channels": 8}, "pose": {"in_channels": 34, "blocks": [2, 3, 2]}}],
    ids=["published", "other"],
)
def test_rgbpose(config):
    found = identify(shapes_of("rgbpose-conv3d", num_classes=7, **config))
    assert (found.architecture, found.config, found.classes) == ("rgbpose-conv3d", {**config, "num_classes": 7}, 7)


@pytest.mark.parametrize("block", [0, 3])
def test_a_missing_tensor_does_not_change_the_network(block):
    state = shapes_of("slowonly", num_classes=7)
    del state[f"backbone.layer2.{block}.conv1.conv.weight"]
    assert identify(state).config == {"num_classes": 7}


def test_temporal_strides_are_in_no_file():
    found = identify(shapes_of("slowonly-pose-only", num_classes=7))
    assert found.architecture == "slowonly"
    assert "choose the architecture slowonly-pose-only" in found.notes[0]


@pytest.mark.parametrize(
    ("file", "architecture", "classes"),
    [
        ("keys_slowonly_463.txt", "slowonly", 60),
        ("keys_slowonly_346.txt", "slowonly-346", 400),
        ("keys_c3d_light.txt", "c3d-s", 60),
        ("keys_x3d_shallow.txt", "x3d-s", 60),
        ("keys_rgbpose_conv3d.txt", "rgbpose-conv3d", 60),
        ("keys_hrnet_w32_original.txt", "hrnet", None),
    ],
)
def test_published_names(file, architecture, classes):
    found = identify(empty(published(file)))
    assert (found.architecture, found.classes) == (architecture, classes)
    assert list(found.names) == list(published(file))


ESTIMATORS = [
    ("hrnet", {"width": 32}), ("hrnet", {"width": 48}), ("hrnet", {"width": 32, "offsets": True}),
    ("hrnet-ae", {"width": 32}), ("higher-hrnet", {"width": 48}),
    ("simple-baseline-resnet50", {}), ("simple-baseline-mobilenetv2", {}),
]  # fmt: skip


@pytest.mark.parametrize(("architecture", "config"), ESTIMATORS, ids=str)
def test_estimators_of_every_publisher(architecture, config):
    bare = shapes_of(architecture, **config)
    for publisher, body, head in (
        ("the original repository", "", ""),
        ("MMPose 0.x", "backbone.", "keypoint_head."),
        ("MMPose 1.x", "backbone.", "head."),
    ):
        state = renamed(bare, body, head)
        state["data_preprocessor.mean"] = torch.empty(3, 1, 1, device="meta")
        found = identify(state)
        assert (found.publisher, found.task, found.architecture) == (publisher, "pose", architecture)
        assert (found.config, found.classes) == (config, None)
        assert {found.names[key]: state[key].shape for key in found.names} == {key: bare[key].shape for key in bare}


def without(state, *starts):
    return {key: tensor for key, tensor in state.items() if not key.startswith(starts)}


def final_layer(maps):
    return {**shapes_of("hrnet"), "final_layer.weight": torch.empty(maps, 32, 1, 1, device="meta")}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (dict, "no network that poseact knows"),
        (lambda: without(shapes_of("slowonly", num_classes=2), "cls_head"), "another network of OpenMMLab"),
        (lambda: without(shapes_of("hrnet"), "final_layer"), "without a head for joints, such as ImageNet weights"),
        (lambda: final_layer(133), "of other joints: it gives 133 maps"),
        (lambda: empty({"backbone.fc6.weight": (4096, 8192), "backbone.conv1a.conv.weight": (64, 3, 3, 3, 3),
                        "cls_head.fc_cls.weight": (101, 4096)}), "the classic C3D"),
        (lambda: empty({"backbone.data_bn.weight": (51,), "backbone.gcn.0.gcn.conv.weight": (64, 3, 1, 1),
                        "cls_head.fc_cls.weight": (60, 256)}), "ST-GCN family"),
        (lambda: empty({"head.cls_x.weight": (384, 64), "backbone.stem.0.conv.weight": (32, 3, 3, 3)}), "RTMPose"),
        (lambda: empty({"model.0.conv.weight": (16, 3, 3, 3)}), "a YOLO of ultralytics"),
        (lambda: empty({"conv1.weight": (64, 3, 7, 7), "layer1.0.conv1.weight": (64, 64, 1, 1),
                        "fc.weight": (1000, 2048)}), "classifies pictures into 1000 classes"),
        (lambda: empty({"deconv_layers.0.weight": (512, 256, 4, 4), "layer1.0.conv1.weight": (64, 64, 3, 3),
                        "layer1.1.conv1.weight": (64, 64, 3, 3), "layer2.0.conv1.weight": (1, 1, 3, 3)}),
         "SimpleBaseline with ResNet of another kind"),
        (lambda: {"cls_head.fc_cls.bias": torch.empty(2, device="meta"),
                  "backbone.conv1.conv.weight": torch.empty(32, 17, 1, 7, 7, device="meta")}, "no classification head"),
    ],
    ids=[
        "nothing", "no head", "imagenet", "whole body", "classic c3d", "graph network", "rtmpose",
        "yolo", "resnet", "another resnet", "half a head",
    ],
)  # fmt: skip
def test_what_it_is_not(make, words):
    with pytest.raises(InvalidWeights, match=words) as caught:
        identify(make())
    assert "\n" not in str(caught.value)
