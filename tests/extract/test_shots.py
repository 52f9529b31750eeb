"""Shots are told apart, and nobody is followed from one into the next."""

import numpy as np
import pytest
from test_picture_estimator import Standing

from poseact.extract import Extractor
from poseact.extract.shots import change, link_within_shots, shot_starts, signature
from poseact.types import Boxes, Keypoints
from poseact.video import VideoWriter


@pytest.mark.parametrize(
    ("changes", "starts"),
    [
        ([], [0]),
        ([1, 2, 80, 3, 1], [0, 3]),
        ([80, 1, 1], [0, 1]),
        ([1, 1, 80], [0, 3]),
        ([1, 20, 1], [0]),
        ([50, 60, 55, 58], [0]),
        ([1, 90, 85, 1], [0]),
        ([1, 90, 2, 90, 1], [0, 2, 4]),
    ],
    ids=["one frame", "a cut", "at once", "at the end", "too little", "fast motion", "a flash", "two cuts"],
)
def test_cuts_are_single_large_changes(changes, starts):
    assert shot_starts(changes, np.arange(len(changes) + 1) / 25) == starts


def test_pictures_far_apart_say_nothing():
    assert shot_starts([1, 90, 1], np.array([0.0, 0.1, 4.0, 4.1])) == [0]
    assert shot_starts([], np.zeros(0)) == []


def test_signatures_change_with_the_picture():
    black, white = np.zeros((48, 64, 3), np.uint8), np.full((90, 30, 3), 255, np.uint8)
    assert signature(black).shape == (32, 32, 3)
    assert change(signature(black), signature(white)) == 255
    assert change(signature(white), signature(white)) == 0


def test_one_person_at_one_place_in_two_shots_is_two():
    boxes = [Boxes(np.array([[10, 10, 50, 100]], np.float32), np.array([0.9], np.float32))] * 20
    people = [Keypoints(np.full((1, 17, 2), 30, np.float32), np.ones((1, 17), np.float32))] * 20
    pts = np.arange(20) / 25
    (alone,) = link_within_shots(boxes, people, pts, [0])
    assert alone.present.all()
    first, second = link_within_shots(boxes, people, pts, [0, 12])
    assert (first.id, second.id) == (1, 2)
    assert np.flatnonzero(first.present).tolist() == list(range(12))
    assert np.flatnonzero(second.present).tolist() == list(range(12, 20))


def test_a_video_of_two_shots(tmp_path):
    rng = np.random.default_rng(0)
    scenes = rng.integers(0, 255, (2, 6, 8, 3)).astype(np.uint8).repeat(8, 1).repeat(8, 2)
    with VideoWriter(tmp_path / "v.mp4", 25, (64, 48)) as writer:
        for number in range(24):
            writer.write(scenes[number // 10 % 2] if number < 20 else scenes[1])
    found = Extractor(None, Standing(1))(tmp_path / "v.mp4")
    assert found.shots == (0, 10)
    assert found.poses.track_id.tolist() == [1, 2]
    assert not (found.poses.box_score > 0).all(0).any()


@pytest.mark.shared
def test_a_real_cut(shared):
    found = Extractor(None, Standing(1))(shared / "data/videos/torchvision__TrumanShow_wave_f_nm_np1_fr_med_26.avi")
    assert found.shots == (0, 19)
