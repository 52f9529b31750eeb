"""RGBPose-Conv3D in training: the recipes, the start from two networks, two losses and figures, exact resume."""

import json
import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from squares import CLASSES, TINY, square, squares, tiny
from workers import run_twice

from poseact.errors import InvalidVideo, UsageError
from poseact.models import build
from poseact.poses import PoseDataset
from poseact.recognize import Classifier, Stretch
from poseact.recognize.videos import videos_of
from poseact.train import Processes, few_shot, recipe, settings_of, train
from poseact.train import start as start_module
from poseact.train.batches import Random, training_batches
from poseact.train.clips import stack
from poseact.train.footage import with_videos
from poseact.train.heads import loss_of, measured, shares_right
from poseact.train.network import first_network
from poseact.train.optimise import freeze, optimizer, stages
from poseact.train.run import _card
from poseact.zoo import Rgb, load_with_card

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return squares(tmp_path_factory.mktemp("squares"))


@pytest.fixture(scope="module")
def videos(dataset):
    return videos_of(dataset.annotations, None)


def run(dataset, name, out, *, start=None, on_epoch=None, **changes):
    return train(
        dataset, tiny(name, **changes), out, name=out.name, train_splits=["train"], validation_splits=["val"],
        videos=videos_of(dataset.annotations, None), start=start, half=False, on_epoch=on_epoch,
    )  # fmt: skip


@pytest.fixture(scope="module")
def singles(dataset, tmp_path_factory):
    """The runs of a network of pictures and of one of poses."""
    folder = tmp_path_factory.mktemp("singles")
    for name in ("rgb-only", "pose-only"):
        run(dataset, name, folder / name, epochs=2)
    return str(folder / "rgb-only"), str(folder / "pose-only")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rgb-only", (96, 0.15, 1e-4, 180, "cosine", (), ("rgb",), 224)),
        ("pose-only", (128, 0.2, 3e-4, 180, "cosine", (), ("pose",), 0)),
        ("rgbpose", (48, 0.0075, 1e-4, 20, "step", (0.6, 0.8), ("rgb", "pose"), 224)),
    ],
)
def test_recipes_are_the_published_ones(name, expected):
    made = recipe(name)
    found = (made.batch_size, made.lr, made.weight_decay, made.epochs, made.schedule, made.steps, made.streams)
    assert (*found, made.shown_size) == expected
    assert made.lr_batch == made.batch_size
    assert (made.optimizer, made.momentum, made.grad_clip, made.loss_weights) == ("sgd", 0.9, 40, (1, 1))
    inputs = made.preprocessing
    assert (inputs.clip_len, inputs.size, inputs.num_clips) == (32, 64, 10)
    assert (inputs.sigma, inputs.flip) == ((0.6, True) if name == "pose-only" else (0.7, False))
    assert (made.augmentation.crop, made.augmentation.flip) == (0.56, 0.5)
    if name != "rgb-only":
        assert made.drawn_size == 56
    if name != "pose-only":
        assert inputs.rgb == Rgb(size=224 if name == "rgb-only" else 256)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("rgbpose", {"augmentation.mixup": 0.2}, "mixup changes poses, not pictures"),
        ("rgb-only", {"augmentation.mixup": 0.2}, "mixup changes poses, not pictures"),
        ("rgb-only", {"augmentation.bones": 0.1}, "bones changes poses, not pictures"),
        ("small", {"architecture": "rgbpose-conv3d"}, "take --recipe rgbpose"),
        ("rgbpose", {"loss_weights": [1, -1]}, "loss_weights"),
        ("rgbpose", {"loss_weights": [1]}, "loss_weights"),
    ],
    ids=["mixup", "mixup of pictures", "bones of pictures", "no pictures", "negative weight", "one weight"],
)
def test_settings_that_cannot_work_are_one_line(name, changes, words):
    with pytest.raises(UsageError, match=words) as caught:
        recipe(name, {**TINY.get(name, {}), **changes})
    assert len(str(caught.value)) < 200


