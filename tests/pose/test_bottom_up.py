"""Whole pictures to people: sizes, mirroring, boxes, and what is refused."""

import numpy as np
import pytest
import torch
from networks import fill
from torch import nn

from poseact.errors import InvalidWeights, UsageError
from poseact.extract.estimators import open_estimator
from poseact.pose import BottomUp, PictureEstimator, higher_hrnet
from poseact.pose.bottom_up import input_window
from poseact.zoo import Card, Estimation, save

K = 17


@pytest.mark.parametrize(
    ("shape", "window", "size"),
    [
        ((480, 640), (320, 240, 640 * 480 / 480, 480), (512, 704)),
        ((640, 480), (240, 320, 480, 660), (704, 512)),
        ((512, 512), (256, 256, 512, 512), (512, 512)),
        ((1, 5000), (2500, 0, 5000, 156.25), (64, 2048)),
        ((5000, 1), (0, 2500, 156.25, 5000), (2048, 64)),
        ((1, 1), (0, 0, 1, 1), (512, 512)),
    ],
    ids=["landscape", "portrait", "square", "a line", "a column", "a pixel"],
)
def test_the_part_that_the_network_sees(shape, window, size):
    seen, sides = input_window(shape, 512)
    assert sides == size
    if shape == (480, 640):  # 640 * 512 / 480 = 682.7 px, rounded up to 704
        window = (320, 240, 704 / 512 * 480, 480)
    np.testing.assert_allclose(seen, window)
    assert seen[2] / sides[1] == pytest.approx(seen[3] / sides[0])  # nothing is stretched


class Dots(nn.Module):
    """Draws a joint at every bright pixel: red is a person's left shoulder and hip, green another's, tags by colour."""

    def __init__(self, stages: int = 2) -> None:
        super().__init__()
        self.stages = stages
        self.seen: list[tuple[int, ...]] = []

    def forward(self, images):
        self.seen.append(tuple(images.shape))
        red, green = nn.functional.avg_pool2d((images[:, :2] > 2).float(), 4).split(1, 1)
        heat = torch.zeros(len(images), K, *red.shape[2:])
        rows = torch.arange(red.shape[2])[:, None] * 4 < images.shape[2] / 2
        heat[:, 5:6] = torch.where(rows, red + green, 0)
        heat[:, 11:12] = torch.where(rows, 0, red + green)
        heat[:, 6:7], heat[:, 12:13] = heat[:, 5:6], heat[:, 11:12]
        tags = (5 * nn.functional.max_pool2d((green > 0).float(), 9, 1, 4)).expand(-1, K, -1, -1)
        finer = nn.functional.interpolate(heat, scale_factor=2.0, mode="bilinear")
        return [torch.cat([heat, tags], 1), finer][: self.stages]


def picture(height=128, width=192):
    """Two people, a red and a green one, each with a dot for the shoulders and one for the hips.

    Of the cells that a dot lies in, one is the brightest, so that its maximum is one place.
    """
    image = np.full((height, width, 3), 100, np.uint8)
    for x, channel in ((42, 0), (142, 1)):
        for y in (34, 98):
            image[y : y + 5, x : x + 5] = 0
            image[y : y + 5, x : x + 5, channel] = 255
    return image


@pytest.mark.parametrize("stages", [1, 2], ids=["plain", "higher"])
@pytest.mark.parametrize("flip", [False, True], ids=["once", "mirrored as well"])
def test_people_are_where_they_are(stages, flip):
    estimator = BottomUp(Dots(stages), name="dots", size=128, flip=flip)
    ((boxes, people),) = estimator.everybody([picture()])
    assert isinstance(estimator, PictureEstimator)
    assert len(boxes) == 2
    for box, xy, score in zip(boxes.xyxy, people.xy, people.score, strict=True):
        x = 44 if box[0] < 90 else 144
        for joint, y in ((5, 36), (6, 36), (11, 100), (12, 100)):
            assert score[joint] > 0.25
            np.testing.assert_allclose(xy[joint], [x, y], atol=3)
        assert box[0] - 3 <= x <= box[2] + 3
        assert box[1] <= 36
        assert box[3] >= 100


def test_pictures_of_one_size_share_a_pass_and_others_keep_their_order():
    network = Dots()
    estimator = BottomUp(network, name="dots", size=128, flip=False, batch_size=2)
    blank = np.zeros((64, 64, 3), np.uint8)
    found = estimator.everybody([picture(), picture(), picture(), blank, picture()])
    assert [shape[0] for shape in network.seen] == [2, 1, 1, 1]
    assert [len(boxes) for boxes, _ in found] == [2, 2, 2, 0, 2]
    for boxes, people in found:
        alone = estimator.everybody([picture()])[0]
        if len(boxes):
            np.testing.assert_allclose(people.xy, alone[1].xy, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (3, 5)], ids=str)
def test_tiny_and_narrow_pictures(shape):
    network = higher_hrnet.build()
    fill(network)
    estimator = BottomUp(network, name="higher", size=64)
    ((boxes, people),) = estimator.everybody([np.full((*shape, 3), 200, np.uint8)])
    assert len(boxes) == len(people)
    assert np.isfinite(people.xy).all()
    assert (boxes.xyxy[:, 2:] > boxes.xyxy[:, :2]).all()
    assert (boxes.xyxy >= 0).all()
    assert (boxes.xyxy[:, [2, 3]] <= shape[::-1]).all()


def test_no_pictures():
    assert BottomUp(Dots(), name="dots").everybody([]) == []


class Crops(nn.Module):
    """A top-down network in the wrong place."""

    def forward(self, images):
        return torch.zeros(len(images), K, 4, 4)


@pytest.mark.parametrize("size", [0, 63, 100, -64])
def test_sizes_that_cannot_work(size):
    with pytest.raises(UsageError, match="64"):
        BottomUp(Dots(), name="dots", size=size)


def test_another_kind_of_network_is_refused():
    with pytest.raises(InvalidWeights, match="heatmaps and tags"):
        BottomUp(Crops(), name="crops", size=64).everybody([picture()])


@pytest.mark.parametrize(
    ("architecture", "build"),
    [("higher-hrnet", higher_hrnet.build), ("hrnet-ae", higher_hrnet.build_plain)],
    ids=["higher", "plain"],
)
def test_the_estimator_of_a_saved_model(tmp_path, architecture, build):
    network = build()
    fill(network)
    card = Card(name="mine", task="pose", architecture=architecture, estimation=Estimation(size=(128, 128)))
    path = save(tmp_path, network.state_dict(), card, half=True)
    opened = open_estimator(str(path), flip=False)
    assert isinstance(opened.estimator, BottomUp)
    network.half().float()  # as it is stored
    expected = BottomUp(network, name="mine", size=128, flip=False).everybody([picture()])[0]
    found = opened.estimator.everybody([picture()])[0]
    np.testing.assert_allclose(found[1].xy, expected[1].xy, atol=0.6)
    np.testing.assert_allclose(found[0].score, expected[0].score, atol=1e-3)
