import os
import weakref
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from poseact.errors import InvalidVideo, LimitExceeded, UsageError
from poseact.video import Limits, open_video, probe, pyav, source
from poseact.video import reader as reader_module
from poseact.video import scan as scan_module

decord_missing = pytest.mark.skipif(not find_spec("decord"), reason="decord has no wheel for this machine")
DECODERS = ["pyav", "opencv", pytest.param("decord", marks=decord_missing)]


def levels(reader, indices=None) -> list[tuple[int, float, int]]:
    """(index, seconds, position by grey level) of every frame."""
    return [
        (frame.index, round(frame.pts, 6), round((float(np.median(frame.image)) - 20) / 4))
        for frame in reader.frames(indices)
    ]


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(
    "options",
    [{}, {"bf": "3", "g": "12"}, {"g": "1"}, {"x264-params": "open-gop=1:keyint=10:bframes=2"}],
    ids=["default", "B-frames", "intra", "open GOP"],
)
def test_dense_and_sparse_reading_agree(make_video, decoder, options):
    path = make_video(options=options)
    with open_video(path, decoder) as reader:
        dense = levels(reader)
        assert dense == [(index, index / 25, index) for index in range(48)]
        for indices in ([], [0], [47], [30], range(0, 48, 7), [40, 5, 5, 22], range(11, 14), [46, 47, 48, 99]):
            wanted = sorted(set(indices))
            assert levels(reader, indices) == [frame for frame in dense if frame[0] in wanted]
        assert reader.gaps == []


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.mov"])
def test_a_jump_gives_the_very_same_pictures(make_video, name):
    path = make_video(name, options={"g": "12", "bf": "2"}, frames=60)
    with open_video(path) as reader:
        dense = [frame.image for frame in reader.frames()]
        for index in range(60):
            (frame,) = reader.frames([index])
            assert np.array_equal(frame.image, dense[index])


@pytest.mark.parametrize("decoder", ["pyav", "opencv"])  # decord does not open such files
def test_frames_without_times_of_their_own_are_evenly_spaced(make_video, decoder):
    path = make_video("raw.h264")
    with open_video(path, decoder) as reader:
        shown = np.array([frame.pts for frame in reader.frames()])
        np.testing.assert_allclose(reader.times(np.arange(len(shown))), shown, atol=1e-6)
        assert len(shown) == 48
        assert [frame.index for frame in reader.frames() if 0.5 <= frame.pts < 1] == list(reader.between(0.5, 1))
        assert len(reader.between(0, np.inf)) == reader.info.frame_count


@pytest.mark.parametrize("shared", [(), (3,), (3, 4), (42,)], ids=["none", "one", "in a row", "of a slow one"])
def test_frames_that_share_a_time_are_cut_by_time_all_the_same(make_video, remuxed, shared):
    ticks = [*range(40), *range(40, 240, 10)]  # slower by far later on, so that the mean rate says nothing
    path = make_video("slow.mkv", frames=60, options={"bf": "0"}, ticks=ticks)
    path = remuxed(path, "shared.mkv", 0, shared)
    with open_video(path) as reader:
        shown = np.array([frame.pts for frame in reader.frames()])
        assert (len(shown), shown[-1]) == (60, pytest.approx(9.2))
        np.testing.assert_allclose(reader.times(np.arange(60)), shown, atol=1e-6)
        assert [frame.index for frame in reader.frames() if 2 <= frame.pts < 4] == list(reader.between(2, 4))
        assert reader.between(2, 4) == range(41, 46)


