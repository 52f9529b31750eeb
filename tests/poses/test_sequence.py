"""Tracks to sequences and back."""

from __future__ import annotations

import numpy as np
import pytest

from poseact.errors import InvalidPoses, UsageError
from poseact.poses import choose, from_tracks, nobody, sequence_tracks, visible_boxes
from poseact.types import Provenance, Track


def person(number: int, frames: int = 4, joints: int = 17) -> Track:
    rng = np.random.default_rng(number)
    return Track(
        number,
        rng.uniform(0, 100, (frames, 4)).astype(np.float32),
        np.full(frames, 0.5, np.float32),
        rng.uniform(0, 100, (frames, joints, 2)).astype(np.float32),
        rng.uniform(0, 1, (frames, joints)).astype(np.float32),
        np.arange(frames) == 1,
    )


def sequence(tracks, **options):
    return from_tracks(tracks, (240, 320), 30.0, np.arange(4) / 30, np.arange(4), **options)


@pytest.mark.parametrize("expected", [[], [1, 5], [5, 1]], ids=["nobody", "two", "other-order"])
def test_from_tracks(expected):
    made = sequence(list(map(person, expected)), name="clip", label=3, provenance=Provenance(source="a.mp4"))
    assert made.track_id.tolist() == expected
    assert made.keypoint.shape == (len(expected), 4, 17, 2)
    assert (made.name, made.label, made.provenance.source, made.image_size) == ("clip", 3, "a.mp4", (240, 320))
    for row, number in enumerate(expected):
        np.testing.assert_array_equal(made.keypoint[row], person(number).xy)
        np.testing.assert_array_equal(made.interpolated[row], [False, True, False, False])


def test_no_tracks_keep_the_frames():
    assert sequence([]).keypoint.shape == (0, 4, 17, 2)
    assert nobody((10, 20), 25.0, np.arange(3.0), np.arange(3)).boxes.shape == (0, 3, 4)


def test_tracks_of_other_lengths_are_refused():
    with pytest.raises(InvalidPoses, match=r"\[4, 5\] frames but 4 times"):
        sequence([person(1), person(2, frames=5)])


def test_choose_and_back_to_tracks():
    tracks = [person(1), person(2), person(3)]
    chosen = choose(sequence(tracks), [3, 1])
    for track, back in zip([tracks[2], tracks[0]], sequence_tracks(chosen), strict=True):
        assert back.id == track.id
        for field in ("boxes", "box_score", "xy", "score", "interpolated"):
            np.testing.assert_array_equal(getattr(back, field), getattr(track, field))


@pytest.mark.parametrize("tracks", [[], [person(1), person(2)]], ids=["nobody", "two"])
def test_an_unknown_person_is_named(tracks):
    with pytest.raises(UsageError, match="there is no person 7; the people are " + ("1, 2" if tracks else "nobody")):
        choose(sequence(tracks), [7])


@pytest.mark.parametrize(
    ("xy", "score", "box", "confidence"),
    [
        (np.zeros((0, 2)), [], [0, 0, 0, 0], 0),
        ([[5, 6], [7, 8]], [0, 0], [0, 0, 0, 0], 0),
        ([[5, 6], [7, 8], [99, 99]], [0.4, 0.6, 0], [5, 6, 7, 8], 0.5),
    ],
    ids=["no-joints", "none-seen", "two-of-three-seen"],
)
def test_visible_boxes(xy, score, box, confidence):
    boxes, scores = visible_boxes(np.array(xy, float), np.array(score, float))
    assert boxes.tolist() == box
    assert scores == pytest.approx(confidence)
