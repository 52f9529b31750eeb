"""`weights/manifest.toml`: one typed record per weight file that comes with poseact. Reads no weights."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

PACKAGE = Path(__file__).parent.parent


class Record(BaseModel):
    """Where a weight file comes from and how to recognise it.

    Attributes:
        name: what `--model`, `--detector` or `--pose` call it.
        file: inside the weights folder; the model card is the same name with `.json`.
        sha256, bytes: of the file.
        licence: SPDX identifier; licence_file: its text, inside the weights folder.
        source: where the numbers come from; data: what they were trained on and its terms.
        paper: reference of the method.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)
    licence: str
    licence_file: str
    source: str
    data: str
    paper: str


def weights_folder() -> Path:
    """The embedded weights: inside the installed package, or at the top of a source checkout."""
    inside = PACKAGE / "weights"
    return inside if inside.is_dir() else PACKAGE.parent / "weights"


@cache
def manifest() -> dict[str, Record]:
    """The records of `weights/manifest.toml` by name, in file order."""
    document = tomllib.loads((weights_folder() / "manifest.toml").read_text())
    records = [Record.model_validate(entry) for entry in document["model"]]
    return {record.name: record for record in records}
