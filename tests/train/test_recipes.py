"""The recipes of networks of poses alone are the published ones; those of pictures are in test_two_streams.py."""

import json

import pytest
import torch
from swings import swings

from poseact.models import build
from poseact.skeleton import COCO17
from poseact.train import recipe
from poseact.train.clips import stack
from poseact.train.network import network_config
from poseact.train.optimise import learning_rate, optimizer


@pytest.mark.parametrize(
    ("name", "architecture", "numbers", "sides", "people", "classes", "million"),
    [
        ("ntu60", "slowonly", (256, 0.4, 3e-4, 240, "cosine", ()), (56, 64), 2, 60, 2.025),
        ("gym", "slowonly", (256, 0.4, 3e-4, 240, "cosine", ()), (56, 64), 2, 99, 2.045),
        ("k400", "slowonly-346", (256, 0.4, 1e-4, 240, "cosine", ()), (56, 64), 10, 400, 3.209),
        ("finetune", "slowonly-346", (128, 0.01, 3e-4, 120, "step", (9 / 12, 11 / 12)), (48, 56), 2, 101, 3.056),
    ],
)
def test_published_numbers(name, architecture, numbers, sides, people, classes, million):
    made = recipe(name)
    inputs = made.preprocessing
    found = (made.batch_size, made.lr, made.weight_decay, made.epochs, made.schedule, made.steps)
    assert (made.architecture, found, (made.drawn_size, inputs.size)) == (architecture, numbers, sides)
    assert (made.lr_batch, made.optimizer, made.momentum, made.grad_clip) == (made.batch_size, "sgd", 0.9, 40)
    assert (made.warmup, made.label_smoothing, made.ema, made.balance, made.accumulate) == (0, 0, 0, 0, 1)
    assert (inputs.kind, inputs.clip_len, inputs.sigma, inputs.people) == ("joint", 48, 0.6, people)
    assert (inputs.num_clips, inputs.flip, inputs.seconds, made.measure_seconds) == (10, True, None, False)
    changed = {key: value for key, value in made.augmentation if value not in (0, 1)}
    assert changed == {"crop": 0.56, "flip": 0.5}

    clips = stack(swings(4).annotations, [str(number) for number in range(classes)], inputs)
    network = build(architecture, **network_config(made, clips))
    assert sum(one.numel() for one in network.parameters()) / 1e6 == pytest.approx(million, abs=0.001)
    assert [one.p for one in network.modules() if isinstance(one, torch.nn.Dropout)] == [0.5]
    assert {group["weight_decay"] for group in optimizer(network, made).param_groups} == {made.weight_decay}


@pytest.mark.parametrize("name", ["ntu60", "gym", "k400", "finetune", "rgb-only", "pose-only", "rgbpose"])
@pytest.mark.parametrize("share", [1, 1 / 8])
def test_rates_follow_the_batch(name, share):
    made = recipe(name)
    assert learning_rate(made, 0, 1000, round(made.batch_size * share)) == pytest.approx(made.lr * share)


@pytest.mark.parametrize(("kind", "channels", "parts"), [("joint+limb", 34, 5), ("joint", 17, 5), ("limb", 17, 0)])
def test_the_small_recipe_looks_at_the_parts_of_the_body(kind, channels, parts):
    made = recipe("small", {"preprocessing.kind": kind})
    clips = stack(swings(4).annotations, ["a", "b"], made.preprocessing)
    config = network_config(made, clips)
    assert (config["in_channels"], len(config["point_parts"])) == (channels, parts)
    assert config["point_mirror"] == (list(COCO17.flip_joints) if parts else [])
    assert json.loads(json.dumps(config)) == config
    network = build(made.architecture, **config).eval()
    assert network(torch.rand(1, channels, made.preprocessing.clip_len, 32, 32)).shape == (1, 2)
    own = [{"channels": [0], "origin": [0]}]
    assert network_config(recipe("small", {"config": {**made.config, "point_parts": own}}), clips)["point_parts"] == own
    assert "point_parts" not in network_config(recipe("small", {"architecture": "slowonly"}), clips)