def test_a_jump_decodes_less(make_video, monkeypatch):
    path = make_video(options={"g": "12", "bf": "0"}, frames=60)
    decoded = []
    original = pyav._Reading._decoded

    def counted(*given):
        for picture in original(*given):
            decoded.append(picture.pts)
            yield picture

    monkeypatch.setattr(pyav._Reading, "_decoded", counted)
    with open_video(path) as reader:
        assert [frame.index for frame in reader.frames([50])] == [50]
    assert len(decoded) < 10


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(("rotation", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))])
def test_pictures_stand_upright(make_video, decoder, rotation, corner):
    path = make_video(rotation=rotation, frames=3, size=(128, 96))
    with open_video(path, decoder) as reader:
        assert (reader.info.width, reader.info.height) == ((96, 128) if rotation % 180 else (128, 96))
        assert reader.info.rotation == rotation % 360
        for frame in reader.frames():
            assert frame.image.shape == (reader.info.height, reader.info.width, 3)
            bright = {place: frame.image[place].mean() > 200 for place in [(0, 0), (-1, 0), (-1, -1), (0, -1)]}
            assert [place for place, is_bright in bright.items() if is_bright] == [corner]


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("odd.mkv", "ffv1", "yuv420p", (63, 47)),
        ("444.mp4", "libx264", "yuv444p", (63, 47)),
        ("grey.mkv", "ffv1", "gray", (64, 48)),
        ("grey16.mkv", "ffv1", "gray16le", (64, 48)),
        ("deep.mkv", "ffv1", "yuv420p10le", (64, 48)),
        ("alpha.mkv", "ffv1", "bgra", (62, 46)),
        ("narrow.mkv", "ffv1", "yuv444p", (1, 1)),
        ("full.avi", "mjpeg", "yuvj420p", (64, 48)),
        ("moving.gif", "gif", "rgb8", (64, 48)),
        ("stream.ts", "libx264", "yuv420p", (64, 48)),
    ],
)
def test_pictures_are_rgb_bytes(make_video, name, codec, pix_fmt, size):
    path = make_video(name, codec=codec, pix_fmt=pix_fmt, size=size, frames=4)
    with open_video(path) as reader:
        frames = list(reader.frames())
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    for frame in frames:
        assert frame.image.shape == (size[1], size[0], 3)
        assert (frame.image.dtype, frame.image.flags.c_contiguous) == (np.uint8, True)
        if size != (1, 1):
            assert np.ptp(frame.image[-1, -1].astype(int)) < 90
            assert abs(int(frame.image[-1, -1, 1]) - 20) < 24


@pytest.mark.parametrize("decoder", ["pyav", "opencv"])
def test_variable_rate_keeps_its_times(make_video, decoder):
    ticks = [0, 1, 5, 6, 20, 21, 22, 50]
    path = make_video("vfr.mkv", frames=len(ticks), ticks=ticks)
    with open_video(path, decoder) as reader:
        assert [frame.pts for frame in reader.frames()] == pytest.approx([tick / 25 for tick in ticks], abs=1e-3)
        assert [frame.pts for frame in reader.frames([4, 7])] == pytest.approx([20 / 25, 2.0], abs=1e-3)
        assert reader.info.frame_count == 8
        assert reader.info.fps == pytest.approx(3.5, rel=0.15)


@pytest.mark.parametrize("decoder", ["pyav", "opencv"])
def test_a_start_above_zero_counts_from_the_first_picture(make_video, remuxed, decoder):
    path = remuxed(make_video(), "late.mkv", 25 * 512)
    with open_video(path, decoder) as reader:
        assert levels(reader) == [(index, pytest.approx(index / 25, abs=1e-3), index) for index in range(48)]


@pytest.mark.parametrize("decoder", ["pyav", "opencv"])
def test_an_edit_list_hides_what_was_cut_away(make_video, remuxed, decoder):
    path = remuxed(make_video(options={"g": "12"}), "cut.mp4", -9 * 512)
    with open_video(path, decoder) as reader:
        assert reader.info.frame_count == 39
        assert [level for *_, level in levels(reader)] == list(range(9, 48))
        assert levels(reader, [0, 20, 38]) == [(0, 0.0, 9), (20, 0.8, 29), (38, 1.52, 47)]


@decord_missing
def test_decord_is_refused_where_it_garbles_narrow_pictures(make_video):
    with pytest.raises(InvalidVideo, match="decord returns"):
        list(open_video(make_video(rotation=90, frames=2), "decord").frames())


