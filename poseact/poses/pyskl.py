"""The pickle of PYSKL and MMAction2, read and written (SPEC: `poses.pkl`). What keys mean is in `annotation`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from poseact.errors import InvalidPoses
from poseact.files import atomic_path, open_regular
from poseact.poses.annotation import annotation, sequence_of
from poseact.poses.dataset import Budget, PoseDataset, classes_of, splits_of
from poseact.poses.kinetics import Kinetics
from poseact.poses.pickle_reader import loads
from poseact.poses.pickle_writer import dump
from poseact.poses.tree import declared_layouts, learn_layouts
from poseact.types import PoseSequence

_SPARE = 64 * 2**20  # bytes that any file may expand to
_EXPANSION = 8  # float16 poses of one joint without boxes grow that much in memory; nothing honest grows more


def write_pyskl(
    path: Path,
    sequences: Sequence[PoseSequence],
    splits: Mapping[str, Iterable[str]] | None = None,
    float16: bool = False,
    classes: Sequence[str] = (),
) -> None:
    """Write poses that PYSKL, MMAction2 and poseact read; equal poses give equal files.

    Args:
        sequences: may read each one when it is asked for; one at a time is held.
        splits: name of a split -> names of its videos; where there is nothing but poses, the file is a
            bare list.
        classes: names of the labels in index order.
        float16: half the size, as PYSKL's own files; from x = 1024 on in steps of 1 px, of 2 px from 2048.
    Raises: OutputError.
    """
    annotations = (annotation(sequence, np.float16 if float16 else np.float32) for sequence in sequences)
    layouts = declared_layouts(sequences)
    content: Any = annotations
    if splits is not None or classes or layouts:
        named = {str(name): [str(video) for video in videos] for name, videos in (splits or {}).items()}
        content = {"split": named, "annotations": annotations, "classes": [str(name) for name in classes]}
        content |= {"layouts": layouts} if layouts else {}
    with atomic_path(Path(path)) as temporary, temporary.open("wb") as file:
        dump(content, file)


def read_pyskl(path: Path, kinetics: Kinetics | None = None) -> PoseDataset:
    """Read poses of PYSKL, MMAction2 or poseact, from people who need not be trusted.

    Files that do not say so are taken to run at 30 frames/s; missing boxes are drawn around the visible joints.

    Args:
        kinetics: how compressed Kinetics poses are expanded.
    Raises:
        InvalidPoses: not such a file, damaged, hostile, or contradictory. LimitExceeded: it expands beyond reason.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            content = file.read()
    except OSError as error:
        raise InvalidPoses(f"cannot read {path}: {error.strerror or error}; check the path") from None
    if not content:
        raise InvalidPoses(f"{path} is empty; get it again")
    tree = loads(content, str(path))
    budget = Budget(str(path), _SPARE + _EXPANSION * len(content))
    if isinstance(tree, list):
        tree = {"annotations": tree}
    if not isinstance(tree, dict) or not isinstance(tree.get("annotations"), list):
        raise InvalidPoses(f"{path} holds no poses: expected a list, or a dict with 'annotations'")
    splits = splits_of(tree.get("split"), budget)
    learn_layouts(tree.get("layouts"), str(path))
    annotations = [
        sequence_of(one, f"{path}, entry {n}", budget, kinetics) for n, one in enumerate(tree["annotations"])
    ]
    return PoseDataset(annotations, splits, classes_of(tree.get("classes"), budget))
