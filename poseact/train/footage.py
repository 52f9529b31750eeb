"""The pictures of training clips: what is shown of them, decoded by threads a few batches ahead. Draws no heatmaps."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from poseact.errors import InvalidVideo, LimitExceeded
from poseact.heatmap import resize
from poseact.machine import cores
from poseact.recognize.videos import VideoPictures
from poseact.train.clips import Clips
from poseact.types import Array

MOST_THREADS = 16
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cut:
    """What a batch shows of the pictures of one clip.

    Attributes:
        video: of the clip.
        numbers: (T,) int64 frames of the video.
        matrix: (2, 3) float64, from px of the video to px of what is shown; see `poseact.recognize.pictures.warp`.
        size: side of what is shown, px.
    """

    video: VideoPictures
    numbers: Array
    matrix: Array
    size: int

    def __call__(self) -> Array:
        """(T, size, size, 3) uint8 RGB. Raises: InvalidVideo when none of the frames can be decoded."""
        return self.video.warped(self.numbers, self.matrix, self.size).at(self.numbers)


def with_videos(clips: Clips, videos: Mapping[str, VideoPictures]) -> Clips:
    """The clips with the videos behind them, keypoints in px of these. Every video is opened.

    Args:
        videos: by the names of the clips.
    Raises: InvalidVideo, in one line for all of them, when videos cannot be read.
    """
    chosen = tuple(videos[name] for name in clips.names)
    problems = [problem for problem in ahead(_opened(one) for one in chosen) if problem]
    if problems:
        more = f" ({len(problems)} of {len(chosen)} videos cannot be read)" if len(problems) > 1 else ""
        raise InvalidVideo(f"{problems[0]}{more}")
    sizes = tuple(video.image_size for video in chosen)
    moved = tuple(resize(*each) for each in zip(clips.xy, clips.image_size, sizes, strict=True))
    return replace(clips, xy=moved, image_size=sizes, videos=chosen)


def _opened(video: VideoPictures) -> Callable[[], str]:
    """A task that looks at what a video says of itself; its result is the problem, or empty."""

    def task() -> str:
        try:
            return "" if video.info.frame_count else f"{video.path} has no pictures"
        except (InvalidVideo, LimitExceeded) as error:
            return str(error)

    return task


def short_videos(clips: Clips) -> list[str]:
    """Names of clips whose poses go on when their video has ended."""
    pairs = zip(clips.names, clips.numbers, clips.videos, strict=False)  # no videos: no pictures are wanted
    return [name for name, numbers, video in pairs if int(numbers.max()) >= video.info.frame_count]


def placed(
    clips: Clips,
    rows: Sequence[int],
    numbers: Tensor,
    box: tuple[Tensor, Tensor],
    corners: Tensor,
    size: int,
    side: int,
) -> tuple[Cut, ...]:
    """What is shown of the pictures of some clips so that it agrees with their heatmaps.

    Args:
        numbers: (B, T) frames of the videos.
        box: centre (B, 2) and side (B,) of the square that became the heatmap, px of the video.
        corners: (B, 3, 2) where the top right, bottom left and bottom right corner of the heatmap came to lie.
        size, side: of the heatmap and of what is shown, px.
    """
    centre, width = (one.double().cpu() for one in box)
    right_top, left_bottom, right_bottom = corners.double().cpu().unbind(1)
    across, down = (right_bottom - left_bottom) / size, (right_bottom - right_top) / size
    turn = (
        torch.stack((across, down), -1) * (size / width)[:, None, None]
    )  # (B, 2, 2), px of the video to px of heatmaps
    corner = right_top + left_bottom - right_bottom - torch.einsum("bij,bj->bi", turn, centre - width[:, None] / 2)
    matrix = (torch.cat((turn, corner[..., None]), -1) * (side / size)).numpy()
    return tuple(
        Cut(clips.videos[row], shown, one, side) for row, shown, one in zip(rows, numbers.numpy(), matrix, strict=True)
    )


def shown_ahead(batches: Iterable[tuple[T, Sequence[Cut]]], depth: int = 2) -> Generator[tuple[T, Array], None, None]:
    """Each batch with its pictures (B, T, size, size, 3) uint8, decoded while earlier batches are looked at.

    Args:
        depth: so many batches are in memory at most besides the one that was handed out.
    Raises: as `Cut`.
    """
    with _threads() as pool:
        waiting: deque[tuple[T, list[Future[Array]]]] = deque()
        try:
            for batch, cuts in batches:
                waiting.append((batch, [pool.submit(cut) for cut in cuts]))
                if len(waiting) >= depth:
                    yield _shown(*waiting.popleft())
            while waiting:
                yield _shown(*waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _shown(batch: T, pictures: Sequence[Future[Array]]) -> tuple[T, Array]:
    return batch, np.stack([one.result() for one in pictures])


def ahead(tasks: Iterable[Callable[[], T]], depth: int = 8) -> Iterator[T]:
    """The results of tasks in order, computed by threads, at most `depth` of them ahead."""
    with _threads() as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(task))
                if len(waiting) >= depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _threads() -> ThreadPoolExecutor:
    """Threads are enough: decoding and warping let go of the interpreter."""
    return ThreadPoolExecutor(min(cores(), MOST_THREADS), thread_name_prefix="pictures")
