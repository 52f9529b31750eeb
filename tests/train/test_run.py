import json
from collections import Counter
from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
import torch

from poseact.errors import InvalidPoses, InvalidWeights, UsageError
from poseact.evaluate import evaluate
from poseact.evaluate.protocol import view_logits
from poseact.poses import PoseDataset
from poseact.recognize import Classifier, Stretch
from poseact.recognize.inputs import heatmap_views
from poseact.train import calibration, measure, recipe, train
from poseact.train.calibration import as_rows, typical_logits
from poseact.train.clips import stack, subject_box
from poseact.train.few_shot import cross_validated, few_shot, fit_head
from poseact.train.hold_out import folds
from poseact.train.loop import CHECKPOINT
from poseact.train.run import few_of_each
from poseact.types import PoseSequence, Provenance
from poseact.zoo import Preprocessing, load_with_card

TINY = {
    "config": {"in_channels": 17, "base_channels": 4, "blocks": [1, 1, 1], "stem_stride": [1, 2, 2]},
    "preprocessing.kind": "joint",
    "preprocessing.clip_len": 4,
    "preprocessing.size": 16,
    "epochs": 4,
    "batch_size": 4,
    "evaluate_every": 2,
}


def sequence(name: str, label: int, frames: int = 6, people: int = 1) -> PoseSequence:
    """A body whose wrists swing up and down (label 0) or from side to side (label 1)."""
    random = np.random.default_rng(crc32(name.encode()))
    body = np.stack([np.linspace(40, 60, 17), np.linspace(20, 90, 17)], 1)
    keypoint = np.repeat(body[None], frames, 0) + random.normal(0, 1, (frames, 17, 2))
    keypoint[:, [9, 10], 1 - label] += 20 * np.sin(np.arange(frames))[:, None]
    return PoseSequence(
        keypoint=np.repeat(keypoint[None], people, 0).astype(np.float32),
        keypoint_score=np.ones((people, frames, 17), np.float32), image_size=(100, 100), fps=10.0,
        pts=np.arange(frames) / 10, frame_index=np.arange(frames), track_id=np.arange(1, people + 1),
        boxes=np.ones((people, frames, 4), np.float32), box_score=np.ones((people, frames), np.float32),
        interpolated=np.zeros((people, frames), bool), name=name, label=label,
    )  # fmt: skip


@pytest.fixture
def dataset() -> PoseDataset:
    sequences = [sequence(f"clip{number}", number % 2) for number in range(14)]
    names = [one.name for one in sequences]
    return PoseDataset(sequences, {"train": names[:10], "val": names[10:]}, ("up", "side"))


def settings(**changes):
    return recipe("small", {**TINY, **changes})


def run(dataset, out, **changes):
    return train(
        dataset, settings(**changes), out, name="tiny", train_splits=["train"], validation_splits=["val"], half=False
    )


def test_a_run_leaves_a_model_that_loads(dataset, tmp_path):
    finished = run(dataset, tmp_path / "run")
    loaded = load_with_card(str(tmp_path / "run"))
    assert loaded.card == finished.card
    assert loaded.card.labels == ("up", "side")
    assert loaded.card.preprocessing.seconds == pytest.approx(0.6)  # as long as the clips
    assert finished.validation is not None
    assert finished.validation.confusion.sum() == 4
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert len(lines) == 1 + 4


@pytest.mark.parametrize("few", [False, True], ids=["train", "few-shot"])
def test_the_card_has_what_the_model_says_of_its_training_clips(dataset, tmp_path, few, monkeypatch):
    monkeypatch.setattr(calibration, "ENOUGH", 1)
    long = sequence("clip3", 1, frames=25)  # it is looked at in four windows, as `recognize` does
    dataset = PoseDataset([*dataset.annotations[:3], long, *dataset.annotations[4:]], dataset.splits, ("up", "side"))
    card = run(dataset, tmp_path / "run").card
    if few:
        splits = {"train_splits": ["train"], "validation_splits": ["val"]}
        card = few_shot(dataset, str(tmp_path / "run"), tmp_path / "few", name="few", licence="MIT", **splits).card
    assert card.licence == ("MIT" if few else "")
    model = Classifier.open(str(tmp_path / ("few" if few else "run")))
    clips = dataset.annotations[:10]
    logits = list(view_logits(model, clips, seconds=model.seconds))
    assert len({one.shape[1] for one in logits}) == 2
    expected = typical_logits(logits, torch.tensor([clip.label for clip in clips]))
    np.testing.assert_allclose(card.typical, as_rows(expected), atol=0.05 if few else 1e-3)  # few: half precision
    assert card.unknown_above >= 0
    if not few:
        found = evaluate(dataset.annotations[10:], model)
        assert found.scores.named(found.thresholds).mean() == pytest.approx(card.training["validation_kept"])