def first(dataset, start, classes=CLASSES, said=None, name="rgbpose", **changes):
    """The network of a run before its first step."""
    settings = tiny(name, **changes)
    clips = stack(dataset.annotations, classes, settings.preprocessing)
    say = (said if said is not None else []).append
    return first_network(settings, _card(settings, settings.preprocessing, clips, "model", ""), start, say).eval()


def inputs(dataset, videos):
    clips = with_videos(stack(dataset.annotations, CLASSES, tiny("rgbpose").preprocessing), videos)
    ((found, _),) = training_batches(clips, [[0, 1, 2]], tiny("rgbpose"), Random.of(0, CPU), CPU)
    return found


def test_the_merged_network_starts_with_what_the_streams_say(dataset, videos, singles):
    pictures, heatmaps = inputs(dataset, videos)
    merged = first(dataset, singles).double()
    rgb, pose = (load_with_card(one).network.double() for one in singles)
    with torch.inference_mode():
        found = merged(pictures.double(), heatmaps.double())
        expected = rgb(pictures.double()), pose(heatmaps.double())
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=1e-10)
    assert all(float(one.std(0).min()) > 1e-4 for one in found)  # the clips are told apart
    assert not torch.allclose(*found)


def test_what_reads_the_other_stream_starts_at_zero_and_learns(dataset, singles, tmp_path):
    start = first(dataset, singles).state_dict()
    out = run(dataset, "rgbpose", tmp_path / "run", start=singles, epochs=1).weights
    end = load_with_card(str(out)).network.state_dict()
    added = {"rgb_path.layer3.0.conv1": 64, "rgb_path.layer4.0.downsample": 128, "pose_path.layer2.0.conv1": 32,
             "pose_path.layer3.0.downsample": 64}  # fmt: skip
    for key, own in added.items():
        name = f"backbone.{key}.conv.weight"
        assert start[name][:, :own].any()
        assert not start[name][:, own:].any()
        assert end[name][:, own:].any()


def test_heads_follow_the_names_of_the_classes(dataset, videos, singles):
    pictures, heatmaps = inputs(dataset, videos)
    said = []
    with torch.inference_mode():
        one, swapped = (first(dataset, singles, names, said)(pictures, heatmaps) for names in (CLASSES, CLASSES[::-1]))
    for answers, other in zip(one, swapped, strict=True):
        torch.testing.assert_close(answers, other.flip(1))
    assert said == []


def test_rows_of_classes_of_the_same_name_stay_apart(dataset, videos, singles, monkeypatch):
    real = start_module.load_with_card

    def twins(name, **options):
        found = real(name, **options)
        return replace(found, card=found.card.model_copy(update={"labels": ("up", "up")}))

    monkeypatch.setattr(start_module, "load_with_card", twins)
    network = first(dataset, singles, ("up", "up"))
    for path, single in zip(("rgb", "pose"), singles, strict=True):
        theirs = real(single).network.cls_head.fc_cls.weight
        torch.testing.assert_close(getattr(network.cls_head, f"fc_{path}").weight, theirs)


def test_other_classes_get_new_heads_which_is_said(dataset, singles):
    said = []
    network = first(dataset, singles, ("up", "down", "round"), said)
    assert network.cls_head.fc_rgb.weight.shape == (3, 256)
    assert network.cls_head.fc_pose.weight.shape == (3, 128)
    assert len(said) == 2
    assert all("a new one is trained" in line for line in said)


def cards(*names):
    return tuple(load_with_card(name).card for name in names)


def test_settings_come_from_both_networks(singles):
    made = settings_of("rgbpose", None, {"train_size": 16}, cards(*singles))
    assert (made.preprocessing.clip_len, made.preprocessing.size) == (8, 16)
    assert (made.preprocessing.rgb.clip_len, made.preprocessing.rgb.size) == (2, 64)
    assert (made.preprocessing.sigma, made.preprocessing.flip) == (0.7, False)  # the recipe's
    assert (made.config["rgb"]["blocks"], made.config["pose"]["base_channels"]) == ([1, 1, 1, 1], 8)
    assert made == made.model_validate_json(made.model_dump_json())
    assert (made.lr, made.epochs, made.shown_size) == (0.0075, 20, 64)


