"""Folders of numbered images, read as videos."""

import numpy as np
import pytest
from PIL import Image

from poseact.errors import InvalidVideo, LimitExceeded, UsageError
from poseact.video import Limits, holds_images, open_video


@pytest.fixture
def folder(tmp_path):
    """12 grey pictures of 8x6 px, each of the level of its number, and a file that is no picture."""
    for number in range(12):
        Image.new("RGB", (8, 6), (number, number, number)).save(tmp_path / f"img{number}.png")
    (tmp_path / "notes.txt").touch()
    return tmp_path


def levels(frames):
    return [(frame.index, int(frame.image[0, 0, 0])) for frame in frames]


def test_pictures_come_in_the_order_of_their_numbers(folder):
    with open_video(folder, image_fps=10) as reader:
        info = reader.info
        assert (info.width, info.height, info.fps, info.frame_count, info.duration) == (8, 6, 10, 12, 1.2)
        assert levels(reader.frames()) == [(number, number) for number in range(12)]
        assert levels(reader.frames([11, 2, 40])) == [(2, 2), (11, 11)]
        assert [frame.pts for frame in reader.frames([0, 3])] == pytest.approx([0, 0.3])
        assert reader.between(0.3, 0.5) == range(3, 5)
        assert reader.gaps == []


def test_damaged_pictures_and_other_sizes_are_gaps(folder):
    (folder / "img3.png").write_bytes((folder / "img3.png").read_bytes()[:40])
    Image.new("RGB", (4, 6)).save(folder / "img7.png")
    with open_video(folder) as reader:
        assert [frame.index for frame in reader.frames()] == [0, 1, 2, 4, 5, 6, 8, 9, 10, 11]
        assert [(gap.frames, gap.reason) for gap in reader.gaps] == [
            (1, "img3.png is damaged"), (1, "img7.png is 4x6 px"),
        ]  # fmt: skip


def test_pictures_stand_upright(tmp_path):
    image = Image.fromarray(np.zeros((6, 8, 3), np.uint8))
    turned = image.getexif()
    turned[0x0112] = 6
    for number in range(2):
        image.save(tmp_path / f"{number}.jpg", exif=turned)
    with open_video(tmp_path) as reader:
        assert (reader.info.width, reader.info.height) == (6, 8)
        assert next(reader.frames()).image.shape == (8, 6, 3)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"limits": Limits(pixels=40)}, LimitExceeded, "pixels"),
        ({"limits": Limits(frames=11)}, LimitExceeded, "has 12 frames"),
        ({"limits": Limits(seconds=0.4)}, LimitExceeded, "lasts"),
        ({"image_fps": 0}, UsageError, "images per second"),
        ({"image_fps": float("nan")}, UsageError, "images per second"),
    ],
    ids=["pixels", "frames", "seconds", "no rate", "nan"],
)
def test_limits(folder, options, error, words):
    with pytest.raises(error, match=words):
        open_video(folder, **options)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tif", "webp"])
def test_any_bytes_are_a_picture_or_a_gap(tmp_path, suffix):
    rng = np.random.default_rng(0)
    for number in range(2):
        Image.new("RGB", (16, 16), (200, 0, 0)).save(tmp_path / f"{number}.{suffix}")
    whole = (tmp_path / f"0.{suffix}").read_bytes()
    with open_video(tmp_path) as reader:
        assert next(reader.frames()).image[0, 0, 0] > 190
    for _ in range(40):
        changed = bytearray(whole)
        for at in rng.integers(0, len(changed), 4):
            changed[at] = rng.integers(0, 256)
        (tmp_path / f"1.{suffix}").write_bytes(bytes(changed[: rng.integers(1, len(changed) + 1)]))
        with open_video(tmp_path) as reader:
            assert len(list(reader.frames())) + len(reader.gaps) == 2


def test_folders_that_are_no_videos(tmp_path):
    assert not holds_images(tmp_path)
    with pytest.raises(InvalidVideo, match="is a folder; name a video file in it"):
        open_video(tmp_path)
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(InvalidVideo, match="without an image that can be read"):
        open_video(tmp_path)
    assert not holds_images(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_of_16_bits_keeps_its_range(tmp_path, suffix):
    level = np.linspace(0, 65535, 48).reshape(6, 8).astype(np.uint16)
    for number in range(2):
        Image.fromarray(level).save(tmp_path / f"{number}.{suffix}")
    with open_video(tmp_path) as reader:
        image = next(reader.frames()).image
    np.testing.assert_array_equal(image, np.repeat((level // 256)[..., None], 3, 2))


@pytest.mark.parametrize(("most", "shift"), [(200, 0), (4000, 4), (5000, 8)])
def test_grey_of_fewer_bits_in_files_of_16_is_as_bright(tmp_path, most, shift):
    """12 bits of a camera, for example, told by some of the pictures and the same for all."""
    for number in range(4):
        Image.fromarray(np.full((6, 8), most if number == 2 else 100, np.uint16)).save(tmp_path / f"{number}.png")
    with open_video(tmp_path) as reader:
        assert levels(reader.frames()) == [(number, (most if number == 2 else 100) >> shift) for number in range(4)]


def test_a_damaged_picture_at_first_tells_no_range(tmp_path):
    for number in range(1, 3):
        Image.fromarray(np.full((6, 8), 40_000, np.uint16)).save(tmp_path / f"{number}.png")
    (tmp_path / "0.png").write_bytes(b"damaged")
    with open_video(tmp_path) as reader:
        assert levels(reader.frames()) == [(number, 40_000 >> 8) for number in (1, 2)]


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_numbers_within_8_bits_are_grey(tmp_path, kind):
    for number in range(2):
        Image.fromarray(np.arange(48).reshape(6, 8).astype(kind) * 5).save(tmp_path / f"{number}.tif")
    with open_video(tmp_path) as reader:
        assert next(reader.frames()).image[5, 7].tolist() == [235] * 3


def test_numbers_whose_range_nobody_tells_are_no_picture(tmp_path):
    for number in range(2):
        Image.fromarray(np.ones((6, 8), np.float32)).save(tmp_path / f"{number}.tif")
    with pytest.raises(InvalidVideo, match="without an image that can be read"):
        open_video(tmp_path)
