"""Which frames evaluation looks at: by one of the two published random streams, or evenly. No keypoints, no globals."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from poseact.errors import InvalidPoses, UsageError

Indices = NDArray[np.int64]
Sampler = Literal["pyskl", "mmaction2", "even"]
SAMPLERS = ("pyskl", "mmaction2", "even")


def uniform_test_indices(
    frames: int, clip_len: int, num_clips: int, sampler: Sampler = "pyskl", seed: int = 255
) -> Indices:
    """The frames that evaluation looks at: the same for the same arguments, whatever was drawn before.

    A video shorter than a clip is read in a loop, each clip from another start; otherwise each clip draws one frame
    from each of `clip_len` equal parts. PYSKL draws two numbers more per clip than MMAction2, so that the two see
    different frames of a video that is longer than a clip; use the stream of the project that the weights come from.

    Args:
        frames: T, the length of the video.
        clip_len: frames per clip.
        num_clips: clips; their random numbers are drawn one clip after the other from one stream.
        sampler: whose random stream; "even" draws nothing: each clip takes the same place of equal parts, clip after
            clip a little later, and parts shorter than a frame share one, so that a short video is stretched instead
            of looped.
        seed: 255 in both projects.
    Returns:
        (num_clips, clip_len), each index in [0, frames).
    Raises: InvalidPoses for no frames; UsageError for no clips, a clip without frames, or an unknown sampler.
    """
    if frames < 1:
        raise InvalidPoses(f"there are {frames} frames to sample from; poses need at least one frame")
    if clip_len < 1:
        raise UsageError(f"clip_len must be at least 1, got {clip_len}")
    if num_clips < 1:
        raise UsageError(f"num_clips must be at least 1, got {num_clips}")
    if sampler not in SAMPLERS:
        raise UsageError(f"unknown sampler {sampler!r}; known are {', '.join(SAMPLERS)}")
    if sampler == "even":
        place = (np.arange(num_clips)[:, None] + 0.5) / num_clips  # within its part, (num_clips, 1)
        return ((np.arange(clip_len) + place) * frames / clip_len).astype(np.int64)
    rng = np.random.RandomState(seed)
    clips = []
    for clip in range(num_clips):
        if sampler == "pyskl":
            rng.rand()  # the share of the video to keep, then the offset of that share: always all of it, from 0
            rng.randint(1)
        if frames < clip_len:
            start = clip if frames < num_clips else clip * frames // num_clips
            clips.append(start + np.arange(clip_len))
        else:
            clips.append(_one_per_part(frames, clip_len, rng))
    return np.mod(np.stack(clips), frames).astype(np.int64)


def _one_per_part(frames: int, clip_len: int, rng: np.random.RandomState) -> Indices:
    """(clip_len,) ascending frames of a video that is not shorter than the clip."""
    if frames < 2 * clip_len:  # consecutive frames with frames - clip_len skips at random places
        skips = np.zeros(clip_len + 1, np.int64)
        skips[rng.choice(clip_len + 1, frames - clip_len, replace=False)] = 1
        return np.arange(clip_len) + np.cumsum(skips)[:-1]
    borders = np.arange(clip_len + 1) * frames // clip_len
    return borders[:-1] + rng.randint(np.diff(borders))
