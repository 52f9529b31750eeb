"""Networks that look at pictures: the crop, the frames that are decoded, and that pictures and heatmaps agree."""

import json
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from known_answers import LABELS, Constant, Recorder, card, info, softmax, standing

from poseact.errors import InputError, InvalidPoses, InvalidVideo, LimitExceeded, ModelError, UsageError
from poseact.heatmap import uniform_test_indices
from poseact.recognize import Classifier, Pictures, Stretch
from poseact.recognize import pictures as pictures_module
from poseact.recognize.inputs import streams
from poseact.recognize.pictures import Crops, cut, standardised, warp
from poseact.recognize.videos import videos_of
from poseact.types import Frame, Provenance
from poseact.video import open_video
from poseact.zoo import Rgb
from poseact.zoo.build import builders

GOLDEN = json.loads((Path(__file__).parent.parent / "golden/golden.json").read_text())
PUBLISHED = {"clip_len": 32, "size": 64, "sigma": 0.7, "num_clips": 10, "flip": False, "rgb": {}}
PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


class Film:
    """A reader of drawn frames, which counts the whole pictures that are alive at once."""

    def __init__(self, draw, frames=100, image_size=(240, 320), damaged=()):
        self.info = info(frames, image_size)
        self._draw, self._damaged = draw, set(damaged)
        self._alive = weakref.WeakValueDictionary()
        self.decoded, self.most_alive = [], 0

    def frames(self, indices=None):
        for index in sorted({int(index) for index in indices}):
            if index in self._damaged or index >= self.info.frame_count:
                continue
            image = np.array(self._draw(index))
            self._alive[len(self.decoded)] = image
            self.decoded.append(index)
            self.most_alive = max(self.most_alive, len(self._alive))
            yield Frame(index, index / 25.0, image)


def black(image_size=(240, 320)):
    return np.zeros((*image_size, 3), np.uint8)


def numbered(image_size=(240, 320)):
    """Frames of one grey, their number (up to 255)."""
    return lambda index: np.full((*image_size, 3), index % 256, np.uint8)


def rgbpose(options=None, config=None, **preprocessing):
    """A recorder behind the card of an RGBPose-Conv3D."""
    network = Recorder()
    made = card(
        LABELS[:2], "rgbpose-conv3d", preprocessing={**PUBLISHED, "rgb": dict(PLAIN), **preprocessing}, config=config
    )
    return Classifier(network, made, **(options or {})), network


def pictures_only(options=None, **preprocessing):
    network = Recorder()
    made = card(LABELS[:2], config={"in_channels": 3}, preprocessing={**PUBLISHED, "rgb": dict(PLAIN), **preprocessing})
    return Classifier(network, made, **(options or {})), network


COLUMNS = np.arange(320).clip(max=255).astype(np.uint8)
RAMP = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((2, 1, 6, 5), RAMP[1:5, 2:6]),
        ((-2, -1, 2, 3), np.pad(RAMP[:3, :2], ((1, 0), (2, 0), (0, 0)))),
        ((5, 3, 9, 7), np.pad(RAMP[3:, 5:], ((0, 1), (0, 1), (0, 0)))),
        ((-1, -2, 9, 8), np.pad(RAMP, ((2, 2), (1, 1), (0, 0)))),
        ((8, 0, 12, 4), np.zeros((4, 4, 3))),
        ((-9, -9, -5, -5), np.zeros((4, 4, 3))),
    ],
    ids=["inside", "over the corner", "over the other corner", "all around", "beside", "far away"],
)
def test_a_box_is_black_outside_the_picture(box, expected):
    side = box[2] - box[0]
    np.testing.assert_array_equal(cut(RAMP, box, side), expected)


def test_a_box_is_stretched_to_a_square():
    wide = np.zeros((10, 40, 3), np.uint8)
    wide[:, 20:] = 200
    square = cut(wide, (0, 0, 40, 10), 20)
    assert square.shape == (20, 20, 3)
    assert (square[:, :9] == 0).all()
    assert (square[:, 11:] == 200).all()


