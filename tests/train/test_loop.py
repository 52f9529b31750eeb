import json
from pathlib import Path

import numpy as np
import pytest
import torch
from workers import run_twice

from poseact.errors import InvalidWeights, ModelError, UsageError
from poseact.models import build
from poseact.train import Trainer, recipe
from poseact.train.augment import track_gap
from poseact.train.batches import epoch_order
from poseact.train.clips import Clips
from poseact.train.distributed import Processes
from poseact.train.optimise import freeze, learning_rate, optimizer, resolve_precision, stages

CONFIG = {"in_channels": 17, "base_channels": 4, "blocks": [1, 1, 1], "stem_stride": [1, 2, 2]}
TINY = {
    "config": CONFIG, "preprocessing.kind": "joint", "preprocessing.clip_len": 4, "preprocessing.size": 16,
    "epochs": 2, "batch_size": 4, "precision": "float32", "warmup": 0.0,
}  # fmt: skip


def settings(**changes):
    return recipe("small", {**TINY, **changes})


def clips(count: int = 8, frames: int = 5) -> Clips:
    random = torch.Generator().manual_seed(3)
    return Clips(
        xy=tuple(10 + 80 * torch.rand(frames + row, 1, 17, 2, generator=random) for row in range(count)),
        score=tuple(torch.ones(frames + row, 1, 17) for row in range(count)), image_size=((100, 100),) * count,
        label=torch.arange(count) % 2, classes=("a", "b"), layout="coco17", names=tuple(map(str, range(count))),
    )  # fmt: skip


def network(dropout: float = 0.0) -> torch.nn.Module:
    torch.manual_seed(0)
    return build("slowonly", num_classes=2, dropout=dropout, **CONFIG)


def trained(processes: Processes | None = None, looks: int = 0, **changes) -> dict[str, torch.Tensor]:
    """The weights after a run and, of `looks` validation clips, what the averaged ones say."""
    validation = clips(looks) if looks else None
    trainer = Trainer(network(), settings(**changes), clips(), validation, processes)
    list(trainer.run())
    said = {"said": trainer.logits(trainer.average, validation)} if validation else {}
    return {**trainer.network.state_dict(), **said}


@pytest.mark.parametrize(
    ("changes", "step", "expected"),
    [
        ({"warmup": 0.1}, 0, 1 / 11),
        ({"warmup": 0.1}, 10, 1.0),
        ({}, 0, 1.0),
        ({}, 50, 0.5),
        ({"schedule": "step", "steps": [0.5, 0.75]}, 49, 1.0),
        ({"schedule": "step", "steps": [0.5, 0.75]}, 50, 0.1),
        ({"schedule": "step", "steps": [0.5, 0.75]}, 75, 0.01),
        ({"lr_batch": 256}, 0, 32 / 256),
    ],
    ids=["warming up", "warm", "peak", "half way", "before a step", "step", "second step", "scaled"],
)
def test_learning_rate(changes, step, expected):
    assert learning_rate(settings(lr=1.0, **changes), step, 100, 32) == pytest.approx(expected)


def test_frozen_stages_stay_as_they_are():
    before = network().state_dict()
    after = trained(frozen=2)
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert moved
    assert not any(key.startswith(("backbone.conv1.", "backbone.layer1.")) for key in moved)


def test_more_frozen_stages_than_there_are():
    with pytest.raises(UsageError, match="4 stages"):
        freeze(network(), 5)


def test_layer_decay_slows_the_first_stages():
    model = network()
    groups = optimizer(model, settings(layer_decay=0.5)).param_groups
    scale = {id(parameter): group["scale"] for group in groups for parameter in group["params"]}
    found = [scale[id(next(stage.parameters()))] for stage in stages(model)]
    assert found == [0.0625, 0.125, 0.25, 0.5]
    assert scale[id(model.cls_head.fc_cls.weight)] == 1


def test_balanced_classes_are_drawn_equally_often():
    label = torch.tensor([0] * 90 + [1] * 10)
    drawn = torch.tensor(epoch_order(label, 10, 1.0, torch.Generator().manual_seed(0)))
    assert 0.35 < label[drawn.flatten()].float().mean() < 0.65
    once = torch.tensor(epoch_order(label, 10, 0.0, torch.Generator().manual_seed(0)))
    assert once.flatten().sort().values.tolist() == list(range(100))


