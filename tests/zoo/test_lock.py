"""One process at a time, and the next one when the first is gone, however it went."""

import subprocess
import sys
import threading
import time

import pytest

from poseact.errors import OutputError
from poseact.zoo.lock import locked

HOLDER = """
import sys, time
from pathlib import Path
from poseact.zoo.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_makes_its_folder_and_nothing_else(tmp_path):
    with locked(tmp_path / "models" / "a.safetensors"):
        assert not (tmp_path / "models" / "a.safetensors").exists()
    assert {path.name for path in (tmp_path / "models").iterdir()} <= {".a.safetensors.lock"}


def test_other_models_are_not_waited_for(tmp_path):
    told = []
    with locked(tmp_path / "a"), locked(tmp_path / "b", told.append):
        pass
    assert told == []


def test_the_second_waits_says_so_once_and_goes_on(tmp_path):
    told, order = [], []

    def second():
        with locked(tmp_path / "a", told.append):
            order.append("second")

    with locked(tmp_path / "a"):
        thread = threading.Thread(target=second)
        thread.start()
        while not told:
            time.sleep(0.01)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert told == ["another process is working on a; waiting for it"]


def test_a_killed_process_frees_its_lock(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "a")], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.wait()
    with locked(tmp_path / "a"):
        pass


def test_an_error_inside_frees_the_lock(tmp_path):
    with pytest.raises(ValueError, match="inside"), locked(tmp_path / "a"):
        raise ValueError("inside")
    with locked(tmp_path / "a"):
        pass


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="set POSEACT_HOME"), locked(tmp_path / "file" / "a"):
        pass
