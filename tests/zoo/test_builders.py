"""Every architecture that a card may name: written, loaded by path, and run on the input that its forward describes."""

import json
from pathlib import Path

import pytest
import torch
from checkpoints import network

from poseact.zoo import Card, Preprocessing, Rgb, load, save
from poseact.zoo.build import builders

POSES, CROP = ((2, 17, 8, 16, 16),), ((1, 3, 64, 32),)
TINY = {"base_channels": 4}
ROWS = {  # architecture: (configuration, inputs, shapes of what comes back)
    "nanodet-g": ({"width": 8, "depths": [1, 1, 1, 1], "neck": 16, "classes": 1}, ((1, 3, 64, 64),), None),
    "movenet": ({"width": 0.35}, CROP, [(1, 17, 16, 8), (1, 1, 16, 8), (1, 17, 2, 16, 8), (1, 17, 2, 16, 8)]),
    "hrnet": ({"width": 32}, CROP, [(1, 17, 16, 8)]),
    "hrnet-ae": ({}, CROP, [(1, 34, 16, 8)]),
    "higher-hrnet": ({}, CROP, [(1, 34, 16, 8), (1, 17, 32, 16)]),
    "simple-baseline-resnet50": ({}, CROP, [(1, 17, 16, 8)]),
    "simple-baseline-mobilenetv2": ({}, CROP, [(1, 17, 16, 8)]),
    "slowonly": (TINY, POSES, [(2, 3)]),
    "slowonly-346": (TINY, POSES, [(2, 3)]),
    "slowonly-wd": (TINY, POSES, [(2, 3)]),
    "slowonly-pose-only": (TINY, POSES, [(2, 3)]),
    "slowonly-base16": ({}, POSES, [(2, 3)]),
    "slowonly-points": ({**TINY, "point_width": 4, "point_streams": 2}, POSES, [(2, 3)]),
    "c3d-s": (TINY, POSES, [(2, 3)]),
    "c3d": (TINY, ((2, 17, 8, 32, 32),), [(2, 3)]),
    "x3d-s": (TINY, POSES, [(2, 3)]),
    "x3d": (TINY, POSES, [(2, 3)]),
    "rgbpose-conv3d": (
        {"rgb": {"base_channels": 8, "blocks": [1, 1, 1, 1]}, "pose": {"base_channels": 8, "blocks": [1, 1, 1]}},
        ((1, 3, 2, 64, 64), (1, 17, 8, 16, 16)),
        [(1, 3), (1, 3)],
    ),
}


def test_every_architecture_has_a_row():
    assert builders().keys() == ROWS.keys()


def card(architecture, config):
    """As an import or a training run would write it."""
    if architecture == "nanodet-g":
        return Card(name="x", task="detect", architecture=architecture, config=config)
    if "net" in architecture or "baseline" in architecture:
        return Card(name="x", task="pose", architecture=architecture, config=config)
    inputs = {"clip_len": 32, "rgb": Rgb()} if architecture == "rgbpose-conv3d" else {}
    return Card(
        name="x", task="classify", architecture=architecture, config={**config, "num_classes": 3}, labels=tuple("abc"),
        preprocessing=Preprocessing(**inputs),
    )  # fmt: skip


def tensors_of(answer):
    return [answer] if isinstance(answer, torch.Tensor) else [one for one in answer if isinstance(one, torch.Tensor)]


@pytest.mark.parametrize("architecture", ROWS)
def test_saved_networks_are_loaded_and_run(architecture, tmp_path):
    config, shapes, expected = ROWS[architecture]
    about = card(architecture, config)
    built = network(architecture, **about.config)
    path = save(tmp_path, built.state_dict(), about)
    assert json.loads(Path(path).with_suffix(".json").read_text())["architecture"] == architecture
    loaded = load(str(path))
    assert not loaded.training
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    inputs = [torch.rand(shape) for shape in shapes]
    with torch.inference_mode():
        found, wanted = tensors_of(loaded(*inputs)), tensors_of(built(*inputs))
    assert found
    assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))
    if expected is not None:
        assert [tuple(one.shape) for one in found] == expected
