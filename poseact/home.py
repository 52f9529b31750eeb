"""Where poseact keeps what it fetched, and whether it may fetch. Reads environment variables only."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

from poseact.files import expanded


def home_folder() -> Path:
    """The folder of fetched and imported models: `POSEACT_HOME` or the system's cache folder; absolute.

    It may not exist yet.
    """
    chosen = os.environ.get("POSEACT_HOME", "").strip()
    if not chosen:
        return user_cache_path("poseact", appauthor=False)
    return expanded(chosen).absolute()


def offline() -> bool:
    """Whether `POSEACT_OFFLINE` forbids the network."""
    return os.environ.get("POSEACT_OFFLINE", "0").strip().lower() not in ("", "0", "false", "no")
