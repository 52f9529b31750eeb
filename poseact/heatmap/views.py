"""Clips of one sequence as a classifier sees them: sampled, cropped, resized, drawn, mirrored. No networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from poseact.errors import InvalidPoses, UsageError
from poseact.heatmap.canvas import Canvas
from poseact.heatmap.crop import ImageSize, centre_crop, resize, resize_short_side, subject_crop
from poseact.heatmap.gaussians import joint_and_limb_heatmaps, joint_heatmaps, limb_heatmaps
from poseact.heatmap.sampling import SAMPLERS, Indices, Sampler, uniform_test_indices
from poseact.skeleton import COCO17, Layout
from poseact.types import Array

Kind = Literal["joint", "limb", "joint+limb"]
KINDS = ("joint", "limb", "joint+limb")
# The peak below which nothing is drawn differs between the projects.
EPS = {"pyskl": 1e-3, "mmaction2": 1e-4, "even": 1e-3}


def evaluation_views(
    keypoint: Array | Tensor,
    keypoint_score: Array | Tensor,
    image_size: ImageSize,
    *,
    clip_len: int = 48,
    num_clips: int = 10,
    size: int = 64,
    sigma: float = 0.6,
    kind: Kind = "joint",
    flip: bool = True,
    sampler: Sampler = "pyskl",
    layout: Layout = COCO17,
) -> Tensor:
    """All views of one sequence, as the published PoseConv3D evaluation makes them.

    1. `num_clips` clips of `clip_len` frames are sampled uniformly, the same in every call (`uniform_test_indices`).
    2. Keypoints become float32; a coordinate or score that is not a finite number becomes 0, "not seen".
    3. One box around all people in all sampled frames is cut out (`subject_crop`); a subject below 10 px is not cut.
    4. The box is stretched to `size` x `size`; with sampler="mmaction2" its short side becomes `size`, and the middle
       square is cut out. The two differ by a pixel at most, except for a picture that was not cut.
    5. Joints or limbs are drawn with their scores as peaks, people merged by maximum; what is below 1e-3 (1e-4
       with sampler="mmaction2") is left out.
    6. A flipped view is the drawn volume reversed along its width, with left and right channels exchanged. A joint at x
       moves to W - 1 - x, not to W - x as in training: the half pixel is the reference's.

    Args:
        keypoint: (M, T, K, 2) px of the picture, numpy or torch, any float type; the result lies on its device.
        keypoint_score: (M, T, K) in [0, 1].
        image_size: (height, width) px.
        clip_len: frames per clip.
        num_clips: clips.
        size: height and width of the volumes.
        sigma: px of the volumes.
        kind: "joint" has a channel per keypoint; "limb" one per limb in the order of the published limb checkpoints;
            "joint+limb" has both, joints first, which no published checkpoint reads.
        flip: whether the mirrored views follow.
        sampler: the project whose random stream, resize and threshold are used.
        layout: keypoint names, left/right pairs and limbs.
    Returns:
        (views, channels, clip_len, size, size) float32 in [0, 1]: all original clips first, then all flipped ones.
        20 views of 48 x 64 x 64 take 267 MB: `iter_evaluation_views` yields them in parts.
    Raises: InvalidPoses for shapes that disagree, no people or no frames; UsageError for an option that cannot work.
    """
    _check_options(kind, size, sigma)
    xy, score, order = _prepared(
        keypoint, keypoint_score, image_size, clip_len, num_clips, size=size, kind=kind, sampler=sampler, layout=layout
    )
    views = draw(xy, score, size, sigma, kind=kind, eps=EPS[sampler], layout=layout)
    return torch.cat((views, _mirrored(views, order))) if flip else views


def iter_evaluation_views(
    keypoint: Array | Tensor,
    keypoint_score: Array | Tensor,
    image_size: ImageSize,
    *,
    clip_len: int = 48,
    num_clips: int = 10,
    size: int = 64,
    sigma: float = 0.6,
    kind: Kind = "joint",
    flip: bool = True,
    sampler: Sampler = "pyskl",
    layout: Layout = COCO17,
    chunk: int = 4,
) -> Iterator[Tensor]:
    """The views of `evaluation_views` in the same order, at most `chunk` at a time, drawn when they are asked for.

    The arguments are checked at the call. Yields (at most chunk, channels, clip_len, size, size) float32.
    """
    _check_options(kind, size, sigma, chunk)
    xy, score, order = _prepared(
        keypoint, keypoint_score, image_size, clip_len, num_clips, size=size, kind=kind, sampler=sampler, layout=layout
    )

    def views() -> Iterator[Tensor]:
        for mirror in (False, True)[: 1 + flip]:
            for first in range(0, num_clips, chunk):
                rows = slice(first, first + chunk)
                drawn = draw(xy[rows], score[rows], size, sigma, kind=kind, eps=EPS[sampler], layout=layout)
                yield _mirrored(drawn, order) if mirror else drawn

    return views()


def _prepared(
    keypoint: Array | Tensor,
    keypoint_score: Array | Tensor,
    image_size: ImageSize,
    clip_len: int,
    num_clips: int,
    *,
    size: int,
    kind: Kind,
    sampler: Sampler,
    layout: Layout,
) -> tuple[Tensor, Tensor, Tensor]:
    """What is drawn, xy (V, T, M, K, 2) and score (V, T, M, K), and the channel order (C,) of mirrored views."""
    people, scores = _checked_poses(keypoint, keypoint_score, image_size, len(layout.keypoints))
    indices = uniform_test_indices(people.shape[1], clip_len, num_clips, sampler)
    xy, score = clip_keypoints(people, scores, image_size, indices, size=size, sampler=sampler)
    return xy, score, torch.tensor(channel_order(kind, layout), dtype=torch.int64, device=xy.device)


def channel_names(kind: Kind, layout: Layout) -> tuple[str, ...]:
    """What each channel shows: keypoints by name, limbs as "left_hip - left_knee".

    Raises: UsageError for the limbs of a layout that has none.
    """
    _check_limbs(kind, layout)
    limbs = tuple(f"{layout.keypoints[start]} - {layout.keypoints[end]}" for start, end in layout.limbs)
    return {"joint": layout.keypoints, "limb": limbs, "joint+limb": layout.keypoints + limbs}[kind]


def channel_order(kind: Kind, layout: Layout) -> tuple[int, ...]:
    """Permutation of the channels that exchanges left and right. Raises: as `channel_names`."""
    _check_limbs(kind, layout)
    joints = len(layout.keypoints)
    return {
        "joint": layout.flip_joints,
        "limb": layout.flip_limbs,
        "joint+limb": layout.flip_joints + tuple(joints + limb for limb in layout.flip_limbs),
    }[kind]


def _check_limbs(kind: Kind, layout: Layout) -> None:
    if kind == "limb" and not layout.limbs:
        raise UsageError(f"the layout {layout.name} has no limbs, so kind 'limb' shows nothing; take 'joint'")


def _mirrored(views: Tensor, order: Tensor) -> Tensor:
    return views.flip(-1).index_select(1, order)


def clip_keypoints(
    keypoint: Array | Tensor,
    keypoint_score: Array | Tensor,
    image_size: ImageSize,
    indices: Indices,
    *,
    size: int = 64,
    sampler: Sampler = "pyskl",
) -> tuple[Tensor, Tensor]:
    """Keypoints of the sampled frames after crop and resize, before anything is drawn: small enough to be kept.

    One box is cut around all people in all sampled frames, so that clips of one call share it.

    Args:
        keypoint, keypoint_score, image_size, sampler: as for `evaluation_views`.
        indices: (V, T) frames of each clip.
        size: px of the square that the box becomes.
    Returns:
        xy (V, T, M, K, 2) px and score (V, T, M, K), float32, for `joint_heatmaps` and `limb_heatmaps`.
    Raises: InvalidPoses for shapes that disagree, no people or no frames; UsageError for an unknown sampler.
    """
    if sampler not in SAMPLERS:
        raise UsageError(f"unknown sampler {sampler!r}; known are {', '.join(SAMPLERS)}")
    xy, score = _checked_poses(keypoint, keypoint_score, image_size)
    chosen = torch.as_tensor(np.asarray(indices), dtype=torch.int64, device=xy.device)
    if chosen.ndim != 2 or not 0 <= int(chosen.min()) <= int(chosen.max()) < xy.shape[1]:
        raise InvalidPoses(f"indices must be (clips, frames) in [0, {xy.shape[1]}), got {tuple(chosen.shape)}")
    xy, score = xy[:, chosen].permute(1, 2, 0, 3, 4), score[:, chosen].permute(1, 2, 0, 3)
    xy, box = subject_crop(xy, image_size)
    if sampler != "mmaction2":
        return resize(xy, box, (size, size)), score
    xy, box = resize_short_side(xy, box, size)
    return centre_crop(xy, box, (size, size)), score


def draw(
    xy: Tensor,
    score: Tensor,
    size: int | tuple[int, int],
    sigma: float = 0.6,
    *,
    kind: Kind = "joint",
    eps: float = 1e-3,
    layout: Layout = COCO17,
    channels_last: bool = False,
    canvas: Canvas | None = None,
) -> Tensor:
    """`joint_heatmaps` or `limb_heatmaps` of a layout, by name.

    Args and returns: as there. Raises: UsageError for an unknown kind.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown kind {kind!r}; known are {', '.join(KINDS)}")
    if kind == "joint":
        return joint_heatmaps(xy, score, size, sigma, eps, channels_last=channels_last, canvas=canvas)
    both = joint_and_limb_heatmaps if kind == "joint+limb" else limb_heatmaps
    return both(xy, score, layout.limbs, size, sigma, eps, channels_last=channels_last, canvas=canvas)


