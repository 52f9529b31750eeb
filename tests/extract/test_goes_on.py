"""Nothing is lost and nothing is done twice, whatever happens to a run on the way."""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from math import inf
from pathlib import Path

import filelock
import pytest
from PIL import Image
from small_runs import OPTIONS, extract, open_standing, write_clip, write_clips

from poseact.errors import OutputError, UsageError
from poseact.extract import folder as folder_module
from poseact.extract import request as request_module
from poseact.extract.clips import Clip
from poseact.extract.extractor import Extractor
from poseact.extract.request import Request
from poseact.poses import read_poses

NAMES = ["a/clip0", "a/clip2", "a/clip4", "b/clip1", "b/clip3", "b/clip5"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def own_clips(clips, tmp_path):
    """A copy that may be changed."""
    return Path(shutil.copytree(clips, tmp_path / "clips"))


@pytest.fixture(scope="module")
def whole(clips, tmp_path_factory):
    """The bytes of a serial run that nobody disturbs."""
    out = tmp_path_factory.mktemp("whole") / "poses.pkl"
    extract(clips, out)
    return out.read_bytes()


@pytest.fixture
def looked_at(monkeypatch):
    """The stems of the videos that are looked at, in order."""
    seen = []
    look = Extractor.__call__

    def noted(self, path, *arguments, **options):
        seen.append(Path(path).stem)
        return look(self, path, *arguments, **options)

    monkeypatch.setattr(Extractor, "__call__", noted)
    return seen


def beside(out):
    return sorted(path.name for path in out.parent.iterdir() if path.name.startswith(out.name))


def start(clips, out, workers):
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), *sys.path])}
    command = [sys.executable, str(here / "small_runs.py"), str(clips), str(out), str(workers)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_do_not_change_the_result(clips, whole, tmp_path, workers):
    out = tmp_path / "poses.pkl"
    outcomes = extract(clips, out, workers)
    assert sorted(outcome.clip.name for outcome in outcomes) == sorted([*NAMES, "b/broken"])
    assert [outcome.clip.name for outcome in outcomes if outcome.error] == ["b/broken"]
    assert out.read_bytes() == whole
    assert beside(out) == ["poses.pkl", "poses.pkl.errors.jsonl", "poses.pkl.quality.csv", "poses.pkl.run.json"]


def test_killed_at_random_moments(clips, whole, tmp_path):
    out, moments, kills = tmp_path / "poses.pkl", random.Random(0), 0
    for workers in (1, 2, 2):
        process = start(clips, out, workers)
        assert process.stdout.readline() == b"begin\n"
        waited = moments.uniform(0, 0.5)
        while not (out.parent / "poses.pkl.journal").exists() and process.poll() is None:
            time.sleep(0.005)
        time.sleep(waited)
        process.kill()
        kills += process.wait() < 0
    assert kills
    extract(clips, out)
    assert out.read_bytes() == whole
    assert beside(out) == ["poses.pkl", "poses.pkl.errors.jsonl", "poses.pkl.quality.csv", "poses.pkl.run.json"]


@pytest.mark.parametrize("step", ["store", "fail", "write_poses", "Record.write", "write_errors", "clear"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_ended_at_every_step(clips, whole, tmp_path, monkeypatch, looked_at, step, when):
    """Ended just before or after something is written, the same call leads to the same files, doing nothing twice."""
    out = tmp_path / "poses.pkl"
    owner, _, name = step.rpartition(".")
    places = {"": folder_module, "Record": folder_module.Record}
    place = folder_module.Journal if step in ("store", "fail", "clear") else places[owner]
    real = getattr(place, name)
    calls = []

    def ended(*arguments, **options):
        calls.append(arguments)
        if step == "clear" and len(calls) == 1:  # the one at the beginning
            return real(*arguments, **options)
        if when == "after":
            real(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(place, name, ended)
        with pytest.raises(KeyboardInterrupt):
            extract(clips, out)
    extract(clips, out)
    assert out.read_bytes() == whole
    again = {"store": {"before": 1}, "fail": {"before": 1}}.get(step, {}).get(when, 0)
    assert len(looked_at) == 7 + again
    assert beside(out) == ["poses.pkl", "poses.pkl.errors.jsonl", "poses.pkl.quality.csv", "poses.pkl.run.json"]


def test_ended_while_the_journal_is_removed(clips, whole, tmp_path, monkeypatch, looked_at):
    out = tmp_path / "poses.pkl"
    unlink = Path.unlink

    def ended(path, missing_ok=False):
        if path.suffix == ".pkl" and len(looked_at) == 7:
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", ended)
        with pytest.raises(KeyboardInterrupt):
            extract(clips, out)
    extract(clips, out)
    assert len(looked_at) == 7
    assert out.read_bytes() == whole
    assert beside(out) == ["poses.pkl", "poses.pkl.errors.jsonl", "poses.pkl.quality.csv", "poses.pkl.run.json"]


def test_a_finished_run_is_not_repeated(clips, tmp_path, looked_at):
    out = tmp_path / "poses.pkl"
    extract(clips, out)
    stamp = out.stat().st_mtime_ns
    outcomes = extract(clips, out)
    assert len(looked_at) == 7
    assert all(outcome.earlier for outcome in outcomes)
    assert [outcome.clip.name for outcome in outcomes if outcome.error] == ["b/broken"]
    assert out.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("suffix", [".pkl", ".npz", ".parquet"])
def test_what_is_new_is_added(own_clips, tmp_path, looked_at, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    out = tmp_path / f"poses{suffix}"
    extract(own_clips, out)
    write_clip(own_clips / "0 first" / "new.mp4")  # moves the numbers of the other classes
    looked_at.clear()
    extract(own_clips, out)
    assert looked_at == ["new"]
    found = read_poses(out)
    assert found.classes == ("0 first", "a", "b")
    assert {one.name: one.label for one in found.annotations} == {
        "0 first/new": 0, **{name: 1 + (name[0] == "b") for name in NAMES},
    }  # fmt: skip
    extract(own_clips, tmp_path / f"fresh{suffix}")
    if suffix == ".pkl":
        assert out.read_bytes() == (tmp_path / "fresh.pkl").read_bytes()


def test_failures_are_tried_again_when_asked_or_changed(own_clips, tmp_path, looked_at):
    out = tmp_path / "poses.pkl"
    extract(own_clips, out)
    looked_at.clear()
    extract(own_clips, out, retry_failed=True)
    assert looked_at == ["broken"]
    write_clip(own_clips / "b" / "broken.mp4")
    looked_at.clear()
    outcomes = extract(own_clips, out)
    assert looked_at == ["broken"]
    assert not [outcome for outcome in outcomes if outcome.error]
    assert beside(out) == ["poses.pkl", "poses.pkl.quality.csv", "poses.pkl.run.json"]
    assert [one.name for one in read_poses(out).annotations] == [*NAMES[:3], "b/broken", *NAMES[3:]]


def test_failures_of_an_interrupted_run_are_not_tried_again(clips, tmp_path, monkeypatch, looked_at):
    out = tmp_path / "poses.pkl"
    for options, expected in (({}, ["broken"]), ({"retry_failed": True}, ["broken", "broken"])):
        interrupted_at_the_end(monkeypatch, clips, out, **options)
        extract(clips, out)
        assert [stem for stem in looked_at if stem == "broken"] == expected


def interrupted_at_the_end(monkeypatch, *arguments, **options):
    """An extraction that is stopped when every clip is finished, and nothing written."""
    with monkeypatch.context() as patch:
        patch.setattr(folder_module, "write_poses", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            extract(*arguments, **options)


def _interrupted(*_, **__):
    raise KeyboardInterrupt


def test_a_changed_video_is_done_again(own_clips, tmp_path, looked_at):
    out = tmp_path / "poses.pkl"
    extract(own_clips, out)
    write_clip(own_clips / "a" / "clip0.mp4", frames=20)
    looked_at.clear()
    extract(own_clips, out)
    assert looked_at == ["clip0"]
    assert read_poses(out).annotations[0].keypoint.shape[1] == 20


def test_without_any_success_there_is_no_target(tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "broken.mp4").write_text("no video")
    out = tmp_path / "poses.pkl"
    for _ in range(2):
        (outcome,) = extract(tmp_path / "clips", out)
        assert (outcome.result.code, outcome.earlier) == ("InvalidVideo", False)
        assert beside(out) == ["poses.pkl.errors.jsonl"]


@pytest.mark.parametrize(
    ("there", "now", "words"),
    [
        ({"pose": "thunder"}, {"pose": "lightning"}, "with --pose thunder, now with --pose lightning"),
        ({}, {"frames": 8}, "without --frames, now with --frames 8"),
        ({"frames": 8}, {"frames": None}, "with --frames 8, now without --frames"),
        ({"inputs": ["a"]}, {"inputs": ["a", "b"]}, "on a, now on a, b"),
    ],
    ids=["changed", "added", "removed", "inputs"],
)
@pytest.mark.parametrize("finished", [False, True], ids=["unfinished", "finished"])
def test_other_settings_are_refused_by_name(clips, tmp_path, monkeypatch, there, now, words, finished):
    out = tmp_path / "poses.pkl"
    with monkeypatch.context() as patch:
        if not finished:
            patch.setattr(folder_module, "write_poses", _interrupted)
        try:
            extract(clips, out, options=there)
        except KeyboardInterrupt:
            assert not finished
    before = beside(out)
    with pytest.raises(UsageError, match=words) as caught:
        extract(clips, out, options=now)
    assert "--overwrite" in str(caught.value)
    assert beside(out) == before
    extract(clips, out, options=now, overwrite=True)
    assert json.loads((tmp_path / "poses.pkl.run.json").read_text())["settings"].items() >= now.items()


def test_an_option_that_is_not_given_is_no_other_setting(clips, tmp_path, looked_at):
    extract(clips, tmp_path / "poses.pkl")
    extract(clips, tmp_path / "poses.pkl", options={**OPTIONS, "frames": None, "quick": False})
    assert len(looked_at) == 7
    with pytest.raises(UsageError, match="without --quick, now with --quick;"):
        extract(clips, tmp_path / "poses.pkl", options={**OPTIONS, "frames": None, "quick": True})


def test_another_version_is_another_setting(clips, tmp_path, monkeypatch):
    extract(clips, tmp_path / "poses.pkl")
    monkeypatch.setattr(request_module, "__version__", "99")
    with pytest.raises(UsageError, match=r"with poseact .*, now with poseact 99"):
        extract(clips, tmp_path / "poses.pkl")


def test_overwrite_starts_anew_once(clips, tmp_path, monkeypatch, looked_at):
    out = tmp_path / "poses.pkl"
    extract(clips, out)
    looked_at.clear()
    interrupted_at_the_end(monkeypatch, clips, out, overwrite=True)
    assert len(looked_at) == 7
    assert out.exists()  # the old one, until the new one is complete
    extract(clips, out, overwrite=True)
    assert len(looked_at) == 7


@pytest.mark.parametrize("kind", ["a file", "another size", "no record", "a folder"])
def test_what_is_not_its_own_is_not_replaced(clips, tmp_path, kind):
    out = tmp_path / ("poses" if kind == "a folder" else "poses.pkl")
    if kind == "a folder":
        out.mkdir()
        (out / "thesis.txt").write_text("three years of work")
    elif kind == "a file":
        out.write_text("three years of work")
    else:
        extract(clips, out)
        if kind == "another size":
            out.write_bytes(b"three years of work")
        else:
            (tmp_path / "poses.pkl.run.json").unlink()
    before = beside(out)
    with pytest.raises(UsageError, match="is not what an earlier extraction left there; use --overwrite"):
        extract(clips, out)
    assert beside(out) == before
    if kind == "a folder":
        with pytest.raises(OutputError, match="holds something else"):
            extract(clips, out, overwrite=True)
        assert (out / "thesis.txt").exists()
    else:
        extract(clips, out, overwrite=True)
        assert len(read_poses(out).annotations) == 6


def test_poses_of_videos_that_are_gone_are_not_dropped(own_clips, tmp_path):
    out = tmp_path / "poses.pkl"
    extract(own_clips, out)
    before = out.read_bytes()
    (own_clips / "a" / "clip0.mp4").unlink()
    with pytest.raises(UsageError, match="1 videos that are not among the inputs any more, such as 'a/clip0'"):
        extract(own_clips, out)
    assert out.read_bytes() == before


@pytest.mark.parametrize("finished", [False, True], ids=["first run", "finished before"])
def test_nor_are_those_of_an_interrupted_run(own_clips, tmp_path, monkeypatch, finished):
    out = tmp_path / "poses.pkl"
    if finished:
        extract(own_clips, out)
        write_clip(own_clips / "a" / "new.mp4")
    interrupted_at_the_end(monkeypatch, own_clips, out)
    (own_clips / "a" / "clip0.mp4").unlink()
    with pytest.raises(UsageError, match=r"poses\.pkl\.journal holds poses of 1 videos .* such as 'a/clip0'"):
        extract(own_clips, out)
    extract(own_clips, out, drop_missing=True)
    new = ["a/new"] if finished else []
    assert [one.name for one in read_poses(out).annotations] == [*NAMES[1:3], *new, *NAMES[3:]]


def test_a_video_that_was_copied_meanwhile_is_looked_at_again(own_clips, tmp_path, looked_at, monkeypatch):
    """It failed as it was before, and is remembered so."""
    out, late = tmp_path / "poses.pkl", own_clips / "b" / "broken.mp4"
    look = Extractor.__call__

    def copied(self, path, *arguments, **options):
        try:
            return look(self, path, *arguments, **options)
        finally:
            if Path(path) == late:
                write_clip(late)

    with monkeypatch.context() as patch:
        patch.setattr(Extractor, "__call__", copied)
        extract(own_clips, out)
    looked_at.clear()
    extract(own_clips, out)
    assert looked_at == ["broken"]
    assert "b/broken" in [one.name for one in read_poses(out).annotations]


def test_a_second_process_is_kept_out(clips, tmp_path):
    out = tmp_path / "poses.pkl"
    journal = tmp_path / "poses.pkl.journal"
    journal.mkdir()
    with filelock.FileLock(journal / ".lock"), pytest.raises(UsageError, match="another process is extracting into"):
        extract(clips, out)
    extract(clips, out)
    assert not journal.exists()


def test_a_damaged_journal_heals(clips, whole, tmp_path, monkeypatch, looked_at):
    out = tmp_path / "poses.pkl"
    interrupted_at_the_end(monkeypatch, clips, out)
    journal = tmp_path / "poses.pkl.journal"
    victim = sorted(journal.glob("*.pkl"))[0]
    victim.write_bytes(victim.read_bytes()[:100])
    (journal / ".0123456789abcdef01234567-half").write_bytes(b"half")
    with pytest.raises(OutputError, match="were damaged and are removed; run the same command again"):
        extract(clips, out)
    extract(clips, out)
    assert len(looked_at) == 8
    assert out.read_bytes() == whole


@pytest.mark.parametrize(
    "content", ["", "[]", "{", "\xff\xfe", "[" * 100_000], ids=["empty", "list", "cut", "bytes", "deep"]
)
def test_settings_that_cannot_be_read(clips, tmp_path, content):
    journal = tmp_path / "poses.pkl.journal"
    journal.mkdir()
    (journal / "settings.json").write_text(content, encoding="latin-1")
    (journal / f"{'0' * 24}.pkl").touch()  # without a finished clip nothing is lost by starting anew
    with pytest.raises(UsageError, match="was begun with settings that cannot be read any more; use --overwrite"):
        extract(clips, tmp_path / "poses.pkl")
    extract(clips, tmp_path / "poses.pkl", overwrite=True)
    assert beside(tmp_path / "poses.pkl") == [
        "poses.pkl",
        "poses.pkl.errors.jsonl",
        "poses.pkl.quality.csv",
        "poses.pkl.run.json",
    ]


@pytest.mark.parametrize(
    "damage",
    [
        lambda held: held["failed"]["b/broken"].update(code=None),
        lambda held: held["failed"]["b/broken"].update(message=["x"]),
        lambda held: held["failed"]["b/broken"].pop("trace"),
        lambda held: held["failed"].update({"b/broken": 3}),
        lambda held: held.update(size=inf),
    ],
    ids=["no code", "a message of a list", "no trace", "no failure", "infinite bytes"],
)
def test_a_record_that_somebody_damaged_is_none(clips, tmp_path, damage):
    extract(clips, tmp_path / "poses.pkl")
    path = tmp_path / "poses.pkl.run.json"
    held = json.loads(path.read_text())
    damage(held)
    path.write_text(json.dumps(held).replace("Infinity", "1e999"))
    with pytest.raises(UsageError, match="is not what an earlier extraction left there"):
        extract(clips, tmp_path / "poses.pkl")


@pytest.mark.parametrize("why", [{"code": None}, {"message": 3}, {"trace": []}], ids=str)
def test_a_failure_that_cannot_be_read_is_found_again(clips, tmp_path, monkeypatch, looked_at, why):
    out = tmp_path / "poses.pkl"
    interrupted_at_the_end(monkeypatch, clips, out)
    (path,) = (tmp_path / "poses.pkl.journal").glob("*.failed.json")
    held = json.loads(path.read_text())
    path.write_text(json.dumps({**held, "why": {**held["why"], **why}}))
    outcomes = extract(clips, out)
    assert looked_at.count("broken") == 2
    assert [outcome.result.code for outcome in outcomes if outcome.error] == ["InvalidVideo"]


@pytest.mark.parametrize("after", [0, 3, 8, 13, 14, 15])
def test_a_full_disk_loses_nothing(clips, whole, tmp_path, monkeypatch, looked_at, after):
    """The disk is full when so many files were written: settings, two per clip, the target, or the record."""
    out = tmp_path / "poses.pkl"
    fsync, count = os.fsync, []

    def full(handle):
        count.append(handle)
        if len(count) > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="No space left on device"):
            extract(clips, out)
    done = len(looked_at)
    extract(clips, out)
    assert out.read_bytes() == whole
    assert len(looked_at) - done <= 7 - max(0, (min(after, 15) - 1) // 2)
    assert beside(out) == ["poses.pkl", "poses.pkl.errors.jsonl", "poses.pkl.quality.csv", "poses.pkl.run.json"]


def test_what_a_kill_left_half_written_is_removed(clips, tmp_path):
    """Also beside the target, and a folder that stood in its place as soon as there is a new one."""
    files = [
        ".poses-abcd1_23.poseact-part.pkl",
        ".poses.pkl.run-abcd1_23.poseact-part.json",
        ".poses.pkl.quality-abcd1_23.poseact-part.csv",
    ]
    others = [".poses-abcd1_23.poseact-part.parquet", ".poses-mine.pkl", ".poses-original.pkl", "poses-abcd1_23.pkl"]
    for name in (*files, *others):
        (tmp_path / name).write_text("half")
    extract(clips, tmp_path / "poses.pkl")
    assert [name for name in (*files, *others) if (tmp_path / name).exists()] == others
    for name in (".poses-abcd1_23.poseact-part", ".poses-old-abcd1_23.poseact-part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").touch()
    extract(clips, tmp_path / "poses")
    assert not list(tmp_path.glob(".poses-*abcd1_23.poseact-part"))


@pytest.mark.parametrize("name", ["poses.pkl", "poses"])
def test_what_cannot_be_replaced_is_refused_before_the_work(clips, tmp_path, looked_at, name):
    (tmp_path / name).mkdir()
    extract_into = {"poses.pkl": "it is a folder", "poses": "holds something else"}
    if name == "poses":
        (tmp_path / name / "thesis.txt").touch()
    for overwrite in (True, False)[: 2 if name == "poses.pkl" else 1]:
        with pytest.raises(OutputError, match=extract_into[name]):
            extract(clips, tmp_path / name, overwrite=overwrite)
    assert not looked_at


def test_the_order_is_that_of_the_paths(clips, tmp_path):
    """So that shards of a table in any order, or of several folders, merge to what one run gives."""
    found = [Clip(clips / "a" / f"clip{number}.mp4", f"clip{number}", 0) for number in (4, 0, 2)]
    splits = {"clip4": "train", "clip0": "train"}
    list(folder_module.extract_folder(found, tmp_path / "p.pkl", open_standing, Request(), splits=splits))
    stored = read_poses(tmp_path / "p.pkl")
    assert [one.name for one in stored.annotations] == ["clip0", "clip2", "clip4"]
    assert stored.splits == {"train": ["clip0", "clip4"]}


def test_a_folder_that_cannot_be_written(clips, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write beside"):
        extract(clips, tmp_path / "file" / "poses.pkl")
    with pytest.raises(OutputError, match="cannot write beside"):
        extract(clips, Path("/proc/nothing/poses.pkl"))


def test_other_labels_are_no_other_settings(clips, tmp_path, monkeypatch):
    """Labels, classes and splits are put in at the end."""
    out = tmp_path / "poses.pkl"
    interrupted_at_the_end(monkeypatch, clips, out)
    extract(clips, out, splits={"a/clip0": "val", "b/clip1": "train", "b/broken": "val"})
    assert read_poses(out).splits == {"val": ["a/clip0"], "train": ["b/clip1"]}


def test_the_result_is_that_of_the_settings(clips, tmp_path):
    """`max_persons` reaches the poses: who is not chosen is stored behind the others."""
    extract(clips, tmp_path / "poses.pkl", max_persons=1)
    first = read_poses(tmp_path / "poses.pkl").annotations[0]
    assert (len(first), len(first.others)) == (1, 1)
    assert replace(first, others=None).name == "a/clip0"
    assert OPTIONS.items() <= json.loads((tmp_path / "poses.pkl.run.json").read_text())["settings"].items()


def test_other_splits_and_labels_need_no_other_look(clips, tmp_path, looked_at):
    out = tmp_path / "poses.pkl"
    extract(clips, out)
    before, looked = read_poses(out), len(looked_at)
    name = before.annotations[0].name
    extract(clips, out, splits={name: "val"})
    after = read_poses(out)
    assert len(looked_at) == looked
    assert (before.splits, dict(after.splits)) == ({}, {"val": [name]})
    assert [one.name for one in after.annotations] == [one.name for one in before.annotations]


def test_a_stretch_of_a_video_is_a_clip(tmp_path):
    path = write_clip(tmp_path / "v.mp4", frames=50)
    clips = [Clip(path, "first", 0, 0.0, 0.4), Clip(path, "then", 0, 0.4), Clip(path, "late", 0, 3.0, 4.0)]
    outcomes = list(folder_module.extract_folder(clips, tmp_path / "p.pkl", open_standing, Request()))
    assert [outcome.error is None for outcome in outcomes] == [True, True, False]
    assert "lasts 2.00 s and shows nothing between 3 and 4 s" in outcomes[-1].error
    first, then = read_poses(tmp_path / "p.pkl").annotations
    assert first.frame_index.tolist() == list(range(10))
    assert then.frame_index.tolist() == list(range(10, 50))
    assert then.pts[0] == pytest.approx(0.4)


@pytest.mark.parametrize("finished", [False, True], ids=["on the way", "at the end"])
def test_what_became_another_video_is_looked_at_again(own_clips, tmp_path, monkeypatch, looked_at, finished):
    out = tmp_path / "poses.pkl"
    with monkeypatch.context() as patch:
        if not finished:
            patch.setattr(folder_module, "write_poses", _interrupted)
        with nullcontext() if finished else pytest.raises(KeyboardInterrupt):
            extract(own_clips, out)
    write_clip(own_clips / "a" / "clip0.mp4", 9)
    looked_at.clear()
    extract(own_clips, out)
    assert "clip0" in looked_at
    assert not {"clip1", "clip2"} & set(looked_at)
    poses = {one.name: one for one in read_poses(out).annotations}
    assert len(poses["a/clip0"].pts) == 9
    looked_at.clear()
    extract(own_clips, out)
    assert looked_at == []


def test_another_stretch_under_the_same_name_is_looked_at_again(own_clips, tmp_path, looked_at):
    table, out = tmp_path / "table.csv", tmp_path / "poses.pkl"
    for start, end, frames in ((0.0, 0.1, 3), (0.0, 0.2, 5)):
        table.write_text(f"path,start,end,name\nclips/b/clip5.mp4,{start},{end},one\n")
        extract(table, out)
        assert len(read_poses(out).annotations[0].pts) == frames
    assert looked_at == ["clip5", "clip5"]


def test_another_picture_in_a_folder_of_pictures_is_seen(tmp_path, looked_at):
    folder, out = tmp_path / "clips" / "walk", tmp_path / "poses.pkl"
    folder.mkdir(parents=True)
    for number in range(4):
        Image.new("RGB", (64, 48)).save(folder / f"{number}.png")
    extract(tmp_path / "clips", out)
    extract(tmp_path / "clips", out)
    assert looked_at == ["walk"]
    Image.new("RGB", (64, 48)).save(folder / "4.png")
    extract(tmp_path / "clips", out)
    assert len(read_poses(out).annotations[0].pts) == 5


def test_a_video_that_is_away_for_a_moment_keeps_its_poses(own_clips, tmp_path, caplog):
    listed, out = tmp_path / "list.txt", tmp_path / "poses.pkl"
    listed.write_text("clips/a/clip0.mp4\nclips/a/clip2.mp4\n")
    extract(listed, out)
    before = out.read_bytes()
    (own_clips / "a" / "clip0.mp4").rename(tmp_path / "away.mp4")
    extract(listed, out)
    assert out.read_bytes() == before
    assert "cannot be seen just now" in caplog.text


def test_videos_that_are_gone_can_be_left_out(own_clips, tmp_path, looked_at):
    out = tmp_path / "poses.pkl"
    extract(own_clips, out)
    (own_clips / "a" / "clip0.mp4").unlink()
    looked_at.clear()
    extract(own_clips, out, drop_missing=True)
    assert [one.name for one in read_poses(out).annotations] == NAMES[1:]
    assert looked_at == []


def test_hidden_files_of_others_stay(own_clips, tmp_path):
    for name in (".poses-original.pkl", ".poses-original"):
        (tmp_path / name).write_text("mine")
    (tmp_path / ".poses.npz-original").mkdir()
    extract(own_clips, tmp_path / "poses.pkl")
    extract(own_clips, tmp_path / "poses.npz")
    assert {".poses-original.pkl", ".poses-original", ".poses.npz-original"} <= {one.name for one in tmp_path.iterdir()}
