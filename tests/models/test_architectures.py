"""Published names, shapes, sizes, costs and logits of every architecture."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from poseact.errors import UsageError
from poseact.models import ARCHITECTURES, SlowOnly, build

GOLDEN = Path(__file__).parent.parent / "golden"
FINGERPRINTS = json.loads((GOLDEN / "fingerprints.json").read_text())
STATS = json.loads((GOLDEN / "model_stats.json").read_text())


def fill(model: nn.Module) -> None:
    """The deterministic weights that the reference logits were computed with."""
    state = model.state_dict()
    for j, key in enumerate(sorted(state)):
        tensor = state[key]
        if not tensor.is_floating_point():
            continue
        s = np.sin(0.37 * np.arange(tensor.numel()) + 0.11 * j).reshape(tensor.shape)
        if key.endswith("running_var"):
            values = 1 + 0.25 * np.abs(s)
        elif tensor.ndim >= 2:
            values = s * np.sqrt(2 / tensor[0].numel())
        elif key.endswith(".weight"):
            values = 1 + 0.1 * s
        else:
            values = 0.1 * s
        tensor.copy_(torch.from_numpy(values))


def macs(model: nn.Module, shape: tuple[int, ...]) -> tuple[int, list[int]]:
    """Multiply-adds of the convolutions and linear layers on one input of zeros, and the shape of the features."""
    counts: list[int] = []

    def count(layer: nn.Module, _inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        per_output = layer.weight[0].numel()
        counts.append(per_output * output.numel())

    features: list[list[int]] = []
    hooks = [
        layer.register_forward_hook(count) for layer in model.modules() if isinstance(layer, nn.Conv3d | nn.Linear)
    ]
    hooks.append(model.backbone.register_forward_hook(lambda *seen: features.append(list(seen[2].shape))))
    model(torch.zeros(1, *shape, device="meta"))
    for hook in hooks:
        hook.remove()
    return sum(counts), features[0]


def published(name: str) -> list[tuple[str, tuple[int, ...]]]:
    rows = [line.split("\t") for line in (GOLDEN / name).read_text().splitlines() if line]
    return [(key, tuple(int(number) for number in re.findall(r"\d+", shape))) for key, shape in rows]


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
    expected = dict(published(file))
    with torch.device("meta"):
        state = build(name, num_classes=expected["cls_head.fc_cls.bias"][0]).state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == expected


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
    shape = expected["input"]
    x = torch.from_numpy(0.5 * (1 + np.sin(0.013 * np.arange(np.prod(shape))))).reshape(shape)
    with torch.inference_mode():
        logits = model(x)[0]
    assert logits[:5].numpy() == pytest.approx(expected["first5"], abs=1e-6)
    assert logits.sum().item() == pytest.approx(expected["sum"], abs=1e-6)
    assert logits.abs().max().item() == pytest.approx(expected["absmax"], abs=1e-6)


@pytest.mark.parametrize(
    ("stats", "name", "config"),
    [
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
    ],
)
def test_size_and_cost(stats: str, name: str, config: dict[str, object]) -> None:
    expected = STATS[stats]
    with torch.device("meta"):
        model = build(name, **({"num_classes": 60} | config)).eval()
    cost, features = macs(model, tuple(expected["inp"]))
    assert sum(parameter.numel() for parameter in model.parameters()) == expected["params"]
    assert len(model.state_dict()) == expected["tensors"]
    assert features == expected["feat"]
    assert cost == expected["macs"]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_a_backbone_and_a_head(name: str) -> None:
    with torch.device("meta"):
        model = build(name, num_classes=3, in_channels=5)
    assert model(torch.zeros(2, 5, 8, 32, 32, device="meta")).shape == (2, 3)
    heads = {key for key in model.state_dict() if not key.startswith("backbone.")}
    assert heads == {"cls_head.fc_cls.weight", "cls_head.fc_cls.bias"}


@pytest.mark.parametrize("name", ["slowonly", "c3d", "x3d-s"])
def test_every_parameter_learns(name: str) -> None:
    torch.manual_seed(0)
    model = build(name, num_classes=3, in_channels=5, base_channels=8)
    model(torch.rand(2, 5, 2, 16, 16)).square().sum().backward()
    gradients = {key: parameter.grad for key, parameter in model.named_parameters()}
    assert [key for key, gradient in gradients.items() if gradient is None or not gradient.isfinite().all()] == []


def test_blocks_start_as_identity() -> None:
    model = build("slowonly", num_classes=2)
    last = [parameter for key, parameter in model.named_parameters() if key.endswith("conv3.bn.weight")]
    assert len(last) == 13
    assert all((parameter == 0).all() for parameter in last)


@pytest.mark.parametrize(
    ("config", "shape", "features"),
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
def test_small_variants(config: dict[str, object], shape: tuple[int, ...], features: list[int]) -> None:
    with torch.device("meta"):
        model = build("slowonly", num_classes=21, **config)
    assert macs(model, shape)[1] == features


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
    ],
)
def test_a_wrong_request_says_so(name: str, config: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(name, **config)


def test_layers_are_named_in_order() -> None:
    assert SlowOnly(blocks=(1, 1, 1)).stages == ["layer1", "layer2", "layer3"]
