"""The embedded detector: images through NanoDet, batched, to person boxes. The network itself is in `nanodet`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from poseact.detect.letterbox import Fit, fit, letterbox, to_image
from poseact.detect.merge import merge
from poseact.detect.nanodet import DIVISOR, decode_boxes, grid_points
from poseact.types import Array, Boxes

WEAK = 0.15  # boxes below it are not even worth continuing a track
CANDIDATE = 0.05  # single grid points below it are not looked at
MOST_CANDIDATES = 1000  # per view, so that a crowd cannot make merging slow
SMALLEST_SIDE = 1.0  # px


@dataclass(frozen=True, slots=True)
class View:
    """One look at an image: its longer side becomes `size` px; `flip` mirrors it."""

    size: int
    flip: bool = False


FAST = (View(256),)
BALANCED = (View(320),)
ACCURATE = (View(320), View(416), View(320, flip=True))


@dataclass(frozen=True, slots=True)
class Candidates:
    """What one view sees in one image: boxes (N, 4) px of the image, score (N,)."""

    boxes: Tensor
    score: Tensor


class NanoDetDetector:
    """Person detector over `NanoDet`; see `poseact.detect.base.Detector`.

    Attributes:
        threshold: boxes below this score are dropped; which of the others start a track is for `track.link` to say.
        views: looks that are merged, for example `FAST`, `BALANCED` or `ACCURATE`; cost grows with the sum of their
            squared sizes.
        batch_size: inputs per forward pass.
    """

    name = "nanodet-g"

    def __init__(
        self,
        network: nn.Module,
        *,
        threshold: float = WEAK,
        views: Sequence[View] = BALANCED,
        device: str | torch.device = "cpu",
        batch_size: int = 8,
    ) -> None:
        self.threshold = threshold
        self.views = tuple(views)
        self.batch_size = batch_size
        self.device = torch.device(device)
        # A third faster on CPU; the pixels of decoded frames lie in this order anyway.
        self.network = network.eval().to(self.device).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, images: Sequence[Array]) -> list[Boxes]:
        """Find the people of each image: (H, W, 3) uint8 RGB each."""
        seen: list[list[Candidates]] = [[] for _ in images]
        for view in self.views:
            for index, candidates in self._look(images, view):
                seen[index].append(candidates)
        return [self._merge(views) for views in seen]

    def _look(self, images: Sequence[Array], view: View) -> Iterator[tuple[int, Candidates]]:
        places = [fit(image.shape[0], image.shape[1], view.size, DIVISOR) for image in images]
        by_canvas: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, place in enumerate(places):
            by_canvas[place.canvas].append(index)
        for indices in by_canvas.values():
            for chunk in _chunks(indices, self.batch_size):
                inputs = np.stack([letterbox(images[index], places[index]) for index in chunk])
                boxes, score = self._forward(inputs, flip=view.flip)
                for row, index in enumerate(chunk):
                    yield index, _candidates(boxes[row], score[row], places[index])

    def _forward(self, inputs: Array, *, flip: bool) -> tuple[Tensor, Tensor]:
        """(N, H, W, 3) uint8 -> boxes (N, A, 4) px of the input and scores (N, A), on the CPU."""
        height, width = inputs.shape[1:3]
        images = torch.from_numpy(inputs).to(self.device).permute(0, 3, 1, 2).float()
        class_logits, box_logits = self.network(images.flip(3) if flip else images)
        boxes = decode_boxes(box_logits, *grid_points(height, width, self.device))
        if flip:
            boxes = torch.stack([width - boxes[..., 2], boxes[..., 1], width - boxes[..., 0], boxes[..., 3]], -1)
        return boxes.cpu(), class_logits[..., 0].sigmoid().cpu()

    def _merge(self, views: list[Candidates]) -> Boxes:
        source = [torch.full((len(seen.score),), index) for index, seen in enumerate(views)]
        boxes = torch.cat([seen.boxes for seen in views])
        score = torch.cat([seen.score for seen in views])
        boxes, score = merge(boxes, score, torch.cat(source), len(views))
        keep = (score >= self.threshold) & ((boxes[:, 2:] - boxes[:, :2]).amin(1) >= SMALLEST_SIDE)
        return Boxes(boxes[keep].float().numpy(), score[keep].float().numpy())


def _candidates(boxes: Tensor, score: Tensor, place: Fit) -> Candidates:
    best = score.topk(min(MOST_CANDIDATES, len(score)))
    keep = best.indices[best.values > CANDIDATE]
    return Candidates(to_image(boxes[keep], place), score[keep])


def _chunks(indices: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(indices), size):
        yield indices[start : start + size]
