import numpy as np
import pytest
import torch
from boxes_in_noise import noise, people
from torch import nn

from poseact.errors import InvalidWeights, UsageError
from poseact.pose.affine import CODECS
from poseact.pose.heatmap_decode import OFFSET_REACH, REFINEMENTS
from poseact.pose.heatmap_topdown import IMAGENET_MEAN, IMAGENET_STD, HeatmapTopDown
from poseact.skeleton import COCO17

SIZE = (256, 192)
NOSE, LEFT_EYE, RIGHT_EYE = 0, 1, 2
# By how much of a heatmap pixel a joint may be off, along each axis.
PRECISION = {"none": 0.5, "quarter": 0.25, "dark": 0.02, "udp": 0.03}
SLACK = 0.03  # of a heatmap pixel: 8-bit dots, and OpenCV's 1/32 px
# The classic flip test: three quarters of a heatmap pixel too far left, shifted by one, averaged with no error at all.
CLASSIC_FLIP = 0.125


class Dots(nn.Module):
    """Draws the nose where the red dot is, the left eye at the green dot right of it and the right eye at the other.

    A dot at a place of the crop is drawn where the codec's training data have it: at a quarter of it, or where the
    outermost pixels of crop and heatmap coincide. All other joints are unseen.
    """

    def __init__(self, codec, spread=2.0):
        super().__init__()
        self._codec = codec
        self._spread = spread
        self.crops = []

    def forward(self, pixels):
        crops = pixels * torch.tensor(IMAGENET_STD)[:, None, None] + torch.tensor(IMAGENET_MEAN)[:, None, None]
        self.crops.append(crops)
        height, width = pixels.shape[2] // 4, pixels.shape[3] // 4
        factor = torch.tensor([width / pixels.shape[3], height / pixels.shape[2]])
        if self._codec == "udp":
            factor = torch.tensor([(width - 1) / (pixels.shape[3] - 1), (height - 1) / (pixels.shape[2] - 1)])
        red, green = crops[:, 0].clamp(min=0.5) - 0.5, crops[:, 1].clamp(min=0.5) - 0.5
        columns = torch.arange(pixels.shape[3])
        nose = centroid(red)
        eyes = [centroid(green * (columns > nose[:, :1, None])), centroid(green * (columns < nose[:, :1, None]))]
        heatmaps = torch.zeros(len(pixels), 17, height, width)
        for joint, place in ((NOSE, nose), (LEFT_EYE, eyes[0]), (RIGHT_EYE, eyes[1])):
            x, y = (place * factor).T[:, :, None]
            across = torch.exp(-((torch.arange(width) - x) ** 2) / (2 * self._spread**2))
            down = torch.exp(-((torch.arange(height) - y) ** 2) / (2 * self._spread**2))
            heatmaps[:, joint] = (down[:, :, None] * across[:, None]).nan_to_num(0)
        return heatmaps


def centroid(mass):
    """(N, H, W) -> (N, 2) x, y; not a number where there is nothing."""
    rows, columns = torch.arange(mass.shape[1]), torch.arange(mass.shape[2])
    whole = mass.sum((1, 2))
    return torch.stack([(mass.sum(1) * columns).sum(1), (mass.sum(2) * rows).sum(1)], 1) / whole[:, None]


