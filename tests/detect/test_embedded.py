"""The embedded detector on real and empty pictures."""

import json

import cv2
import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from poseact.detect import ACCURATE, WEAK, NanoDetDetector, View

CERTAIN = 0.3
# Of the four people in the picture one is cut by its left border and one by its right.
STREET_PEOPLE = np.array([[48, 399, 245, 903], [221, 406, 345, 858], [670, 392, 810, 878], [0, 551, 67, 874]])


def found(boxes, people, threshold):
    overlap = box_iou(torch.from_numpy(boxes.xyxy[boxes.score >= threshold]), torch.from_numpy(people).float())
    return int((overlap.amax(0) >= 0.5).sum()) if len(overlap) else 0


def test_no_images(network):
    assert NanoDetDetector(network)([]) == []


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (240, 320)], ids=["one pixel", "a line", "black"])
def test_nobody(network, shape):
    boxes = NanoDetDetector(network, threshold=CERTAIN)([np.zeros((*shape, 3), np.uint8)])
    assert [len(b) for b in boxes] == [0]
    assert boxes[0].xyxy.shape == (0, 4)


def test_people_on_a_street(network, street):
    (boxes,) = NanoDetDetector(network)([street])
    assert found(boxes, STREET_PEOPLE, CERTAIN) >= 2
    assert found(boxes, STREET_PEOPLE, WEAK) == 4
    assert boxes.xyxy.dtype == boxes.score.dtype == np.float32
    assert (np.diff(boxes.score) <= 0).all()
    assert (boxes.xyxy >= 0).all()
    assert (boxes.xyxy <= [810, 1080, 810, 1080]).all()
    assert (boxes.xyxy[:, 2:] > boxes.xyxy[:, :2]).all()


def test_all_views_together(network, street):
    (boxes,) = NanoDetDetector(network, views=ACCURATE)([street])
    assert found(boxes, STREET_PEOPLE[:3], CERTAIN) == 3


def test_a_batch_of_different_sizes_equals_single_images(network, street):
    pictures = [street, cv2.resize(street, (320, 240)), np.zeros((50, 90, 3), np.uint8), street[:, ::-1]]
    detector = NanoDetDetector(network, batch_size=2)
    for alone, together in zip([detector([p])[0] for p in pictures], detector(pictures), strict=True):
        np.testing.assert_allclose(alone.xyxy, together.xyxy, atol=1e-2)
        np.testing.assert_allclose(alone.score, together.score, atol=1e-4)


def test_the_flipped_view_sees_the_mirrored_picture(network, street):
    picture = cv2.resize(street, (320, 416))
    mirrored = np.ascontiguousarray(picture[:, ::-1])
    (plain,) = NanoDetDetector(network, views=[View(416)])([picture])
    (flipped,) = NanoDetDetector(network, views=[View(416, flip=True)])([mirrored])
    np.testing.assert_allclose(flipped.score, plain.score, atol=1e-4)
    np.testing.assert_allclose(flipped.xyxy, [320, 0, 320, 0] + plain.xyxy[:, [2, 1, 0, 3]] * [-1, 1, -1, 1], atol=1e-2)


@pytest.mark.parametrize("threshold", [0.2, 0.4])
def test_threshold_cuts_the_list(network, street, threshold):
    (everything,) = NanoDetDetector(network, threshold=0.05)([street])
    (cut,) = NanoDetDetector(network, threshold=threshold)([street])
    assert 0 < len(cut) < len(everything)
    np.testing.assert_array_equal(cut.score, everything.score[everything.score >= threshold])


@pytest.mark.shared
def test_recall_on_annotated_people(network, shared):
    """Every eighth annotated COCO image: the full set is measured by benchmarks/detector.py."""
    folder = shared / "data" / "coco_keypoints"
    document = json.loads((folder / "person_keypoints_val2017_subset.json").read_text())
    people, seen = 0, 0
    for image in document["images"][::8]:
        (path,) = folder.glob(f"images/**/{image['file_name']}")
        wanted = [
            [x, y, x + width, y + height]
            for annotation in document["annotations"]
            if annotation["image_id"] == image["id"] and annotation["num_keypoints"] and not annotation["iscrowd"]
            for x, y, width, height in [annotation["bbox"]]
        ]
        if wanted:
            (boxes,) = NanoDetDetector(network)([cv2.imread(str(path))[..., ::-1]])
            people += len(wanted)
            seen += found(boxes, np.array(wanted), 0.15)
    assert people >= 12
    assert seen / people >= 0.85
