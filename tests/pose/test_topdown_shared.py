"""Similarity to annotated people in their true boxes; `benchmarks/pose.py` prints it for every variant."""

import json

import cv2
import numpy as np
import pytest
from torch import nn

from poseact.pose import HeatmapTopDown, TopDown
from poseact.skeleton import COCO17_OKS_SIGMAS
from poseact.types import Boxes

pytestmark = pytest.mark.shared
EVERY = 8


@pytest.fixture(scope="module")
def annotated(shared):
    """Every eighth picture: (image, boxes (N, 4) xyxy, joints (N, 17, 3) with visibility, areas (N,))."""
    folder = shared / "data" / "coco_keypoints"
    pictures = []
    for part in sorted(folder.glob("person_keypoints_*.json")):
        document = json.loads(part.read_text())
        for entry in sorted(document["images"], key=lambda image: image["id"])[::EVERY]:
            people = [
                person
                for person in document["annotations"]
                if person["image_id"] == entry["id"] and person["num_keypoints"] and not person["iscrowd"]
            ]
            boxes = np.array([person["bbox"] for person in people], np.float32)
            boxes[:, 2:] += boxes[:, :2]
            joints = np.array([person["keypoints"] for person in people], np.float64).reshape(-1, 17, 3)
            image = cv2.imread(str(folder / "images" / entry["file_name"]))[..., ::-1]
            pictures.append((image, boxes, joints, np.array([person["area"] for person in people])))
    return pictures


def mean_oks(estimator, pictures):
    boxes = [Boxes(xyxy, np.ones(len(xyxy), np.float32)) for _, xyxy, _, _ in pictures]
    found = estimator([image for image, *_ in pictures], boxes)
    similarity = []
    for keypoints, (_, _, joints, areas) in zip(found, pictures, strict=True):
        squared = ((keypoints.xy - joints[..., :2]) ** 2).sum(2)
        scale = 2 * areas[:, None] * (2 * np.asarray(COCO17_OKS_SIGMAS)) ** 2
        similarity += [np.exp(-row)[seen].mean() for row, seen in zip(squared / scale, joints[..., 2] > 0, strict=True)]
    return np.mean(similarity), len(similarity)


@pytest.mark.parametrize(
    ("name", "settings", "bar"),
    [("movenet-thunder", {"flip": False}, 0.60), ("movenet-lightning", {"input_size": 192, "flip": False}, 0.525)],
    ids=["thunder", "lightning"],
)
def test_similarity(movenet, annotated, name, settings, bar):
    """The published decoding without the box reaches 0.571 and 0.510 on these 53 people."""
    similarity, people = mean_oks(TopDown(movenet(name), **settings), annotated)
    assert people > 30
    assert similarity >= bar


class Heatmaps(nn.Module):
    """MoveNet without what it knows beside its heatmaps: a heatmap network that takes pixels as they are."""

    def __init__(self, network):
        super().__init__()
        self._network = network

    def forward(self, pixels):
        return self._network(pixels).heatmap


@pytest.mark.parametrize(("codec", "refinement"), [("classic", "quarter"), ("udp", "udp")], ids=["classic", "udp"])
def test_heatmaps_of_real_people(movenet, annotated, codec, refinement):
    """The highest places of MoveNet's heatmaps are, at best, as good as its published decoding."""
    estimator = HeatmapTopDown(
        Heatmaps(movenet("movenet-lightning")),
        name="heatmaps",
        size=(192, 192),
        codec=codec,
        refinement=refinement,
        normalised=False,
        flip=False,
    )
    similarity, _ = mean_oks(estimator, annotated)
    assert similarity >= 0.41
