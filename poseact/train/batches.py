"""Clips -> batches of heatmaps and pictures: frame sampling, crop, augmentation, drawing on the device."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain

import torch
from torch import Tensor

from poseact.heatmap import Canvas, draw
from poseact.recognize.batches import view_logits
from poseact.recognize.inputs import PICTURE_VIEWS_AT_ONCE, VIEWS_AT_ONCE, Stream, picture_views, pose_views
from poseact.recognize.pictures import standardised
from poseact.skeleton import layout as find_layout
from poseact.train.augment import TimeSpan, augment, deform, frames_of, mix, random_span
from poseact.train.clips import Clips, subject_box
from poseact.train.footage import Cut, ahead, placed, shown_ahead
from poseact.train.settings import TrainSettings
from poseact.types import Array
from poseact.zoo import Preprocessing

Inputs = tuple[Tensor, ...]


@dataclass
class Random:
    """The random numbers of one epoch: which clips and frames (on the CPU), and how they are changed (on the device).

    Every process of a distributed run draws the same ones, and keeps its share of the clips.
    """

    order: torch.Generator
    change: torch.Generator

    @classmethod
    def of(cls, seed: int, device: torch.device) -> Random:
        return cls(torch.Generator().manual_seed(seed), torch.Generator(device=device).manual_seed(seed))


@dataclass(frozen=True)
class Draft:
    """A training batch as its random numbers make it, before anything is drawn.

    Attributes:
        xy: (B, T, M, K, 2) px of the heatmaps. score: (B, T, M, K).
        target: (B, C).
        share: the rows of the finished batch that this process looks at.
    """

    xy: Tensor
    score: Tensor
    target: Tensor
    share: slice


def training_batches(
    clips: Clips, order: Iterable[Sequence[int]], settings: TrainSettings, random: Random, device: torch.device,
    share: slice = slice(None),
) -> Generator[tuple[Inputs, Tensor], None, None]:  # fmt: skip
    """The inputs and soft targets (B, C) of some batches of clips, freshly augmented, one after the other.

    Inputs are, as the network looks at them, pictures (B, 3, T, H, W) standardised, and heatmaps (B, channels,
    clip_len, size, size). Pictures are decoded while earlier batches are trained on. The heatmaps of a batch are
    overwritten by those of the next one.

    Args:
        order: the clips of each batch, by number.
        share: the rows of each batch that this process looks at; all of them are drawn from the same random numbers.
    Raises: InvalidVideo when none of the pictures of a clip can be decoded.
    """
    canvas = Canvas()
    drafts = (_draft(clips, rows, settings, random, share) for rows in order)
    if not clips.videos:
        for draft, _ in drafts:
            yield _finished(draft, None, clips.layout, settings, random, device, canvas)
        return
    with closing(shown_ahead(drafts)) as shown:
        for draft, pictures in shown:
            yield _finished(draft, pictures, clips.layout, settings, random, device, canvas)


def _draft(
    clips: Clips, rows: Sequence[int], settings: TrainSettings, random: Random, share: slice
) -> tuple[Draft, tuple[Cut, ...]]:
    """A batch, and what it shows of pictures: the same stretch of time, the same box, the same changes as of poses."""
    lengths = torch.tensor([len(clips.xy[row]) for row in rows])
    span = random_span(lengths, settings.augmentation.window, random.order, settings.augmentation.speed)
    frames = frames_of(span, lengths, settings.preprocessing.clip_len, random.order, settings.preprocessing.sampler)
    place = random.change.device
    xy = torch.stack([clips.xy[row][chosen] for row, chosen in zip(rows, frames, strict=True)]).to(place)
    score = torch.stack([clips.score[row][chosen] for row, chosen in zip(rows, frames, strict=True)]).to(place)
    size, layout = settings.drawn_size, find_layout(clips.layout)
    xy, score = deform(xy, score, settings.augmentation, layout, random.change)
    whole = torch.tensor([clips.image_size[row] for row in rows], dtype=xy.dtype, device=place)
    centre, side = subject_box(xy, score, whole)
    xy = ((xy - centre[:, None, None, None]) / side[:, None, None, None, None] + 0.5) * size
    xy, score, corners = augment(xy, score, size, settings.augmentation, layout.flip_joints, random.change)
    target = clips.targets(rows)
    cuts: tuple[Cut, ...] = ()
    if clips.videos:
        numbers = _picture_numbers(clips, rows, span, settings, random)
        cuts = placed(clips, rows, numbers, (centre, side), corners, size, settings.shown_size)[share]
    if not settings.augmentation.mixup:  # nobody needs the heatmaps of the other processes' clips
        xy, score, target, share = xy[share], score[share], target[share], slice(None)
    return Draft(xy, score, target, share), cuts


def _picture_numbers(
    clips: Clips, rows: Sequence[int], span: TimeSpan, settings: TrainSettings, random: Random
) -> Tensor:
    """(B, T) frames of the videos, drawn by themselves from the stretch of time in which poses were drawn."""
    rgb = settings.preprocessing.rgb
    assert rgb is not None
    first = torch.stack([clips.numbers[row].min() for row in rows])
    last = torch.stack([clips.numbers[row].max() for row in rows])
    count = last - first + 1
    return first[:, None] + frames_of(span, count, rgb.clip_len, random.order, settings.preprocessing.sampler)


def _finished(
    draft: Draft, pictures: Array | None, layout: str, settings: TrainSettings, random: Random, device: torch.device,
    canvas: Canvas,
) -> tuple[Inputs, Tensor]:  # fmt: skip
    inputs, target = settings.preprocessing, draft.target.to(device)
    shown: Inputs = ()
    if pictures is not None and inputs.rgb is not None:
        shown = (standardised(pictures, inputs.rgb, device).contiguous(memory_format=torch.channels_last_3d),)
        if "pose" not in settings.streams:
            return shown, target
    heatmaps = draw(
        draft.xy.to(device), draft.score.to(device), settings.drawn_size, inputs.sigma, kind=inputs.kind,
        layout=find_layout(layout), channels_last=True, canvas=canvas,
    )  # fmt: skip
    heatmaps, target = mix(heatmaps, target, settings.augmentation.mixup, random.change)
    heatmaps = heatmaps[draft.share].contiguous(memory_format=torch.channels_last_3d)
    return (*shown, heatmaps), target[draft.share]


def epoch_order(label: Tensor, batch_size: int, balance: float, generator: torch.Generator) -> list[list[int]]:
    """The clips of each batch of one pass, by number; a last batch that is not full is left out, unless it is alone.

    Args:
        label: (N,) classes. balance: see `TrainSettings`; above 0, clips are drawn with replacement.
    """
    count = len(label)
    if balance:
        chance = label.bincount().double()[label] ** -balance
        order = torch.multinomial(chance, count, replacement=True, generator=generator)
    else:
        order = torch.randperm(count, generator=generator)
    size = min(batch_size, count)
    return [part.tolist() for part in order[: count - count % size].split(size)]


def view_outputs(
    network: Callable[..., Tensor | tuple[Tensor, ...]], clips: Clips, settings: Preprocessing, device: torch.device,
    looks_at: tuple[Stream, ...] = ("pose",),
) -> list[Tensor]:  # fmt: skip
    """N times (answers, views, C) float32 on the CPU: logits or embeddings by the views that recognition uses.

    Args:
        clips: those with windows are looked at window by window, the views of each following those of the one before.
        network: gives one answer, or one per stream.
    """
    at_once = PICTURE_VIEWS_AT_ONCE if "rgb" in looks_at else VIEWS_AT_ONCE
    return list(view_logits(network, _views(clips, settings, looks_at), at_once=at_once, device=str(device)))


def _views(clips: Clips, settings: Preprocessing, looks_at: tuple[Stream, ...]) -> Iterator[Iterator[Inputs]]:
    """The views of each clip, a few at a time; the pictures of the next clips are decoded ahead."""
    if "rgb" in looks_at:
        return ahead(partial(_picture_views, clips, row, settings, looks_at) for row in range(len(clips)))
    return (((views,) for views in _heatmap_views(clips, row, settings)) for row in range(len(clips)))


def _windows(clips: Clips, row: int) -> tuple[slice, ...]:
    return clips.windows[row] if clips.windows else (slice(None),)


def _picture_views(clips: Clips, row: int, settings: Preprocessing, looks_at: tuple[Stream, ...]) -> Iterator[Inputs]:
    """The pictures of all windows are decoded at once, the views drawn as they are asked for."""
    decoded = [
        picture_views(
            clips.xy[row][frames].transpose(0, 1), clips.score[row][frames].transpose(0, 1),
            clips.numbers[row][frames].numpy(), settings, find_layout(clips.layout), clips.videos[row],
            with_poses="pose" in looks_at,
        )
        for frames in _windows(clips, row)
    ]  # fmt: skip
    return chain.from_iterable(decoded)


def _heatmap_views(clips: Clips, row: int, settings: Preprocessing) -> Iterator[Tensor]:
    for frames in _windows(clips, row):
        xy, score = (values[row][frames].transpose(0, 1) for values in (clips.xy, clips.score))
        yield from pose_views(xy, score, clips.image_size[row], settings, find_layout(clips.layout))
