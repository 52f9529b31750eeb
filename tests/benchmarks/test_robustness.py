"""The damage that benchmarks/robustness.py does to poses, and the graph network that it compares with."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from poseact.poses import PoseDataset, write_poses
from poseact.skeleton import COCO17, layout
from poseact.train import recipe, train
from poseact.train.clips import stack
from poseact.types import PoseSequence

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def _benchmarks_are_importable():
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


def standing(frames: int = 40, people: int = 1) -> PoseSequence:
    rng = np.random.default_rng(0)
    keypoint = rng.uniform(50, 150, (people, frames, 17, 2)).astype(np.float32)
    return PoseSequence(
        keypoint=keypoint, keypoint_score=np.ones(keypoint.shape[:3], np.float32), image_size=(200, 200), fps=30.0,
        pts=np.arange(frames) / 30, frame_index=np.arange(frames), track_id=np.arange(people),
        boxes=np.concatenate([keypoint.min(2), keypoint.max(2)], -1), box_score=np.ones((people, frames), np.float32),
        interpolated=np.zeros((people, frames), bool), layout="coco17", name="standing", label=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("chance", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)], ids=["never", "every other frame", "every frame"]
)
def test_one_limb_joint_of_a_frame_is_lost(chance, share):
    from robustness import LIMB_JOINTS, lost

    clip = lost(standing(400, people=2), chance, np.random.default_rng(0))
    gone = clip.keypoint_score == 0
    assert gone.sum(2).max(initial=0) <= 1
    assert gone.any(2).mean() == pytest.approx(share, abs=0.06)
    assert all(COCO17.keypoints[joint].endswith(LIMB_JOINTS) for joint in np.flatnonzero(gone.any((0, 1))))
    assert not clip.keypoint[gone].any()


def test_noise_follows_the_height_and_leaves_missing_joints_alone():
    from robustness import shaken

    clip = standing(200)
    absent = replace(clip, keypoint_score=clip.keypoint_score.copy(), keypoint=clip.keypoint.copy())
    absent.keypoint_score[:, :, 3] = 0
    absent.keypoint[:, :, 3] = 0
    height = np.median(np.ptp(np.delete(absent.keypoint[0], 3, 1)[..., 1], 1))
    noisy = shaken(absent, 5.0, np.random.default_rng(0))
    moved = np.delete(noisy.keypoint - absent.keypoint, 3, 2)
    assert moved.std() == pytest.approx(height * 0.05, rel=0.05)
    assert not noisy.keypoint[:, :, 3].any()


@pytest.mark.parametrize("name", ["coco17", "jhmdb15", "penn13"])
def test_the_graph_has_every_limb_once_inwards_and_once_outwards(name):
    from st_gcn import subsets

    body = layout(name)
    itself, inner, outer = subsets(body)
    assert torch.equal(itself, torch.eye(len(body.keypoints)))
    for start, end in body.limbs:
        for one, other in ((start, end), (end, start)):
            assert (inner[one, other] > 0) + (outer[one, other] > 0) == 1
    limbs = len(set(map(frozenset, body.limbs)))
    assert int((inner > 0).sum() + (outer > 0).sum()) == 2 * limbs
    assert torch.allclose(inner.sum(1)[inner.sum(1) > 0], torch.ones(1))


CLASSES = ("rests", "waves")


def waving(count: int) -> list[PoseSequence]:
    """Every other person lifts a wrist."""
    still = standing(20)
    rng = np.random.default_rng(1)
    clips = []
    for number in range(count):
        keypoint = np.repeat(still.keypoint[:, :1], 20, 1) + rng.normal(0, 1, still.keypoint.shape)
        keypoint[..., 9, 1] -= (number % 2) * np.linspace(0, 80, 20)
        clips.append(replace(still, keypoint=keypoint.astype(np.float32), name=str(number), label=number % 2))
    return clips


def test_the_graph_network_learns_to_tell_two_movements_apart():
    from st_gcn import fit, probability

    settings = recipe("small", {"epochs": 12, "batch_size": 8, "ema": 0.5, "preprocessing.clip_len": 8})
    drawn = stack(waving(16), CLASSES, settings.preprocessing)
    *_, (_, network) = fit(drawn, settings)
    assert (probability(network, drawn, settings).argmax(1) == drawn.label.numpy()).mean() >= 0.9


@pytest.fixture
def run(tmp_path):
    """Poses with two parts, and a short training run on the first."""
    clips = waving(12)
    names = [one.name for one in clips]
    dataset = PoseDataset(clips, {"train": names[:8], "test": names[8:]}, CLASSES)
    write_poses(tmp_path / "poses.pkl", dataset)
    settings = recipe("small", {
        "epochs": 2, "batch_size": 4, "preprocessing.clip_len": 4, "preprocessing.size": 16, "precision": "float32",
        "config": {"in_channels": 34, "base_channels": 4, "blocks": [1, 1, 1], "stem_stride": [1, 2, 2]},
    })  # fmt: skip
    train(dataset, settings, tmp_path / "run", name="tiny", train_splits=["train"])
    return tmp_path


def test_the_table_and_the_figure_of_a_run(run, monkeypatch, capsys):
    import robustness

    monkeypatch.setattr(robustness, "LOST", (0.0, 1.0))
    monkeypatch.setattr(robustness, "SHAKEN", (0.0, 5.0))
    monkeypatch.chdir(run)
    monkeypatch.setattr(sys, "argv", [
        "robustness.py", "poses.pkl", "--model", "run", "--repeats", "2", "--graph", "graph.pt", "--figure", "drop.png",
    ])  # fmt: skip
    robustness.main()
    said = capsys.readouterr().out
    for words in ("one limb joint lost per frame", "coordinates shaken", "PoseConv3D", "ST-GCN", "%"):
        assert words in said
    with Image.open(run / "drop.png") as figure:
        assert min(figure.size) > 200
    monkeypatch.setattr(robustness, "fit", None)  # the graph network of the first call is taken
    robustness.main()
    assert capsys.readouterr().out == said


def test_a_curve_has_the_mean_of_its_copies():
    from robustness import curve, lost

    seen = []

    def top1(clips):
        seen.append([int((one.keypoint_score == 0).sum()) for one in clips])
        return len(seen) / 10, 1 - len(seen) / 10

    found = curve("lost", "p", (0.0, 1.0), lost, waving(2), top1, repeats=2)
    assert seen == [[0, 0], [20, 20], [20, 20]]
    assert found.conv == pytest.approx([0.1, 0.25])
    assert found.graph == pytest.approx([0.9, 0.75])