@pytest.mark.parametrize(
    ("which", "words"),
    [((1, 1), "pose-only is no network of pictures"), ((0, 0), "rgb-only is no SlowOnly of poses")],
    ids=["two of poses", "two of pictures"],
)
def test_networks_that_are_no_streams_are_refused(singles, which, words):
    with pytest.raises(UsageError, match=words):
        settings_of("rgbpose", None, {}, cards(*(singles[one] for one in which)))


def test_strides_over_time_are_refused(singles):
    rgb, pose = cards(*singles)
    config = {**pose.config, "temporal_strides": [1, 1, 2]}
    with pytest.raises(UsageError, match="temporal strides of 1"):
        settings_of("rgbpose", None, {}, (rgb, pose.model_copy(update={"config": config})))


def test_a_network_of_another_width_is_refused(dataset, singles):
    config = {"rgb": {"base_channels": 16, "blocks": [1, 1, 1, 1]}, "pose": {"base_channels": 8, "blocks": [1, 1, 1]}}
    with pytest.raises(UsageError, match="do not go together"):
        first(dataset, singles, config=config)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"preprocessing.clip_len": 12}, "4 heatmaps per picture"),
        ({"config": {"rgb": {"blocks": [1]}, "pose": {}}}, "one stage more"),
        ({"config": {"rgb": {"colour": 1}, "pose": {}}}, "colour"),
        ({"config": {"rgb": 3, "pose": {}}}, "rgbpose-conv3d"),
        ({"config": {"pose": 3}}, "rgbpose-conv3d"),
    ],
    ids=["frames", "stages", "argument", "no group", "no group of poses"],
)
def test_networks_of_two_streams_that_cannot_be_built(dataset, changes, words):
    with pytest.raises(UsageError, match=words) as caught:
        first(dataset, None, **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (2.0, 0.5), (0.0, 1.0)])
def test_the_loss_is_the_weighted_sum_of_both(weights):
    rgb, pose = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    target = torch.tensor([[1.0, 0.0]])
    assert loss_of((rgb, pose), target, weights, 0.0).item() == pytest.approx(
        weights[0] * 0.126928 + weights[1] * 1.313262, abs=1e-5
    )
    assert loss_of((pose,), target, weights, 0.0).item() == pytest.approx(1.313262, abs=1e-5)


