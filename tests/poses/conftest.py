"""Poses for the tests of this folder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from poseact.poses import from_tracks
from poseact.types import PoseSequence, Provenance, Track


def drawn_clip(name: str, people: int = 2, frames: int = 5, joints: int = 17) -> PoseSequence:
    rng = np.random.default_rng(people)
    tracks = [
        Track(
            number,
            rng.uniform(0, 300, (frames, 4)).astype(np.float32),
            rng.uniform(0.1, 1, frames).astype(np.float32),
            rng.uniform(0, 300, (frames, joints, 2)).astype(np.float32),
            rng.uniform(0, 1, (frames, joints)).astype(np.float32),
            rng.uniform(0, 1, frames) > 0.5,
        )
        for number in range(1, people + 1)
    ]
    made = Provenance("clip é.avi", "nanodet-g", "movenet-thunder", {"movenet-thunder": "a" * 64}, "0.1.0")
    pts, index = np.arange(frames) * 7 / 25, np.arange(frames) * 7
    poses = from_tracks(tracks, (240, 320), 25.0, pts, index, name=name, label=4, provenance=made, joints=joints)
    return replace(
        poses,
        person_score=rng.uniform(0, 1, people).astype(np.float32),
        person_reason=tuple(f"number {number} by auto" for number in range(people)),
        person_estimator=("movenet-thunder", "movenet-lightning", *["movenet-lightning"] * people)[:people],
    )


@pytest.fixture(scope="session")
def clip():
    """A function (name, people=2, frames=5, joints=17) -> PoseSequence with random poses and all fields filled."""
    return drawn_clip