def _check_options(kind: str, size: int, sigma: float, chunk: int = 1) -> None:
    if kind not in KINDS:
        raise UsageError(f"unknown kind {kind!r}; known are {', '.join(KINDS)}")
    for name, value, at_least in (("size", size, 1), ("chunk", chunk, 1)):
        if value < at_least:
            raise UsageError(f"{name} must be at least {at_least}, got {value}")
    if not sigma > 0:
        raise UsageError(f"sigma must be above 0 px, got {sigma}")


def _checked_poses(
    keypoint: Any, keypoint_score: Any, image_size: ImageSize, joints: int | None = None
) -> tuple[Tensor, Tensor]:
    """Finite float32 poses (M, T, K, 2) and (M, T, K) on the device of `keypoint`. Raises: InvalidPoses."""
    xy, score = _float32(keypoint), _float32(keypoint_score)
    if xy.ndim != 4 or xy.shape[-1] != 2 or xy.shape[:-1] != score.shape:
        raise InvalidPoses(
            f"keypoint must be (people, frames, joints, 2) and keypoint_score (people, frames, joints), got "
            f"{tuple(xy.shape)} and {tuple(score.shape)}"
        )
    if joints is not None and xy.shape[2] != joints:
        raise InvalidPoses(f"poses have {xy.shape[2]} joints, the layout has {joints}; pass the layout they are in")
    if 0 in xy.shape:
        raise InvalidPoses(f"poses need at least one person, frame and joint, got {tuple(xy.shape[:3])}")
    if len(image_size) != 2 or min(image_size) < 1:
        raise InvalidPoses(f"image_size must be (height, width) of at least 1 px, got {tuple(image_size)}")
    return xy, score.to(xy.device)


def _float32(values: Any) -> Tensor:
    """A new float32 tensor of numbers in any form, with 0 for what is not a finite number."""
    if not isinstance(values, Tensor):
        try:
            values = torch.from_numpy(np.array(values, np.float32, order="C"))
        except (TypeError, ValueError) as error:
            raise InvalidPoses(f"poses must be arrays of numbers: {error}") from error
    values = values.to(torch.float32)
    return torch.where(values.isfinite(), values, 0.0)
