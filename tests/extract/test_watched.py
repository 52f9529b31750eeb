"""Watched workers: whatever a clip does to its process, it costs only itself, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from strange_work import behave, clips, dies_while_opening, nothing, refuses_to_open

from poseact.errors import ModelError, OutputError
from poseact.extract import engine as engine_module
from poseact.extract.engine import Watched, in_this_process
from poseact.extract.result import Done, Failed


def run(engine, *names, open_extractor=nothing):
    return {clip.name: result for clip, result in engine(clips(*names), behave, open_extractor)}


def gone(number: int) -> bool:
    """Whether a process is no more, at the latest after a few seconds."""
    for _ in range(200):
        if not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("engine", [in_this_process, Watched(1), Watched(2)], ids=["here", "one", "two"])
@pytest.mark.parametrize("names", [(), ("good",), ("bad",), ("a", "bad b", "c", "d")], ids=len)
def test_every_clip_once(engine, names):
    results = run(engine, *names)
    assert sorted(results) == sorted(names)
    for name, result in results.items():
        assert isinstance(result, Failed) == name.startswith("bad")


def test_each_kind_of_disaster_costs_one_clip(tmp_path):
    engine = Watched(2, timeout=1.0, memory_limit=1 << 30)
    once = f"once {tmp_path / 'died'}"
    again = f"decoder-once {tmp_path / 'decoder-died'}"
    results = run(
        engine, "one", "hang", "crash", "leave", "two", "bloat", "slow", once, "bad", "decoder", again, "three"
    )
    codes = {name: getattr(result, "code", "done") for name, result in results.items()}
    assert codes == {
        "one": "done", "two": "done", "three": "done", "slow": "done", once: "done", "bad": "InvalidVideo",
        "hang": "Timeout", "crash": "Crashed", "leave": "Crashed", "bloat": "TooMuchMemory",
        "decoder": "Crashed", again: "done",
    }  # fmt: skip
    for name, words in {
        "hang": "no progress for 1 s; raise --timeout", "crash": "SIGSEGV", "leave": "exit code 9",
        "bloat": "GiB of memory, more than the 1.0 GiB",
    }.items():  # fmt: skip
        assert words in results[name].message
        assert results[name].message.startswith(f"{name}.mp4: ")
        assert "\n" not in results[name].message


def test_progress_is_passed_on():
    seen = []
    results = run(Watched(watch=lambda *step: seen.append((step[0].name, *step[1:]))), "slow")
    assert isinstance(results["slow"], Done)
    assert len(seen) > 3
    assert set(seen) <= {("slow", step, 12) for step in range(12)}


@pytest.mark.parametrize(
    ("names", "open_extractor", "error", "words"),
    [
        (("a",), refuses_to_open, OutputError, "no networks"),
        (("a",), dies_while_opening, ModelError, "ended with exit code 7 while it opened the networks"),
        (("a", "full"), nothing, OutputError, "the disk is full"),
        (("bug",), nothing, ZeroDivisionError, "of the engine"),
    ],
    ids=["refuses to open", "dies while opening", "disk full", "bug"],
)
def test_what_is_no_clips_fault_ends_the_run(names, open_extractor, error, words):
    with pytest.raises(error, match=words) as caught:
        run(Watched(2), *names, open_extractor=open_extractor)
    if error is not ModelError:
        assert "strange_work.py" in "".join(caught.value.__notes__)  # where it was raised


def test_networks_that_never_open(monkeypatch):
    monkeypatch.setattr(engine_module, "OPENING_TIMEOUT", 0.5)
    with pytest.raises(ModelError, match="was silent while it opened"):
        run(Watched(1), "a", open_extractor=_sleep)


def _sleep():
    time.sleep(600)


@pytest.mark.parametrize("way", ["closed", "interrupted"])
def test_a_run_that_ends_early_leaves_no_process(tmp_path, way):
    note = tmp_path / "numbers"
    outcomes = Watched(2, timeout=60)(clips(f"orphan {note}", "slow", "hang"), behave, nothing)
    assert next(outcomes)[0].name == "slow"
    if way == "closed":
        outcomes.close()
    else:
        before = signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            list(outcomes)
        signal.signal(signal.SIGALRM, before)
    assert all(gone(int(number)) for number in note.read_text().split())


def _interrupt(number, frame):
    raise KeyboardInterrupt


def test_workers_end_when_who_watches_is_killed(tmp_path):
    note = tmp_path / "numbers"
    code = (
        "from strange_work import *; from poseact.extract.engine import Watched\n"
        f"list(Watched(1)(clips({f'orphan {note}'!r}), behave, nothing))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    while not note.exists() or " " not in note.read_text():
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert all(gone(int(number)) for number in note.read_text().split())
