"""A stretch of poses, and the pictures behind it, as the inputs that a model card asks for. Runs no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from poseact.errors import InputError, InvalidPoses, ModelError
from poseact.heatmap import channel_names, clip_keypoints, draw, iter_evaluation_views, resize, uniform_test_indices
from poseact.heatmap.crop import ImageSize, subject_box
from poseact.heatmap.views import EPS, channel_order
from poseact.models import TWO_STREAMS
from poseact.poses.joints import without_weak_joints
from poseact.poses.steady import steadied
from poseact.recognize.pictures import Shown, standardised
from poseact.skeleton import Layout, layout, own_keypoints
from poseact.texts import first_few
from poseact.types import Array, PoseSequence
from poseact.zoo import Card, Preprocessing

Stream = Literal["rgb", "pose"]
DEFAULT_CHANNELS = 17
SHOWN_JOINTS = 6
VIEWS_AT_ONCE = 8
PICTURE_VIEWS_AT_ONCE = 2  # 8 pictures of 256 x 256 px keep a ResNet-50 busy with far more memory than heatmaps


@dataclass(frozen=True)
class Stretch:
    """What is classified: some people in some frames of a sequence.

    Attributes:
        poses: the sequence.
        rows: of the people who are drawn into one stack; None: as many of the first ones as the model card says.
        frames: of the sequence.
        pictures: of the video that the poses come from; only looked at by networks that see them.
    """

    poses: PoseSequence
    rows: Sequence[int] | None = None
    frames: slice = field(default_factory=lambda: slice(None))
    pictures: Shown | None = None


def streams(card: Card) -> tuple[Stream, ...]:
    """What the network of a card looks at, in the order of its inputs and outputs.

    Without `preprocessing.rgb` it is poses. With it, it is both for the architecture "rgbpose-conv3d", and pictures
    alone for a network of three input channels; `kind`, `clip_len`, `size` and `sigma` then say nothing.
    Raises: ModelError for a card that contradicts itself.
    """
    if card.preprocessing is None or card.preprocessing.rgb is None:
        if card.architecture == TWO_STREAMS:
            raise ModelError(f"{card.name}: {TWO_STREAMS} looks at pictures, but its card has no preprocessing.rgb")
        return ("pose",)
    if card.architecture == TWO_STREAMS:
        return ("rgb", "pose")
    channels = card.config.get("in_channels", 17)
    if channels != 3:
        raise ModelError(
            f"{card.name}: its card has preprocessing.rgb, but {card.architecture} has {channels} input channels, not 3"
        )
    return ("rgb",)


def check_joints(card: Card, looks_at: tuple[Stream, ...]) -> None:
    """Raises: ModelError where the layout of its card has other joints now, or draws other heatmaps than the network
    looks at; UsageError for a layout that nobody knows.
    """
    if "pose" not in looks_at or card.preprocessing is None:
        return
    joints = own_keypoints(card.layout)
    if card.keypoints and joints != card.keypoints:
        raise ModelError(
            f"{card.name} was trained on another layout {card.layout!r}, of {first_few(card.keypoints, SHOWN_JOINTS)}; "
            f"that of the poses has {first_few(joints, SHOWN_JOINTS)}"
        )
    config = card.config.get("pose", {}) if len(looks_at) > 1 else card.config
    has = config.get("in_channels", DEFAULT_CHANNELS) if isinstance(config, dict) else DEFAULT_CHANNELS
    kind = card.preprocessing.kind
    drawn = len(channel_names(kind, layout(card.layout)))
    if has != drawn:
        raise ModelError(
            f"{card.name}: its card asks for {drawn} heatmaps ({kind} of {card.layout}), but the network looks at "
            f"{has}; import it anew, or train it again"
        )


def network_inputs(
    stretch: Stretch, settings: Preprocessing, looks_at: tuple[Stream, ...]
) -> Iterator[tuple[Tensor, ...]]:
    """The inputs of a network for one stretch of a sequence, a few views at a time, original views before mirrored.

    Pictures and poses are cut by one box per stretch, that of `subject_crop`: around the poses of the sampled frames,
    or of all frames for a network that sees no poses. Each modality is sampled from the same seed. Poses come from the
    frames that were looked at (a clip longer than those reads them in a loop, but for the sampler "even"), pictures
    from all frames of the video between the first and the last of these. Unlike for networks of poses alone, the box
    is stretched to the square with the sampler "mmaction2" too, as that project does for pictures.

    Args:
        looks_at: as `streams` gives it.
    Yields: pictures (V, 3, T, H, W) standardised float32, heatmaps (V, C, T, H, W) in [0, 1], or both.
    Raises: InvalidPoses for no people or no frames; InputError when pictures are needed but missing.
    """
    if looks_at == ("pose",):
        return ((views,) for views in heatmap_views(stretch, settings))
    poses, pictures = stretch.poses, stretch.pictures
    if pictures is None:
        raise InputError(
            f"{poses.name}: these are poses without pictures, and the model looks at pictures; give the video itself, "
            f"or a --model that reads poses only"
        )
    xy, score = _people(stretch, settings)
    xy = resize(xy, poses.image_size, pictures.image_size)
    numbers = poses.frame_index[stretch.frames]
    return picture_views(xy, score, numbers, settings, layout(poses.layout), pictures, with_poses="pose" in looks_at)


def heatmap_views(stretch: Stretch, settings: Preprocessing) -> Iterator[Tensor]:
    """The heatmaps alone, (V, C, T, H, W) at a time. Args and raises: as for `network_inputs`."""
    xy, score = _people(stretch, settings)
    image_size, body = stretch.poses.image_size, layout(stretch.poses.layout)
    if settings.rgb is not None:
        chosen = uniform_test_indices(xy.shape[1], settings.clip_len, settings.num_clips, settings.sampler)
        return _drawn(xy, score, image_size, chosen, settings, body, PICTURE_VIEWS_AT_ONCE)
    return pose_views(xy, score, image_size, settings, body)


def pose_views(
    xy: Tensor, score: Tensor, image_size: ImageSize, settings: Preprocessing, body: Layout
) -> Iterator[Tensor]:
    """The heatmaps of one stretch as a network of poses alone is shown them. Args: as for `picture_views`."""
    return iter_evaluation_views(
        xy, score, image_size, clip_len=settings.clip_len, num_clips=settings.num_clips, size=settings.size,
        sigma=settings.sigma, kind=settings.kind, flip=settings.flip, sampler=settings.sampler, layout=body,
        chunk=VIEWS_AT_ONCE,
    )  # fmt: skip


def _people(stretch: Stretch, settings: Preprocessing) -> tuple[Tensor, Tensor]:
    """(M, T, K, 2) px and (M, T, K), float32, without weak joints. Raises: InvalidPoses."""
    poses, frames = stretch.poses, stretch.frames
    people = slice(settings.people) if stretch.rows is None else list(stretch.rows)
    xy, score = without_weak_joints(
        poses.keypoint[people, frames], poses.keypoint_score[people, frames], settings.min_score
    )
    xy = steadied(xy, poses.camera[frames]) if settings.steady else xy
    if 0 in xy.shape:
        raise InvalidPoses(f"{poses.name}: there are no people or no frames to look at, got {xy.shape[:2]} of them")
    return torch.from_numpy(xy.astype(np.float32)), torch.from_numpy(score.astype(np.float32))


def picture_views(
    xy: Tensor, score: Tensor, numbers: Array, settings: Preprocessing, body: Layout, pictures: Shown, *,
    with_poses: bool,
) -> Iterator[tuple[Tensor, ...]]:  # fmt: skip
    """The views of one stretch for a network that looks at pictures. What it needs of the video is decoded at once.

    Args:
        xy: (M, T, K, 2) px of the pictures. score: (M, T, K).
        numbers: (T,) of the frames in the video.
        body: the layout of the poses.
        with_poses: whether the network sees heatmaps too.
    Yields: as `network_inputs`. Raises: InvalidVideo, LimitExceeded.
    """
    rgb = settings.rgb
    assert rgb is not None
    chosen = uniform_test_indices(xy.shape[1], settings.clip_len, settings.num_clips, settings.sampler)
    first, after = int(numbers.min()), int(numbers.max()) + 1
    shown = first + uniform_test_indices(after - first, rgb.clip_len, settings.num_clips, settings.sampler)
    box = subject_box(xy[:, torch.from_numpy(chosen)] if with_poses else xy, pictures.image_size)
    crops = pictures.crops(shown, box, rgb.size)
    seen = (
        _mirrored_pictures(standardised(crops.at(shown[clips]), rgb), mirror)
        for mirror, clips in _parts(settings, PICTURE_VIEWS_AT_ONCE)
    )
    if not with_poses:
        return ((frames,) for frames in seen)
    drawn = _drawn(xy, score, pictures.image_size, chosen, settings, body, PICTURE_VIEWS_AT_ONCE)
    return zip(seen, drawn, strict=True)


def _mirrored_pictures(views: Tensor, mirror: bool) -> Tensor:
    return views.flip(-1) if mirror else views


def _drawn(
    xy: Tensor, score: Tensor, image_size: ImageSize, chosen: np.ndarray, settings: Preprocessing, body: Layout,
    chunk: int,
) -> Iterator[Tensor]:  # fmt: skip
    """Heatmaps of the frames `chosen` (V, T), the box stretched to the square whatever the sampler."""
    xy, score = clip_keypoints(xy, score, image_size, chosen, size=settings.size)
    order = torch.tensor(channel_order(settings.kind, body))
    for mirror, clips in _parts(settings, chunk):
        views = draw(
            xy[clips], score[clips], settings.size, settings.sigma, kind=settings.kind, eps=EPS[settings.sampler],
            layout=body,
        )  # fmt: skip
        yield views.flip(-1).index_select(1, order) if mirror else views


def _parts(settings: Preprocessing, chunk: int) -> Iterator[tuple[bool, slice]]:
    """(mirrored, clips) of each part of the views."""
    for mirror in (False, True)[: 1 + settings.flip]:
        for first in range(0, settings.num_clips, chunk):
            yield mirror, slice(first, first + chunk)
