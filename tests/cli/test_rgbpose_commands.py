"""RGBPose-Conv3D from a checkpoint to the answer for a real video: import, pictures and poses, weighted streams."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from recognitions import shaken

from poseact.cli import run
from poseact.evaluate import read_scores
from poseact.models import RGBPoseConv3D, build
from poseact.poses import write_pyskl
from poseact.types import Provenance
from poseact.zoo import load_with_card

LABELS = ("walk", "run", "sit")
CONFIG = {"num_classes": len(LABELS), "rgb": {"base_channels": 8}, "pose": {"base_channels": 8}}


@pytest.fixture
def imported(tmp_path, monkeypatch, capsys):
    """A narrow RGBPose-Conv3D with random weights, imported as "mine" from a checkpoint in PYSKL's form."""
    monkeypatch.setenv("POSEACT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    torch.manual_seed(0)
    network = build("rgbpose-conv3d", **CONFIG)
    for head in (network.cls_head.fc_rgb, network.cls_head.fc_pose):
        torch.nn.init.normal_(head.weight, std=2.0)
    torch.save({"state_dict": network.state_dict(), "meta": {"epoch": 20}}, tmp_path / "rgbpose_conv3d.pth")
    (tmp_path / "names.txt").write_text("\n".join(LABELS))
    arguments = ["--name", "mine", "--labels", str(tmp_path / "names.txt")]
    assert run(["weights", "import", str(tmp_path / "rgbpose_conv3d.pth"), *arguments]) == 0
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'home' / 'models' / 'mine.safetensors'}\n"
    assert said.err == ""
    return network


@pytest.fixture
def seen(monkeypatch):
    """The shapes of every pair of inputs, and the brightest value of each."""
    pairs = []
    forward = RGBPoseConv3D.forward

    def watched(self, frames, heatmaps):
        pairs.append((tuple(frames.shape), tuple(heatmaps.shape), float(heatmaps.max())))
        return forward(self, frames, heatmaps)

    monkeypatch.setattr(RGBPoseConv3D, "forward", watched)
    return pairs


def answered(capsys, *arguments):
    assert run(["recognize", *map(str, arguments), "--speed", "fast", "--device", "cpu", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    return document, {one["label"]: one["probability"] for one in document["predictions"]}


def test_a_video_is_answered_from_pictures_and_poses(imported, seen, samples, tmp_path, capsys):
    card = load_with_card("mine").card
    told = card.preprocessing
    assert (card.architecture, card.labels) == ("rgbpose-conv3d", LABELS)
    assert (told.clip_len, told.size, told.sigma, told.num_clips, told.flip) == (32, 64, 0.7, 10, False)
    assert (told.rgb.clip_len, told.rgb.size) == (8, 256)  # heatmaps are drawn at a quarter of it

    video = samples / "run.mp4"
    document, both = answered(capsys, video, "--model", "mine")
    assert seen
    for frames, heatmaps, peak in seen:
        assert (frames, heatmaps) == ((1, 3, 8, 256, 256), (1, 17, 32, 64, 64))
        assert 0.1 < peak <= 1
    assert set(both) == set(LABELS)
    assert sum(both.values()) == pytest.approx(1, abs=1e-5)
    assert [(one["name"], one["stream_weights"]) for one in document["models"]] == [("mine", [0.5, 0.5])]

    pictures = answered(capsys, video, "--model", "mine", "--stream-weights", "1", "0")[1]
    poses = answered(capsys, video, "--model", "mine", "--stream-weights", "0", "1")[1]
    assert max(abs(pictures[label] - poses[label]) for label in LABELS) > 0.01
    assert both == pytest.approx({one: (pictures[one] + poses[one]) / 2 for one in LABELS}, abs=2e-5)

    joint = import_joint(tmp_path, capsys)
    alone = answered(capsys, video, "--model", joint)[1]
    document, fused = answered(capsys, video, "--model", "mine", "--model", joint, "--weights", "3", "1")
    assert fused == pytest.approx({one: 0.75 * both[one] + 0.25 * alone[one] for one in LABELS}, abs=2e-5)
    assert [one["weight"] for one in document["models"]] == [0.75, 0.25]
    assert document["model"]["name"] == f"mine + {joint}"


def import_joint(folder, capsys):
    """A classifier of joints with random weights, imported; its name."""
    torch.manual_seed(1)
    network = build("x3d-s", num_classes=len(LABELS), base_channels=8)
    torch.nn.init.normal_(network.cls_head.fc_cls.weight, std=2.0)
    torch.save(network.state_dict(), folder / "joint.pth")
    names = ["--labels", str(folder / "names.txt"), "--kind", "joint"]
    assert run(["weights", "import", str(folder / "joint.pth"), *names]) == 0
    capsys.readouterr()
    return "joint"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clip_len": 20}, "20 heatmaps of 64 px and 8 pictures of 256 px"),
        ({"size": 56}, "32 heatmaps of 56 px and 8 pictures of 256 px"),
        ({"rgb": None}, "has no preprocessing.rgb"),
    ],
    ids=["frames", "sides", "no pictures"],
)
def test_a_card_whose_streams_do_not_fit_is_one_line(imported, tmp_path, samples, capsys, changes, words):
    card = tmp_path / "home" / "models" / "mine.json"
    document = json.loads(card.read_text())
    document["preprocessing"] |= changes
    card.write_text(json.dumps(document))
    assert run(["recognize", str(samples / "run.mp4"), "--model", "mine", "--speed", "fast", "--device", "cpu"]) == 5
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert words in said.err