@decord_missing
def test_decord_is_refused_where_it_counts_other_frames(make_video, remuxed):
    path = remuxed(make_video(options={"g": "12"}), "cut.mp4", -9 * 512)
    with pytest.raises(InvalidVideo, match=r"decord sees 48 frames in .* where 39 exist"):
        list(open_video(path, "decord").frames())


def test_vp8_packets_that_show_nothing_are_no_frames(make_video):
    path = make_video("alt.webm", codec="libvpx", options={"auto-alt-ref": "1", "lag-in-frames": "16", "b": "200k"})
    with open_video(path) as reader:
        assert [frame.index for frame in reader.frames()] == list(range(48))
        assert (reader.info.frame_count, reader.gaps) == (48, [])


def test_reordered_pictures_in_avi_are_evenly_spaced(make_video):
    path = make_video("bframes.avi", codec="mpeg4", options={"bf": "2", "g": "12"})
    with open_video(path) as reader:
        dense = levels(reader)
        assert [level for *_, level in dense] == list(range(48))
        assert [seconds for _, seconds, _ in dense] == pytest.approx([index / 25 for index in range(48)])
        assert levels(reader, [3, 40]) == [dense[3], dense[40]]
        assert reader.gaps == []


def test_empty_slots_in_avi_are_no_gaps(make_video):
    ticks = [tick for tick in range(30) if tick % 6 != 3]  # 25 frames/s in slots of 30
    path = make_video("slots.avi", codec="mpeg4", frames=len(ticks), ticks=ticks)
    with open_video(path) as reader:
        assert levels(reader) == [(index, pytest.approx(tick / 25), index) for index, tick in enumerate(ticks)]
        assert (reader.info.frame_count, reader.gaps) == (25, [])


@pytest.mark.parametrize("decoder", ["pyav", "opencv"])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi", "clip.ts"])
def test_a_truncated_file_yields_what_is_there(make_video, name, decoder):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    movflags = {"movflags": "faststart"} if name.endswith("mp4") else None
    path = make_video(name, codec=codec, options={"g": "6"}, container_options=movflags, size=(320, 240))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7)])
    with open_video(path, decoder) as reader:
        seen = levels(reader)
        assert 10 < len(seen) < 48
        assert all(index == level for index, _, level in seen[:-3])
        if name.endswith(("mp4", "avi")):  # their index says what is missing
            assert sum(gap.frames for gap in reader.gaps) == 48 - len(seen)


@pytest.mark.parametrize("decoder", ["pyav", "opencv"])
def test_a_damaged_stretch_is_a_gap(make_video, decoder):
    path = make_video(options={"g": "1"}, frames=20)
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    for index in (7, 8, 13):
        position, size = places[index]
        content[position : position + size] = bytes(size)
    path.write_bytes(content)
    left = [index for index in range(20) if index not in (7, 8, 13)]
    with open_video(path, decoder) as reader:
        assert levels(reader) == [(index, index / 25, index) for index in left]
        assert [(gap.start, gap.end, gap.frames) for gap in reader.gaps] == [(0.28, 0.36, 2), (0.52, 0.56, 1)]
        assert levels(reader, [6, 8, 14]) == [(6, 0.24, 6), (14, 0.56, 14)]


def test_a_damaged_stretch_without_times_is_a_gap(make_video):
    path = make_video("bframes.avi", codec="mpeg4", options={"bf": "2", "g": "6"})
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    position, size = places[24]
    content[position + 8 : position + 8 + size] = b"\xff" * size
    path.write_bytes(content)
    with open_video(path) as reader:
        seen = [frame.index for frame in reader.frames()]
    assert seen == list(range(len(seen)))
    assert 40 <= len(seen) <= 48


