from fractions import Fraction

import numpy as np
import pytest

from poseact.errors import UsageError
from poseact.video.timeline import Timeline, plan_runs, wanted_indices


def timeline(keyframes, count=100, seekable=True):
    ticks = np.arange(count, dtype=np.int64) * 10 + 500
    return Timeline(ticks, np.array(keyframes, np.int64), Fraction(1, 250), True, seekable, 500 + count * 10)


@pytest.mark.parametrize(
    ("keyframes", "wanted", "expected"),
    [
        ([0], [], []),
        ([0], [3, 90], [(None, [3, 90])]),
        ([0, 50], [3, 90], [(None, [3]), (50, [90])]),
        ([0, 50], [48, 90], [(None, [48, 90])]),
        ([0, 50], [60, 61], [(50, [60, 61])]),
        ([0, 20, 40, 60], [25, 45, 65], [(20, [25]), (40, [45]), (60, [65])]),
        ([], [60], [(None, [60])]),
        ([0, 50], [50], [(50, [50])]),
        ([0, 4], [4], [(None, [4])]),
    ],
    ids=["nothing", "one keyframe", "jump", "too near to jump", "from a later start", "three", "no keyframes", "on a "
         "keyframe", "start too near"],
)  # fmt: skip
def test_plan_runs(keyframes, wanted, expected):
    runs = plan_runs(np.array(wanted, np.int64), timeline(keyframes))
    assert [(keyframe, indices.tolist()) for keyframe, indices in runs] == expected


def test_plan_runs_without_trust_in_the_keyframes():
    runs = plan_runs(np.array([60]), timeline([0, 50], seekable=False))
    assert [(keyframe, indices.tolist()) for keyframe, indices in runs] == [(None, [60])]


@pytest.mark.parametrize("every", [1, 5, 13, 29])
@pytest.mark.parametrize("gop", [1, 7, 12, 50])
def test_plan_runs_keeps_all_and_never_goes_back(every, gop):
    wanted = np.arange(3, 100, every)
    runs = plan_runs(wanted, timeline(list(range(0, 100, gop))))
    assert np.concatenate([indices for _, indices in runs]).tolist() == wanted.tolist()
    before = -1
    for keyframe, indices in runs:
        assert keyframe is None or before < keyframe <= indices[0]
        before = indices[-1]


@pytest.mark.parametrize(
    ("indices", "expected"),
    [(None, None), ([], []), ([5, 1, 5, 3], [1, 3, 5]), (range(2, 8, 3), [2, 5]), (np.array([7, 0]), [0, 7])],
    ids=["all", "none", "unsorted and twice", "range", "array"],
)
def test_wanted_indices(indices, expected):
    wanted = wanted_indices(indices)
    assert (wanted if wanted is None else wanted.tolist()) == expected


def test_wanted_indices_refuses_negative_ones():
    with pytest.raises(UsageError, match="-2 is negative"):
        wanted_indices([4, -2])


def test_ticks_and_seconds():
    times = timeline([0, 50])
    assert times.seconds(0) == 0.0
    assert times.seconds(25) == 1.0
    assert times.seconds(100) == times.seconds(12345) == 4.0
    assert [times.index_of(tick) for tick in (None, 499, 500, 505, 1490, 1500)] == [None, None, 0, None, 99, None]
    assert times.missing(25, 50, "why").frames == 25


def test_trimmed():
    rest = timeline([0, 20, 50]).trimmed(10)
    assert (len(rest), rest.keyframes.tolist(), rest.seconds(0), rest.index_of(600)) == (90, [10, 40], 0.0, 0)


@pytest.mark.parametrize(
    ("ticks", "known", "expected"),
    [
        ([500, 510, 525, 550], {"exact": True}, [0, 1, 2.5, 5, 6]),
        ([500, 510, 510, 550], {"exact": False, "timed": True}, [0, 1, 2, 5, 6]),
        ([500, 500, 500, 500], {"exact": False}, [0, 1, 2, 3, 4]),
    ],
    ids=["exact", "shared", "untold"],
)
def test_times_of_pictures(ticks, known, expected):
    """At 1 frame/s; the last one is beyond the last tick."""
    pictures = Timeline(np.array(ticks), np.array([0]), Fraction(1, 10), seekable=False, end=560, **known)
    np.testing.assert_allclose(pictures.times(np.arange(5), 1.0), expected)
