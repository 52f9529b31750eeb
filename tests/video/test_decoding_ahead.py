"""Decoding in a process of its own: the same pictures, errors and gaps, and a crash is no more than an error."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from poseact.errors import DecoderCrashed, InvalidVideo, LimitExceeded, UsageError
from poseact.video import DecodingAhead, Limits, open_video


@pytest.fixture
def ahead():
    opened = DecodingAhead.started()
    yield opened
    opened.close()


@pytest.fixture
def clip(samples):
    return min(samples.glob("*.mp4"), key=lambda path: path.stat().st_size)


def decoding():
    """The process that decodes: the youngest of those that are there."""
    found = [child for child in psutil.Process().children() if "poseact.video.ahead" in " ".join(child.cmdline())]
    return max(found, key=lambda child: child.create_time())


def same(one, other):
    one, other = list(one), list(other)
    assert [frame.index for frame in one] == [frame.index for frame in other]
    assert [frame.pts for frame in one] == [frame.pts for frame in other]
    return all(np.array_equal(a.image, b.image) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("wanted", [None, [3, 0, 17, 10**6], []], ids=["all", "some", "none"])
def test_the_same_frames(ahead, clip, wanted):
    with open_video(clip) as here, ahead.open(clip) as there:
        assert there.info == here.info
        assert same(there.frames(wanted), here.frames(wanted))
        assert there.gaps == here.gaps
        assert there.between(0.2, 0.4) == here.between(0.2, 0.4)


def test_a_file_cut_short_has_the_same_gaps(ahead, clip, tmp_path):
    (tmp_path / "short.avi").write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    try:
        with open_video(tmp_path / "short.avi") as here:
            frames = list(here.frames())
    except InvalidVideo as error:
        with pytest.raises(InvalidVideo, match=str(error)[:40]):
            ahead.open(tmp_path / "short.avi")
        return
    with ahead.open(tmp_path / "short.avi") as there:
        assert same(there.frames(), frames)
        assert there.gaps == here.gaps


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        (("absent.mp4",), InvalidVideo, "absent.mp4"),
        (("clip.mp4", "auto", Limits(pixels=100)), LimitExceeded, "max-pixels"),
        (("clip.mp4", "guess"), UsageError, "unknown decoder 'guess'"),
    ],
)
def test_errors_come_as_they_are(ahead, clip, tmp_path, monkeypatch, arguments, error, told):
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    monkeypatch.chdir(tmp_path)  # the process was started elsewhere
    with pytest.raises(error, match=told) as raised:
        ahead.open(*arguments)
    assert "\n" not in str(raised.value)
    with ahead.open(clip) as reader:  # and the next video is read
        assert next(reader.frames()).index == 0


def test_a_crash_is_an_error_of_this_video_alone(ahead, clip):
    with ahead.open(clip) as reader:
        frames = reader.frames()
        next(frames)
        process = decoding()
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(DecoderCrashed, match="ended with SIGKILL"):
            list(frames)
    with ahead.open(clip) as reader:
        assert len(list(reader.frames())) == reader.info.frame_count


def test_readings_side_by_side(ahead, clip):
    with ahead.open(clip) as reader:
        for one, other in zip(reader.frames(), reader.frames(), strict=True):
            assert one.index == other.index


def test_a_reading_that_is_given_up_leaves_no_pictures_behind(ahead, clip):
    with ahead.open(clip) as reader:
        next(reader.frames())
    with ahead.open(clip) as reader:
        assert [frame.index for frame in reader.frames([5, 6])] == [5, 6]


def test_no_more_than_some_pictures_wait(ahead, clip, monkeypatch):
    with ahead.open(clip) as reader:
        frames = reader.frames()
        next(frames)
        process = decoding()
        before = process.memory_info().rss
        time.sleep(0.5)
        assert process.memory_info().rss - before < 200 << 20
        assert len(list(frames)) == reader.info.frame_count - 1


def test_nothing_is_left_when_the_reader_is_killed(clip):
    program = (
        "import sys; from poseact.video import DecodingAhead; reader = DecodingAhead.started().open(sys.argv[1]);"
        "frames = reader.frames(); next(frames); print('reading', flush=True); sys.stdin.read()"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", program, str(clip)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout.readline() == "reading\n"
    children = psutil.Process(reader.pid).children()
    assert children
    reader.kill()
    reader.communicate()
    assert not psutil.wait_procs(children, timeout=10)[1]