@pytest.mark.parametrize(
    ("found", "wanted", "shown"),
    [
        ([5], [0, 5, 9], [5, 5, 5]),
        ([2, 4, 8], [2, 4, 8], [2, 4, 8]),
        ([2, 8], [[0, 3], [7, 9]], [[2, 2], [8, 8]]),
        ([2, 8], [4, 5, 6], [2, 8, 8]),
    ],
    ids=["one is left", "all there", "some lost, in clips", "in the middle"],
)
def test_a_lost_frame_is_shown_as_its_neighbour(found, wanted, shown):
    crops = Crops(np.array(found), np.array(found, np.uint8)[:, None, None, None])
    np.testing.assert_array_equal(crops.at(np.array(wanted))[..., 0, 0, 0], shown)


def test_standardised_is_channels_first_and_of_mean_0():
    rgb = Rgb()
    clips = np.tile(np.round(rgb.mean).astype(np.uint8), (2, 8, 6, 7, 1))
    views = standardised(clips, rgb)
    assert views.shape == (2, 3, 8, 6, 7)
    assert views.dtype == torch.float32
    assert views.abs().max() < 0.01
    one = standardised(np.full((1, 1, 1, 1, 3), 255, np.uint8), rgb)[0, :, 0, 0, 0]
    assert one.tolist() == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-3)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (card(), ("pose",)),
        (card(config={"in_channels": 34}), ("pose",)),
        (card(architecture="rgbpose-conv3d", preprocessing={"rgb": {}}), ("rgb", "pose")),
        (card(config={"in_channels": 3}, preprocessing={"rgb": {}}), ("rgb",)),
    ],
    ids=["poses", "joints and limbs", "both", "pictures"],
)
def test_the_card_says_what_is_looked_at(made, expected):
    assert streams(made) == expected


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (card(architecture="rgbpose-conv3d"), "its card has no preprocessing.rgb"),
        (card(preprocessing={"rgb": {}}), "slowonly has 17 input channels, not 3"),
    ],
    ids=["no pictures", "joints"],
)
def test_a_card_that_contradicts_itself_is_refused(made, words):
    with pytest.raises(ModelError, match=words):
        Classifier(Recorder(), made)


@pytest.mark.parametrize("sampler", ["pyskl", "mmaction2"])
@pytest.mark.parametrize(
    ("corner", "image_size"),
    [((100.0, 60.0), (240, 320)), ((2.0, 1.0), (240, 320)), ((255.0, 138.0), (240, 320)), ((140.0, 20.0), (128, 256))],
    ids=["inside", "over the corner", "over the other corner", "higher than the picture"],
)
def test_a_dot_at_a_joint_lies_where_the_heatmap_peaks(corner, image_size, sampler):
    """The dot in the 256 px crop is the peak of the 64 px heatmap, times 4, to a pixel of the crop.

    A joint at x is drawn at 4 times x of the heatmap, as in the reference, while a picture is resized about the centres
    of its pixels, so that a dot on pixel x lies half an enlarged pixel further.
    """
    poses = standing(100, image_size, corner)
    for joint in (0, 7, 16):
        x, y = poses.keypoint[0, 0, joint]
        picture = black(image_size)
        picture[round(float(y)) - 1 : round(float(y)) + 2, round(float(x)) - 1 : round(float(x)) + 2] = (255, 0, 0)
        classifier, network = rgbpose(sampler=sampler)
        classifier.judge(Stretch(poses, [0], pictures=Pictures(Film(lambda _: picture, image_size=image_size))))  # noqa: B023
        red, heatmaps = network.stream(0), network.stream(1)
        assert red.shape == (10, 3, 8, 256, 256)
        assert heatmaps.shape == (10, 17, 32, 64, 64)
        assert red[:, 1:].abs().max() == 0
        dot = centre(red[3, 0, 2])
        peak = centre(heatmaps[3, joint, 5])
        further = (256 / 125 - 1) / 2  # the box is 1.25 times 100 px
        assert dot == pytest.approx((4 * peak[0] + further, 4 * peak[1] + further), abs=0.8)


