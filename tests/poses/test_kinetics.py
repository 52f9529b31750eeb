"""Compressed Kinetics poses, against the published expansion written as plain loops, and annotations that cannot be."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from poseact.errors import InvalidPoses, LimitExceeded
from poseact.poses import Kinetics, read_poses
from poseact.poses.kinetics import decompressed
from poseact.poses.pyskl import Budget


def compressed(frames, total=12, joints=17, seed=0, **changes):
    rng = np.random.default_rng(seed)
    count = len(frames)
    anno = {
        "frame_dir": "k", "label": 3, "img_shape": (340, 256), "total_frames": total,
        "keypoint": rng.uniform(1, 300, (count, joints, 3)).astype(np.float16),
        "frame_inds": np.array(frames, np.int16), "box_score": rng.uniform(0, 1, count).astype(np.float16),
        "valid": {0.1: count}, "raw_file": "x.pkl",
    }  # fmt: skip
    return {**anno, **changes}


def published(anno, min_box_score=0.0, squeeze=True, most=10):
    """(M, T, K, 3) as PYSKL's DecompressPose is described: one detection after the other."""
    rows = [
        (int(frame), person)
        for frame, person, score in zip(anno["frame_inds"], anno["keypoint"], anno["box_score"], strict=True)
        if score >= min_box_score
    ]
    frames = {frame: place for place, frame in enumerate(sorted({frame for frame, _ in rows}))} if squeeze else None
    by_frame = {}
    for frame, person in rows:
        by_frame.setdefault(frames[frame] if squeeze else frame, []).append(person)
    people = max((len(one) for one in by_frame.values()), default=0)
    full = np.zeros((min(people, most), len(frames) if squeeze else anno["total_frames"], anno["keypoint"].shape[1], 3))
    for frame, found in by_frame.items():
        if people > most:
            found.sort(key=lambda person: -person[:, 2].astype(np.float32).sum())
        for place, person in enumerate(found[:most]):
            full[place, frame] = person
    return full


CASES = {
    "nobody": [], "one": [4], "gaps": [1, 1, 2, 5, 5, 5, 11], "unsorted": [5, 1, 5, 0], "crowd": [2] * 14 + [3] * 3,
}  # fmt: skip


@pytest.mark.parametrize("frames", CASES.values(), ids=CASES)
@pytest.mark.parametrize("squeeze", [False, True], ids=["gaps-stay", "published"])
@pytest.mark.parametrize("least", [0.0, 0.5])
def test_expansion(tmp_path, frames, squeeze, least):
    anno = compressed(frames)
    kinetics = Kinetics(min_box_score=least, squeeze=squeeze)
    (tmp_path / "k.pkl").write_bytes(pickle.dumps([anno]))
    expected = published(anno, least, squeeze)
    if not expected.shape[1]:
        with pytest.raises(InvalidPoses, match="nobody is left"):
            read_poses(tmp_path / "k.pkl", kinetics)
        return
    (read,) = read_poses(tmp_path / "k.pkl", kinetics).annotations
    np.testing.assert_array_equal(read.keypoint, expected[..., :2])
    np.testing.assert_array_equal(read.keypoint_score, expected[..., 2])
    assert (read.label, read.image_size, read.layout) == (3, (340, 256), "coco17")
    assert squeeze or read.frame_index.tolist() == list(range(12))
    seen = (expected[..., 2] > 0).any((0, 2))
    np.testing.assert_array_equal((read.box_score > 0).any(0), seen)
    if squeeze:
        assert read.frame_index.tolist() == sorted(
            {f for f, s in zip(frames, anno["box_score"], strict=True) if s >= least}
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frame_inds": np.array([1, 12])}, "frames from 0 to 11"),
        ({"frame_inds": np.array([1, -1])}, "frames from 0 to 11"),
        ({"frame_inds": np.array([0.5, 1])}, "frames from 0 to 11"),
        ({"frame_inds": np.array([1])}, "an array of 2 numbers"),
        ({"frame_inds": [1, 2]}, "an array of 2 numbers"),
        ({"box_score": np.array([np.nan, 1])}, "finite"),
        ({"total_frames": 0}, "'total_frames' must be"),
        ({"total_frames": "many"}, "'total_frames' must be"),
        ({"keypoint": np.full((2, 17, 3), np.nan)}, "must be finite"),
        ({"keypoint": np.zeros((2, 17, 2))}, r"must be \(people, joints, 3\)"),
        ({"keypoint": None}, "without keypoints"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_annotations_that_cannot_be(tmp_path, changes, message):
    (tmp_path / "k.pkl").write_bytes(pickle.dumps([compressed([1, 2], **changes)]))
    with pytest.raises(InvalidPoses, match=message):
        read_poses(tmp_path / "k.pkl")


def test_frames_that_nobody_brought():
    with pytest.raises(LimitExceeded):
        decompressed(compressed([1], total=2**30), Kinetics(), "k", Budget("k", 2**26))
