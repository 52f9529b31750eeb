"""Parts of a data set: disjoint, complete, and the same wherever and whenever they are asked for."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseact.errors import UsageError
from poseact.extract.clips import Clip
from poseact.extract.shard import Shard

NAMES = st.lists(st.text(max_size=20), unique=True, max_size=40)


def clips(names):
    return [Clip(Path("v.mp4"), name, 0) for name in names]


@given(NAMES, st.integers(1, 12))
def test_disjoint_and_complete(names, count):
    parts = [Shard(number, count).of(clips(names)) for number in range(1, count + 1)]
    found = [clip.name for part in parts for clip in part]
    assert sorted(found) == sorted(names)


@given(NAMES, NAMES, st.integers(1, 12))
def test_a_clip_stays_when_others_come_and_go(names, others, count):
    shard = Shard(1, count)
    alone = {clip.name for clip in shard.of(clips(names))}
    together = {clip.name for clip in shard.of(clips([*others, *names]))}
    assert alone == together & set(names)


def test_the_parts_of_a_large_set_are_about_equal_and_never_change():
    names = [f"class{number % 7}/video{number}" for number in range(4000)]
    sizes = [len(Shard(number, 4).of(clips(names))) for number in range(1, 5)]
    assert all(900 < size < 1100 for size in sizes)
    assert [clip.name for clip in Shard(2, 1000).of(clips(names))] == KEPT


KEPT = ["class0/video1365", "class3/video2222"]


def test_names_that_are_no_unicode():
    (clip,) = clips(["caf\udce9"])
    assert sum(Shard(number, 3).holds(clip.name) for number in (1, 2, 3)) == 1


@pytest.mark.parametrize(("text", "shard"), [("1/1", Shard(1, 1)), ("3/8", Shard(3, 8)), (" 2 / 2 ", Shard(2, 2))])
def test_parse(text, shard):
    assert Shard.parse(text) == shard
    assert Shard.parse(str(shard)) == shard


@pytest.mark.parametrize("text", ["", "0/4", "5/4", "1", "1/0", "-1/4", "1/4/2", "a/b", "1.5/3", "٣/x", "1/9999999999"])
def test_what_is_no_shard(text):
    with pytest.raises(UsageError, match=r"write i/n with i from 1 to n"):
        Shard.parse(text)