def test_a_batch_in_parts_is_the_batch_as_a_whole():
    """With the backbone frozen, that is without batch norms that average over fewer clips."""
    whole, parts = trained(frozen=4, lr=0.1), trained(frozen=4, lr=0.1, accumulate=2)
    key = "cls_head.fc_cls.weight"
    assert not torch.equal(whole[key], network().state_dict()[key])
    torch.testing.assert_close(parts[key], whole[key])


@pytest.mark.parametrize("accumulate", [3, 2], ids=["not divisible", "too small"])
def test_an_impossible_division_is_refused(accumulate):
    with pytest.raises(UsageError):
        Trainer(network(), settings(accumulate=accumulate, batch_size=4 if accumulate == 3 else 3), clips(), None)


def test_a_run_that_does_not_improve_ends_early():
    trainer = Trainer(network(), settings(epochs=50, patience=2, evaluate_every=1, lr=1e-9, ema=0), clips(), clips(4))
    epochs = list(trainer.run())
    losses = [epoch.validation.loss for epoch in epochs]
    assert len(epochs) < 50
    assert trainer.looks_since_best == 2
    assert trainer.best_loss == min(losses) == losses[-3]
    assert epochs[-1].seconds_left == 0


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """Of a run that has come to its end."""
    path = tmp_path_factory.mktemp("run") / "last.ckpt"
    trainer = Trainer(network(), settings(**LOOKING), clips(), clips(4))
    list(trainer.run())
    trainer.save(path)
    return path


LOOKING = {"evaluate_every": 1, "patience": 5}


def resumed(state: dict, folder: Path) -> None:
    torch.save(state, folder / "last.ckpt")
    Trainer(network(), settings(**LOOKING), clips(), clips(4)).resume(folder / "last.ckpt")


def test_a_checkpoint_fits_its_own_run(checkpoint, tmp_path):
    resumed(torch.load(checkpoint), tmp_path)


@pytest.mark.parametrize("epoch", [10**12, 3, -2, 1.5, None])
def test_a_checkpoint_of_an_epoch_that_cannot_be(checkpoint, tmp_path, epoch):
    with pytest.raises(InvalidWeights, match=r"\(epoch .+ of 2\); delete it to train from the start"):
        resumed({**torch.load(checkpoint), "epoch": epoch}, tmp_path)


def one_renamed(weights: dict) -> dict:
    first, *others = weights
    return {"x": weights[first], **{key: weights[key] for key in others}}


