"""Folders of OpenPose's frames, written. What stands in a frame is in `openpose`."""

from __future__ import annotations

from pathlib import Path

from poseact.files import atomic_folder
from poseact.poses.dataset import PoseDataset
from poseact.poses.formats import openpose
from poseact.poses.formats.clip_files import free, parts_of
from poseact.poses.tree import as_json


def write_openpose(folder: Path, dataset: PoseDataset) -> None:
    """Write the frames of one clip into a folder, those of several into folders in it, named as the clips.

    The folder appears whole or not at all; it may take the place of one with frames of OpenPose and nothing else.

    Raises: OutputError; UsageError for poses of another layout.
    """
    several = len(dataset) != 1
    with atomic_folder(folder, _is_openpose) as temporary:
        for number, sequence in enumerate(dataset.annotations):
            place = temporary
            if several:
                place = free(temporary.joinpath(*parts_of(sequence.name, number)))
                place.mkdir(parents=True, exist_ok=True)
            for name, document in openpose.documents(sequence):
                (place / name).write_text(as_json(document), encoding="ascii")


def _is_openpose(folder: Path) -> bool:
    return all(path.is_dir() or path.name.endswith(openpose.SUFFIX) for path in folder.rglob("*"))
