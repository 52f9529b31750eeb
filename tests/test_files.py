"""Files and folders that appear whole or not at all, and what is left of those that did not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from poseact.errors import LimitExceeded, OutputError
from poseact.files import atomic_folder, check_folder, leftovers, read_regular, remove_leftovers


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_may_never_end_is_not_read(tmp_path, kind):
    path = tmp_path / "endless"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="it is no file but a pipe or a device"):
        read_regular(path, 3)


def test_no_more_is_read_than_is_allowed(tmp_path):
    (tmp_path / "small").write_bytes(b"abc")
    assert read_regular(tmp_path / "small", 3) == b"abc"
    with pytest.raises(LimitExceeded, match=r"small has 3 bytes, more than the 2 that are read; is it the right"):
        read_regular(tmp_path / "small", 2)
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path, 3)


def anything(folder: Path) -> bool:
    return True


def fill(target: Path, content: str) -> None:
    with atomic_folder(target, anything) as folder:
        (folder / "one").write_text(content)


@pytest.fixture
def linked(tmp_path):
    """A link to a folder elsewhere."""
    (tmp_path / "elsewhere" / "real").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "real")
    return tmp_path / "link"


def test_a_folder_is_put_where_a_link_leads(linked):
    for content in ("first", "second"):
        fill(linked, content)
        assert linked.is_symlink()
        assert (linked.resolve() / "one").read_text() == content
        assert sorted(path.name for path in linked.parent.iterdir()) == ["elsewhere", "link"]
        assert [path.name for path in (linked.parent / "elsewhere").iterdir()] == ["real"]


def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(OutputError, match="holds something else"):
        check_folder(tmp_path / "link", anything)


@pytest.mark.parametrize("name", ["disk", "link"], ids=["itself", "by a link"])
def test_a_mount_point_is_refused_before_any_work(tmp_path, monkeypatch, name):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == tmp_path / "disk")
    with pytest.raises(OutputError, match=r"disk: another disk is mounted there; name a folder inside it"):
        check_folder(tmp_path / name, anything)


@pytest.mark.parametrize("fails", [1, 2], ids=["the old one cannot be moved", "the new one cannot be moved"])
def test_what_cannot_be_replaced_stays_and_nothing_beside_it(tmp_path, monkeypatch, fails):
    fill(tmp_path / "poses", "first")
    rename, calls = Path.rename, []

    def failing(self, target):
        calls.append(self)
        if len(calls) == fails:
            raise OSError(16, "Device or resource busy")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OutputError, match=r"poses: Device or resource busy; choose another place"):
        fill(tmp_path / "poses", "second")
    assert [path.name for path in tmp_path.iterdir()] == ["poses"]
    assert (tmp_path / "poses" / "one").read_text() == "first"


def test_an_old_folder_that_a_killed_process_had_moved_away_goes_when_the_new_one_is_there(tmp_path):
    fill(tmp_path / "poses", "first")
    old = (tmp_path / "poses").rename(tmp_path / ".poses-old-abcd1234.poseact-part")
    remove_leftovers(tmp_path / "poses")
    assert old.is_dir()
    fill(tmp_path / "poses", "second")
    assert [path.name for path in tmp_path.iterdir()] == ["poses"]
    assert (tmp_path / "poses" / "one").read_text() == "second"


WRITER = """
import sys
from pathlib import Path
from poseact.files import atomic_folder, atomic_path

target = Path(sys.argv[1])
with atomic_path(target) if target.suffix else atomic_folder(target, lambda folder: True) as temporary:
    (temporary if target.suffix else temporary / "one").write_text("whole")
    print("half", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(params=["poses.pkl", "poses"], ids=["a file", "a folder"])
def written(request, tmp_path):
    """A target, and the process that is writing it just now."""
    target = tmp_path / request.param
    command = [sys.executable, "-c", WRITER, str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"half\n"
        yield target, process
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_what_another_process_writes_is_not_left_over(written):
    target, process = written
    remove_leftovers(target)
    assert len(leftovers(target)) == 1
    process.communicate(b"\n")
    assert process.returncode == 0
    assert (target if target.suffix else target / "one").read_text() == "whole"
    assert leftovers(target) == []


def test_what_a_killed_process_wrote_is_left_over(written):
    target, process = written
    process.kill()
    process.wait()
    assert len(leftovers(target)) == 1
    remove_leftovers(target)
    assert list(target.parent.iterdir()) == []


def test_a_place_without_locks_is_written_to(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def none(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    fill(tmp_path / "poses", "first")
    (tmp_path / ".poses-abcd1234.poseact-part").mkdir()
    remove_leftovers(tmp_path / "poses")
    assert [path.name for path in tmp_path.iterdir()] == ["poses"]