def test_examples_of_each_label_are_spread_evenly():
    sequences = [sequence(str(number), int(number in (4, 9))) for number in range(12)]
    assert [one.name for one in few_of_each(sequences, 3)] == ["0", "4", "5", "9", "10"]
    assert few_of_each(sequences, 50) == sequences


@pytest.mark.parametrize("few", [False, True], ids=["train", "few-shot"])
def test_long_clips_are_judged_window_by_window_as_evaluate_does(dataset, tmp_path, few):
    long = [sequence(f"long{number}", number % 2, frames) for number, frames in enumerate((6, 13, 30, 40))]
    long[2].box_score[:, 9:18] = 0  # nobody there in the middle
    long[2].keypoint_score[:, 9:18] = 0
    for one in long:  # the camera turns and comes nearer
        one.camera[1:] = (1.005, 0.02, 0.5, -0.3)
    dataset = PoseDataset(
        [*dataset.annotations[:10], *long], {**dataset.splits, "val": [one.name for one in long]}, dataset.classes
    )
    finished = run(dataset, tmp_path / "run")
    if few:
        splits = {"train_splits": ["train"], "validation_splits": ["val"]}
        finished = few_shot(dataset, str(tmp_path / "run"), tmp_path / "few", name="few", **splits)
    loaded = load_with_card(str(finished.weights.parent))
    assert loaded.card.preprocessing.seconds == pytest.approx(0.6)
    found = evaluate(long, Classifier(loaded.network, loaded.card, loaded.sha256))
    after = measure(found.scores.probability, found.scores.label)
    assert after.top1 == finished.calibration.top1
    plain = measure(found.scores.untempered, found.scores.label)
    assert plain.loss == pytest.approx(finished.validation.loss, abs=1e-3 if few else 1e-5)  # few: half precision


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(dataset, tmp_path):
    whole = run(dataset, tmp_path / "whole")

    class Killed(Exception):
        pass

    def kill(epoch):
        if epoch.number == 2:
            raise Killed

    with pytest.raises(Killed):
        train(
            dataset, settings(), tmp_path / "parts", name="tiny", train_splits=["train"], validation_splits=["val"],
            half=False, on_epoch=kill,
        )  # fmt: skip
    assert not (tmp_path / "parts" / "model.safetensors").exists()
    resumed = run(dataset, tmp_path / "parts")
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()
    curves = [
        [line.rsplit(",", 2)[0] for line in (tmp_path / name / "metrics.csv").read_text().splitlines()]
        for name in ("whole", "parts")
    ]  # all columns but the last two, time and speed
    assert curves[0] == curves[1]


def test_training_goes_on_from_a_model(dataset, tmp_path):
    first = run(dataset, tmp_path / "first", epochs=1)
    barely = settings(epochs=1, lr=1e-12, ema=0)
    on = {"name": "tiny", "train_splits": ["train"], "half": False, "start": str(tmp_path / "first")}
    second = train(dataset, barely, tmp_path / "second", **on)
    key = "cls_head.fc_cls.weight"
    torch.testing.assert_close(
        load_with_card(str(second.weights)).network.state_dict()[key],
        load_with_card(str(first.weights)).network.state_dict()[key],
    )
    with pytest.raises(UsageError, match="another backbone"):
        train(dataset, settings(config={**TINY["config"], "base_channels": 8}), tmp_path / "third", **on)


def test_patience_without_validation_clips_is_said(dataset, tmp_path):
    said = []
    train(dataset, settings(patience=2, epochs=1), tmp_path / "run", name="tiny", on_warning=said.append)
    assert [line for line in said if "the run will not end early" in line]


def test_another_run_in_the_same_folder_is_refused(dataset, tmp_path):
    run(dataset, tmp_path / "run", epochs=1)
    with pytest.raises(UsageError, match="other settings"):
        run(dataset, tmp_path / "run", epochs=2)


def test_a_folder_with_other_things_is_refused(dataset, tmp_path):
    (tmp_path / "thesis.tex").write_text("hours of work")
    with pytest.raises(UsageError, match="not empty"):
        run(dataset, tmp_path)