@pytest.mark.parametrize("sampler", ["pyskl", "mmaction2"])
def test_a_subject_too_small_to_cut_out_leaves_the_whole_picture_stretched(sampler):
    poses = standing(40)
    poses.keypoint[:] = poses.keypoint / 20 + (290, 10)  # 3 x 5 px, at the right
    picture = black()
    x, y = (round(float(value)) for value in poses.keypoint[0, 0, 16])
    picture[y, x] = (255, 0, 0)
    classifier, network = rgbpose(sampler=sampler, num_clips=1)
    classifier.judge(Stretch(poses, [0], pictures=Pictures(Film(lambda _: picture, 40))))
    dot, peak = centre(network.stream(0)[0, 0, 0]), centre(network.stream(1)[0, 16, 0])
    assert dot == pytest.approx((256 * x / 320, 256 * y / 240), abs=1)
    assert peak == pytest.approx((64 * x / 320, 64 * y / 240), abs=0.3)


def centre(picture):
    """(x, y): the centre of mass, px."""
    picture = picture.clamp(min=0).double()
    rows, columns = (torch.arange(side).double() for side in picture.shape)
    return float((picture.sum(0) * columns).sum() / picture.sum()), float((picture.sum(1) * rows).sum() / picture.sum())


@pytest.mark.parametrize("name", ["test_T100_L48_N2", "test_T300_L48_N10", "test_T30_L48_N3", "test_T5_L48_N10"])
@pytest.mark.parametrize("project", ["pyskl", "mmaction2"])
def test_both_modalities_take_the_published_frames(name, project):
    """With clips of one length for both, each takes the same published list: each is sampled from the same seed."""
    frames, clip_len, clips = (int(part[1:]) for part in name.split("_")[1:])
    expected = np.reshape(GOLDEN[name if project == "pyskl" else f"mma_{name}"], (clips, clip_len))
    classifier, network = rgbpose(
        sampler=project, clip_len=clip_len, num_clips=clips, size=16, rgb={**PLAIN, "clip_len": clip_len, "size": 8}
    )
    poses = standing(frames)
    poses.keypoint_score[:] = (1 + np.arange(frames)[:, None]) / (frames + 1)  # the peaks tell the frames
    classifier.judge(Stretch(poses, [0], pictures=Pictures(Film(coloured, frames))))
    seen = network.stream(0)[..., 4, 4].round().long()  # (clips, 3, clip_len)
    np.testing.assert_array_equal(seen[:, 0] + 256 * seen[:, 1], expected)
    peaks = network.stream(1).amax((1, 3, 4))
    np.testing.assert_allclose(peaks / peaks[0, 0], (1 + expected) / (1 + expected[0, 0]), rtol=1e-4)