def first_group(state: dict, **changes: object) -> dict:
    first, *others = state["param_groups"]
    return {**state, "param_groups": [{**first, **changes}, *others]}


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("network", lambda held: [1]),
        ("average", one_renamed),
        ("average", lambda held: [1]),
        ("average", lambda held: {key: tensor.double() for key, tensor in held.items()}),
        ("average", lambda held: {key: tensor[None] for key, tensor in held.items()}),
        ("best", lambda held: [1]),
        ("best", one_renamed),
        ("best_loss", lambda held: "low"),
        ("looks_since_best", lambda held: None),
        ("history", lambda held: [1]),
        ("history", lambda held: [{}]),
        ("history", lambda held: "abc"),
        ("history", lambda held: held[:-1]),
        ("history", lambda held: [{**one, "loss": "low"} for one in held]),
        ("optimizer", lambda held: [1]),
        ("optimizer", lambda held: {**held, "state": {**held["state"], 0: {"step": torch.tensor(1.0)}}}),
        ("optimizer", lambda held: {**held, "state": {**held["state"], 0: [1]}}),
        ("optimizer", lambda held: {**held, "state": {**held["state"], "x": held["state"][0]}}),
        ("optimizer", lambda held: {**held, "state": dict.fromkeys(held["state"], held["state"][0])}),
        ("optimizer", lambda held: first_group(held, betas="xx")),
        ("optimizer", lambda held: first_group(held, weight_decay=None)),
        ("optimizer", lambda held: {**held, "param_groups": held["param_groups"][:1]}),
    ],
    ids=[
        "no network", "an average of another key", "no average", "an average of another type",
        "an average of another shape", "no best", "a best of another key", "no best loss", "no looks", "no history",
        "an empty row", "a text", "too few rows", "a row of texts", "no optimiser", "a weight without its means",
        "a weight without a state", "no such weight", "means of another shape", "no betas", "no decay",
        "too few groups",
    ],
)  # fmt: skip
def test_a_checkpoint_that_does_not_fit(checkpoint, tmp_path, part, change):
    state = torch.load(checkpoint)
    with pytest.raises(InvalidWeights, match=r"does not fit this run .+; delete it to train from the start") as caught:
        resumed({**state, part: change(state[part])}, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rule", [{"optimizer": "sgd"}, {"optimizer": "sgd", "momentum": 0}, {"frozen": 2}], ids=str)
def test_the_state_of_every_optimiser_fits(tmp_path, rule):
    first, again = (Trainer(network(), settings(**rule), clips(), None) for _ in range(2))
    list(first.run(tmp_path))
    again.resume(tmp_path / "last.ckpt")
    assert again.optimizer.state_dict()["state"].keys() == first.optimizer.state_dict()["state"].keys()


def test_a_gap_hides_a_stretch_of_some_clips():
    score = torch.ones(200, 16, 1, 3)
    hidden = track_gap(score, 0.5, torch.Generator().manual_seed(0)) == 0
    share = hidden[:, :, 0, 0].float().mean(1)
    assert 0.3 < (share > 0).float().mean() < 0.6
    assert share.max() <= 0.25 + 1 / 16
    assert torch.equal(track_gap(score, 0.0, torch.Generator()), score)


@pytest.mark.parametrize("name", ["float32", "bfloat16", "auto"])
def test_precision_on_the_cpu(name):
    found = resolve_precision(name, torch.device("cpu"))
    assert found in ((torch.float32, torch.bfloat16) if name == "auto" else (getattr(torch, name),))


def test_pictures_are_trained_in_float32_on_the_cpu():
    cpu = torch.device("cpu")
    assert resolve_precision("auto", cpu, pictures=True) is torch.float32
    assert resolve_precision("float32", cpu, pictures=True) is torch.float32
    with pytest.raises(UsageError, match="float32 only"):
        resolve_precision("bfloat16", cpu, pictures=True)


def test_bfloat16_learns_like_float32():
    changes = {"epochs": 1, "optimizer": "sgd", "lr": 0.05}
    first, exact, coarse = network().state_dict(), trained(**changes), trained(precision="bfloat16", **changes)
    key = "cls_head.fc_cls.weight"
    assert not torch.equal(exact[key], coarse[key])
    assert (exact[key] - coarse[key]).norm() < 0.3 * (exact[key] - first[key]).norm()


WORKER = """
import sys, torch
from pathlib import Path
sys.path[:0] = [{tests!r}]
torch.set_num_threads(1)
from test_loop import trained
from poseact.train.distributed import Processes
processes = Processes.join("cpu")
state = trained(processes, **{changes!r})
if processes.writes:
    torch.save(state, {out!r})
processes.leave()
threads = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]  # none where the system has no /proc
assert not [name for name in threads if "gloo" in name], threads
"""


@pytest.mark.parametrize(
    ("mixup", "looks", "rule"),
    [(0.0, 1, {"optimizer": "sgd", "lr": 0.05}), (0.2, 5, {"optimizer": "sgd", "lr": 0.05}), (0.2, 5, {})],
    ids=["plain", "mixup", "adamw"],
)
def test_two_processes_train_as_one_does(tmp_path, mixup, looks, rule):
    changes = {"augmentation.mixup": mixup, "looks": looks, "evaluate_every": 1, "patience": 2, **rule}
    code = WORKER.format(tests=str(Path(__file__).parent), changes=changes, out=str(tmp_path / "state.pt"))
    assert not [error for error in run_twice(code) if "Warning" in error]
    together, alone = torch.load(tmp_path / "state.pt", weights_only=True), trained(**changes)
    assert together.keys() == alone.keys()
    for key, tensor in alone.items() if rule else ():  # AdamW takes whole steps where a gradient is rounding alone
        np.testing.assert_allclose(together[key], tensor, atol=1e-5, rtol=1e-4, err_msg=key)
    first = network().state_dict()
    change = sum((alone[key] - first[key]).abs().sum() for key in first if alone[key].is_floating_point())
    apart = sum((alone[key] - together[key]).abs().sum() for key in first if alone[key].is_floating_point())
    assert apart < 0.02 * change


def test_a_half_set_environment_is_explained(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(UsageError, match="torchrun"):
        Processes.join("cpu")


def test_settings_are_json():
    assert json.loads(settings().model_dump_json())["precision"] == "float32"


def test_weights_that_the_last_step_spoiled_are_no_model(monkeypatch):
    step = Trainer._step

    def spoiled(self, *arguments):
        totals = step(self, *arguments)
        next(self.network.parameters()).data.fill_(torch.inf)
        return totals

    monkeypatch.setattr(Trainer, "_step", spoiled)
    with pytest.raises(ModelError, match="the weights are not finite numbers in epoch 1; try a smaller lr"):
        trained(batch_size=8)
