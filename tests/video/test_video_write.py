import av
import numpy as np
import pytest

from poseact.errors import OutputError, UsageError
from poseact.video import VideoWriter, open_video


def picture(size, level=120):
    return np.full((size[1], size[0], 3), level, np.uint8)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi"])
@pytest.mark.parametrize(("size", "even"), [((64, 48), (64, 48)), ((63, 47), (64, 48)), ((1, 1), (2, 2))])
def test_what_is_written_is_read_back(tmp_path, suffix, size, even):
    path = tmp_path / f"clip{suffix}"
    with VideoWriter(path, 25, size) as writer:
        for index in range(12):
            writer.write(picture(size, 20 + 10 * index))
    with open_video(path) as reader:
        assert (reader.info.width, reader.info.height) == even
        assert (reader.info.frame_count, reader.info.fps, reader.info.codec) == (12, 25.0, "h264")
        levels = [float(frame.image.mean()) for frame in reader.frames()]
    assert levels == pytest.approx([20 + 10 * index for index in range(12)], abs=4)
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_picture(tmp_path):
    with VideoWriter(tmp_path / "clip.mp4", 25, (64, 48)):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("fps", [29.97, 30000 / 1001, 5, 59.94, 12.5])
def test_rate(tmp_path, fps):
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, fps, (64, 48)) as writer:
        for _ in range(10):
            writer.write(picture((64, 48)))
    with open_video(path) as reader:
        assert reader.info.fps == pytest.approx(fps, rel=1e-3)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_pictures_are_shown_at_their_times(tmp_path, suffix):
    times = [0.0, 1 / 60, 2 / 60, 0.5, 0.6, 5.0, 5.0 + 1 / 30]
    path = tmp_path / f"clip{suffix}"
    with VideoWriter(path, 10, (64, 48), timed=True) as writer:
        for index, pts in enumerate(times):
            writer.write(picture((64, 48), 20 + 30 * index), pts)
    with open_video(path) as reader:
        frames = list(reader.frames())
    assert [frame.pts for frame in frames] == pytest.approx(times, abs=2e-3)  # Matroska counts ms
    assert [float(frame.image.mean()) for frame in frames] == pytest.approx([20 + 30 * n for n in range(7)], abs=5)


def test_times_that_do_not_ascend_and_avi_lose_no_picture(tmp_path):
    for name in ("a.mp4", "a.avi"):
        with VideoWriter(tmp_path / name, 10, (64, 48), timed=True) as writer:
            for pts in (0.0, 0.0, 1.0, 0.5, 1.5):
                writer.write(picture((64, 48)), pts)
        with open_video(tmp_path / name) as reader:
            assert len(list(reader.frames())) == 5


def test_a_picture_of_an_hour(tmp_path):
    with VideoWriter(tmp_path / "clip.mp4", 1 / 3600, (64, 48)) as writer:
        for _ in range(3):
            writer.write(picture((64, 48)))
    with open_video(tmp_path / "clip.mp4") as reader:
        assert [frame.pts for frame in reader.frames()] == pytest.approx([0, 3600, 7200])


def test_a_web_page_can_play_it_while_it_loads(tmp_path):
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, 25, (64, 48)) as writer:
        writer.write(picture((64, 48)))
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_a_failure_leaves_nothing_and_keeps_what_was_there(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"before")
    pictures = (picture((64, 48), 100 // divisor) for divisor in (1, 0))
    with pytest.raises(ZeroDivisionError), VideoWriter(path, 25, (64, 48)) as writer:
        list(map(writer.write, pictures))
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("clip.mp4", b"before")]


@pytest.mark.parametrize(
    ("name", "fps", "size", "message"),
    [
        ("clip.webm", 25, (64, 48), r"must be one of \.mp4"),
        ("clip", 25, (64, 48), "suffix"),
        ("clip.mp4", 0, (64, 48), "must be positive"),
        ("clip.mp4", float("nan"), (64, 48), "must be positive"),
        ("clip.mp4", 25, (0, 48), "must be positive"),
    ],
)
def test_what_cannot_be_written(tmp_path, name, fps, size, message):
    with pytest.raises(UsageError, match=message):
        VideoWriter(tmp_path / name, fps, size)


@pytest.mark.parametrize("image", [picture((60, 48)), picture((64, 48)).astype(np.float32), picture((64, 48))[..., 0]])
def test_pictures_that_do_not_fit(tmp_path, image):
    with pytest.raises(UsageError, match="does not fit"), VideoWriter(tmp_path / "clip.mp4", 25, (64, 48)) as writer:
        writer.write(image)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="choose another place"), VideoWriter(tmp_path / "file/x.mp4", 25, (64, 48)):
        pass


def test_after_the_block(tmp_path):
    with VideoWriter(tmp_path / "clip.mp4", 25, (64, 48)) as writer:
        writer.write(picture((64, 48)))
    with pytest.raises(UsageError, match="closed"):
        writer.write(picture((64, 48)))


@pytest.mark.parametrize("known", [["mpeg4"], []], ids=["MPEG-4 only", "none"])
def test_missing_encoders(tmp_path, monkeypatch, known):
    original = av.container.OutputContainer.add_stream

    class Without:
        def __init__(self, container):
            self._container = container

        def __getattr__(self, name):
            return getattr(self._container, name)

        def add_stream(self, codec, **settings):
            if codec not in known:
                raise ValueError(codec)
            return original(self._container, codec, **settings)

    opened = VideoWriter._opened
    monkeypatch.setattr(VideoWriter, "_opened", lambda self, path: Without(opened(self, path)))
    path = tmp_path / "clip.mp4"
    if not known:
        with pytest.raises(OutputError, match=r"no H\.264 or MPEG-4 encoder"), VideoWriter(path, 25, (64, 48)):
            pass
        assert list(tmp_path.iterdir()) == []
        return
    with VideoWriter(path, 25, (64, 48)) as writer:
        writer.write(picture((64, 48)))
    with open_video(path) as reader:
        assert reader.info.codec == "mpeg4"
        (frame,) = reader.frames()
        assert float(frame.image.mean()) == pytest.approx(120, abs=4)