@pytest.mark.parametrize("seed", range(30))
def test_mutated_bytes_end_in_frames_gaps_or_a_typed_error(make_video, seed, capfd):
    chance = np.random.default_rng(seed)
    name, codec = [("clip.mp4", "libx264"), ("clip.mkv", "libx264"), ("clip.avi", "mpeg4")][seed % 3]
    path = make_video(name, codec=codec, frames=24, options={"g": "8"})
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    places = chance.integers(0, len(content), size=[3, 30, 300][seed // 3 % 3])
    content[places] = chance.integers(0, 256, len(places), dtype=np.uint8)
    path.write_bytes(content.tobytes())
    for decoder in ("pyav", "opencv"):
        indices, sparse, message = [], [], str(path)
        try:
            with open_video(path, decoder) as reader:
                indices = [frame.index for frame in islice(reader.frames(), 500)]
                sparse = [frame.index for frame in reader.frames(range(0, 24, 5))]
        except (InvalidVideo, LimitExceeded) as error:
            message = str(error)
        assert message.startswith((str(path), "OpenCV"))
        assert "\n" not in message
        assert indices == sorted(set(indices))
        assert sparse == sorted(set(sparse))
    assert capfd.readouterr() == ("", "")


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf"
    "c0000003010100c9fe92ef0000000049454e44ae426082"
)


@pytest.mark.parametrize("decoder", ["auto", "pyav", "opencv", pytest.param("decord", marks=decord_missing)])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"not a video\n", "is not a video"),
        ("text.txt", b"a long text\n" * 100, "is not a video"),
        ("zeros.mp4", bytes(5000), "is not a video"),
        ("picture.png", PNG, "is an image"),
        ("picture.mp4", PNG, "is an image"),
        ("photo.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(200), "is an image"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nclip.mp4\n", "playlist"),
        ("list.mp4", b"ffconcat version 1.0\nfile clip.mp4\n", "concat list"),
        ("list.xspf", b"<?xml version='1.0'?><MPD/>", "XML"),
        ("huge.gif", b"GIF89a\xff\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02D\x01\x00;", ""),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_what_is_no_video_is_refused(tmp_path, make_video, name, content, message, decoder):
    make_video("clip.mp4", frames=2)
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((InvalidVideo, LimitExceeded)) as caught:
        list(open_video(path, decoder).frames())
    assert name in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone.mp4", "does not exist"),
        (".", "is a folder"),
        ("https://example.org/clip.mp4", "is an address"),
        ("rtsp://camera/1", "is an address"),
        ("concat:a.mp4|b.mp4", "does not exist"),
        ("-", "does not exist"),
        ("a\0b.mp4", ""),
    ],
)
def test_what_is_no_file_is_refused(tmp_path, monkeypatch, path, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidVideo) as caught:
        probe(path)
    assert message in str(caught.value)


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InvalidVideo, match="not a regular file"):
        probe(tmp_path / "pipe.mp4")


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(
    "name",
    [
        "-dash.mp4",
        "with space.mp4",
        "colon:1.mp4",
        "http:x.mp4",
        "ünïcödé 走る.mp4",
        "frame%03d.mp4",
        "a|b.mp4",
        "q?a.mp4",
    ],
)
def test_odd_names(make_video, monkeypatch, name, decoder):
    path = make_video(name, frames=3)
    monkeypatch.chdir(path.parent)
    with open_video(name, decoder) as reader:
        assert reader.info.path == name
        assert len(list(reader.frames())) == 3


def test_a_playlist_cannot_hide_behind_another_beginning(make_video, tmp_path):
    make_video("clip.mp4", frames=2)
    path = tmp_path / "list.mp4"
    path.write_bytes(b"\n\n#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nclip.mp4\n#EXT-X-ENDLIST\n")
    for decoder in ("auto", "opencv"):
        with pytest.raises(InvalidVideo):
            list(open_video(path, decoder).frames())


@pytest.mark.parametrize("decoder", ["auto", "pyav", "opencv"])
@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(), None), (Limits(64 * 48, 50, 2.0), None), (Limits(pixels=64 * 48 - 1), "64x48 px"),
        (Limits(frames=49), "50 frames or more, and 49"), (Limits(seconds=1.9), "lasts 2 s, and 1.9 s are allowed"),
    ],
    ids=["default", "just allowed", "pixels", "frames", "seconds"],
)  # fmt: skip
def test_limits(make_video, decoder, limits, words):
    path = make_video(frames=50)
    if words is None:
        assert len(list(open_video(path, decoder, limits).frames())) == 50
        return
    with pytest.raises(LimitExceeded, match=words):
        open_video(path, decoder, limits)


