"""A run that is killed at any moment, by SIGKILL, ends where an uninterrupted one does."""

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch
from swings import swings, tiny

from poseact.train import history, train

ENDS = ("metrics.csv", "model.safetensors")
CHANGES = {"epochs": 6, "patience": 5, "augmentation.mixup": 0.2, "config": {
    "in_channels": 17, "base_channels": 4, "blocks": [1, 1, 1], "stem_stride": [1, 2, 2], "dropout": 0.3,
}}  # fmt: skip


def run(out: Path, dies: str = "") -> None:
    torch.set_num_threads(1)
    if dies:
        DEATHS[dies]()
    train(swings(), tiny(**CHANGES), out, name="tiny", train_splits=["train"], validation_splits=["val"])


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _before_the_metrics() -> None:
    from poseact.train import loop

    calls = iter(range(99))
    write = loop.write_history
    loop.write_history = lambda *args: write(*args) if next(calls) < 2 else _die()


def _between_both_metrics() -> None:
    calls = iter(range(99))
    write = history.write_text
    history.write_text = lambda *args: write(*args) if next(calls) < 5 else _die()


def _within_the_checkpoint() -> None:
    calls = iter(range(99))
    save = torch.save

    def half(state, file):
        if next(calls) < 2:
            return save(state, file)
        file.write(b"half of a checkpoint")
        file.flush()
        return _die()

    torch.save = half


DEATHS = {"metrics": _before_the_metrics, "files": _between_both_metrics, "checkpoint": _within_the_checkpoint}


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["poseact.train", "swings", __name__])
    return context


@pytest.fixture(scope="module")
def whole(processes, tmp_path_factory) -> dict[str, bytes]:
    """The files of a run that nobody disturbs."""
    out = tmp_path_factory.mktemp("whole") / "run"
    finish(processes, out)
    return {name: (out / name).read_bytes() for name in ENDS}


def finish(processes, out: Path) -> None:
    process = processes.Process(target=run, args=(out,))
    process.start()
    process.join(100)
    assert process.exitcode == 0


@pytest.mark.parametrize("dies", DEATHS)
def test_killed_while_it_writes(processes, whole, tmp_path, dies):
    process = processes.Process(target=run, args=(tmp_path / "run", dies))
    process.start()
    process.join(100)
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / "run" / "last.ckpt").exists()
    finish(processes, tmp_path / "run")
    assert {name: (tmp_path / "run" / name).read_bytes() for name in ENDS} == whole


def test_killed_at_random_moments(processes, whole, tmp_path):
    out, moments, kills = tmp_path / "run", random.Random(0), 0
    for _ in range(5):
        process = processes.Process(target=run, args=(out,))
        process.start()
        while process.is_alive() and not out.exists():
            time.sleep(0.005)
        process.join(moments.uniform(0, 0.4))
        process.kill()
        process.join()
        kills += process.exitcode == -signal.SIGKILL
    assert kills
    finish(processes, out)
    assert {name: (out / name).read_bytes() for name in ENDS} == whole
    assert not [path for path in out.iterdir() if path.suffix == ".pt"]