def clip(name, label, source=""):
    return replace(shaken(name, label, seed=label), provenance=Provenance(source=str(source)))


def evaluated(capsys, folder, *arguments):
    """(clips, classes) probabilities, as they are saved."""
    call = ["evaluate", *map(str, arguments), "--model", "mine", "--clips", "1", "--device", "cpu", "--json"]
    assert run([*call, "--save-scores", str(folder / "scores.pkl")]) == 0
    assert json.loads(capsys.readouterr().out)["clips"] == 2
    return read_scores(folder / "scores.pkl")[0].probability


def test_poses_are_evaluated_with_the_pictures_behind_them(imported, seen, samples, tmp_path, capsys):
    videos = ("run.mp4", "walk.mp4")
    stored, named = tmp_path / "stored.pkl", tmp_path / "named.pkl"
    write_pyskl(stored, [clip(one, at, samples / one) for at, one in enumerate(videos)], classes=LABELS)
    write_pyskl(named, [clip(one.removesuffix(".mp4"), at) for at, one in enumerate(videos)], classes=LABELS)
    both, again = (evaluated(capsys, tmp_path, *options) for options in ([stored], [named, "--videos", samples]))
    assert [shapes[0] for shapes in seen] == [(2, 3, 8, 256, 256)] * 2
    np.testing.assert_allclose(both, again, atol=1e-6)
    streams = [evaluated(capsys, tmp_path, stored, "--stream-weights", *one) for one in (("1", "0"), ("0", "1"))]
    assert abs(streams[0] - streams[1]).max() > 0.01
    np.testing.assert_allclose(both, np.mean(streams, 0), atol=2e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "1 of 1 videos are not where the poses come from; give their folder with --videos DIR, such as 'gone'"),
        (["--videos", "."], "1 of 1 videos are not in ., such as 'gone'"),
    ],
    ids=["no folder", "another folder"],
)
def test_poses_whose_videos_are_gone_are_one_line(imported, tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    write_pyskl(tmp_path / "poses.pkl", [clip("gone", 0, "gone.mp4")], classes=LABELS)
    assert run(["evaluate", "poses.pkl", "--model", "mine", "--device", "cpu", *options]) == 3
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert words in said.err
