"""Files and folders that appear whole or not at all, and what is left of those that did not."""

import os
from pathlib import Path

import pytest

from poseact.errors import OutputError
from poseact.files import atomic_folder, check_folder


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
