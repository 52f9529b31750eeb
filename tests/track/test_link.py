"""Association over time on people who are drawn, not filmed."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from poseact.errors import InvalidPoses
from poseact.track import link
from poseact.types import Boxes, Keypoints

link_module = importlib.import_module("poseact.track.link")  # the room exports its function under this name

# A standing figure in a unit box, COCO-17 order.
FIGURE = np.array([
    (0.50, 0.06), (0.53, 0.04), (0.47, 0.04), (0.57, 0.06), (0.43, 0.06), (0.70, 0.20), (0.30, 0.20), (0.80, 0.36),
    (0.20, 0.36), (0.85, 0.50), (0.15, 0.50), (0.62, 0.52), (0.38, 0.52), (0.64, 0.74), (0.36, 0.74), (0.65, 0.95),
    (0.35, 0.95),
])  # fmt: skip


def people(*found: tuple[float, float, float, float, float], lying: bool = False) -> tuple[Boxes, Keypoints]:
    """Boxes and keypoints of (left, top, width, height, score)."""
    if not found:
        return Boxes.empty(), Keypoints.empty()
    given = np.array(found, np.float32)
    xyxy = np.concatenate([given[:, :2], given[:, :2] + given[:, 2:4]], 1)
    figure = FIGURE[:, ::-1] if lying else FIGURE
    xy = given[:, None, :2] + figure[None] * given[:, None, 2:4]
    return Boxes(xyxy, given[:, 4]), Keypoints(xy.astype(np.float32), np.full((len(given), 17), 0.8, np.float32))


def track(frames: list[tuple[Boxes, Keypoints]], interval: float = 1 / 30):
    boxes, keypoints = zip(*frames, strict=True) if frames else ((), ())
    return link(boxes, keypoints, np.arange(len(frames)) * interval)


def walker(frame: int, score: float = 0.9, start: float = 0.0, speed: float = 4.0):
    return (start + speed * frame, 20.0, 40.0, 100.0, score)


@pytest.mark.parametrize(
    ("frames", "sightings"),
    [
        ([], []),
        ([people()] * 3, []),
        ([people(walker(0))], [1]),
        ([people(walker(n)) for n in range(12)], [12]),
        ([people(walker(n), walker(n, start=200, speed=-4)) for n in range(12)], [12, 12]),
        ([people(walker(n, 0.9 if n < 6 else 0.2)) for n in range(12)], [12]),
        ([people(walker(n, 0.9 if n > 6 else 0.2)) for n in range(12)], [12]),
        ([people(walker(n, 0.2)) for n in range(12)], [12]),
        ([people(walker(n), (300, 20, 40, 100, 0.2)) for n in range(12)], [12]),
        ([people(walker(n, 0.1)) for n in range(12)], []),
        ([people(walker(n), (300, 20, 40, 100, 0.9)) if n == 5 else people(walker(n)) for n in range(12)], [12]),
        ([people((300, 20, 40, 100, 0.9)) if n == 5 else people() for n in range(12)], [1]),
    ],
    ids=[
        "no-frames", "nobody", "one-frame", "one", "two-crossing", "weak-continues", "weak-before-strong",
        "only-weak", "weak-starts-nothing", "below-weak", "one-frame-ghost", "only-sighting-stays",
    ],
)  # fmt: skip
def test_who_is_seen_how_often(frames, sightings):
    tracks = track(frames)
    assert [int(item.present.sum()) for item in tracks] == sightings
    assert [item.id for item in tracks] == list(range(1, len(sightings) + 1))
    assert not any(item.interpolated.any() for item in tracks)


@pytest.mark.parametrize("interval", [1 / 30, 7 / 30], ids=["dense", "sparse"])
def test_people_who_cross_keep_their_ids(interval):
    step = 120 * interval  # px per frame at a brisk 1.2 heights/s
    frames = [people(walker(n, speed=step), walker(n, start=15 * step + 3, speed=-step)) for n in range(16)]
    first, second = track(frames, interval)
    assert (np.diff(first.boxes[:, 0]) > 0).all()
    assert (np.diff(second.boxes[:, 0]) < 0).all()


@pytest.mark.parametrize(
    ("gap", "tracks"),
    [(0, 1), (3, 1), (12, 1), (25, 1), (60, 2)],
    ids=["none", "short", "patience", "stitched", "too-long"],
)
def test_a_gap_is_bridged_and_marked(gap, tracks):
    frames = [people(walker(n, speed=1)) if not 10 <= n < 10 + gap else people() for n in range(20 + gap)]
    found = track(frames)
    assert len(found) == tracks
    if tracks == 1:
        expected = np.array([walker(n, speed=1)[0] for n in range(20 + gap)])
        np.testing.assert_array_equal(np.flatnonzero(found[0].interpolated), np.arange(10, 10 + gap))
        np.testing.assert_allclose(found[0].boxes[:, 0], expected, atol=1e-3)


@pytest.mark.parametrize(("moved", "tracks"), [(0, 1), (60, 1), (300, 2)], ids=["stays", "moves", "another-place"])
def test_windows_with_unwatched_time_between_them(moved, tracks):
    frames = [people(walker(0)) for _ in range(16)] + [people(walker(0, start=moved)) for _ in range(16)]
    boxes, keypoints = zip(*frames, strict=True)
    pts = np.concatenate([np.arange(16), np.arange(16) + 60]) / 12
    found = link(boxes, keypoints, pts)
    assert len(found) == tracks
    assert not any(item.interpolated.any() for item in found)


def test_a_shot_cut_ends_the_track():
    before = [people((20, 20, 80, 200, 0.9)) for _ in range(10)]
    after = [people((260, 90, 150, 60, 0.9), lying=True) for _ in range(10)]
    first, second = track(before + after)
    assert first.present.nonzero()[0].tolist() == list(range(10))
    assert second.present.nonzero()[0].tolist() == list(range(10, 20))


def test_a_shot_cut_to_another_posture_in_the_same_place_ends_the_track():
    before = [people((100, 20, 90, 110, 0.9)) for _ in range(10)]
    after = [people((100, 40, 120, 80, 0.9), lying=True) for _ in range(10)]
    assert len(track(before + after)) == 2


def test_a_person_found_twice_is_one_track():
    frames = [people(walker(n), (4.0 * n + 1, 22, 38, 98, 0.6)) for n in range(10)]
    (only,) = track(frames)
    np.testing.assert_allclose(only.box_score, 0.9)


def test_a_child_before_its_parent_is_no_duplicate():
    frames = [people((100, 20, 80, 200, 0.9), (115, 120, 45, 95, 0.7)) for _ in range(10)]
    assert len(track(frames)) == 2


def test_tracks_do_not_depend_on_the_order_of_detections():
    frames = [people(walker(n), walker(n, 0.8, start=300, speed=-2)) for n in range(10)]
    swapped = [(boxes[[1, 0]], keypoints[[1, 0]]) for boxes, keypoints in frames]
    for one, other in zip(track(frames), track(swapped), strict=True):
        np.testing.assert_array_equal(one.xy, other.xy)


@pytest.mark.parametrize(
    ("boxes", "keypoints", "pts", "words"),
    [
        ([Boxes.empty()], [], [0.0], "1 frames of boxes, 0 of keypoints"),
        ([Boxes.empty()], [people(walker(0))[1]], [0.0], "0 boxes, keypoints of 1 people"),
        ([Boxes.empty()] * 2, [Keypoints.empty()] * 2, [0.0, 0.0], "must ascend"),
    ],
    ids=["lengths", "rows", "time"],
)
def test_contradictions_are_refused(boxes, keypoints, pts, words):
    with pytest.raises(InvalidPoses, match=words):
        link(boxes, keypoints, np.array(pts))


def test_of_very_many_people_the_most_prominent_are_kept(monkeypatch, caplog):
    monkeypatch.setattr(link_module, "PERSON_FRAMES", 20)
    monkeypatch.setattr(link_module, "FEWEST_KEPT", 2)
    crowd = [(300.0 * number, 20.0, 20.0 + 20 * number, 100.0, 0.9) for number in range(4)]
    tracks = track([people(*crowd) for _ in range(10)])
    assert [one.boxes[0, 0] for one in tracks] == [600, 900]
    assert [one.id for one in tracks] == [1, 2]
    assert "4 people were followed" in caplog.text
    assert len(track([people(*crowd) for _ in range(5)])) == 4