class Noise(nn.Module):
    """A fixed random convolution: 17 maps that mean nothing but depend on every pixel."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.convolution = nn.Conv2d(3, 17, 7, stride=4, padding=2)
        self.convolution.weight.data = torch.randn(17, 3, 7, 7, generator=generator) / 200
        self.convolution.bias.data = torch.zeros(17)

    def forward(self, pixels):
        return self.convolution(pixels)


class Constant(nn.Module):
    """Gives the same answer for every crop."""

    def __init__(self, answer):
        super().__init__()
        self._answer = answer

    def forward(self, pixels):
        return self._answer


def dotted(height, width, dots):
    """Black but for smooth dots: {channel: [(x, y), ...]} in pixel indices."""
    rows, columns = np.mgrid[:height, :width]
    image = np.zeros((height, width, 3))
    for channel, places in dots.items():
        for x, y in places:
            image[..., channel] += 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 4.0**2))
    return image.round().astype(np.uint8)


FACE = {0: [(150.3, 121.6)], 1: [(181.8, 96.2), (117.4, 101.9)]}
PLACES = {NOSE: FACE[0][0], LEFT_EYE: FACE[1][0], RIGHT_EYE: FACE[1][1]}


@pytest.mark.parametrize("flip", [False, True], ids=["no flip", "flip"])
@pytest.mark.parametrize("refinement", REFINEMENTS)
@pytest.mark.parametrize("codec", CODECS)
def test_dots_are_found_where_they_are(codec, refinement, flip):
    """From the picture through box, crop and heatmap back to the picture, in boxes of several scales."""
    estimator = HeatmapTopDown(Dots(codec), name="dots", codec=codec, refinement=refinement, flip=flip, batch_size=3)
    boxes = people([80, 60, 220, 190], [75.5, 20, 230, 210.75], [60, 75, 240, 140], [100, -60, 200, 280])
    (found,) = estimator([dotted(240, 320, FACE)], [boxes])
    cells = np.maximum((boxes.xyxy[:, 3] - boxes.xyxy[:, 1]) / 64, (boxes.xyxy[:, 2] - boxes.xyxy[:, 0]) / 48) * 1.25
    bias = np.array([CLASSIC_FLIP if flip and codec == "classic" else 0, 0])
    for joint, place in PLACES.items():
        error = (found.xy[:, joint] - place) / cells[:, None] - bias
        assert np.abs(error).max() < PRECISION[refinement] + SLACK
        assert (found.score[:, joint] > 0.9).all()
    assert not found.score[:, RIGHT_EYE + 1 :].any()
    assert not found.xy[:, RIGHT_EYE + 1 :].any()


class DotsWithOffsets(nn.Module):
    """`Dots` of UDP whose maps are likelihoods, each followed by the way to the joint."""

    def __init__(self):
        super().__init__()
        self._dots = Dots("udp")

    def forward(self, pixels):
        heatmaps = self._dots(pixels)
        height, width = heatmaps.shape[2:]
        reach = OFFSET_REACH * max(height, width)
        rows, columns = torch.arange(height)[:, None], torch.arange(width)
        mass = heatmaps.sum((2, 3)).clamp(min=1e-6)
        x, y = ((heatmaps * place).sum((2, 3)) / mass for place in (columns, rows))
        ways = [(at[:, :, None, None] - place).expand_as(heatmaps) / reach for at, place in ((x, columns), (y, rows))]
        return torch.stack([heatmaps, *ways], 2).flatten(1, 2)


@pytest.mark.parametrize("flip", [False, True], ids=["no flip", "flip"])
def test_offsets_lead_to_the_dots(flip):
    estimator = HeatmapTopDown(DotsWithOffsets(), name="dots", codec="udp", refinement="offsets", flip=flip)
    (found,) = estimator([dotted(240, 320, FACE)], [people([80, 60, 220, 190], [75.5, 20, 230, 210.75])])
    for joint, place in PLACES.items():
        assert found.xy[:, joint] == pytest.approx(np.array([place] * 2), abs=0.3)


def test_a_network_without_offsets_is_refused():
    estimator = HeatmapTopDown(Dots("udp"), name="dots", codec="udp", refinement="offsets")
    with pytest.raises(InvalidWeights, match="not 51 heatmaps"):
        estimator([dotted(240, 320, FACE)], [people([80, 60, 220, 190])])


@pytest.mark.parametrize("size", [(384, 288), (256, 256), (128, 96)], ids=str)
@pytest.mark.parametrize("codec", CODECS)
def test_other_sizes(codec, size):
    estimator = HeatmapTopDown(Dots(codec), name="dots", size=size, codec=codec, refinement="dark", flip=False)
    (found,) = estimator([dotted(240, 320, FACE)], [people([80, 60, 220, 190])])
    for joint, place in PLACES.items():
        assert found.xy[0, joint] == pytest.approx(place, abs=0.25)


def test_a_network_of_the_other_codec_is_off():
    """The codecs differ by up to half a pixel of the crop, which this file can see."""
    estimator = HeatmapTopDown(Dots("classic"), name="dots", codec="udp", refinement="dark", flip=False)
    (found,) = estimator([dotted(240, 320, FACE)], [people([30, 40, 200, 270])])
    assert np.abs(found.xy[0, LEFT_EYE] - PLACES[LEFT_EYE]).max() > 0.4


@pytest.mark.parametrize("flip", [False, True], ids=["no flip", "flip"])
@pytest.mark.parametrize("codec", CODECS)
def test_joints_mirror_with_the_picture(codec, flip):
    estimator = HeatmapTopDown(Dots(codec), name="dots", codec=codec, refinement="dark", flip=flip)
    image = dotted(240, 320, FACE)
    box, mirrored = [80, 60, 230, 200], [319 - 230, 60, 319 - 80, 200]
    found, other = estimator([image, np.ascontiguousarray(image[:, ::-1])], [people(box), people(mirrored)])
    back = other.xy[0, list(COCO17.flip_joints)]
    back[:, 0] = 319 - back[:, 0]
    bias = 2 * CLASSIC_FLIP * 1.25 * 150 / 48 if flip and codec == "classic" else 0
    difference = (found.xy[0] - back)[[NOSE, LEFT_EYE, RIGHT_EYE]]
    assert difference == pytest.approx(np.array([[bias, 0]] * 3), abs=0.2)


@pytest.mark.parametrize("refinement", ["none", "quarter", "dark"])
def test_udps_flip_test_mirrors_whatever_the_network(refinement):
    """Exactly, as the crops are copies. (UDP's refinement reads one diagonal only, so that it favours a side.)"""
    estimator = HeatmapTopDown(Noise(), name="noise", size=(128, 128), codec="udp", refinement=refinement, margin=1.0)
    image = noise(300, 320)
    box, mirrored = [60, 20, 60 + 127, 20 + 127], [319 - 60 - 127, 20, 319 - 60, 20 + 127]
    found, other = estimator([image, np.ascontiguousarray(image[:, ::-1])], [people(box), people(mirrored)])
    order = list(COCO17.flip_joints)
    back = other.xy[0, order]
    seen = found.score[0] > 0  # on noise a Newton step may leave the picture
    assert seen.sum() > 14
    assert found.score[0] == pytest.approx(other.score[0, order], abs=1e-5)
    assert found.xy[0, seen, 0] == pytest.approx(319 - back[seen, 0], abs=0.01)
    assert found.xy[0, seen, 1] == pytest.approx(back[seen, 1], abs=0.01)


@pytest.mark.parametrize("refinement", REFINEMENTS)
@pytest.mark.parametrize(("codec", "extent"), [("classic", 64), ("udp", 63.5)], ids=CODECS)
def test_joints_move_with_the_picture(codec, extent, refinement):
    """Into a black surrounding; the boxes, some partly outside, are half as large as the crop, so that none rounds."""
    estimator = HeatmapTopDown(Noise(), name="noise", size=(128, 128), codec=codec, refinement=refinement, margin=1.0)
    image = noise(100, 120)
    canvas = np.zeros((300, 320, 3), np.uint8)
    canvas[90:190, 110:230] = image
    corners = np.array([[10, -5], [-30.25, 20.5], [70, -40], [-3, 60], [30, 21.25]])
    boxes = np.concatenate([corners, corners + extent], 1)
    shifted = np.add(boxes, [110, 90, 110, 90])
    found, moved = estimator([image, canvas], [people(*boxes), people(*shifted)])
    inside = ((found.xy > 1) & (found.xy < [118, 98])).all(2)
    assert inside.sum() > 40
    assert (moved.xy - [110, 90])[inside] == pytest.approx(found.xy[inside], abs=0.01)
    assert moved.score[inside] == pytest.approx(found.score[inside], abs=1e-5)


@pytest.mark.parametrize(
    "counts", [[], [0], [0, 2, 0], [1, 4]], ids=["no pictures", "nobody", "a crowd of two", "one and four"]
)
def test_one_row_per_box(counts):
    estimator = HeatmapTopDown(Noise(), name="noise", size=(64, 64), batch_size=2)
    boxes = [people(*([10, 10, 60, 90 + 5 * row] for row in range(count))) for count in counts]
    keypoints = estimator([noise(100 + 10 * index, 120) for index in range(len(counts))], boxes)
    assert [found.xy.shape for found in keypoints] == [(count, 17, 2) for count in counts]
    assert all(found.xy.dtype == found.score.dtype == np.float32 for found in keypoints)


def test_the_batch_does_not_matter():
    images = [noise(100, 120), noise(90, 140, seed=1), noise(400, 300, seed=2)]
    boxes = [people([10, 10, 60, 90], [50, 0, 110, 99]), people(), people([0, 0, 140, 90], [-20, 10, 60, 100])]
    together = HeatmapTopDown(Noise(), name="noise", size=(96, 64), batch_size=3)(images, boxes)
    alone = HeatmapTopDown(Noise(), name="noise", size=(96, 64), batch_size=1)
    for image, owned, found in zip(images, boxes, together, strict=True):
        for row in range(len(owned)):
            (single,) = alone([image], [owned[[row]]])
            assert single.xy[0] == pytest.approx(found.xy[row], abs=0.01)
            assert single.score[0] == pytest.approx(found.score[row], abs=1e-4)


@pytest.mark.parametrize(
    "box",
    [[30, 30, 30, 80], [30, 30, 80, 30], [30, 30, 20, 80], [200, 10, 260, 90], [-60, 10, 0, 90], [np.nan, 0, 10, 10]],
    ids=["no width", "no height", "turned around", "right of the picture", "left of the picture", "not a number"],
)
def test_a_box_without_a_picture_has_no_joints(box):
    estimator = HeatmapTopDown(Noise(), name="noise", size=(64, 64))
    (found,) = estimator([noise(100, 120)], [people(box, [10, 10, 60, 90])])
    assert not found.score[0].any()
    assert not found.xy[0].any()
    assert found.score[1].any()


@pytest.mark.parametrize(
    "box",
    [[5, 5, 5.001, 5.001], [-1e7, -1e7, 1e7, 1e7], [0, 50, 120, 50.01], [119.5, 99.5, 500, 500], [-90, -90, 20, 20]],
    ids=["a speck", "huge", "a line", "the last corner", "partly outside"],
)
@pytest.mark.parametrize("refinement", REFINEMENTS)
def test_odd_boxes_give_joints_in_the_picture(box, refinement):
    estimator = HeatmapTopDown(Noise(), name="noise", size=(64, 64), refinement=refinement)
    (found,) = estimator([noise(100, 120)], [people(box)])
    seen = found.score > 0
    assert ((found.xy > 0) & (found.xy <= [119, 99]))[seen].all()
    assert not found.xy[~seen].any()
    assert (found.score <= 1).all()


def test_pixels_are_standardised_and_the_outside_is_black():
    network = Dots("classic")
    image = np.full((64, 96, 3), [200, 100, 50], np.uint8)
    HeatmapTopDown(network, name="dots", margin=1.0, flip=False)([image], [people([48, -64, 144, 64])])
    (crop,) = network.crops[0]
    assert crop[:, 140, 10].tolist() == pytest.approx([200, 100, 50], abs=1e-3)
    assert crop[:, 10, 10].tolist() == pytest.approx([0, 0, 0], abs=1e-3)
    assert crop[:, 140, 180].tolist() == pytest.approx([0, 0, 0], abs=1e-3)


@pytest.mark.parametrize("normalised", [True, False], ids=["standardised", "as they are"])
def test_what_the_network_is_fed(normalised):
    seen = []

    class Recorder(nn.Module):
        def forward(self, pixels):
            seen.append(pixels)
            return torch.zeros(len(pixels), 17, 8, 8)

    image = noise(31 + 1, 31 + 1)
    estimator = HeatmapTopDown(
        Recorder(), name="recorder", size=(32, 32), codec="udp", margin=1.0, normalised=normalised, flip=True
    )
    estimator([image], [people([0, 0, 31, 31])])
    expected = image.astype(np.float64)
    if normalised:
        expected = (expected - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]
    straight, mirrored = (pixels[0].permute(1, 2, 0).numpy() for pixels in seen)
    assert straight == pytest.approx(expected, abs=1e-4)
    assert mirrored == pytest.approx(expected[:, ::-1], abs=1e-4)
    assert not seen[0].requires_grad
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


def test_a_score_is_at_most_one():
    heatmaps = torch.zeros(1, 17, 16, 16)
    heatmaps[0, :, 8, 8] = torch.linspace(0.5, 1.3, 17)
    estimator = HeatmapTopDown(Constant(heatmaps), name="constant", size=(64, 64), flip=False)
    (found,) = estimator([noise(100, 120)], [people([10, 10, 60, 90])])
    assert found.score[0] == pytest.approx(np.linspace(0.5, 1.3, 17).clip(max=1))


@pytest.mark.parametrize(
    ("answer", "given"),
    [
        (torch.zeros(1, 34, 8, 8), r"\(1, 34, 8, 8\)"),
        (torch.zeros(1, 17), r"\(1, 17\)"),
        ([torch.zeros(1, 17, 8, 8)], "list"),
    ],
    ids=["tags as well", "no maps", "several scales"],
)
def test_another_kind_of_network_is_refused(answer, given):
    estimator = HeatmapTopDown(Constant(answer), name="other", size=(32, 32))
    with pytest.raises(InvalidWeights, match=f"other gives {given} for a crop, not 17 heatmaps"):
        estimator([noise(100, 120)], [people([10, 10, 60, 90])])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": (100, 96)}, r"multiples of 32, got \(100, 96\)"),
        ({"size": (0, 64)}, "multiples of 32"),
        ({"margin": 0.0}, "must be positive, got 0.0 and 16"),
        ({"batch_size": 0}, "must be positive"),
        ({"blur": 10}, "must be odd and positive, got 10"),
        ({"blur": -1}, "must be odd and positive, got -1"),
        ({"codec": "simcc"}, "codec must be one of classic, udp .* got 'simcc' and 'quarter'"),
        ({"refinement": "half"}, "got 'classic' and 'half'"),
    ],
    ids=["not a multiple", "no height", "no margin", "no batch", "even", "negative", "codec", "refinement"],
)
def test_impossible_settings(settings, message):
    with pytest.raises(UsageError, match=message):
        HeatmapTopDown(Noise(), name="noise", **settings)


def test_pictures_and_boxes_must_match():
    with pytest.raises(UsageError, match="1 pictures, but 2 lists of boxes"):
        HeatmapTopDown(Noise(), name="noise")([noise(10, 10)], [people(), people()])


def test_torch_modes_are_left_alone():
    HeatmapTopDown(Noise(), name="noise")([noise(100, 120)], [people([10, 10, 60, 90])])
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


def test_takes_the_estimation_of_a_card():
    from poseact.zoo import Estimation

    estimation = Estimation(size=(64, 64), codec="udp", refinement="udp", blur=17, margin=1.5, normalised=False)
    estimator = HeatmapTopDown(Noise(), name="noise", **estimation.model_dump(), flip=False, device="cpu")
    (found,) = estimator([noise(100, 120)], [people([10, 10, 60, 90])])
    assert found.score.any()
