"""Fixtures that several test folders share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from poseact.skeleton import known

ROOT = Path(__file__).parent.parent

settings.register_profile("untimed", deadline=None)  # on a busy machine an example takes as long as it takes
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data and reference values beside the checkout; the test is skipped where they are absent."""
    folder = Path(os.environ.get("POSEACT_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"reason: the development data is not at {folder}; set POSEACT_SHARED to its folder")
    return folder


@pytest.fixture(autouse=True)
def _layouts_of_this_test_alone() -> Iterator[None]:
    """A layout that one test declares is unknown to the next, in whatever order they run."""
    before = dict(known._declared)
    yield
    known._declared.clear()
    known._declared.update(before)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of short real videos that comes with the project."""
    return ROOT / "samples"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of fetched models: of this test's own, and not there yet."""
    monkeypatch.setenv("POSEACT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def offline(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, no fetched models, and an empty working folder."""
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
