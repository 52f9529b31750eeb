"""What `poseact train` says on the way, and which options it refuses together."""

import io
import json

import numpy as np
import pytest
from rich.console import Console
from swings import swing, swings

from poseact.cli import training_inputs, training_report
from poseact.cli.entry import run
from poseact.extract.journal import stamp
from poseact.extract.quality import quality_of
from poseact.extract.result import Done
from poseact.poses import PoseDataset, read_poses, write_poses
from poseact.train import Processes, Step, loop, recipe
from poseact.train.calibration import Calibration
from poseact.train.metrics import Reliability

TINY = [
    "--set", "epochs=2", "--set", "batch_size=4", "--set", "preprocessing.clip_len=4", "--set", "preprocessing.size=16",
    "--set", 'config={"base_channels": 4, "blocks": [1, 1, 1]}', "--device", "cpu",
]  # fmt: skip


@pytest.fixture
def call(tmp_path, monkeypatch):
    """`train` of twelve clips into `run`."""
    monkeypatch.chdir(tmp_path)
    write_poses(tmp_path / "poses.pkl", swings())
    return ["train", "poses.pkl", "--out", "run", *TINY]


def test_what_is_trained_is_said_first_and_where_it_goes_on(call, capsys):
    assert run(call) == 0
    first = capsys.readouterr().err
    assert "8 clips of 2 classes to train on, 4 to validate on; batches of 4" in first.partition("epoch 1/2")[0]
    assert "goes on" not in first
    assert run(call) == 0
    assert "goes on after epoch 2 of 2" in capsys.readouterr().err
    assert run([*call, "--quiet"]) == 0
    assert not capsys.readouterr().err


def test_an_epoch_is_heard_of_while_it_lasts(call, capsys, monkeypatch):
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_STEPS", 0.0)
    monkeypatch.setattr(training_report, "QUIET_SECONDS", 0.0)
    assert run(call) == 0
    lines = [line.split("   ")[0] for line in capsys.readouterr().err.splitlines() if line.startswith("epoch")]
    assert lines == ["epoch 1/2, 50%", "epoch 1/2, 100%", "epoch 1/2", "epoch 2/2, 50%", "epoch 2/2, 100%", "epoch 2/2"]


def test_hearing_of_steps_changes_nothing(call, monkeypatch, tmp_path):
    assert run(call) == 0
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_STEPS", 0.0)
    assert run([*call[:3], "other", *call[4:], "--name", "run"]) == 0
    first, second = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("run", "other"))
    assert first == second


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (7100, "118 min"), (9000, "2.5 h")]
)
def test_the_live_table_shows_the_unfinished_epoch(tmp_path, monkeypatch, seconds, words):
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(training_report, "Console", lambda **options: terminal)
    with training_report.Reporter(recipe("small"), tmp_path / "run", tensorboard=False, wanted=True) as reporter:
        reporter.step(Step(3, 41, 100, 1.25, 0.5, seconds, 12.0))
    shown = screen.getvalue()
    for text in ("3/120  41%", "1.250", "50.0%", "12.0", words):
        assert text in shown


@pytest.mark.parametrize(
    "option",
    [
        ["--set", "epochs=3"], ["--recipe", "ntu60"], ["--config", "c.toml"], ["--teacher", "scores.pkl"],
        ["--videos", "clips"], ["--tensorboard"],
    ],
    ids=lambda option: option[0],
)  # fmt: skip
def test_few_examples_take_no_options_of_a_training(call, capsys, option):
    assert run([*call[:4], "--few-shot", *option]) == 2
    assert f"{' '.join(option)[: len(option[0])]} " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("below", "above", "words"),
    [
        (0.0, None, "unknown: nothing; thresholds need 20 validation clips"),
        (0.433, 5.99, "unknown: below 43.3% or above strangeness 5.99; 90.0% of the validation clips are named"),
        (0.0, 5.99, "unknown: above strangeness 5.99; 90.0%"),
    ],
    ids=["few clips", "both", "few right answers"],
)
def test_the_thresholds_that_were_found_are_told(below, above, words):
    empty = Reliability(np.zeros(10), np.zeros(10), np.zeros(10))
    assert words in training_report._thresholds(Calibration(1.0, below, above, empty, empty, 1.0, 1.0, 0.9))


