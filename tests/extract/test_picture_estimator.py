"""An estimator that finds people and joints at once takes the place of detector and scout."""

import numpy as np
import pytest

from poseact.extract import Extractor, FramePlan
from poseact.extract import extractor as module
from poseact.extract.extractor import CROWD
from poseact.pose import PictureEstimator
from poseact.skeleton import COCO17
from poseact.types import Boxes, Keypoints


class Standing:
    """Sees people side by side, the strongest first, in every picture."""

    name = "standing"
    layout = COCO17

    def __init__(self, people, weakest=0.6):
        self.people, self.weakest = people, weakest
        self.pictures = 0

    def everybody(self, images):
        self.pictures += len(images)
        return [self._people() for _ in images]

    def _people(self):
        left = np.arange(self.people, dtype=np.float32)[:, None] * 40
        xyxy = np.hstack([left, np.full_like(left, 10), left + 30, np.full_like(left, 90)])
        joints = np.linspace(12, 88, 17, dtype=np.float32)
        xy = np.stack([np.broadcast_to(left + 15, (self.people, 17)), np.broadcast_to(joints, (self.people, 17))], 2)
        score = np.linspace(0.9, self.weakest, max(self.people, 1), dtype=np.float32)[: self.people]
        return Boxes(xyxy, score), Keypoints(xy.astype(np.float32), np.repeat(score[:, None], 17, 1))


class Doubled:
    """A top-down estimator that is sure of everything."""

    name = "doubled"
    layout = COCO17

    def __call__(self, images, boxes):
        return [
            Keypoints(np.full((len(people), 17, 2), 20, np.float32), np.ones((len(people), 17), np.float32))
            for people in boxes
        ]


def test_the_protocols_are_told_apart():
    assert isinstance(Standing(1), PictureEstimator)
    assert not isinstance(Doubled(), PictureEstimator)


@pytest.mark.parametrize(
    ("people", "weakest", "rows"),
    [(0, 0.6, 0), (1, 0.6, 1), (3, 0.6, 3), (4, 0.1, 3), (3, 0.1, 2), (60, 0.6, CROWD)],
    ids=["nobody", "one", "a crowd", "one of four is weak", "two of three are weak", "a large crowd"],
)
def test_every_picture_is_looked_at_once(samples, people, weakest, rows):
    """Two people are followed, and of a crowd those who are surely there."""
    scout = Standing(people, weakest)
    extractor = Extractor(None, scout, weights={"estimator": "abc"}, max_boxes=2)
    found = extractor(samples / "jump.mp4", FramePlan.middle(6))
    assert scout.pictures == 6
    assert len(found.poses) == rows
    assert set(found.timings) == {"decode", "pose", "track"}
    assert (found.poses.provenance.detector, found.poses.provenance.estimator) == ("standing", "standing")
    assert found.poses.provenance.weights == {"estimator": "abc"}
    if rows:
        np.testing.assert_allclose(found.poses.boxes[0, 0], [0, 10, 30, 90], atol=1)


def test_a_second_look_may_follow(samples):
    found = Extractor(None, Standing(1), Doubled())(samples / "jump.mp4", FramePlan.middle(4))
    assert (found.poses.keypoint == 20).all()
    assert (found.poses.provenance.detector, found.poses.provenance.estimator) == ("standing", "doubled")


@pytest.mark.parametrize(
    ("room", "largest"), [(256 << 20, 16), (3 * 578 * 720 * 4, 4), (1, 1)], ids=["usual", "four", "one"]
)
def test_large_pictures_are_in_memory_a_few_at_a_time(samples, room, largest, monkeypatch):
    monkeypatch.setattr(module, "BATCH_BYTES", room)
    scout, sizes = Standing(1), []
    look = scout.everybody
    monkeypatch.setattr(scout, "everybody", lambda images: sizes.append(len(images)) or look(images))
    found = Extractor(None, scout)(samples / "jump.mp4", FramePlan.middle(20))
    assert (sum(sizes), max(sizes), len(found.poses.pts)) == (20, largest, 20)


def test_the_second_look_takes_large_pictures_a_few_at_a_time_too(samples, monkeypatch):
    monkeypatch.setattr(module, "BATCH_BYTES", 3 * 578 * 720 * 4)
    second, sizes = Doubled(), []
    extractor = Extractor(None, Standing(1), lambda images, boxes: sizes.append(len(images)) or second(images, boxes))
    extractor.estimator.name, extractor.estimator.layout = "second", COCO17
    assert (extractor(samples / "jump.mp4", FramePlan.middle(20)).poses.keypoint == 20).all()
    assert (sum(sizes), max(sizes)) == (20, 4)


@pytest.mark.parametrize(
    ("score", "few", "rows"),
    [
        ([], 6, []),
        ([0.9, 0.8, 0.2], 6, [0, 1, 2]),
        ([0.2, 0.9, 0.1, 0.8], 2, [1, 3]),
        ([0.2, 0.9, 0.1, 0.8], 3, [0, 1, 3]),
        ([0.5] * 60, 6, list(range(50))),
        ([0.5] * 60, 55, list(range(55))),
    ],
    ids=["nobody", "few", "unsorted", "one more", "a crowd", "as asked for"],
)
def test_who_is_followed(score, few, rows):
    boxes = Boxes(np.tile(np.array([0, 0, 9, 9], np.float32), (len(score), 1)), np.array(score, np.float32))
    assert Extractor(None, Standing(1), max_boxes=few)._followed(boxes).tolist() == rows
