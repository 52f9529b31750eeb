"""Whatever lies in a folder of videos: each file has poses or a typed reason, and none costs another one."""

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from small_runs import extract, open_standing, write_clip

from poseact import errors
from poseact.errors import DecoderCrashed
from poseact.extract.clips import Clip
from poseact.extract.journal import Journal
from poseact.extract.result import CRASHED, TIMEOUT, TOO_MUCH_MEMORY, Failed
from poseact.extract.work import Extract
from poseact.poses import read_poses

TYPED = {"InvalidVideo", "InputError", "LimitExceeded", "UsageError", TIMEOUT, CRASHED, TOO_MUCH_MEMORY}


def check(outcomes, out, count):
    """Everything has a result, every failure a known reason in one line; returns the failures."""
    assert len(outcomes) == count
    failed = [outcome.result for outcome in outcomes if isinstance(outcome.result, Failed)]
    assert {one.code for one in failed} <= TYPED
    assert all("\n" not in one.message for one in failed)
    stored = read_poses(out).annotations if out.exists() else []
    assert len(stored) == count - len(failed)
    assert all(np.isfinite(one.keypoint).all() for one in stored)
    lines = (out.parent / f"{out.name}.errors.jsonl").read_text().splitlines() if failed else []
    assert [json.loads(line)["code"] for line in lines] == [
        outcome.result.code for outcome in sorted(outcomes, key=lambda one: str(one.clip.path)) if outcome.error
    ]
    return failed


def test_two_hundred_damaged_copies(tmp_path):
    rng = np.random.default_rng(0)
    whole = write_clip(tmp_path / "whole.mp4", frames=40).read_bytes()
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(200):
        changed = bytearray(whole)
        for _ in range(int(rng.integers(1, 4))):
            at, length = int(rng.integers(len(changed))), int(rng.integers(1, 40))
            kind = rng.integers(4)
            if kind == 0:
                changed[at : at + length] = rng.bytes(length)
            elif kind == 1:
                del changed[at : at + length]
            elif kind == 2:
                changed[at:at] = rng.bytes(length)
            else:
                changed[at : at + 4] = b"\xff\xff\xff\xff"
        if number % 5 == 0:
            del changed[int(rng.integers(1, len(changed))) :]
        (folder / f"{number:03}.mp4").write_bytes(bytes(changed))
    outcomes = extract(folder, tmp_path / "poses.pkl", workers=2)
    failed = check(outcomes, tmp_path / "poses.pkl", 200)
    assert 0 < len(failed) < 200


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{inside}\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '{inside}'\n",
        b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/video.ts\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nm=video 5004 RTP/AVP 96\r\n",
        b"<?xml version='1.0'?><MPD><BaseURL>file://{inside}</BaseURL></MPD>",
    ],
    ids=["HLS", "concat", "HLS of an address", "SDP", "DASH"],
)
@pytest.mark.parametrize("suffix", ["mp4", "ts", "avi"])
def test_a_playlist_opens_nothing(tmp_path, content, suffix):
    inside = write_clip(tmp_path / "inside.mp4")
    (tmp_path / "clips").mkdir()
    playlist = tmp_path / "clips" / f"list.{suffix}"
    playlist.write_bytes(content.replace(b"{inside}", str(inside).encode()))
    (failed,) = check(extract(tmp_path / "clips", tmp_path / "poses.pkl"), tmp_path / "poses.pkl", 1)
    assert failed.code == "InvalidVideo"


def test_strange_names_and_loops(tmp_path):
    folder = tmp_path / "clips"
    names = ["with space", "-dash", "ünï çødé", "[bold]x", "quote'\"", "*", "semi;colon"]
    names += ["new\nline", "caf\udce9"] if sys.platform == "linux" else []
    for name in names:
        write_clip(tmp_path / "v.mp4")
        (folder / "a").mkdir(parents=True, exist_ok=True)
        shutil.move(tmp_path / "v.mp4", folder / "a" / f"{name}.mp4")
    write_clip(folder / "b" / "-dash.mp4")  # the same name in another folder
    (folder / "a" / "loop").symlink_to(folder)
    (folder / "b" / "nowhere.mp4").symlink_to(folder / "nowhere")
    (folder / "b" / "itself.mp4").symlink_to(folder / "b" / "itself.mp4")
    outcomes = extract(folder, tmp_path / "poses.pkl")
    assert check(outcomes, tmp_path / "poses.pkl", len(names) + 1) == []
    stored = {one.name for one in read_poses(tmp_path / "poses.pkl").annotations}
    assert {"b/-dash", "a/-dash", "a/with space"} <= stored


def test_nothing_but_failures_leaves_no_target(tmp_path):
    (tmp_path / "clips").mkdir()
    for name in ("a.mp4", "b.avi"):
        (tmp_path / "clips" / name).touch()
    failed = check(extract(tmp_path / "clips", tmp_path / "poses.pkl"), tmp_path / "poses.pkl", 2)
    assert len(failed) == 2


def test_no_video(tmp_path):
    with pytest.raises(errors.InputError, match="holds no video"):
        extract(tmp_path, tmp_path / "poses.pkl")


@pytest.mark.shared
@pytest.mark.timeout(300)
@pytest.mark.parametrize("folder", ["videos", "videos/edge"])
def test_every_hard_video(shared, tmp_path, folder):
    copies = tmp_path / "clips"
    copies.mkdir()
    files = [path for path in sorted((shared / "data" / folder).iterdir()) if path.is_file()]
    for number, path in enumerate(files):
        (copies / f"{number:03}{path.suffix if path.suffix != '.csv' else '.mp4'}").symlink_to(path)
    outcomes = extract(copies, tmp_path / "poses.pkl", workers=2)
    assert len(outcomes) >= len(files) - 2  # files whose suffix is no video's
    failed = check(outcomes, tmp_path / "poses.pkl", len(outcomes))
    assert len(failed) < len(outcomes) / 2


def test_a_decoder_that_crashes_is_no_fault_of_the_file_alone(samples, tmp_path):
    """The engine tries such a clip once more, see test_watched.py."""

    def crash(*_):
        raise DecoderCrashed("clip.mp4: the process that decodes it ended with SIGKILL")

    extractor = replace(open_standing(), open_video=crash)
    with Journal.beside(tmp_path / "poses.pkl") as journal:
        result = Extract(journal)(extractor, Clip(samples / "run.mp4", "run", 0))
    assert result == Failed("Crashed", "clip.mp4: the process that decodes it ended with SIGKILL")