def test_of_several_processes_one_fits_the_head(call, tmp_path, monkeypatch):
    few = [*call[:4], "--few-shot", "--device", "cpu"]
    monkeypatch.setattr(Processes, "join", classmethod(lambda cls, device: cls(1, 2, 1)))
    assert run(few) == 0
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(Processes, "join", classmethod(lambda cls, device: cls(0, 2, 0)))
    assert run([*few, "--set", "seed=1"]) == 0
    assert (tmp_path / "run" / "model.safetensors").exists()


class Extraction:
    """Stands in for the look at videos: every clip shows a swing."""

    def __init__(self):
        self.seen = []

    def __call__(self, waiting, extract, open_extractor):
        for clip in waiting:
            self.seen.append(clip.name)
            sequence = swing(clip.name, clip.label)
            extract.journal.store(clip, sequence, quality_of(sequence), stamp(clip))
            yield clip, Done(6, 1, 0.0)


@pytest.fixture
def looked(monkeypatch):
    engine = Extraction()
    monkeypatch.setattr(training_inputs, "Watched", lambda workers: engine)
    return engine


def test_class_folders_are_extracted_once_and_new_videos_later(tmp_path, monkeypatch, capsys, looked):
    monkeypatch.chdir(tmp_path)
    for number in range(8):
        video = tmp_path / "clips" / ("side", "up")[number % 2] / f"{number}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(b"video")
    call = ["train", "clips", *TINY]
    assert run([*call, "--out", "run"]) == 0
    assert len(looked.seen) == 8
    assert "poses of clips are in run.poses.pkl" in capsys.readouterr().err
    assert json.loads((tmp_path / "run" / "model.json").read_text())["labels"] == ["side", "up"]
    assert run([*call, "--out", "run"]) == 0
    assert len(looked.seen) == 8
    (tmp_path / "clips" / "up" / "new.mp4").write_bytes(b"video")
    assert run([*call, "--out", "run"]) == 2
    assert looked.seen[8:] == ["up/new"]
    assert "the poses differ" in capsys.readouterr().err
    (tmp_path / "clips" / "up" / "new.mp4").unlink()
    assert run([*call, "--out", "run"]) == 0, "trained on what is there, as before"
    assert len(looked.seen) == 9
    (tmp_path / "clips" / "up" / "1.mp4").rename(tmp_path / "clips" / "side" / "1.mp4")
    capsys.readouterr()
    assert run([*call, "--out", "run"]) == 2
    assert "the poses differ" in capsys.readouterr().err
    assert looked.seen[9:] == ["side/1"]
    held = {one.name: one.label for one in read_poses(tmp_path / "run.poses.pkl").annotations}
    assert (held["side/1"], "up/1" in held) == (0, False)


def test_poses_of_another_origin_are_used_only_where_they_are_complete(tmp_path, monkeypatch, capsys, looked):
    monkeypatch.chdir(tmp_path)
    names = [f"{'side' if number % 2 else 'up'}/{number}" for number in range(8)]
    for name in names:
        video = tmp_path / "clips" / f"{name}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(b"video")
    own = [swing(name, 1 - number % 2) for number, name in enumerate([*names, "up/gone"])]
    write_poses(tmp_path / "run.poses.pkl", PoseDataset(own, {}, ("side", "up")))
    assert run(["train", "clips", *TINY, "--out", "run"]) == 0
    said = capsys.readouterr().err
    assert "the poses in it are used as they are" in said
    assert json.loads((tmp_path / "run" / "model.json").read_text())["training"]["clips"] in (6, 7)
    assert not looked.seen
    (tmp_path / "clips" / "up" / "new.mp4").write_bytes(b"video")
    assert run(["train", "clips", *TINY, "--out", "run"]) == 2
    assert "lacks 1 of 9 videos, such as 'up/new'" in capsys.readouterr().err


def test_names_that_contradict_those_of_the_poses_are_refused(call, tmp_path, capsys):
    (tmp_path / "names.txt").write_text("side\nup\n")
    assert run([*call, "--labels", "names.txt"]) == 2
    assert "the poses name them themselves, up, side" in capsys.readouterr().err
    (tmp_path / "names.txt").write_text("up\nside\n")
    assert run([*call, "--labels", "names.txt"]) == 0


def test_videos_for_a_network_of_poses_have_no_effect_which_is_said(call, capsys):
    assert run([*call, "--videos", "clips"]) == 0
    assert "--videos has no effect" in capsys.readouterr().err


def test_this_folder_is_a_run_too(call, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run(["train", "../poses.pkl", "--out", ".", *TINY]) == 0
    assert json.loads((tmp_path / "here" / "model.json").read_text())["name"] == "here"
