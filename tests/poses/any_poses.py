"""Hypothesis strategies: pose sequences of every kind that a file must bring back as it was."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from poseact.poses import PoseDataset
from poseact.types import PoseSequence, Provenance

NAMES = st.text(max_size=12) | st.sampled_from(["", "clip é 🎬/x", "a\nb", "-", "\udcff", "x" * 70])
_PEOPLE = st.integers(0, 3)
_FLOATS = st.floats(-(2.0**99), 2.0**99, width=32)


def _floats(draw, *shape):
    return draw(arrays.arrays(np.float32, shape, elements=_FLOATS, fill=st.just(0)))


@st.composite
def sequences(draw, people=_PEOPLE, frames=None, joints=None, others=True) -> PoseSequence:
    m = draw(people)
    t = draw(st.integers(1, 4)) if frames is None else frames
    k = draw(st.sampled_from([1, 17, 21])) if joints is None else joints
    rest = _others(draw, t, k) if others and draw(st.booleans()) else None
    taken = set(rest.track_id.tolist()) if rest is not None else set()
    return PoseSequence(
        keypoint=_floats(draw, m, t, k, 2),
        keypoint_score=np.abs(_floats(draw, m, t, k)),
        image_size=(draw(st.integers(1, 2**31 - 1)), draw(st.integers(1, 4000))),
        fps=draw(st.floats(1e-3, 1e5)),
        pts=draw(arrays.arrays(np.float64, t, elements=st.floats(-1e9, 1e9))),
        frame_index=draw(arrays.arrays(np.int64, t)),
        track_id=draw(arrays.arrays(np.int64, m, unique=True).filter(lambda ids: not taken & set(ids.tolist()))),
        boxes=_floats(draw, m, t, 4),
        box_score=_floats(draw, m, t),
        interpolated=draw(arrays.arrays(bool, (m, t))),
        layout="coco17" if k == 17 else f"{k}-joints",
        name=draw(NAMES),
        label=draw(st.integers(-1, 400)),
        provenance=Provenance(*draw(st.tuples(NAMES, NAMES, NAMES, st.dictionaries(NAMES, NAMES, max_size=2), NAMES))),
        person_score=_floats(draw, m),
        person_reason=tuple(draw(st.lists(NAMES, min_size=m, max_size=m))),
        person_estimator=tuple(draw(st.lists(NAMES, min_size=m, max_size=m))),
        others=rest,
        camera=draw(arrays.arrays(np.float32, (t, 4), elements=st.floats(0.5, 2, width=32))),
    )


def _others(draw, frames, joints):
    return draw(sequences(people=st.integers(0, 2), frames=frames, joints=joints, others=False))


datasets = st.builds(
    PoseDataset,
    st.lists(sequences(), max_size=3),
    st.dictionaries(NAMES, st.lists(NAMES, max_size=3), max_size=2),
    st.lists(NAMES, max_size=3).map(tuple),
)

_OF_PEOPLE = (
    "keypoint", "keypoint_score", "track_id", "boxes", "box_score", "interpolated", "person_score", "person_reason",
    "person_estimator",
)  # fmt: skip


def assert_same(one: PoseSequence, other: PoseSequence, names=None) -> None:
    """Equal in every field, values and types; of `others` what is theirs alone."""
    for name in names or [field.name for field in fields(PoseSequence)]:
        first, second = getattr(one, name), getattr(other, name)
        if name == "others":
            assert (first is None) == (second is None)
            if first is not None:
                assert_same(first, second, _OF_PEOPLE)
        elif isinstance(first, np.ndarray):
            assert first.dtype == second.dtype
            np.testing.assert_array_equal(first, second, name)
        else:
            assert first == second, name
