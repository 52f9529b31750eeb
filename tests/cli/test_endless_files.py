"""Pipes and devices in the place of every file that a command reads: one line at once, and no waiting for their end."""

import os
import signal

import numpy as np
import pytest

from poseact.cli.entry import run
from poseact.poses import nobody, write_pyskl

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")


@pytest.fixture(autouse=True)
def _in_vain():
    """A command that waits fails instead."""

    def waited(*_):
        raise AssertionError("the command waits for the end of what has none")

    before = signal.signal(signal.SIGALRM, waited)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with stored poses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEACT_HOME", str(tmp_path / "home"))
    write_pyskl(tmp_path / "poses.pkl", [nobody((10, 10), 10.0, np.zeros(1), np.zeros(1, int), "a", 0)])
    return tmp_path


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize(
    ("name", "command", "code"),
    [
        ("f.parquet", ["convert", "f.parquet", "--out", "o.pkl"], 3),
        ("f.json", ["convert", "f.json", "--out", "o.pkl"], 3),
        ("f.toml", ["convert", "poses.pkl", "--out", "o.pkl", "--to-layout", "f.toml"], 2),
        ("f.toml", ["train", "poses.pkl", "--out", "run", "--config", "f.toml"], 2),
        ("f.txt", ["train", "poses.pkl", "--out", "run", "--labels", "f.txt"], 2),
        ("f.csv", ["extract-poses", "f.csv", "--out", "o.pkl"], 2),
        ("f.pkl", ["evaluate", "--scores", "f.pkl", "--labels", "ntu60"], 3),
        ("f.pth", ["weights", "import", "f.pth"], 5),
        ("f.safetensors", ["weights", "import", "f.safetensors"], 5),
        ("f.tar", ["weights", "unbundle", "f.tar"], 5),
    ],
    ids=[
        "parquet", "json", "layout", "settings", "class names", "table", "scores", "checkpoint", "tensors", "bundle",
    ],
)  # fmt: skip
def test_what_may_never_end_is_refused(folder, capsys, kind, name, command, code):
    os.mkfifo(folder / name) if kind == "pipe" else (folder / name).symlink_to("/dev/zero")
    assert run(command) == code
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "no file" in said
    assert said.count("\n") == 1
