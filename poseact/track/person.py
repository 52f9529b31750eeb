"""The person of interest: whose action is to be named, and why. Judges finished tracks; follows nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from poseact.errors import NoPerson, UsageError
from poseact.types import Array, Track

RULES = ("auto", "largest", "central", "longest", "moving", "all")

# Shares of the criteria in `auto`, chosen on the training clips of JHMDB (benchmarks/person.py prints the figures).
_WEIGHTS = {"presence": 0.30, "size": 0.30, "centrality": 0.15, "confidence": 0.10, "motion": 0.15}

_MOMENT = 0.25  # share of the longest presence below which somebody only passes by
_SEEN = 0.3  # joint score from which a motion is believed


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of one track.

    Attributes:
        presence: share of the frames in [0, 1].
        size: median height and width of the box as a share of the picture (geometric mean), in [0, 1].
        centrality: 1 in the middle of the picture, 0 at its corners, over the frames with the person.
        confidence: mean of box and keypoint scores over the frames with the person, in [0, 1].
        limbs: motion of the joints about the body's centre, in heights per frame.
        travel: motion of the body's centre in the picture, in heights per frame.
    """

    presence: float
    size: float
    centrality: float
    confidence: float
    limbs: float
    travel: float

    @property
    def motion(self) -> float:
        """Limbs and travel together, in heights per frame."""
        return self.limbs + self.travel


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen people.

    Attributes:
        ids: track ids, best first.
        reason: one line that says why.
        scores: track id -> value under the rule, larger is better, for every track.
        figures: track id -> what the value was made of.
        reasons: track id -> one line that says what speaks for this person, for every track.
        by_id: one person was asked for, whatever the figures say.
    """

    ids: tuple[int, ...]
    reason: str
    scores: dict[int, float]
    figures: dict[int, Figures]
    reasons: dict[int, str]
    by_id: bool = False

    @property
    def ranked(self) -> tuple[int, ...]:
        """Every track id, best first."""
        return tuple(sorted(self.scores, key=lambda number: (-self.scores[number], number)))


def select(tracks: Sequence[Track], image_size: tuple[int, int], rule: str = "auto") -> Selection:
    """Choose whom to look at.

    Args:
        image_size: (height, width) px.
        rule: one of RULES, or a track id as text. `largest` by mean visible size, `central` by place, `longest` by
            presence, `moving` by motion in heights; each by its figure times presence, so that a passer-by does not win
            by one frame. `auto` weighs all of them. `all` keeps everybody, in the order of `auto`.
    Raises:
        NoPerson: there is no track. UsageError: an unknown rule or id; the message lists what there is.
    """
    if not tracks:
        raise NoPerson("no person was found in the video; try a lower detection threshold or another clip")
    figures = {track.id: measure(track, image_size) for track in tracks}
    scores = _scores(figures, rule)
    ranked = sorted(scores, key=lambda number: (-scores[number], number))
    best = _best(figures)
    standing = {number: _standing(figures[number], best) for number in ranked}
    reasons = {number: f"{standing[number]}; {_place(place, ranked, rule)}" for place, number in enumerate(ranked)}
    if rule == "all":
        return Selection(tuple(ranked), f"all {len(ranked)} people were asked for", scores, figures, reasons)
    if rule not in RULES:
        return Selection((int(rule),), f"person {int(rule)} was asked for", scores, figures, reasons, by_id=True)
    chosen = ranked[0]
    company = f"; chosen among {len(figures)} people by {rule}" if len(figures) > 1 else ", nobody else is seen"
    return Selection((chosen,), f"person {chosen}: {standing[chosen]}{company}", scores, figures, reasons)


def measure(track: Track, image_size: tuple[int, int]) -> Figures:
    """The figures of one track in a picture of (height, width) px."""
    present = np.flatnonzero(track.present)
    if len(present) == 0:
        return Figures(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    picture = np.array([image_size[1], image_size[0]], np.float64)
    boxes = track.boxes[present].astype(np.float64).reshape(-1, 2, 2)  # (P, corner, xy)
    visible = np.clip(boxes, 0, picture)
    side = np.sqrt(np.maximum((visible[:, 1] - visible[:, 0]).prod(-1), 0))  # (P,) px
    offset = np.linalg.norm((visible.mean(1) - picture / 2) / (picture / 2), axis=-1) / np.sqrt(2)
    confidence = (track.box_score[present] + track.score[present].mean(-1)) / 2
    limbs, travel = _motion(track, present)
    return Figures(
        presence=len(present) / len(track.boxes),
        size=float(np.median(side) / np.sqrt(picture.prod())),
        centrality=float(np.clip(1 - offset, 0, 1).mean()),
        confidence=float(confidence.mean()),
        limbs=limbs,
        travel=travel,
    )


def _motion(track: Track, present: Array) -> tuple[float, float]:
    """Limb motion about the body's centre, and the centre's motion, in body heights per frame.

    The median over the frames, and only joints that are seen: guessed ones jitter more than anybody moves.
    """
    follow = present[1:][np.diff(present) == 1]
    if len(follow) == 0:
        return 0.0, 0.0
    size = track.boxes[present, 2:] - track.boxes[present, :2]
    height = max(float(np.median(size.max(-1))), 1.0)
    weight = np.minimum(track.score[follow], track.score[follow - 1])  # (F, K)
    weight = np.where(weight >= _SEEN, weight, 0.0)
    weight = weight / np.maximum(weight.sum(-1, keepdims=True), 1e-6)
    step = track.xy[follow] - track.xy[follow - 1]  # (F, K, 2)
    centre = (weight[..., None] * step).sum(1)  # (F, 2)
    limbs = (weight * np.linalg.norm(step - centre[:, None], axis=-1)).sum(-1)
    travel = np.linalg.norm(centre, axis=-1)
    return float(np.median(limbs)) / height, float(np.median(travel)) / height


def _scores(figures: dict[int, Figures], rule: str) -> dict[int, float]:
    if rule in ("auto", "all"):
        return _weighed(figures)
    by_rule = {
        "largest": lambda one: one.size * one.presence,
        "central": lambda one: one.centrality * one.presence,
        "longest": lambda one: one.presence,
        "moving": lambda one: one.motion * one.presence,
    }
    if rule in by_rule:
        return {number: by_rule[rule](one) for number, one in figures.items()}
    if rule.isdecimal() and int(rule) in figures:
        return {number: float(number == int(rule)) for number in figures}
    people = ", ".join(str(number) for number in sorted(figures))
    if rule.isdecimal():
        raise UsageError(f"there is no person {rule}; the people in this video are {people}")
    raise UsageError(f"unknown person {rule!r}; use {', '.join(RULES)}, or one of the ids {people}")


def _weighed(figures: dict[int, Figures]) -> dict[int, float]:
    """Weighted sum of the criteria, each as a share of the best person's, so that every video uses the whole range.

    Who is there for a moment only, of a long video, is worth less, however large and central.
    """
    totals = dict.fromkeys(figures, 0.0)
    for criterion, weight in _WEIGHTS.items():
        best = max([getattr(one, criterion) for one in figures.values()] + [1e-9])
        for number, one in figures.items():
            totals[number] += weight * getattr(one, criterion) / best
    longest = max([one.presence for one in figures.values()] + [1e-9])
    return {
        number: total * min(1.0, figures[number].presence / (_MOMENT * longest)) for number, total in totals.items()
    }


_SUPERLATIVES = {
    "size": "largest", "centrality": "most central", "motion": "moves most", "confidence": "seen most clearly",
}  # fmt: skip


def _standing(one: Figures, best: Mapping[str, float]) -> str:
    """How much of the video a person is in, and what nobody exceeds; `best` as of `_best`."""
    parts = [f"in {one.presence:.0%} of the frames"]
    parts += [words for criterion, words in _SUPERLATIVES.items() if getattr(one, criterion) >= best[criterion]]
    return ", ".join(parts)


def _best(figures: dict[int, Figures]) -> dict[str, float]:
    """The largest value of each criterion; what is larger still for somebody who is alone."""
    if len(figures) == 1:
        return dict.fromkeys(_SUPERLATIVES, inf)
    return {criterion: max(getattr(one, criterion) for one in figures.values()) for criterion in _SUPERLATIVES}


def _place(place: int, ranked: Sequence[int], rule: str) -> str:
    if rule not in RULES:
        return f"person {int(rule)} was asked for" if place == 0 else f"not person {int(rule)}, who was asked for"
    return f"number {place + 1} of {len(ranked)} by {'auto' if rule == 'all' else rule}"