def test_figures_of_both_heads_and_together():
    rgb = torch.tensor([[3.0, 0], [3.0, 0], [0, 0.1]])  # right, wrong, right
    pose = torch.tensor([[0, 1.0], [0, 1.0], [0, 1.0]])  # wrong, right, right; together: right, wrong, right
    target = torch.tensor([[1.0, 0], [0, 1], [0, 1]])
    assert [one.item() for one in shares_right((rgb, pose), target)] == pytest.approx([2 / 3, 2 / 3, 2 / 3])
    assert [one.item() for one in shares_right((rgb[1:], pose[1:]), target[1:])] == pytest.approx([0.5, 0.5, 1.0])
    assert [one.item() for one in shares_right((pose[1:],), target[1:])] == [1.0]
    together, pictures, poses = measured(torch.stack([rgb, pose], 1)[:, :, None], target.argmax(1))
    assert (together.top1, pictures.top1, poses.top1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert pictures.confusion.tolist() == [[1, 0], [1, 1]]
    assert poses.confusion.tolist() == [[0, 1], [0, 2]]


def network():
    torch.manual_seed(0)
    return build("rgbpose-conv3d", num_classes=2, **tiny("rgbpose").config)


def test_frozen_stages_are_those_of_both_paths():
    model = network()
    assert len(stages(model)) == 5
    freeze(model, 3)
    kept = {key for key, one in model.backbone.named_parameters() if not one.requires_grad}
    assert {key.rsplit(".", 1)[0].split(".0.")[0].removesuffix(".conv").removesuffix(".bn") for key in kept} == {
        "rgb_path.conv1", "rgb_path.layer1", "rgb_path.layer2", "rgb_path.layer2_lateral", "pose_path.conv1",
        "pose_path.layer1", "pose_path.layer1_lateral",
    }  # fmt: skip
    with pytest.raises(UsageError, match="5 stages"):
        freeze(model, 6)


def test_every_parameter_has_one_rate():
    model = network()
    groups = optimizer(model, tiny("rgbpose", layer_decay=0.5)).param_groups
    scale = {id(parameter): group["scale"] for group in groups for parameter in group["params"]}
    assert sorted(scale) == sorted(id(one) for one in model.parameters())
    assert scale[id(model.backbone.rgb_path.conv1.conv.weight)] == 0.5**5
    assert scale[id(model.backbone.pose_path.layer3[0].conv1.conv.weight)] == 0.5
    assert scale[id(model.cls_head.fc_pose.weight)] == 1


def test_two_streams_learn_and_are_recognised_at_once(dataset, videos, singles, tmp_path):
    epochs = []
    finished = run(dataset, "rgbpose", tmp_path / "run", start=singles, on_epoch=epochs.append, epochs=8)
    losses = [epoch.loss for epoch in epochs]
    assert sum(losses[-2:]) < 0.8 * sum(losses[:2])
    assert len(epochs[-1].stream_accuracy) == len(epochs[-1].stream_validation) == len(finished.streams) == 2
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert lines[0].endswith("lr,accuracy_rgb,accuracy_pose,val_top1_rgb,val_top1_pose")
    assert lines[1].endswith(",,")
    card = finished.card
    assert card.architecture == "rgbpose-conv3d"
    assert card.training["validation_top1_rgb"] == round(finished.streams[0].top1, 4)

    model = Classifier.open(str(tmp_path / "run"))
    assert model.streams == ("rgb", "pose")
    clips = [one for one in dataset.annotations if one.name in dataset.splits["val"]]
    answers = [model.judge(Stretch(one, pictures=videos[one.name])).probability for one in clips]
    right = [answer.argmax() == one.label for answer, one in zip(answers, clips, strict=True)]
    assert sum(right) / len(right) == finished.validation.top1
    logits = torch.stack(list(model.view_logits(Stretch(one, pictures=videos[one.name]) for one in clips)))
    found = measured(logits, torch.tensor([one.label for one in clips]))
    assert found[0].loss == pytest.approx(finished.validation.loss, abs=1e-4)
    assert [one.loss for one in found[1:]] == pytest.approx([one.loss for one in finished.streams], abs=1e-4)


def test_a_model_of_two_streams_goes_on_with_other_classes(dataset, singles, tmp_path):
    """Swapped class names: the same clips with the rows of both heads exchanged."""
    first = run(dataset, "rgbpose", tmp_path / "first", start=singles, epochs=1)
    config = {key: value for key, value in first.card.config.items() if key != "num_classes"}
    barely = {"lr": 1e-12, "config": config, "epochs": 1}
    swapped = replace(dataset, classes=CLASSES[::-1])
    second = run(swapped, "rgbpose", tmp_path / "second", start=str(tmp_path / "first"), **barely)
    one, two = (load_with_card(str(found.weights)).network.state_dict() for found in (first, second))
    for head in ("fc_rgb", "fc_pose"):
        torch.testing.assert_close(two[f"cls_head.{head}.weight"], one[f"cls_head.{head}.weight"].flip(0))


def test_pictures_alone_learn_too(dataset, tmp_path):
    epochs = []
    steady = {"optimizer": "adamw", "lr": 0.003, "augmentation.crop": 1, "augmentation.flip": 0}
    finished = run(dataset, "rgb-only", tmp_path / "run", on_epoch=epochs.append, epochs=20, **steady)
    losses = [epoch.loss for epoch in epochs]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])
    assert finished.streams == ()
    assert (finished.card.config["in_channels"], finished.card.architecture) == (3, "slowonly")
    assert Classifier.open(str(tmp_path / "run")).streams == ("rgb",)


def _die(epoch):
    if epoch.number == 2:
        os.kill(os.getpid(), signal.SIGKILL)


def _run_apart(folder: Path, out: Path, dies: bool) -> None:
    torch.set_num_threads(1)
    dataset = PoseDataset([square(f"clip{number}", number % 2, folder) for number in range(8)], {}, CLASSES)
    train(
        dataset, tiny("rgbpose", epochs=4), out, name="run", videos=videos_of(dataset.annotations, folder),
        on_epoch=_die if dies else None,
    )  # fmt: skip


