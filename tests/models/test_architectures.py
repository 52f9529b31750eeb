"""Published names, shapes, sizes, costs and logits of every architecture."""

import json

import pytest
import torch
from networks import FINGERPRINTS, GOLDEN, fill, macs, parameters, published, shapes, wave
from torch import nn

from poseact.errors import UsageError
from poseact.models import ARCHITECTURES, SlowOnly, build
from poseact.models.x3d import SqueezeExcitation, squeezed_width

STATS = json.loads((GOLDEN / "model_stats.json").read_text())


def features(model: nn.Module, shape: tuple[int, ...]) -> list[int]:
    """The shape of what the backbone gives for one input."""
    return list(model.backbone(torch.zeros(1, *shape, device="meta")).shape)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("slowonly", "keys_slowonly_463.txt"),
        ("slowonly-346", "keys_slowonly_346.txt"),
        ("c3d-s", "keys_c3d_light.txt"),
        ("x3d-s", "keys_x3d_shallow.txt"),
    ],
)
def test_state_dict_has_the_published_keys(name: str, file: str) -> None:
    expected = published(file)
    with torch.device("meta"):
        model = build(name, num_classes=expected["cls_head.fc_cls.bias"][0])
    assert shapes(model) == expected


@pytest.mark.parametrize(
    ("name", "fingerprint"),
    [
        ("slowonly", "slowonly_463"),
        ("slowonly-346", "slowonly_346"),
        ("slowonly-pose-only", "slowonly_463_ts111"),
        ("c3d-s", "c3d_s"),
        ("x3d-s", "x3d_s"),
    ],
)
def test_logits_equal_the_reference(name: str, fingerprint: str) -> None:
    expected = FINGERPRINTS[fingerprint]
    model = build(name, num_classes=60).double().eval()
    fill(model)
    with torch.inference_mode():
        logits = model(wave(*expected["input"]))[0]
    assert logits[:5].numpy() == pytest.approx(expected["first5"], abs=1e-6)
    assert logits.sum().item() == pytest.approx(expected["sum"], abs=1e-6)
    assert logits.abs().max().item() == pytest.approx(expected["absmax"], abs=1e-6)


SIZES = [
    ("slowonly_463", "slowonly", {}),
    ("slowonly_463@64", "slowonly", {}),
    ("slowonly_346(K400)", "slowonly-346", {"num_classes": 400}),
    ("slowonly_346@48(UCF)", "slowonly-346", {"num_classes": 101}),
    ("slowonly_wd(base64)", "slowonly-wd", {}),
    ("slowonly_463_pose_only(ts111,T32)", "slowonly-pose-only", {}),
    ("slowonly base16 T12 (Volleyball)", "slowonly-base16", {"num_classes": 8}),
    ("c3d_light(c3d-s)", "c3d-s", {}),
    ("c3d(4 stages, base32, no tds)", "c3d", {}),
    ("c3d(4 stages, base32, tds)", "c3d", {"temporal_downsample": True}),
    ("x3d_shallow(x3d-s)", "x3d-s", {}),
    ("x3d(gamma_d2.2)", "x3d", {}),
    ("x3d(gamma_d2.2,se,swish)", "x3d", {"se_ratio": 1 / 16, "swish": True}),
]


@pytest.mark.parametrize(("stats", "name", "config"), SIZES)
def test_size_and_cost(stats: str, name: str, config: dict[str, object]) -> None:
    expected = STATS[stats]
    with torch.device("meta"):
        model = build(name, **({"num_classes": 60} | config)).eval()
    assert parameters(model) == expected["params"]
    assert len(model.state_dict()) == expected["tensors"]
    assert features(model, expected["inp"]) == expected["feat"]
    assert macs(model, (1, *expected["inp"])) == expected["macs"]


def test_all_published_sizes_are_compared() -> None:
    assert STATS.keys() == {row[0] for row in SIZES}


@pytest.mark.parametrize(
    ("channels", "width"), [(54, 8), (108, 8), (216, 16), (200, 16), (151, 16), (8, 8), (1000, 64)]
)
def test_squeezed_widths(channels: int, width: int) -> None:
    assert squeezed_width(channels, 1 / 16) == width


def test_every_other_block_squeezes_and_each_has_a_swish() -> None:
    with torch.device("meta"):
        backbone = build("x3d-s", num_classes=3, se_ratio=0.25, swish=True).backbone
    for stage in ("layer1", "layer2", "layer3"):
        blocks = list(backbone.get_submodule(stage))
        assert [block.se_module is not None for block in blocks] == [index % 2 == 0 for index in range(len(blocks))]
        assert all(isinstance(block.swish, torch.nn.SiLU) for block in blocks)


def test_squeezing_weighs_channels_by_their_means() -> None:
    """With the first layer silent, the share is the sigmoid of the second one's bias."""
    squeeze = SqueezeExcitation(8, 1.0)
    for parameter in squeeze.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(squeeze.fc2.bias[:4], 100.0)
    x = torch.rand(2, 8, 3, 4, 4)
    expected = x * torch.tensor([1.0] * 4 + [0.5] * 4).view(1, 8, 1, 1, 1)
    assert torch.allclose(squeeze(x), expected)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_a_backbone_and_a_head(name: str) -> None:
    with torch.device("meta"):
        model = build(name, num_classes=3, in_channels=5).eval()
    assert model(torch.zeros(2, 5, 8, 32, 32, device="meta")).shape == (2, 3)
    heads = {key for key in model.state_dict() if not key.startswith("backbone.")}
    assert heads == {"cls_head.fc_cls.weight", "cls_head.fc_cls.bias"}


