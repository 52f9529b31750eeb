"""`poseact convert` from the command line."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poseact.cli.entry import run
from poseact.poses import PoseDataset, choose, foremost, from_tracks, read_poses, write_poses
from poseact.skeleton import COCO17, layout
from poseact.types import Track

FRAMES = 4


def person(number, x):
    """Somebody whose joints stand on a diagonal, the last of them unseen."""
    xy = np.zeros((FRAMES, 17, 2), np.float32)
    xy[:, :16] = x + np.arange(FRAMES)[:, None, None] + np.arange(16)[None, :, None]
    score = np.full((FRAMES, 17), np.float32(0.75))
    score[:, 16] = 0
    boxes = np.tile(np.float32([x, x, x + 20, x + 20]), (FRAMES, 1))
    return Track(number, boxes, np.full(FRAMES, np.float32(0.5)), xy, score, np.zeros(FRAMES, bool))


def clip(name, people, label):
    pts = np.arange(FRAMES) / 25
    tracks = [person(number, 10 * number) for number in range(1, people + 1)]
    return from_tracks(tracks, (200, 300), 25.0, pts, np.arange(FRAMES), name=name, label=label)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """In the working folder: `poses.pkl` of two clips in one split, with classes."""
    monkeypatch.chdir(tmp_path)
    dataset = PoseDataset([clip("run/a", 2, 1), clip("walk/b", 1, 0)], {"train": ["run/a"]}, ("walk", "run"))
    write_poses(tmp_path / "poses.pkl", dataset)
    return tmp_path


@pytest.mark.parametrize("between", ["b.parquet", "b", "b.npz", "c.pkl"])
@pytest.mark.parametrize("options", [[], ["--float16"]], ids=["float32", "float16"])
def test_our_own_formats_give_the_same_bytes_again(files, between, options):
    assert run(["convert", "poses.pkl", "--out", "first.pkl", "-q", *options]) == 0
    assert run(["convert", "first.pkl", "--out", between, "-q", *options]) == 0
    assert run(["convert", between, "--out", "last.pkl", "-q", *options]) == 0
    assert Path("last.pkl").read_bytes() == Path("first.pkl").read_bytes()
    assert options or Path("last.pkl").read_bytes() == Path("poses.pkl").read_bytes()


def test_coco_and_back(files, capsys):
    assert run(["convert", "poses.pkl", "--out", "poses.json"]) == 0
    assert capsys.readouterr().out == (
        "2 clips, 3 people, 8 frames, joints of coco17: pyskl became coco in poses.json\n"
    )
    assert run(["convert", "poses.json", "--out", "back.pkl"]) == 0
    said = capsys.readouterr()
    assert (said.out.count("coco became pyskl"), said.err) == (1, "")
    before, after = read_poses("poses.pkl"), read_poses("back.pkl")
    assert (after.splits, after.classes) == (before.splits, before.classes)
    for one, other in zip(before.annotations, after.annotations, strict=True):
        np.testing.assert_array_equal(one.keypoint, other.keypoint)
        np.testing.assert_array_equal(one.boxes, other.boxes)
        assert (one.name, one.label, one.fps) == (other.name, other.label, other.fps)


def test_openpose_and_back(files, capsys):
    call = ["convert", "poses.pkl", "--out", "frames", "--to", "openpose", "--to-layout", "body25", "-q"]
    assert run(call) == 0
    assert len(list(Path("frames/run/a").glob("*_keypoints.json"))) == FRAMES
    told = ["--image-size", "300x200", "--fps", "25"]
    back = ["convert", "frames", "--out", "back.pkl", "--to-layout", "coco17", "--label-folders", "--json", *told]
    assert run(back) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert json.loads(said.out) == {
        "input": "frames", "input_format": "openpose", "output": "back.pkl", "output_format": "pyskl", "clips": 2,
        "people": 3, "frames": 8, "layouts": ["coco17"], "classes": ["run", "walk"], "splits": {}, "assumed": [],
        "clips_left_out": [], "people_left_out": 0,
    }  # fmt: skip
    before, after = read_poses("poses.pkl").annotations, read_poses("back.pkl").annotations
    assert [one.label for one in after] == [0, 1]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.keypoint, other.keypoint)
        np.testing.assert_array_equal(one.keypoint_score, other.keypoint_score)


def test_what_nobody_told_is_said(files, capsys):
    run(["convert", "poses.pkl", "--out", "frames", "--to", "openpose", "--to-layout", "body25", "-q"])
    assert run(["convert", "frames", "--out", "back.pkl"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("warning: not told, so taken:")
    assert "--image-size" in said
    assert "--fps" in said


def test_people_who_were_not_chosen_are_told_of(files, capsys):
    write_poses("two.pkl", PoseDataset([foremost(clip("a", 2, 0), 1)]))
    assert run(["convert", "two.pkl", "--out", "two.json"]) == 0
    assert "not chosen have no place in coco and are left out: 1;" in " ".join(capsys.readouterr().err.split())
    assert run(["convert", "two.pkl", "--out", "two.parquet"]) == 0
    assert capsys.readouterr().err == ""
    assert len(read_poses("two.parquet").annotations[0].others) == 1


def test_what_a_format_cannot_keep_is_told(files, capsys):
    swapped = choose(clip("a", 2, 0), [2, 1])
    write_poses("two.pkl", PoseDataset([replace(swapped, frame_index=np.array([0, 3, 6, 8]))]))
    assert run(["convert", "two.pkl", "--out", "two.json", "--to", "ultralytics"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "ultralytics keeps no order of people: they come back by their ids, so another may be the first" in said
    assert "frames that were not looked at become frames without a person in ultralytics" in said
    for form in ("mmpose", "coco"):
        assert run(["convert", "two.pkl", "--out", "two.json", "--to", form]) == 0
        assert capsys.readouterr().err == ""
        assert run(["convert", "two.json", "--out", "back.pkl", "-q"]) == 0
        (back,) = read_poses("back.pkl").annotations
        assert (back.track_id.tolist(), back.frame_index.tolist()) == ([2, 1], [0, 3, 6, 8])
        np.testing.assert_array_equal(back.keypoint, swapped.keypoint)


def test_the_movement_of_the_camera_is_kept_or_told_to_be_lost(files, capsys):
    moved = np.tile(np.float32([1, 0, 2, 0]), (FRAMES, 1))
    write_poses("poses.pkl", PoseDataset([replace(clip("a", 1, 0), camera=moved)]))
    for form, out, lost in (("coco", "a.json", False), ("mmpose", "b.json", False), ("alphapose", "c.json", True)):
        assert run(["convert", "poses.pkl", "--out", out, "--to", form]) == 0
        said = " ".join(capsys.readouterr().err.split())
        assert (f"how the camera moved has no place in {form} and is left out" in said) == lost
        assert run(["convert", out, "--out", "back.pkl", "-q"]) == 0
        (back,) = read_poses("back.pkl").annotations
        assert (back.camera == moved).all() == (not lost)


def test_clips_of_nobody_are_left_out(files, capsys):
    write_poses("coco.pkl", PoseDataset([clip("walk/a", 1, 0)]))
    assert run(["convert", "coco.pkl", "--out", "clips", "--to", "alphapose", "-q"]) == 0
    Path("clips/run").mkdir()
    for name in ("run/b", "walk/c"):
        Path(f"clips/{name}.json").write_text("[]")
    assert run(["convert", "clips", "--out", "back.pkl", "--label-folders", "--json"]) == 0
    said = capsys.readouterr()
    assert "nobody is in run/b, walk/c, so nobody knows how long that is; left out" in " ".join(said.err.split())
    assert json.loads(said.out)["clips_left_out"] == ["run/b", "walk/c"]
    assert json.loads(said.out)["input_format"] == "alphapose"
    assert [one.name for one in read_poses("back.pkl").annotations] == ["walk/a"]
    for name in ("clips/run/b.json", "clips/run"):
        assert run(["convert", name, "--out", "none.pkl"]) == 3
        said = " ".join(capsys.readouterr().err.split())
        assert said.startswith(f"error: {name}: nobody is in it, so nobody knows how long it is")
    for number in range(7):
        Path(f"clips/run/{number}.json").write_text("[]")
    assert run(["convert", "clips", "--out", "back.pkl"]) == 0
    assert "nobody is in run/0, run/1, run/2, run/3, run/4 and 4 more, so" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    "empty", ["{}", '{"0.jpg": [], "1.jpg": {"people": []}}'], ids=["no picture", "empty pictures"]
)
def test_what_alphapose_says_of_nobody(files, capsys, empty):
    """In its forms `cmu` and `open` an object without a picture; an empty object tells it without --from too."""
    people = [{"keypoints": [float(number) for number in range(54)]}]
    Path("clips").mkdir()
    Path("clips/a.json").write_text(empty)
    Path("clips/b.json").write_text(json.dumps({"0.jpg": {"bodies": people}, "1.jpg": {"bodies": people}}))
    for told in [["--from", "alphapose"], []][: 1 + (empty == "{}")]:
        assert run(["convert", "clips", "--out", "b.pkl", "--json", *told]) == 0
        assert json.loads(capsys.readouterr().out)["clips_left_out"] == ["a"]
        assert run(["convert", "clips/a.json", "--out", "a.pkl", *told]) == 3
        assert "nobody is in it, so nobody knows how long it is" in " ".join(capsys.readouterr().err.split())
    assert run(["convert", "clips/a.json", "--out", "a.pkl", "--from", "coco"]) == 3
    assert "'images' and 'annotations'" in capsys.readouterr().err


def test_an_empty_object_is_no_frame_of_openpose(files, capsys):
    frame = {"people": [{"pose_keypoints_2d": [float(number) for number in range(54)]}]}
    Path("frames").mkdir()
    for number, document in enumerate(({}, frame, frame)):
        Path(f"frames/{number}_keypoints.json").write_text(json.dumps(document))
    assert run(["convert", "frames", "--out", "a.pkl"]) == 3
    assert "0_keypoints.json" in capsys.readouterr().err


def test_classes_of_several_files_are_united(files):
    Path("cocos").mkdir()
    for name, clips, classes in (
        ("a", [clip("a", 1, 0)], ("jump", "walk")),
        ("b", [clip("b", 1, 0), clip("b2", 2, 1)], ("walk", "run")),
        ("c", [clip("c", 1, -1)], ()),
    ):
        splits = {"train": [name], "val": ["b2"] * (name == "b")}
        write_poses("one.pkl", PoseDataset(clips, splits, classes))
        assert run(["convert", "one.pkl", "--out", f"cocos/{name}.json", "-q"]) == 0
    assert run(["convert", "cocos", "--out", "all.pkl", "-q"]) == 0
    found = read_poses("all.pkl")
    assert (found.classes, found.splits) == (("jump", "walk", "run"), {"train": ["a", "b", "c"], "val": ["b2"]})
    assert [(one.name, one.label) for one in found.annotations] == [("a", 0), ("b", 1), ("b2", 2), ("c", -1)]


def test_numbers_of_classes_beside_names_of_classes(files, capsys):
    Path("cocos").mkdir()
    for name, classes in (("a", ("jump",)), ("b", ())):
        write_poses("one.pkl", PoseDataset([clip(name, 1, 0)], {}, classes))
        assert run(["convert", "one.pkl", "--out", f"cocos/{name}.json", "-q"]) == 0
    assert run(["convert", "cocos", "--out", "all.pkl"]) == 2
    assert "cocos/b.json numbers its classes without naming them" in " ".join(capsys.readouterr().err.split())
    Path("names.txt").write_text("hop\nstep\n")
    assert run(["convert", "cocos", "--out", "all.pkl", "--labels", "names.txt"]) == 0
    assert [(one.name, one.label) for one in read_poses("all.pkl").annotations] == [("a", 0), ("b", 0)]
    assert read_poses("all.pkl").classes == ("hop", "step")


def test_classes(files):
    Path("names.txt").write_text("gehen\n\nlaufen\n", encoding="utf-8")
    assert run(["convert", "poses.pkl", "--out", "a.pkl", "--labels", "names.txt", "-q"]) == 0
    assert read_poses("a.pkl").classes == ("gehen", "laufen")
    assert run(["convert", "poses.pkl", "--out", "b.pkl", "--label", "jump", "-q"]) == 0
    assert read_poses("b.pkl").classes == ("walk", "run", "jump")
    assert [one.label for one in read_poses("b.pkl").annotations] == [2, 2]
    assert run(["convert", "poses.pkl", "--out", "c.pkl", "--label", "run", "-q"]) == 0
    assert [one.label for one in read_poses("c.pkl").annotations] == [1, 1]


def test_another_frame_rate(files):
    assert run(["convert", "poses.pkl", "--out", "a.pkl", "--fps", "50", "-q"]) == 0
    one = read_poses("a.pkl").annotations[0]
    assert one.fps == 50
    np.testing.assert_allclose(one.pts, np.arange(FRAMES) / 50)


MOUSE = 'name = "{}"\nkeypoints = ["tail", "left ear", "right ear", "snout"]\npairs = [["left ear", "right ear"]]\n'
CSV = (
    "scorer,net,net,net,net,net,net,net,net,net\nbodyparts,snout,snout,snout,left ear,left ear,left ear,right ear,"
    "right ear,right ear\ncoords,x,y,likelihood,x,y,likelihood,x,y,likelihood\n0,1,2,0.5,3,4,0.5,5,6,1\n"
    "1,,,,3,4,0.5,,,\n"
)
SHOW = (
    "import sys; from poseact.poses import read_poses; from poseact.skeleton import layout;"
    "one = read_poses(sys.argv[1]).annotations[0]; found = layout(one.layout);"
    "print(one.layout, found.keypoints, found.pairs, found.limbs, one.keypoint[0, 0].tolist())"
)


@pytest.mark.parametrize("out", ["mouse.pkl", "mouse.parquet", "mouse", "mouse.json"])
def test_a_layout_of_ones_own_travels_with_the_poses(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text(MOUSE.format("mouse-own") + 'limbs = [["tail", "snout"]]\n')
    Path("walk.csv").write_text(CSV)
    call = ["convert", "walk.csv", "--out", out, "--to-layout", "own.toml", "--label", "rear", "--image-size", "90x80"]
    assert run([*call, "-q"]) == 0
    if out == "mouse.json":  # COCO carries it as well; what reads it is the command
        code = f"from poseact.cli.entry import run; run(['convert', '{out}', '--out', 'again.pkl', '-q'])"
        subprocess.run([sys.executable, "-c", code], check=True)
        out = "again.pkl"
    shown = subprocess.run([sys.executable, "-c", SHOW, out], capture_output=True, text=True, check=True).stdout
    assert shown == (
        "mouse-own ('tail', 'left ear', 'right ear', 'snout') ((1, 2),) ((0, 3),) "
        "[[0.0, 0.0], [3.0, 4.0], [5.0, 6.0], [1.0, 2.0]]\n"
    )


def test_joints_that_nobody_named(files):
    joints = [value for joint in range(21) for value in (joint + 1.0, 5.0, 0.5)]
    Path("hands.json").write_text(json.dumps([{"image_id": 0, "category_id": 1, "keypoints": joints}]))
    names = [f"joint {number}" for number in range(21)]
    Path("hand.toml").write_text(f'name = "hand-21"\nkeypoints = {json.dumps(names)}\n')
    assert run(["convert", "hands.json", "--out", "hands.pkl", "--layout", "hand.toml", "-q"]) == 0
    (found,) = read_poses("hands.pkl").annotations
    assert (found.layout, layout("hand-21").keypoints) == ("hand-21", tuple(names))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["poses.pkl", "--out", "poses.pkl"], 3, "would overwrite the input"),
        (["none.pkl", "--out", "a.pkl"], 3, "cannot read none.pkl"),
        (["none.json", "--out", "a.pkl"], 3, "No such file"),
        (["none", "--out", "a.pkl"], 3, "No such file"),
        (["poses.pkl", "--out", "a.h5"], 2, "not .h5"),
        (["poses.pkl", "--out", "a.pkl", "--from", "bvh"], 2, "unknown format 'bvh'"),
        (["poses.pkl", "--out", "a.pkl", "--to", "bvh"], 2, "bvh is not written"),
        (["poses.pkl", "--out", "a.pkl", "--to", "parquet"], 2, "no name for parquet"),
        (["poses.pkl", "--out", "a.json", "--to", "openpose"], 2, "into a folder"),
        (["poses.pkl", "--out", "a", "--to", "openpose"], 2, "--to-layout body25"),
        (["poses.pkl", "--out", "a.pkl", "--to-layout", "bird"], 2, "unknown keypoint layout 'bird'"),
        (["poses.pkl", "--out", "a.pkl", "--to-layout", "bird.toml"], 2, "bird.toml cannot be read"),
        (["poses.pkl", "--out", "a.pkl", "--to-layout", "bad.toml"], 2, "bad.toml"),
        (["poses.pkl", "--out", "a.pkl", "--layout", "body25"], 3, "17 joints, but the layout body25 has 25"),
        (["poses.pkl", "--out", "a.pkl", "--image-size", "90x80"], 2, "stored poses know"),
        (["poses.pkl", "--out", "a.pkl", "--image-size", "90"], 2, "1920x1080"),
        (["poses.pkl", "--out", "a.pkl", "--fps", "0"], 2, "more than 0 frames/s"),
        (["poses.pkl", "--out", "a.pkl", "--fps", "nan"], 2, "more than 0 frames/s"),
        (["poses.pkl", "--out", "a.pkl", "--label", " "], 2, "is empty"),
        (["poses.pkl", "--out", "a.pkl", "--label", "a", "--label-folders"], 2, "choose one"),
        (["poses.pkl", "--out", "a.pkl", "--labels", "none.txt"], 2, "cannot read none.txt: No such file"),
        (["poses.pkl", "--out", "a.pkl", "--labels", "one.txt"], 2, "class number 1, but 1 names"),
        (["poses.pkl", "--out", "a.json", "--float16"], 2, "coco is text"),
        (["poses.pkl", "--out", "one.txt/a.pkl"], 3, "cannot write"),
        (["one.txt", "--out", "a.pkl"], 2, "no suffix of poses"),
        (["bad.json", "--out", "a.pkl"], 3, "no poses in a known format"),
        (["bad.json", "--out", "a.pkl", "--from", "mmpose"], 3, "no list of frames"),
        (["bad.csv", "--out", "a.pkl"], 3, "no table of DeepLabCut"),
        (["empty", "--out", "a.pkl"], 3, "holds no files of poses"),
    ],
)
def test_wrong_use(files, capsys, arguments, code, message):
    Path("one.txt").write_text("walk\n")
    Path("bad.toml").write_text('name = "x"\nkeypoints = ["a", "a"]\n')
    Path("bad.json").write_text('{"a": 1}')
    Path("bad.csv").write_text("a,b\n1,2\n")
    Path("empty").mkdir()
    before = sorted(path.name for path in files.iterdir())
    assert run(["convert", *arguments]) == code
    said = capsys.readouterr()
    assert message in " ".join(said.err.split())
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert sorted(path.name for path in files.iterdir()) == before


def test_known_joints_are_not_moved(files):
    for name in ("halpe26", "mediapipe33", "coco18"):
        assert run(["convert", "poses.pkl", "--out", "there.parquet", "--to-layout", name, "-q"]) == 0
        assert run(["convert", "there.parquet", "--out", "back.pkl", "--to-layout", "coco17", "-q"]) == 0
        for one, other in zip(read_poses("poses.pkl").annotations, read_poses("back.pkl").annotations, strict=True):
            np.testing.assert_array_equal(one.keypoint, other.keypoint)
            np.testing.assert_array_equal(one.keypoint_score, other.keypoint_score)
    assert read_poses("back.pkl").annotations[0].layout == COCO17.name


def test_people_are_followed(files):
    swapped = clip("a", 2, 0)
    for array in (swapped.keypoint, swapped.keypoint_score, swapped.boxes, swapped.box_score):
        array[:, 1] = array[::-1, 1].copy()
    write_poses("swapped.pkl", PoseDataset([swapped]))
    assert run(["convert", "swapped.pkl", "--out", "a.pkl", "--track", "-q"]) == 0
    (found,) = read_poses("a.pkl").annotations
    np.testing.assert_array_equal(found.keypoint, clip("a", 2, 0).keypoint)


def test_compressed_kinetics_poses(files):
    one = {
        "frame_dir": "a", "label": 3, "img_shape": (200, 300), "original_shape": (200, 300), "total_frames": 4,
        "keypoint": np.full((2, 17, 3), 5, np.float16), "frame_inds": np.array([1, 3], np.int16),
        "box_score": np.array([0.5, 0.75], np.float16),
    }  # fmt: skip
    Path("k400.pkl").write_bytes(pickle.dumps([one]))
    assert run(["convert", "k400.pkl", "--out", "a.pkl", "-q"]) == 0
    (found,) = pickle.loads(Path("a.pkl").read_bytes())
    assert found["keypoint"][0, :, 0, 0].tolist() == [0, 5, 0, 5]
    assert (found["total_frames"], found["label"], found["keypoint"].dtype) == (4, 3, np.float32)


def test_the_folder_one_stands_in(files, monkeypatch):
    run(["convert", "poses.pkl", "--out", "frames", "--to", "openpose", "--to-layout", "body25", "-q"])
    monkeypatch.chdir(files / "frames" / "run" / "a")
    assert run(["convert", ".", "--out", "../../../here.pkl", "-q"]) == 0
    assert [one.name for one in read_poses(files / "here.pkl").annotations] == ["a"]


def test_commands_for_poses_of_ours_name_convert(files, capsys):
    Path("frames").mkdir()
    Path("frames/0_keypoints.json").write_text('{"people": []}')
    for name in ("frames", "frames/0_keypoints.json"):
        assert run(["merge", name, "--out", "a.pkl"]) in (2, 3)
        assert "`poseact convert`" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("command", "out", "half"),
    [
        (["convert"], ["--out", "o.parquet"], ".o-abcd1234.poseact-part.parquet"),
        (["convert"], ["--out", "o.json"], ".o-abcd1234.poseact-part.json"),
        (["select"], ["--out", "o.pkl"], ".o-abcd1234.poseact-part.pkl"),
        (["quality"], ["--page", "o.html"], ".o-abcd1234.poseact-part.html"),
    ],
    ids=["parquet", "json", "chosen people", "a page"],
)
def test_what_a_killed_process_left_half_written_is_removed(files, command, out, half):
    (files / half).write_bytes(b"half")
    assert run([*command, "poses.pkl", *out]) == 0
    assert sorted(path.name for path in files.iterdir()) == sorted([out[-1], "poses.pkl"])


@pytest.mark.parametrize("command", ["convert", "select"])
def test_a_folder_of_something_else_is_refused_before_the_poses_are_read(tmp_path, command, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert run([command, str(tmp_path / "nowhere.pkl"), "--out", str(tmp_path / "out")]) == 3
    assert "out holds something else; choose another place" in capsys.readouterr().err
