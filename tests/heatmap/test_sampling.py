"""Uniform sampling against the reference's lists, and what holds for every video."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseact.errors import InvalidPoses, UsageError
from poseact.heatmap import uniform_test_indices

GOLDEN = json.loads((Path(__file__).parent.parent / "golden/golden.json").read_text())
LISTS = {key: value for key, value in GOLDEN.items() if "test_T" in key}


@pytest.mark.parametrize("name", LISTS)
def test_reference_lists(name: str) -> None:
    frames, clip_len, clips = (int(part[1:]) for part in name.split("_")[-3:])
    sampler = "mmaction2" if name.startswith("mma") else "pyskl"
    indices = uniform_test_indices(frames, clip_len, clips, sampler)
    assert indices.dtype == np.int64
    assert indices.shape == (clips, clip_len)
    assert indices.ravel().tolist() == LISTS[name]


def test_there_are_lists_of_both_projects() -> None:
    assert len(LISTS) == 18


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 60), st.integers(1, 12), st.sampled_from(["pyskl", "mmaction2", "even"]))
def test_evaluation_looks_inside_the_video(frames: int, clip_len: int, clips: int, sampler: str) -> None:
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    indices = uniform_test_indices(frames, clip_len, clips, sampler)
    assert indices.shape == (clips, clip_len)
    assert ((indices >= 0) & (indices < frames)).all()
    assert (indices == uniform_test_indices(frames, clip_len, clips, sampler)).all()
    assert (np.random.get_state()[1] == before).all()
    if frames >= clip_len:
        assert (np.diff(indices, axis=1) > 0).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 48, 10), InvalidPoses, "0 frames"),
        ((10, 0, 10), UsageError, "clip_len must be at least 1, got 0"),
        ((10, 48, 0), UsageError, "num_clips must be at least 1, got 0"),
        ((10, 48, 1, "dense"), UsageError, "unknown sampler 'dense'; known are pyskl, mmaction2, even"),
    ],
)
def test_what_cannot_be_sampled(arguments: tuple[object, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        uniform_test_indices(*arguments)
