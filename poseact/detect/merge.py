"""Overlapping candidates of one image, from one or several views, become one box per person. Pure arithmetic."""

from __future__ import annotations

import cv2
import torch
from torch import Tensor

SAME_PERSON = 0.55  # intersection over union above which two candidates mean one person
SAME_BOX = 0.7  # above which a candidate may move the sides of the box
SUPPORTERS = 4  # a person usually lights up several neighbouring grid points, a false alarm one or two


def merge(boxes: Tensor, score: Tensor, view: Tensor, views: int) -> tuple[Tensor, Tensor]:
    """Cluster candidates greedily around the best ones; let each cluster vote on its box and score.

    The box is the mean of the agreeing members, weighted by squared score. The score is the mean over the views of the
    mean of the best member and the average of the best four (absent ones count 0): measured on COCO people this takes
    away about a third of the false alarms at equal threshold, for 3 percent of the people.

    Args:
        boxes: (N, 4) px xyxy. score: (N,). view: (N,) int, which view a candidate comes from, below `views`.
    Returns:
        (M, 4) boxes and (M,) scores in descending order.
    """
    if not len(boxes):
        return boxes, score
    sides = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
    best = cv2.dnn.NMSBoxes(sides.tolist(), score.tolist(), 0.0, SAME_PERSON)
    kept = torch.as_tensor(best, dtype=torch.int64, device=boxes.device)
    overlap = _overlap(boxes[kept], boxes)  # (M, N)
    owner = (overlap > SAME_PERSON).to(torch.uint8).argmax(0)  # the first, that is best, overlapping one
    owner[kept] = torch.arange(len(kept), device=boxes.device)
    member = (owner == torch.arange(len(kept), device=boxes.device)[:, None]) * score  # (M, N), 0 for non-members
    weight = member.square() * (overlap >= SAME_BOX)
    voted = weight @ boxes / weight.sum(1, keepdim=True)
    total = torch.stack([_support(member * (view == index)) for index in range(views)]).mean(0)
    order = total.argsort(descending=True, stable=True)
    return voted[order], total[order]


def _overlap(boxes: Tensor, others: Tensor) -> Tensor:
    """(M, 4) and (N, 4) xyxy -> (M, N) intersection over union."""
    first = torch.maximum(boxes[:, None, :2], others[:, :2])
    last = torch.minimum(boxes[:, None, 2:], others[:, 2:])
    shared = (last - first).clamp(min=0).prod(-1)
    area, other = ((some[:, 2:] - some[:, :2]).prod(-1) for some in (boxes, others))
    return shared / (area[:, None] + other - shared)


def _support(member: Tensor) -> Tensor:
    """(M, N) scores of the members of each cluster -> (M,)."""
    best = member.topk(min(SUPPORTERS, member.shape[1]), 1).values
    return (best[:, 0] + best.sum(1) / SUPPORTERS) / 2
