"""Heatmaps and tags of a whole picture -> people, by associative embedding: pure functions. Knows no network.

Source: Newell et al., "Associative Embedding", 2017: joints of one person have close tags. The rules and constants are
those of MMPose 0.x, which the published accuracies of HigherHRNet rest on. Coordinates are pixel indices.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

from poseact.types import Array

MOST_PEOPLE = 30
NEIGHBOURHOOD = 5  # px; a candidate is the highest within this square
CANDIDATE = 0.1  # least height of a candidate
SAME_PERSON = 1.0  # largest distance of a joint's tag from the person's mean tag
# COCO-17: the face, then from the trunk to the hands and feet.
ORDER = (0, 1, 2, 3, 4, 5, 6, 11, 12, 7, 8, 9, 10, 13, 14, 15, 16)
_NEVER = 1e10
_QUARTER, _MIDDLE = 0.25, 0.5


@dataclass
class _Person:
    """The joints that belong together so far; `place` (K, 2) px as x, y, and `score` (K,), 0 where there is none."""

    place: Array
    score: Array
    tags: list[Array] = field(default_factory=list)

    def take(self, joint: int, place: Array, score: float, tag: Array) -> None:
        self.place[joint], self.score[joint] = place, score
        self.tags.append(tag)

    @property
    def tag(self) -> Array:
        mean: Array = np.mean(self.tags, 0)
        return mean


def group(heatmaps: Tensor, tags: Tensor) -> tuple[Array, Array, Array]:
    """Find people.

    Args:
        heatmaps: (17, h, w) floats, peaks about 1.
        tags: (17, h, w, D), D numbers for each place; D is 2 where mirrored pictures were looked at as well.
    Returns:
        xy (N, 17, 2) px of the heatmaps, score (N, 17), both float64 and 0 where a joint is missing, and the score (N,)
        of each person, the mean over its joints before missing ones were looked for; at least one joint is seen.
    """
    joints = len(heatmaps)
    value, place, tag = candidates(heatmaps, tags)
    people: list[_Person] = []
    for joint in ORDER:
        rows = value[joint] > CANDIDATE
        _assign(people, joint, place[joint][rows], value[joint][rows], tag[joint][rows], joints)
    xy, score = np.zeros((len(people), joints, 2)), np.zeros((len(people), joints))
    for row, person in enumerate(people):
        xy[row], score[row] = _completed(person, heatmaps, tags)
    return xy, score, np.array([person.score.mean() for person in people])


def candidates(heatmaps: Tensor, tags: Tensor) -> tuple[Array, Array, Array]:
    """The highest places of each map: value (K, n), place (K, n, 2) px as x, y, tag (K, n, D), highest first."""
    joints, height, width = heatmaps.shape
    highest = F.max_pool2d(heatmaps[None], NEIGHBOURHOOD, 1, NEIGHBOURHOOD // 2)[0]
    peaks = torch.where(heatmaps == highest, heatmaps, 0).flatten(1)
    value, index = peaks.topk(min(MOST_PEOPLE, height * width), 1)
    tag = tags.flatten(1, 2)[torch.arange(joints, device=tags.device)[:, None], index]
    place = torch.stack([index % width, index // width], 2)
    return value.double().cpu().numpy(), place.cpu().numpy(), tag.double().cpu().numpy()


def _assign(people: list[_Person], joint: int, place: Array, score: Array, tag: Array, joints: int) -> None:
    """Give each candidate of a joint to the person whose tag is nearest, all together; the others found a person.

    As in the reference, the sum of all distances is least, also of those that are too far to join.
    """
    owner: dict[int, int] = {}
    if people and len(score):
        distance = np.linalg.norm(tag[:, None] - np.stack([person.tag for person in people]), axis=2)
        cost = np.round(distance) * 100 - score[:, None]
        spare = np.full((len(score), max(len(score) - len(people), 0)), _NEVER)
        for row, column in zip(*linear_sum_assignment(np.hstack([cost, spare])), strict=True):
            if column < len(people) and distance[row, column] < SAME_PERSON:
                owner[row] = column
    for row in range(len(score)):
        if row not in owner:
            people.append(_Person(np.zeros((joints, 2)), np.zeros(joints)))
        people[owner.get(row, -1)].take(joint, place[row], score[row], tag[row])


def _completed(person: _Person, heatmaps: Tensor, tags: Tensor) -> tuple[Array, Array]:
    """Joints (K, 2) and scores (K,) with quarter offsets, missing joints looked for where tags are the person's."""
    mean = torch.from_numpy(person.tag).to(tags)
    missing = np.flatnonzero(person.score == 0)
    place, score = person.place.astype(np.int64), person.score.copy()
    if len(missing):
        maps = heatmaps[missing]
        far = (tags[missing] - mean).square().sum(3).sqrt().round()
        best = (maps - far).flatten(1).argmax(1)
        found = maps.flatten(1).gather(1, best[:, None])[:, 0].double().cpu().numpy()
        at = best.cpu().numpy()
        place[missing] = np.stack([at % heatmaps.shape[2], at // heatmaps.shape[2]], 1)
        score[missing] = np.maximum(found, 0)
    xy = place + _MIDDLE + quarter_offset(heatmaps, place)
    seen = score > 0
    return np.where(seen[:, None], xy, 0), np.where(seen, score, 0)


def quarter_offset(heatmaps: Tensor, place: Array) -> Array:
    """A quarter of a pixel right and down where that neighbour is the higher one, else left and up; (K, 2) px.

    At the border the pixel itself takes the place of the absent neighbour. Args: place: (K, 2) int, x and y.
    """
    joints, height, width = heatmaps.shape
    x, y = torch.from_numpy(place).to(heatmaps.device).unbind(1)
    every = torch.arange(joints, device=heatmaps.device)
    right = heatmaps[every, y, (x + 1).clamp(max=width - 1)] > heatmaps[every, y, (x - 1).clamp(min=0)]
    down = heatmaps[every, (y + 1).clamp(max=height - 1), x] > heatmaps[every, (y - 1).clamp(min=0), x]
    return np.where(torch.stack([right, down], 1).cpu().numpy(), _QUARTER, -_QUARTER)
