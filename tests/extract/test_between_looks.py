"""What lies between two looks: boxes between detections, poses between estimates."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from small_runs import OPTIONS, extract, open_standing, write_clip

from poseact.extract.between import every_nth, moved_far, sparsely_detected, spread
from poseact.extract.extractor import Extractor
from poseact.extract.look import Look, in_between
from poseact.poses import read_poses
from poseact.skeleton import COCO17
from poseact.types import Boxes, Keypoints, Track


@given(st.integers(0, 60), st.integers(1, 70))
def test_every_nth_begins_with_the_first_and_ends_with_the_last(count, step):
    keys = every_nth(count, step)
    assert keys[:1] == [0][:count]
    assert keys[-1:] == list(range(count))[-1:]
    assert all(0 < b - a <= step for a, b in pairwise(keys))


class Walker:
    """Detects somebody who moves by 2 px per image, whose number is its first pixel, and a second one from image 6."""

    def __init__(self, second=True):
        self.asked, self.second = [], second

    def __call__(self, images):
        numbers = [int(image[0, 0, 0]) for image in images]
        self.asked += numbers
        return [self.people(number) for number in numbers]

    def people(self, number):
        boxes = [[2 * number, 0, 2 * number + 40, 100]] + [[300, 0, 340, 100]] * (self.second and number >= 6)
        return Boxes(np.array(boxes, np.float32), np.array([0.9, 0.8][: len(boxes)], np.float32))


def numbered(count):
    return [np.full((4, 4, 3), number, np.uint8) for number in range(count)]


@pytest.mark.parametrize(
    ("second", "step", "asked"),
    [
        (False, 4, [0, 4, 8, 11]),
        (True, 4, [0, 4, 5, 6, 7, 8, 11]),
        (False, 1, list(range(12))),
        (False, 50, list(range(12))),
    ],
    ids=["alone", "somebody comes", "every one", "too far for one step"],
)
def test_boxes_between_detections(second, step, asked):
    detector = Walker(second)
    found = sparsely_detected(detector, numbered(12), step)
    assert sorted(detector.asked) == asked
    for number, boxes in enumerate(found):
        expected = detector.people(number)
        np.testing.assert_allclose(boxes.xyxy, expected.xyxy, atol=1e-4)
        np.testing.assert_allclose(boxes.score, expected.score, atol=1e-6)


def test_nobody_between_nobodies():
    def nobody(images):
        return [Boxes.empty() for _ in images]

    assert [len(boxes) for boxes in sparsely_detected(nobody, numbered(9), 4)] == [0] * 9
    assert sparsely_detected(nobody, [], 4) == []


def track(present):
    present = np.array(present, bool)
    count = len(present)
    xy = np.arange(count, dtype=np.float32)[:, None, None] * np.array([[10, 20], [30, 40]], np.float32)
    score = np.array([[0.5, 0.9]] * count, np.float32)
    score[-1, 1] = 0
    return Track(
        id=1, boxes=(np.ones((count, 4), np.float32) * np.arange(count)[:, None] + 1) * present[:, None],
        box_score=0.5 * present, xy=xy * (score > 0)[..., None] * present[:, None, None],
        score=score * present[:, None], interpolated=np.zeros(count, bool),
    )  # fmt: skip


def test_poses_between_looks_are_on_the_way_and_marked():
    at, times = np.array([0, 2, 4, 6]), np.array([0.0, 0.1, 0.4, 0.5, 0.6, 0.7, 0.8])
    found = spread(track([True, True, False, True]), at, times)
    assert found.present.tolist() == [True, True, True, False, False, False, True]
    assert found.interpolated.tolist() == [False, True, False, False, False, False, False]
    np.testing.assert_allclose(found.xy[1, 0], [2.5, 5])  # a quarter of the time
    np.testing.assert_allclose(found.boxes[1], [1.25] * 4)
    assert (found.boxes[3:6] == 0).all()
    assert (found.score[3:6] == 0).all()


def test_a_joint_that_is_missing_at_one_side_is_missing_between():
    found = spread(track([True, True]), np.array([0, 3]), np.arange(4.0))
    assert found.score[1:, 1].tolist() == [0, 0, 0]
    assert (found.xy[1:, 1] == 0).all()
    assert (found.score[:, 0] > 0).all()


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_looked_at_frames_stay_as_they_are(present):
    one = track(present)
    at = np.arange(len(present)) * 3
    found = spread(one, at, np.arange(at[-1] + 1) / 30)
    for name in ("boxes", "box_score", "xy", "score", "interpolated"):
        np.testing.assert_array_equal(getattr(found, name)[at], getattr(one, name))


def test_every_frame_of_the_video_has_a_pose_though_few_were_looked_at(tmp_path, monkeypatch):
    write_clip(tmp_path / "clips" / "v.mp4", frames=12)
    looked = []
    everybody = Extractor._everybody
    monkeypatch.setattr(
        Extractor,
        "_everybody",
        lambda self, images, *rest: looked.append(len(images)) or everybody(self, images, *rest),
    )
    dense = open_standing()(tmp_path / "clips" / "v.mp4").poses
    assert sum(looked) == 12
    sparse = Extractor(None, open_standing().scout, pose_every=5)(tmp_path / "clips" / "v.mp4").poses
    assert sum(looked) == 12 + 4
    assert sparse.frame_index.tolist() == dense.frame_index.tolist() == list(range(12))
    np.testing.assert_allclose(sparse.pts, dense.pts)
    assert np.flatnonzero(~sparse.interpolated[0]).tolist() == [0, 5, 10, 11]
    assert (sparse.keypoint_score[0] > 0).all()


def test_nothing_is_made_up_where_a_frame_could_not_be_decoded(tmp_path):
    for number in range(13):
        Image.new("RGB", (64, 48), (number, 0, 0)).save(tmp_path / f"{number:02}.png")
    (tmp_path / "06.png").write_bytes(b"damaged")
    found = Extractor(None, open_standing().scout, pose_every=3)(tmp_path).poses
    assert found.frame_index.tolist() == [0, 1, 2, 3, 9, 10, 11, 12]
    assert np.flatnonzero(~found.interpolated[0]).tolist() == [0, 3, 4, 7]


def test_times_between_looks_are_between_theirs_where_announced_ones_are_not_exact():
    look, planned = Look(index=[0, 4, 8], pts=[0.0, 0.1, 0.9]), np.arange(9)
    reader = SimpleNamespace(times=lambda index: index / 10)
    index, pts, tracks, at = in_between(reader, planned, planned[::4], look, [])
    assert (index.tolist(), at.tolist(), tracks) == (planned.tolist(), [0, 4, 8], [])
    np.testing.assert_allclose(pts, [0, 0.025, 0.05, 0.075, 0.1, 0.3, 0.5, 0.7, 0.9])


def test_poses_are_interpolated_only_where_somebody_moves_little():
    at = np.array([0, 3, 6, 7])
    xy = np.tile(np.random.default_rng(0).uniform(20, 80, (1, 17, 2)).astype(np.float32), (4, 1, 1))
    xy[1] += 1
    xy[2:] += 40
    ones = np.ones((4, 17), np.float32)
    one = Track(
        id=1, boxes=np.tile(np.float32([0, 0, 100, 100]), (4, 1)), box_score=ones[:, 0], xy=xy, score=ones,
        interpolated=np.zeros(4, bool),
    )  # fmt: skip
    far = moved_far(spread(one, at, np.arange(8.0)), at)
    assert np.flatnonzero(far).tolist() == [4, 5]


class Jumping:
    """Estimates somebody who stands still in dark pictures and elsewhere in bright ones, and notes what it sees."""

    name = "jumping"
    layout = COCO17

    def __init__(self):
        self.seen = []

    def __call__(self, images, boxes):
        bright = [float(image.mean()) > 150 for image in images]
        self.seen += bright
        pose = np.stack(np.meshgrid([10, 15, 20, 25], [10, 18, 26, 34]), -1).reshape(1, 16, 2).astype(np.float32)
        pose = np.concatenate([pose, pose[:, :1]], 1)
        return [Keypoints(pose + 12 * jumped, np.ones((1, 17), np.float32)) for jumped in bright]


def test_where_somebody_moves_far_the_frames_between_are_looked_at_too(tmp_path):
    class Standing:
        name = "standing"

        def __call__(self, images):
            return [Boxes(np.float32([[5, 2, 45, 46]]), np.float32([0.9])) for _ in images]

    path = write_clip(tmp_path / "v.mp4", frames=13, level=100)  # brighter than 150 from frame 6 on
    estimator = Jumping()
    found = Extractor(Standing(), estimator, pose_every=4)(path).poses
    assert len(estimator.seen) == 4 + 3
    assert np.flatnonzero(~found.interpolated[0]).tolist() == [0, 4, 5, 6, 7, 8, 12]
    jumped = found.keypoint[0, :, 0, 0] > 15
    assert jumped.tolist() == [False] * 6 + [True] * 7


def test_settings_name_the_steps(tmp_path):
    write_clip(tmp_path / "clips" / "v.mp4")
    extract(tmp_path / "clips", tmp_path / "p.pkl", options=OPTIONS | {"pose-every": 2})
    assert len(read_poses(tmp_path / "p.pkl").annotations) == 1