def coloured(index):
    return np.full((240, 320, 3), (index % 256, index // 256, 0), np.uint8)


def test_pictures_come_from_all_frames_between_those_that_were_looked_at():
    """16 looked-at frames of every fifth: the pictures are drawn from the 76 frames of their span, the poses loop."""
    classifier, network = rgbpose()
    poses = standing(40, step=5)
    film = Film(numbered(), frames=200)
    classifier.judge(Stretch(poses, [0], slice(10, 26), Pictures(film)))
    expected = 50 + uniform_test_indices(76, 8, 10, "pyskl")
    np.testing.assert_array_equal(network.stream(0)[:, 0, :, 128, 128].round().long(), expected)
    assert film.decoded == sorted(set(expected.ravel().tolist()))
    assert network.stream(1).shape[2] == 32


def test_one_whole_picture_is_in_memory_at_a_time():
    classifier, _ = rgbpose()
    film = Film(numbered((480, 640)), frames=1000, image_size=(480, 640))
    classifier(standing(1000, (480, 640), fps=100.0), [0], Pictures(film))
    assert 60 < len(film.decoded) <= 80
    assert len(set(film.decoded)) == len(film.decoded)
    assert film.most_alive <= 2  # the one at hand, and the next as it is decoded


def test_every_window_has_its_own_frames_and_its_own_box():
    classifier, network = rgbpose(seconds=2.0, num_clips=1)
    poses = standing(100)
    poses.keypoint[0, 50:] += (80, 20)
    film = Film(lambda index: np.full((240, 320, 3), 50 if index < 50 else 200, np.uint8))
    answer = classifier(poses, [0], Pictures(film))
    assert len(answer.segments) == 2
    first, second = network.stream(0)
    assert (first.max(), second.max()) == (50, 200)
    np.testing.assert_allclose(*network.stream(1), atol=0.05)  # in its own box the person stands in the same place


def test_damaged_frames_are_shown_as_neighbours_and_a_damaged_window_is_an_error():
    classifier, network = pictures_only(num_clips=1)
    everything = Pictures(Film(numbered()))
    classifier.judge(Stretch(standing(100), [0], pictures=everything))
    taken = network.stream(0)[0, 0, :, 9, 9].round().long()
    network.shown.clear()
    classifier.judge(Stretch(standing(100), [0], pictures=Pictures(Film(numbered(), damaged=[int(taken[3])]))))
    seen = network.stream(0)[0, 0, :, 9, 9].round().long()
    assert seen[3] in (taken[2], taken[4])
    assert seen[[0, 1, 2, 4, 5, 6, 7]].tolist() == taken[[0, 1, 2, 4, 5, 6, 7]].tolist()
    with pytest.raises(InvalidVideo, match="none of the frames") as error:
        classifier.judge(Stretch(standing(100), [0], pictures=Pictures(Film(numbered(), damaged=range(100)))))
    assert "\n" not in str(error.value)


def test_a_network_of_pictures_sees_the_box_of_all_poses():
    classifier, network = pictures_only(num_clips=1)
    poses = standing(100)
    poses.keypoint[0, 37] -= (60, 0)  # no clip of 8 frames need take this one
    film = Film(lambda _: np.tile(COLUMNS[:, None], (240, 1, 3)))
    classifier.judge(Stretch(poses, [0], pictures=Pictures(film)))
    (view,) = network.stream(0)
    assert view.shape == (3, 8, 256, 256)
    low, high = 40.0, 160.0
    left = int((low + high) / 2 - (high - low) / 2 * 1.25)
    assert float(view[0, 0, 128, 0]) == pytest.approx(left, abs=1)


@pytest.mark.parametrize(
    ("options", "card_flip", "clips", "mirrored"),
    [
        ({}, False, 10, False),
        ({"clips": 1, "flip": False}, True, 1, False),
        ({"clips": 10, "flip": True}, False, 10, False),
        ({}, True, 10, True),
    ],
    ids=["as published", "fast", "accurate does not mirror", "a card that mirrors"],
)
def test_views(options, card_flip, clips, mirrored):
    classifier, network = rgbpose(options, flip=card_flip, size=16, rgb={**PLAIN, "size": 16, "clip_len": 2})
    film = Film(lambda _: np.tile(COLUMNS[:, None], (240, 1, 3)))
    classifier.judge(Stretch(standing(), [0], pictures=Pictures(film)))
    frames, heatmaps = network.stream(0), network.stream(1)
    assert len(frames) == len(heatmaps) == clips * (1 + mirrored)
    if mirrored:
        torch.testing.assert_close(frames[clips:], frames[:clips].flip(-1))
        torch.testing.assert_close(heatmaps[clips:, 5], heatmaps[:clips, 6].flip(-1))


class TwoStreams(Constant):
    """(pictures, poses): logits of two streams that disagree."""

    def forward(self, *inputs):
        assert [one.shape[1] for one in inputs] == [3, 17]
        return tuple(row.expand(len(inputs[0]), -1) for row in self.logits)


@pytest.mark.parametrize(
    ("weights", "share"), [(None, 0.5), ((1, 1), 0.5), ((2, 1), 2 / 3), ((1, 2), 1 / 3), ((1, 0), 1.0)], ids=str
)
def test_streams_are_weighted(weights, share):
    made = card(architecture="rgbpose-conv3d", preprocessing={**PUBLISHED, "num_clips": 1, "rgb": {"size": 16}})
    classifier = Classifier(TwoStreams([1.0, 0.0, 0.0], [0.0, 0.0, 3.0]), made, stream_weights=weights)
    expected = share * softmax(1.0, 0.0, 0.0) + (1 - share) * softmax(0.0, 0.0, 3.0)
    probability = classifier.judge(Stretch(standing(), [0], pictures=Pictures(Film(numbered())))).probability
    np.testing.assert_allclose(probability, expected, atol=1e-6)
    assert classifier.models[0].stream_weights == pytest.approx((share, 1 - share))


@pytest.mark.parametrize(
    ("make", "change", "error", "words"),
    [
        (rgbpose, {}, InputError, "poses without pictures"),
        (pictures_only, {}, InputError, "give the video itself"),
        (pictures_only, {"rows": []}, InvalidPoses, "no people or no frames"),
        (rgbpose, {"frames": slice(5, 5)}, InvalidPoses, "no people or no frames"),
    ],
    ids=["both", "pictures", "nobody", "no frames"],
)
def test_what_cannot_be_looked_at_is_one_line(make, change, error, words):
    pictures = Pictures(Film(numbered())) if change else None
    with pytest.raises(error, match=words) as caught:
        make()[0].judge(Stretch(standing(), **change, pictures=pictures))
    assert "\n" not in str(caught.value)


def test_a_card_cannot_fill_the_memory():
    classifier, _ = pictures_only(num_clips=100, rgb={"clip_len": 1024, "size": 1024})
    film = Film(numbered(), frames=5000)
    with pytest.raises(LimitExceeded, match="pictures of 1024x1024 px"):
        classifier.judge(Stretch(standing(5000), [0], pictures=Pictures(film)))
    assert film.decoded == []


def test_heatmaps_can_be_saved_without_pictures():
    classifier, network = rgbpose(sampler="mmaction2")
    poses = standing()
    classifier.judge(Stretch(poses, [0], pictures=Pictures(Film(numbered()))))
    torch.testing.assert_close(classifier.heatmaps(poses, [0]), network.stream(1))
    with pytest.raises(UsageError, match="pictures only"):
        pictures_only()[0].heatmaps(poses, [0])


def test_a_real_video_is_cut_like_its_frames(samples):
    with open_video(samples / "walk.mp4") as reader:
        wanted = np.array([[40, 3], [3, 86]])
        crops = Pictures(reader).crops(wanted, (20, 10, 120, 110), 100)
        assert crops.index.tolist() == [3, 40, 86]
        frames = {frame.index: frame.image for frame in reader.frames([3, 40, 86])}
    for row, index in np.ndenumerate(wanted):
        np.testing.assert_array_equal(crops.at(wanted)[row], frames[int(index)][10:110, 20:120])


def test_the_published_architecture_answers_from_a_real_video(samples):
    """RGBPose-Conv3D itself, on small clips: the card, the network and the video go together."""
    builder = builders().get("rgbpose-conv3d")
    if builder is None:
        pytest.skip("reason: this installation has no network of the architecture rgbpose-conv3d")
    options = {"clip_len": 8, "size": 16, "num_clips": 1, "rgb": {"clip_len": 2, "size": 64}}
    made = card(architecture="rgbpose-conv3d", preprocessing=options)
    classifier = Classifier(builder(**made.config).eval(), made)
    poses = standing(40, corner=(60.0, 20.0))
    with open_video(samples / "walk.mp4") as reader:
        size = (reader.info.height, reader.info.width)
        pictures = Pictures(reader)
        (logits,) = classifier.view_logits([Stretch(replace(poses, image_size=size), [0], pictures=pictures)])
        both = classifier.probabilities(logits)
        answer = classifier(replace(poses, image_size=size), [0], pictures)
    assert both.shape == (2, 3)
    np.testing.assert_allclose(both.sum(1), 1, atol=1e-5)
    found = {one.label: one.probability for one in answer.predictions}
    assert found == pytest.approx(dict(zip(LABELS, both.mean(0).tolist(), strict=True)), abs=1e-6)


def test_a_stray_joint_does_not_fill_the_memory():
    image = np.full((480, 640, 3), 200, np.uint8)
    far = cut(image, (-120_000, -120_000, 120_000, 120_000), 256)  # 173 GB, were it laid out
    assert far.shape == (256, 256, 3)
    assert far.any(-1).sum() == 1  # what is left of the picture: it is narrower than a pixel of the crop


def test_a_large_box_is_cut_as_others_are(monkeypatch):
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    box = (-300, -250, 300, 350)
    usual = cut(image, box, 256).astype(int)
    monkeypatch.setattr(pictures_module, "LARGEST_CUT", 1)
    assert np.abs(cut(image, box, 256) - usual).max() <= 4  # levels of 255: OpenCV rounds otherwise


@pytest.mark.parametrize("box", [(40, 20, 168, 148), (-30, -10, 98, 118), (250, 180, 314, 244)])
def test_a_picture_that_is_only_cut_is_warped_as_it_is_cut(box):
    random = np.random.default_rng(0)
    image = random.integers(0, 255, (240, 320, 3)).astype(np.uint8)
    scale = 64 / (box[2] - box[0])
    matrix = np.array([[scale, 0, -box[0] * scale], [0, scale, -box[1] * scale]])
    difference = np.abs(warp(image, matrix, 64).astype(int) - cut(image, box, 64))
    inside = difference[1:-1, 1:-1]  # at the border of the box, `cut` does not look beyond it
    assert inside.mean() < 0.5
    assert inside.max() <= 4


def test_a_mirrored_and_turned_point_lies_where_the_matrix_says():
    image = np.zeros((60, 80, 3), np.uint8)
    image[20, 30] = 255  # its middle is (30.5, 20.5)
    mirrored = warp(image, np.array([[-1.0, 0, 64], [0, 1, 0]]), 64)
    assert np.argwhere(mirrored[..., 0] == 255).tolist() == [[20, 33]]
    turned = warp(image, np.array([[0.0, 1, 0], [1, 0, 0]]), 64)
    assert np.argwhere(turned[..., 0] == 255).tolist() == [[30, 20]]


def named(name):
    return replace(standing(), name=name)


@pytest.mark.parametrize(
    ("files", "name", "found"),
    [
        (["a.mp4"], "a", "a.mp4"),
        (["walk/a.avi"], "walk/a", "walk/a.avi"),
        (["walk/a.avi", "a.mp4"], "a", "a.mp4"),
        (["walk/a.avi"], "a", "walk/a.avi"),
        (["walk/a.avi", "run/a.avi"], "a", None),
        (["walk/b.avi"], "a", None),
        ([], "a", None),
        (["walk/a.txt"], "a", None),
        (["walk/1.png", "walk/2.png"], "walk", "walk"),
        (["a/a.avi"], "a", "a/a.avi"),
    ],
    ids=[
        "by name",
        "by path",
        "the nearer one",
        "in a class folder",
        "twice",
        "another",
        "nothing",
        "no video",
        "a folder of images",
        "a folder of its name",
    ],
)
def test_a_video_is_found_by_the_name_of_its_clip(tmp_path, files, name, found):
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    if found is None:
        with pytest.raises(InputError, match="1 of 1 videos are not in"):
            videos_of([named(name)], tmp_path)
    else:
        assert videos_of([named(name)], tmp_path)[name].path == tmp_path / found


def test_a_folder_of_images_is_found_where_the_poses_came_from(tmp_path):
    for name in ("1.png", "2.png"):
        (tmp_path / name).touch()
    clip = replace(standing(), name="a", provenance=Provenance(source=str(tmp_path)))
    assert videos_of([clip], None)["a"].path == tmp_path