def test_limits_hold_for_what_only_opencv_reads(make_video, monkeypatch):
    path = make_video(frames=50)
    monkeypatch.setattr(reader_module, "scan_video", _unreadable)
    assert open_video(path).info.frame_count == 50
    for limits in (Limits(pixels=1000), Limits(frames=49), Limits(seconds=1.9)):
        with pytest.raises(LimitExceeded):
            open_video(path, limits=limits)


def _unreadable(*_):
    raise source.UnreadableVideo("only OpenCV reads it")


def test_a_long_file_is_not_read_to_its_end_to_be_refused(make_video, monkeypatch):
    path = make_video(frames=50)
    read = []
    packets = scan_module.packets
    monkeypatch.setattr(scan_module, "packets", lambda *of: (read.append(one) or one for one in packets(*of)))
    with pytest.raises(LimitExceeded, match="11 frames or more, and 10"):
        open_video(path, limits=Limits(frames=10))
    assert len(read) == 11


def test_info(make_video):
    info = probe(make_video("clip.mp4", options={"bf": "2"}))
    assert (info.width, info.height, info.fps, info.frame_count) == (64, 48, 25.0, 48)
    assert (info.duration, info.codec, info.rotation) == (pytest.approx(1.92), "h264", 0)


@pytest.mark.parametrize("decoder", ["pyav", "opencv"])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.ts"])
def test_beyond_the_packet_limit_frames_are_counted(make_video, monkeypatch, name, decoder):
    path = make_video(name, options={"g": "12", "bf": "0"})
    monkeypatch.setattr("poseact.video.scan.MAX_PACKETS", 10)
    with open_video(path, decoder) as reader:
        assert reader.info.frame_count == pytest.approx(48, abs=1)
        assert reader.info.duration == pytest.approx(1.92, abs=0.05)
        dense = levels(reader)
        assert dense == [(index, pytest.approx(index / 25, abs=1e-4), index) for index in range(48)]
        assert levels(reader, [0, 30, 47]) == [dense[0], dense[30], dense[47]]
        assert reader.gaps == []


def test_a_name_that_is_no_text(make_video, tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4"))
    make_video(frames=2).rename(path)
    with open_video(path) as reader:
        assert len(list(reader.frames())) == 2


def test_one_frame_is_in_memory_at_a_time(make_video):
    alive = []
    with open_video(make_video(frames=40)) as reader:
        for frame in reader.frames():
            alive.append(weakref.ref(frame.image))
            del frame
            assert sum(image() is not None for image in alive) <= 1


def test_leaving_the_block_ends_the_reading(make_video):
    with open_video(make_video()) as reader:
        frames = reader.frames()
        next(frames)
    assert list(frames) == []


def test_two_readings_of_one_reader_do_not_mix(make_video):
    with open_video(make_video(options={"g": "6"})) as reader:
        pairs = list(zip(reader.frames(range(0, 48, 2)), reader.frames(range(1, 48, 2)), strict=True))
    assert [(first.index, second.index) for first, second in pairs] == [(i, i + 1) for i in range(0, 48, 2)]


def test_unknown_decoder_and_negative_index(make_video):
    path = make_video(frames=2)
    with pytest.raises(UsageError, match="known are auto, pyav, opencv, decord"):
        open_video(path, "gstreamer")
    with pytest.raises(UsageError, match="negative"):
        open_video(path).frames([-1])


def test_auto_falls_back_to_opencv(make_video, monkeypatch):
    path = make_video(frames=6)

    def unreadable(*_):
        raise source.UnreadableVideo("PyAV cannot")

    monkeypatch.setattr("poseact.video.reader.scan_video", unreadable)
    with open_video(path) as reader:
        assert (reader.info.width, reader.info.height, reader.info.frame_count) == (64, 48, 6)
        assert levels(reader, [1, 4]) == [(1, 0.04, 1), (4, 0.16, 4)]
    with pytest.raises(InvalidVideo, match="PyAV cannot"):
        open_video(path, "pyav")
