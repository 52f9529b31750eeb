"""Fixtures that several test folders share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data and reference values beside the checkout; the test is skipped where they are absent."""
    folder = Path(os.environ.get("POSEACT_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"reason: the development data is not at {folder}; set POSEACT_SHARED to its folder")
    return folder


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of short real videos that comes with the project."""
    return ROOT / "samples"
