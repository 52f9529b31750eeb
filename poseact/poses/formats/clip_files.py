"""Files and folders named as clips, for formats that have a file or a folder for each."""

from __future__ import annotations

import re
from pathlib import Path

from poseact.errors import UsageError
from poseact.files import atomic_folder, write_text
from poseact.poses.dataset import PoseDataset
from poseact.poses.formats.writers import WRITERS

_LONGEST_NAME = 60  # letters of a folder; file systems take 255 bytes


def write_clips(path: Path, dataset: PoseDataset, form: str) -> None:
    """Write the only clip into a file of this name, or every clip into one in a folder of this name.

    The folder appears whole or not at all; it may take the place of one with such files and nothing else.

    Args:
        path: of a folder when it has no suffix.
        form: one of `WRITERS`.
    Raises: OutputError; UsageError for joints that the format has not, and for several clips in one file.
    """
    suffix, text = WRITERS[form]
    if path.suffix:
        if len(dataset) != 1:
            raise UsageError(
                f"{path} is one file, and {form} has one clip in each; name a folder for {len(dataset)} clips"
            )
        write_text(path, text(dataset.annotations[0]))
        return

    def is_same(folder: Path) -> bool:
        return all(one.is_dir() or one.suffix == suffix for one in folder.rglob("*"))

    with atomic_folder(path, is_same) as temporary:
        for number, sequence in enumerate(dataset.annotations):
            place = free(temporary.joinpath(*parts_of(sequence.name, number)), suffix)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text(sequence), encoding="utf-8")


def parts_of(name: str, number: int) -> list[str]:
    """The folders of a clip and its own name: those of its name without what leads elsewhere."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return [re.sub(r"[^\w .()+-]", "_", part).lstrip(".")[:_LONGEST_NAME] or "_" for part in parts] or [
        f"video{number}"
    ]


def free(place: Path, suffix: str = "") -> Path:
    """A name that is not taken: names that differ in odd letters only become the same.

    A folder (without suffix) is free that holds no file yet.
    """
    number, found = 1, place.with_name(f"{place.name}{suffix}")
    while found.exists() if suffix else found.is_dir() and any(path.is_file() for path in found.iterdir()):
        number += 1
        found = place.with_name(f"{place.name}-{number}{suffix}")
    return found