def with_one_bit_turned(content: bytes) -> bytes:
    """In the middle, where the numbers of a layer are."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damaged", [lambda content: b"half a checkpoint", lambda content: content[:-300], with_one_bit_turned],
    ids=["something else", "cut off", "one bit"],
)  # fmt: skip
def test_a_damaged_checkpoint_is_named(dataset, tmp_path, damaged):
    run(dataset, tmp_path / "run", epochs=1)
    path = tmp_path / "run" / CHECKPOINT
    path.write_bytes(damaged(path.read_bytes()))
    with pytest.raises(InvalidWeights, match="damaged"):
        run(dataset, tmp_path / "run", epochs=1)


@pytest.mark.parametrize(
    ("splits", "validation", "error"),
    [
        (["nothing"], [], UsageError),
        (["empty"], [], InvalidPoses),
        (["train"], ["train"], InvalidPoses),
    ],
    ids=["unknown split", "empty split", "leak"],
)
def test_impossible_parts_are_refused_before_the_first_step(dataset, tmp_path, splits, validation, error):
    dataset.splits["empty"] = []
    with pytest.raises(error):
        train(dataset, settings(), tmp_path / "run", name="tiny", train_splits=splits, validation_splits=validation)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "changes",
    [{"epoch": 3}, {"epochs": 0}, {"augmentation.mixup": "much"}, {"preprocessing.nothing": 1}, {"lr.deep": 1}],
    ids=["unknown", "out of range", "not a number", "unknown inside", "not a group"],
)
def test_impossible_settings_are_refused(changes):
    with pytest.raises(UsageError):
        recipe("small", changes)


def test_labels_outside_the_classes_are_refused():
    with pytest.raises(InvalidPoses, match="label 2"):
        stack(
            [sequence("a", 0), sequence("b", 0).__class__(**_fields(sequence("b", 0), label=2))],
            ("up", "side"),
            Preprocessing(),
        )


def _fields(one: PoseSequence, **changes):
    return {name: changes.get(name, getattr(one, name)) for name in PoseSequence.__dataclass_fields__}


def test_joints_that_have_a_place_or_a_score_alone_are_missing_in_training_as_in_evaluation():
    one = sequence("one", 0)
    one.keypoint[0, :, 3], one.keypoint_score[0, :, 3] = 1, 0  # called invisible, as by Penn Action
    one.keypoint[0, :, 4] = 0
    clean = replace(one, keypoint=one.keypoint.copy(), keypoint_score=one.keypoint_score.copy())
    clean.keypoint[0, :, 3] = 0
    clean.keypoint_score[0, :, 4] = 0
    plain = Preprocessing()
    found, expected = (stack([clip], ("a",), plain) for clip in (one, clean))
    assert torch.equal(found.xy[0], expected.xy[0])
    assert torch.equal(found.score[0], expected.score[0])
    views = [next(heatmap_views(Stretch(clip, [0], slice(None)), plain)) for clip in (one, clean)]
    assert torch.equal(*views)


def test_subject_box_leaves_missing_joints_out():
    xy = torch.tensor([[[[[10.0, 20.0], [30.0, 60.0], [0.0, 0.0]]]]])
    centre, side = subject_box(xy, torch.tensor([[[[1.0, 1.0, 0.0]]]]))
    assert centre.tolist() == [[20.0, 40.0]]
    assert side.tolist() == [40 * 1.25]


@pytest.mark.parametrize(("wide", "cut"), [(9.0, False), (11.0, True)])
def test_who_is_narrow_is_not_cut_out_of_the_picture_as_in_evaluation(wide, cut):
    xy = torch.tensor([[20.0, 30.0], [20.0 + wide, 70.0]]).reshape(1, 1, 1, 2, 2)
    centre, side = subject_box(xy, torch.ones(1, 1, 1, 2), torch.tensor([[100.0, 200.0]]))
    expected = ((20 + wide / 2, 50), 50) if cut else ((100, 50), 200)
    assert (tuple(centre[0].tolist()), float(side)) == expected


def test_subject_box_of_nobody_is_a_pixel():
    centre, side = subject_box(torch.zeros(1, 2, 1, 3, 2), torch.zeros(1, 2, 1, 3))
    assert centre.tolist() == [[0.0, 0.0]]
    assert side.tolist() == [1.0]


def test_the_resolved_settings_are_kept(dataset, tmp_path):
    run(dataset, tmp_path / "run", epochs=1, lr=0.01)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["settings"]["lr"] == 0.01


def test_few_examples_are_cross_validated(dataset, tmp_path):
    run(dataset, tmp_path / "run")
    finished = few_shot(dataset, str(tmp_path / "run"), tmp_path / "few", name="few", train_splits=["train"])
    told = finished.card.training
    assert (told["validation_clips"], told["cross_validated"]) == (10, True)
    assert finished.validation.confusion.sum() == 10
    assert told["validation_top1"] == finished.calibration.top1


def test_no_head_of_a_cross_validation_has_learnt_from_what_it_is_asked():
    generator = torch.Generator().manual_seed(0)
    features, label = torch.randn(8, 3, 5, generator=generator), torch.arange(8) % 2
    part = [0, 0, 1, 1, 0, 0, 1, 1]
    windows = [one[None] for one in features]
    found = cross_validated(features, windows, label, part, 2)
    weight, bias = fit_head(features[[2, 3, 6, 7]], label[[2, 3, 6, 7]], 2)
    torch.testing.assert_close(found[4], windows[4] @ weight.T + bias)
    moved = features.clone()
    moved[[0, 1, 4, 5]] += 9
    torch.testing.assert_close(cross_validated(moved, windows, label, part, 2)[4], found[4])


@pytest.mark.parametrize(
    ("sources", "labels", "expected"),
    [
        ("", "", []),
        ("abcd", "0011", [0, 1, 0, 1]),
        ("abcdef", "000111", [0, 1, 2, 0, 1, 2]),
        ("aabbcc", "000011", []),  # class 1 is of one video
        ("aabbccdd", "00001111", [0, 0, 1, 1, 0, 0, 1, 1]),
    ],
    ids=["nothing", "two", "three", "one video of a class", "videos stay whole"],
)
def test_the_parts_of_a_cross_validation(sources, labels, expected):
    clips = [
        replace(sequence(str(number), int(label)), provenance=Provenance(source=source))
        for number, (source, label) in enumerate(zip(sources, labels, strict=True))
    ]
    assert folds(clips, [one.name for one in clips], 5) == expected


def test_the_parts_of_a_cross_validation_are_alike():
    clips = [sequence(str(number), number % 2) for number in range(24)]
    found = folds(clips, [one.name for one in clips], 5)
    assert sorted(Counter(found).values()) == [4, 5, 5, 5, 5]
    for label in (0, 1):
        assert {number for number, one in zip(found, clips, strict=True) if one.label == label} == set(range(5))


def test_whole_clips_are_judged_as_evaluate_does_also_where_nobody_is_seen_at_first(dataset, tmp_path):
    late = [sequence(f"late{number}", number % 2, 24) for number in range(4)]
    for one in late:
        one.box_score[:, :18] = 0
        one.keypoint_score[:, :18] = 0
    dataset = PoseDataset(
        [*dataset.annotations[:10], *late], {**dataset.splits, "val": [one.name for one in late]}, dataset.classes
    )
    finished = run(dataset, tmp_path / "run", measure_seconds=False)
    loaded = load_with_card(str(tmp_path / "run"))
    assert loaded.card.preprocessing.seconds is None
    found = evaluate(late, Classifier(loaded.network, loaded.card, loaded.sha256))
    assert measure(found.scores.untempered, found.scores.label).loss == pytest.approx(
        finished.validation.loss, abs=1e-5
    )


def test_the_card_says_from_which_model_training_went_on_and_keeps_its_licence(dataset, tmp_path):
    first = train(dataset, settings(), tmp_path / "a", name="a", train_splits=["train"], licence="CC-BY-4.0")
    options = {"train_splits": ["train"], "start": str(tmp_path / "a")}
    card = train(dataset, settings(), tmp_path / "b", name="b", **options).card
    sha256 = load_with_card(str(tmp_path / "a")).sha256
    assert card.training["started_from"] == [{"name": "a", "sha256": sha256}]
    assert card.licence == "CC-BY-4.0"
    assert train(dataset, settings(), tmp_path / "c", name="c", licence="MIT", **options).card.licence == "MIT"
    assert "started_from" not in first.card.training


def test_clips_of_nobody_are_said_to_be_left_out(dataset, tmp_path):
    unseen = replace(dataset.annotations[0], keypoint_score=np.zeros((1, 6, 17), np.float32))
    said = []
    train(
        replace(dataset, annotations=[unseen, *dataset.annotations[1:]]), settings(epochs=1), tmp_path / "run",
        name="a", train_splits=["train"], validation_splits=["val"], on_warning=said.append,
    )  # fmt: skip
    assert "clips in which nobody is seen are left out of training and validation: 1 of 14" in said
