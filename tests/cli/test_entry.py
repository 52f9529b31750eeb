"""The command as a process: start, version, help, and what it imports."""

import json
import os
import subprocess
import sys

import pytest

from poseact import __version__
from poseact.cli import entry, run
from poseact.cli.failures import as_poseact_error, describe, exit_code
from poseact.errors import InvalidVideo, LimitExceeded, NoPerson, OutputError, UsageError

HEAVY = ("torch", "cv2", "av", "ultralytics", "numpy", "matplotlib", "scipy")


def test_help_and_version_load_no_heavy_library():
    code = (
        "import sys\nfrom poseact.cli import run\n"
        "codes = [run(['--help']), run(['recognize', '--help']), run(['--version'])]\n"
        f"print(codes, [name for name in {HEAVY} if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[0, 0, 0] []"


def test_missing_files_are_told_without_loading_a_network(tmp_path):
    missing = str(tmp_path / "x.mp4")
    code = (
        "import sys\nfrom poseact.cli import run\n"
        f"print(run(['recognize', '--json', {missing!r}]), [name for name in {HEAVY} if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    document, last = answer.stdout.splitlines()
    assert json.loads(document)["error"]["type"] == "InvalidVideo"
    assert last == "4 []"
    assert answer.stderr == f"error: {missing} does not exist; check the path\n"


def test_python_m_poseact_is_the_command():
    answer = subprocess.run([sys.executable, "-m", "poseact", "--version"], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (0, f"poseact {__version__}\n")


def test_no_command_shows_the_help(capsys):
    assert run([]) == 2
    captured = capsys.readouterr()
    assert "Usage" in captured.out + captured.err


@pytest.mark.parametrize("arguments", [["dance"], ["recognise", "a.mp4"], ["--colour"]])
def test_an_unknown_command_or_option_is_one_line(arguments, capsys):
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_closed_pipe_is_silent():
    reading, writing = os.pipe()
    os.close(reading)
    answer = subprocess.run(
        [sys.executable, "-m", "poseact", "--version"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (answer.returncode, answer.stderr) == (141, "")


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_leaves_no_unfinished_file(name, code, tmp_path):
    program = f"""
import signal
from pathlib import Path
from poseact.cli import app, main
from poseact.files import atomic_path

def build():
    def work(*arguments, **options):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with atomic_path(Path({str(tmp_path / "o.mp4")!r})) as temporary:
            temporary.write_bytes(b"half")
            signal.raise_signal(signal.{name})
    return work

app.build = build
main()
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == code
    assert "Traceback" not in answer.stderr
    assert not list(tmp_path.iterdir())


def test_ctrl_c_in_a_text_that_is_executed_is_an_exit_code_too(tmp_path):
    """As dataclasses and named tuples execute some, and with `python -m`."""
    program = """
from poseact.cli import app, main

def build():
    def work(*arguments, **options):
        exec("raise KeyboardInterrupt")
    return work

app.build = build
main()
"""
    (tmp_path / "interrupted.py").write_text(program)
    command = [sys.executable, "-m", "interrupted"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (130, "error: interrupted\n")


@pytest.mark.parametrize("module", ["poseact.cli.entry", "rich.console", "poseact.cli.app", "typer.core"])
def test_ctrl_c_while_modules_are_imported_is_one_line(module, tmp_path):
    program = f"""
import sys

class Interrupted:
    @staticmethod
    def find_spec(name, *others):
        if name == {module!r}:
            exec("raise KeyboardInterrupt")

sys.meta_path.insert(0, Interrupted)
from poseact.cli import main
sys.argv[1:] = ["doctor"]
main()
"""
    (tmp_path / "interrupted.py").write_text(program)
    command = [sys.executable, "-m", "interrupted"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (130, "error: interrupted\n")


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("poseact.cli.loop.Recognizer.open", ["recognize", "a.mp4"]),
        ("poseact.cli.extraction.read_inputs", ["extract-poses", "a.mp4", "--out", "o.pkl"]),
        ("poseact.zoo.inventory.models", ["weights", "list"]),
        ("typer.core.TyperGroup.parse_args", ["doctor"]),
    ],
    ids=["recognize", "extract-poses", "a group of commands", "reading the command line"],
)
def test_ctrl_c_is_said_even_before_a_command_has_begun_its_work(place, command, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").write_bytes(b"video")
    monkeypatch.setattr(place, interrupted)
    assert run(command) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


@pytest.mark.parametrize(
    ("answered", "errors", "code"),
    [
        (0, [], 0),
        (2, [], 0),
        (1, [InvalidVideo("a")], 3),
        (0, [InvalidVideo("a"), NoPerson("b")], 4),
        (0, [LimitExceeded("a")], 6),
        (0, [LimitExceeded("a"), InvalidVideo("b")], 4),
        (0, [UsageError("there is no person 7")], 4),
        (1, [OutputError("full")], 3),
        (1, [ValueError("bug")], 1),
    ],
    ids=["nothing", "fine", "some", "all", "limit", "limit and bad", "no such person", "output", "bug"],
)
def test_exit_code(answered, errors, code):
    assert exit_code(answered, errors) == code


def test_exhausted_memory_is_a_limit():
    class OutOfMemoryError(RuntimeError):
        """As torch's of this name."""

    for error in (MemoryError(), OutOfMemoryError("CUDA out of memory"), RuntimeError("cpu: can't allocate memory")):
        assert isinstance(as_poseact_error(error), LimitExceeded)
    for error in (InvalidVideo("out of memory.mp4 is empty"), RuntimeError("a bug"), KeyboardInterrupt()):
        assert as_poseact_error(error) is error
    assert describe(InvalidVideo("a is empty")) == "a is empty"


@pytest.mark.parametrize(("rank", "waits"), [("0", []), ("1", [entry.PATIENCE])], ids=["first", "another"])
def test_under_torchrun_the_first_process_speaks_before_the_others(monkeypatch, capsys, rank, waits):
    slept = []
    monkeypatch.setattr(entry.time, "sleep", slept.append)
    arguments = ["train", "nowhere.pkl", "--out", "nowhere"]
    assert entry.run(arguments) == 3
    assert slept == []  # not under torchrun
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("RANK", rank)
    assert entry.run(arguments) == 3
    assert slept == waits
    assert capsys.readouterr().err.count("nowhere.pkl") == 2