def test_a_killed_run_ends_where_an_uninterrupted_one_does(tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["poseact.train", "squares", __name__])
    for out, dies in (("whole", False), ("parts", True), ("parts", False)):
        process = context.Process(target=_run_apart, args=(tmp_path / "clips", tmp_path / out, dies))
        process.start()
        process.join(100)
        assert process.exitcode == (-signal.SIGKILL if dies else 0)
    for name in ("model.safetensors", "metrics.csv"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_other_videos_are_another_run(dataset, tmp_path):
    mine = squares(tmp_path / "clips")
    run(mine, "rgb-only", tmp_path / "run", epochs=1)
    video = videos_of(mine.annotations, None)["clip0"].path
    video.write_bytes(Path(videos_of(dataset.annotations, None)["clip1"].path).read_bytes() + b"\0")
    with pytest.raises(UsageError, match="other settings or data"):
        run(mine, "rgb-only", tmp_path / "run", epochs=1)


def test_a_video_that_cannot_be_read_is_said_before_the_first_step(tmp_path):
    mine = squares(tmp_path / "clips")
    videos_of(mine.annotations, None)["clip11"].path.write_bytes(b"not a video")
    with pytest.raises(InvalidVideo, match=r"clip11.mp4"):
        run(mine, "rgbpose", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_few_examples_need_a_model_of_poses(dataset, singles, tmp_path):
    with pytest.raises(UsageError, match="looks at pictures"):
        few_shot(dataset, singles[0], tmp_path / "run", name="run")


def test_pictures_without_videos_are_one_line(dataset, tmp_path):
    with pytest.raises(UsageError, match="--videos DIR"):
        train(dataset, tiny("rgb-only"), tmp_path / "run", name="run")
    assert not (tmp_path / "run").exists()


def test_wide_pictures_in_less_than_float32_are_refused_on_a_cpu(dataset, tmp_path):
    with pytest.raises(UsageError, match="trained in float32 only"):
        run(dataset, "rgb-only", tmp_path / "refused", precision="bfloat16")
    run(dataset, "rgb-only", tmp_path / "run", precision="auto", epochs=1)


def test_the_run_notes_where_it_started(dataset, singles, tmp_path):
    run(dataset, "rgbpose", tmp_path / "run", start=singles, epochs=1)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["start"] == list(singles)
    with pytest.raises(UsageError, match="start is"):
        run(dataset, "rgbpose", tmp_path / "run", epochs=1)


WORKER = """
import sys, torch
from pathlib import Path
sys.path[:0] = {paths!r}
torch.set_num_threads(1)
from test_two_streams import shared_run
shared_run(Path({folder!r}), Path({out!r}))
"""


def shared_run(folder: Path, out: Path) -> None:
    """A run of this process and the others that the environment tells of."""
    dataset = PoseDataset([square(f"clip{number}", number % 2, folder) for number in range(8)], {}, CLASSES)
    processes = Processes.join("cpu")
    config = {**TINY["rgbpose"]["config"], "dropout": 0.0}
    train(
        dataset, tiny("rgbpose", epochs=2, config=config), out, name="run", half=False, processes=processes,
        videos=videos_of(dataset.annotations, folder),
    )  # fmt: skip
    processes.leave()


def test_two_processes_train_on_pictures_as_one_does(tmp_path):
    shared_run(tmp_path / "clips", tmp_path / "alone")
    paths = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    code = WORKER.format(paths=paths, folder=str(tmp_path / "clips"), out=str(tmp_path / "together"))
    run_twice(code)
    alone, together = (
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("alone", "together")
    )
    for one, two in zip(alone, together, strict=True):
        assert two["loss"] == pytest.approx(one["loss"], abs=2e-3)
        assert two["accuracy_pose"] == one["accuracy_pose"]
    first, second = (load_with_card(str(tmp_path / name)).network.state_dict() for name in ("alone", "together"))
    key = "backbone.rgb_path.layer3.0.conv1.conv.weight"
    torch.testing.assert_close(first[key], second[key], atol=5e-3, rtol=5e-2)