@pytest.mark.parametrize("name", ["slowonly", "slowonly-points", "c3d", "x3d-s"])
def test_every_parameter_learns(name: str) -> None:
    torch.manual_seed(0)
    model = build(name, num_classes=3, in_channels=5, base_channels=8)
    model(torch.rand(2, 5, 4, 16, 16)).square().sum().backward()
    gradients = {key: parameter.grad for key, parameter in model.named_parameters()}
    assert [key for key, gradient in gradients.items() if gradient is None or not gradient.isfinite().all()] == []


def test_blocks_start_as_identity() -> None:
    model = build("slowonly", num_classes=2)
    last = [parameter for key, parameter in model.named_parameters() if key.endswith("conv3.bn.weight")]
    assert len(last) == 13
    assert all((parameter == 0).all() for parameter in last)


@pytest.mark.parametrize(
    ("config", "shape", "expected"),
    [
        ({"base_channels": 16, "blocks": [2, 3, 2]}, (17, 24, 40, 40), [1, 256, 12, 5, 5]),
        (
            {"base_channels": 24, "blocks": (2, 3, 2), "temporal_strides": (1, 1, 1)},
            (17, 16, 32, 32),
            [1, 384, 16, 4, 4],
        ),
        (
            {
                "base_channels": 8,
                "blocks": (1, 1),
                "inflate": (1, 1),
                "spatial_strides": (2, 2),
                "temporal_strides": (1, 2),
            },
            (17, 8, 16, 16),
            [1, 64, 4, 4, 4],
        ),
        ({"base_channels": 8, "stem_kernel": [1, 5, 5], "stem_stride": [1, 2, 2]}, (17, 8, 32, 32), [1, 128, 4, 2, 2]),
        ({"base_channels": 8, "pool_kernel": (1, 1, 1)}, (17, 8, 32, 32), [1, 128, 4, 4, 4]),
        ({"base_channels": 8, "pool_kernel": (1, 3, 3), "pool_stride": (1, 2, 2)}, (17, 8, 32, 32), [1, 128, 4, 2, 2]),
    ],
    ids=["base16", "base24-all-frames", "two-stages", "strided-stem", "no-pool", "strided-pool"],
)
def test_small_variants(config: dict[str, object], shape: tuple[int, ...], expected: list[int]) -> None:
    with torch.device("meta"):
        model = build("slowonly", num_classes=21, **config)
    assert features(model, shape) == expected


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("", {"num_classes": 2}, "unknown architecture ''"),
        ("resnet", {"num_classes": 2}, "unknown architecture 'resnet'"),
        ("slowonly", {}, "num_classes"),
        ("slowonly", {"num_classes": 2, "colour": 1}, "colour"),
        ("slowonly", {"num_classes": 2, "blocks": (1, 1)}, "one entry per stage"),
        ("slowonly", {"num_classes": 2, "stem_kernel": (7, 7)}, r"\(t, h, w\)"),
        ("c3d", {"num_classes": 2, "num_stages": 7}, "num_stages"),
        ("x3d", {"num_classes": 2, "blocks": (1, 1)}, "one entry per stage"),
        ("x3d", {"num_classes": 2, "se_ratio": 0.0}, "se_ratio 0.0"),
        ("slowonly", {"num_classes": 0}, "num_classes must be above 0, got 0"),
        ("slowonly", {"num_classes": 2, "in_channels": 0}, "slowonly: in_channels must be above 0, got 0"),
        ("slowonly", {"num_classes": 2, "base_channels": 0}, "base_channels must be above 0, got 0"),
        ("slowonly", {"num_classes": 2, "base_channels": -4}, "base_channels must be above 0, got -4"),
        ("slowonly", {"num_classes": 2, "blocks": [4, 0, 3]}, r"blocks must be above 0, got \[4, 0, 3\]"),
        ("slowonly", {"num_classes": 2, "spatial_strides": [0, 2, 2]}, "spatial_strides"),
        ("slowonly", {"num_classes": 2, "stem_kernel": [0, 7, 7]}, "stem_kernel"),
        ("slowonly", {"num_classes": 2, "pool_stride": [1, 0, 1]}, "pool_stride"),
        ("slowonly-points", {"num_classes": 2, "point_width": 0}, "point_width"),
        ("c3d", {"num_classes": 2, "base_channels": 0}, "base_channels"),
        ("x3d", {"num_classes": 2, "depth": 0.0}, "depth"),
        ("x3d", {"num_classes": 2, "bottleneck": 0.01}, "bottleneck must be above 0"),
        ("rgbpose-conv3d", {"num_classes": 0}, "num_classes"),
        ("rgbpose-conv3d", {"num_classes": 2, "rgb": {"base_channels": 0}}, "base_channels"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_wrong_request_says_so(name: str, config: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(name, **config)


def test_layers_are_named_in_order() -> None:
    assert SlowOnly(blocks=(1, 1, 1)).stages == ["layer1", "layer2", "layer3"]
