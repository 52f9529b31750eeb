"""The person of interest: each rule on people made for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from poseact.errors import NoPerson, UsageError
from poseact.track import RULES, select
from poseact.types import Track

SIZE = (240, 320)  # height, width


def person(number: int, centre: float, height: float, frames: int = 20, wave: float = 0.0, walk: float = 0.0) -> Track:
    """Somebody of `height` px around x = `centre` for `frames` of 20 frames; `wave` and `walk` in px per frame."""
    present = np.arange(20) < frames
    x = centre + walk * np.arange(20)
    boxes = np.stack([x - height / 5, np.full(20, 120 - height / 2), x + height / 5, np.full(20, 120 + height / 2)], 1)
    xy = np.stack(
        [np.repeat(x[:, None], 17, 1), np.linspace(120 - height / 2, 120 + height / 2, 17) * np.ones((20, 1))], -1
    )
    xy[::2, 9:11, 0] += wave * 8.5
    score = np.full((20, 17), 0.7) * present[:, None]
    return Track(
        number,
        (boxes * present[:, None]).astype(np.float32),
        (0.8 * present).astype(np.float32),
        (xy * (score > 0)[..., None]).astype(np.float32),
        score.astype(np.float32),
        np.zeros(20, bool),
    )


CAST = (
    person(1, centre=60, height=200),
    person(2, centre=160, height=60),
    person(3, centre=250, height=80, frames=16, wave=6.0),
)


@pytest.mark.parametrize(
    ("rule", "tracks", "ids"),
    [
        ("auto", CAST[1:2], (2,)),
        ("largest", CAST, (1,)),
        ("central", CAST, (2,)),
        ("moving", CAST, (3,)),
        ("longest", (CAST[2], CAST[1]), (2,)),
        ("longest", CAST[:2], (1,)),
        ("3", CAST, (3,)),
        ("all", CAST[:1], (1,)),
    ],
    ids=["alone", "largest", "central", "moving", "longest", "longest-tie-takes-the-first", "by-id", "all"],
)
def test_rules(rule, tracks, ids):
    selection = select(tracks, SIZE, rule)
    assert selection.ids == ids
    assert set(selection.scores) == set(selection.figures) == {track.id for track in tracks}
    assert selection.reason
    assert "\n" not in selection.reason


def test_all_keeps_everybody():
    assert sorted(select(CAST, SIZE, "all").ids) == [1, 2, 3]


def test_auto_does_not_take_a_large_passer_by():
    passer_by = person(1, centre=40, height=230, frames=3)
    actor = person(2, centre=150, height=120, wave=3.0)
    selection = select((passer_by, actor), SIZE)
    assert selection.ids == (2,)
    assert "person 2: in 100% of the frames" in selection.reason
    assert "moves most" in selection.reason


@pytest.mark.parametrize(("frames", "chosen"), [(1, 2), (2, 2), (5, 1), (20, 1)])
def test_auto_does_not_take_who_is_there_for_a_moment_only(frames, chosen):
    close, small = person(1, centre=160, height=230, frames=frames), person(2, centre=40, height=60)
    assert select((close, small), SIZE).ids == (chosen,)


def test_motion_is_measured_in_heights():
    small, large = person(1, 100, 50, walk=1.0), person(2, 200, 200, walk=2.0)
    assert select((small, large), SIZE, "moving").ids == (1,)
    figures = select((small, large), SIZE).figures
    assert figures[1].travel == pytest.approx(1 / 50)
    assert figures[1].limbs == pytest.approx(0, abs=1e-6)


def test_joints_that_are_guessed_do_not_move_anybody():
    still, jittering = person(1, 100, 100, walk=0.5), person(2, 200, 100, wave=8.0)
    guessed = replace(jittering, score=jittering.score * 0.2)
    assert select((still, guessed), SIZE, "moving").ids == (1,)
    assert select((still, jittering), SIZE, "moving").ids == (2,)


def test_nobody_is_an_error_of_its_own():
    with pytest.raises(NoPerson, match="no person"):
        select((), SIZE)


@pytest.mark.parametrize(
    "rule", ["9", "-1", "tallest", "", "²"], ids=["unknown-id", "negative", "word", "empty", "digit"]
)
def test_an_unknown_person_lists_those_who_are_there(rule):
    with pytest.raises(UsageError, match="1, 2, 3"):
        select(CAST, SIZE, rule)


@pytest.mark.parametrize("rule", RULES)
def test_a_track_that_is_never_present_is_survived(rule):
    nobody = person(4, centre=100, height=100, frames=0)
    assert 4 in select((*CAST, nobody), SIZE, rule).scores
