"""PYSKL's pickle: what poseact writes, what others wrote, and files that contradict themselves."""

from __future__ import annotations

import os
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest

from poseact.errors import InvalidPoses, LimitExceeded, OutputError, UsageError
from poseact.poses import foremost, nobody, read_pyskl, write_pyskl
from poseact.types import PoseSequence


def assert_equal(one: PoseSequence, other: PoseSequence) -> None:
    for field in fields(PoseSequence):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, PoseSequence):
            assert_equal(mine, theirs)
        else:
            np.testing.assert_equal(mine, theirs, field.name)


@pytest.mark.parametrize(
    "clips",
    [[], [{"name": "a"}], [{"name": "a"}, {"name": "b", "people": 1}, {"name": "c", "people": 0}, {"name": "d" * 300}]],
    ids=["no-video", "one", "several"],
)
@pytest.mark.parametrize("chosen", [0, 1, 9], ids=["nobody-chosen", "one-chosen", "all-chosen"])
@pytest.mark.parametrize("splits", [None, {}, {"train": ["a", "c"], "test": ["b"]}], ids=["bare", "no-split", "splits"])
def test_round_trip(tmp_path, clip, clips, splits, chosen):
    sequences = [foremost(clip(**options), chosen) for options in clips]
    path = tmp_path / "poses.pkl"
    write_pyskl(path, sequences, splits)
    dataset = read_pyskl(path)
    assert dataset.splits == (splits or {})
    assert len(dataset) == len(sequences)
    for one, other in zip(sequences, dataset.annotations, strict=True):
        assert_equal(one, other)
        assert other.keypoint.flags.writeable
    if sequences and splits:
        assert [one.name for one in dataset.clips(["train"])] == [one.name for one in sequences if one.name in "ac"]
        with pytest.raises(UsageError, match="there is no split 'val'; the file has train, test"):
            dataset.clips(["val"])


def test_half_precision(tmp_path, clip):
    path = tmp_path / "poses.pkl"
    write_pyskl(path, [clip("a")], float16=True)
    assert pickle.loads(path.read_bytes())[0]["keypoint"].dtype == np.float16
    (read,) = read_pyskl(path).annotations
    assert read.keypoint.dtype == np.float32
    np.testing.assert_array_equal(read.keypoint, clip("a").keypoint.astype(np.float16))


def test_equal_poses_give_equal_files(tmp_path, clip):
    shared = clip("a")
    unshared = [replace(shared, name="".join(["a"]), keypoint=shared.keypoint[..., ::-1][..., ::-1]) for _ in range(2)]
    write_pyskl(tmp_path / "one.pkl", [shared, shared], {"train": [shared.name]})
    write_pyskl(tmp_path / "other.pkl", unshared, {"train": ["".join(["a"])]})
    assert (tmp_path / "one.pkl").read_bytes() == (tmp_path / "other.pkl").read_bytes()


def test_others_read_it_with_a_plain_unpickler(tmp_path, clip):
    path = tmp_path / "poses.pkl"
    write_pyskl(path, [clip("a"), clip("b", people=0)], {"train": ["a"], "val": ["b"]})
    content = path.read_bytes()
    plain = pickle.loads(content)
    assert plain["split"] == {"train": ["a"], "val": ["b"]}
    first, second = plain["annotations"]
    assert (first["frame_dir"], first["label"], first["img_shape"], first["total_frames"]) == ("a", 4, (240, 320), 5)
    assert first["keypoint"].shape == (2, first["total_frames"], 17, 2)
    assert second["keypoint"].shape == (0, 5, 17, 2)
    np.testing.assert_array_equal(first["keypoint_score"], clip("a").keypoint_score)
    first["keypoint"][:] = 0  # PYSKL changes arrays in place
    assert b"numpy._core" not in content  # NumPy 1 does not know it
    assert content[:2] == b"\x80\x04"


def foreign(**changes: object) -> dict[str, object]:
    """An annotation as PYSKL writes it, with changes; None removes a key."""
    anno: dict[str, object] = {
        "frame_dir": "v1", "label": 2, "img_shape": (480, 640), "original_shape": (480, 640), "total_frames": 3,
        "keypoint": np.full((1, 3, 17, 2), 7, np.float16), "keypoint_score": np.full((1, 3, 17), 0.5, np.float16),
    }  # fmt: skip
    anno.update(changes)
    return {key: value for key, value in anno.items() if value is not None}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"], ids=["numpy1", "numpy2"])
def test_files_of_others(tmp_path, protocol, core):
    path = tmp_path / "foreign.pkl"
    anno = foreign(
        camera=2, label=np.int64(2), keypoint=np.asfortranarray(np.arange(102.0).reshape(1, 3, 17, 2).astype(">f4"))
    )
    content = pickle.dumps({"split": {"train": ["v1"]}, "annotations": [anno]}, protocol)
    if protocol < 4:  # from protocol 4 on the length is written before the name; numpy 1 is tested below
        content = content.replace(b"numpy._core", core)
    path.write_bytes(content)
    (read,) = read_pyskl(path).annotations
    np.testing.assert_array_equal(read.keypoint, np.arange(102, dtype=np.float32).reshape(1, 3, 17, 2))
    assert (read.name, read.label, read.image_size, read.fps, read.layout) == ("v1", 2, (480, 640), 30.0, "coco17")
    assert read.frame_index.tolist() == [0, 1, 2]
    assert read.track_id.tolist() == [1]
    np.testing.assert_allclose(read.pts, [0, 1 / 30, 2 / 30])
    assert read.box_score[0].tolist() == [0.5] * 3
    assert read.camera.tolist() == [[1, 0, 0, 0]] * 3


def test_boxes_are_drawn_around_what_is_seen(tmp_path):
    anno = foreign()
    anno["keypoint"][0, 0, 3] = (10, 20)
    anno["keypoint_score"][0, 2] = 0
    (tmp_path / "p.pkl").write_bytes(pickle.dumps([anno]))
    (read,) = read_pyskl(tmp_path / "p.pkl").annotations
    assert read.boxes[0].tolist() == [[7, 7, 10, 20], [7, 7, 7, 7], [0, 0, 0, 0]]


def test_without_scores_what_has_a_place_is_seen(tmp_path):
    anno = foreign(keypoint_score=None)
    anno["keypoint"][0, 1, 4] = 0
    (tmp_path / "p.pkl").write_bytes(pickle.dumps([anno]))
    (read,) = read_pyskl(tmp_path / "p.pkl").annotations
    assert read.keypoint_score.sum() == 3 * 17 - 1
    assert read.keypoint_score[0, 1, 4] == 0


def test_joints_below_a_score_of_0_are_not_seen(tmp_path):
    anno = foreign()
    anno["keypoint_score"][0, 1, 4] = -0.02
    (tmp_path / "p.pkl").write_bytes(pickle.dumps([anno]))
    (read,) = read_pyskl(tmp_path / "p.pkl").annotations
    assert read.keypoint_score[0, 1, 4] == 0
    assert (read.keypoint_score[0, 1] > 0).sum() == 16


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"poses", "damaged or not a pickle"),
        (pickle.dumps(None), "holds no poses"),
        (pickle.dumps({"annotations": {}}), "holds no poses"),
        (pickle.dumps([3]), "entry 0: expected a dict, got int"),
        (pickle.dumps({"split": [], "annotations": []}), "'split' must be a dict"),
        (pickle.dumps({"split": {"train": [[]]}, "annotations": []}), "split 'train' must be a list"),
        (pickle.dumps([foreign(keypoint=None)]), "'keypoint' is missing"),
        (pickle.dumps([foreign(keypoint=None, frame_inds=np.arange(3))]), "Kinetics annotation without keypoints"),
        (pickle.dumps([foreign(keypoint=np.zeros((3, 17, 2)), frame_inds=np.arange(3))]), "compressed keypoints must"),
        (pickle.dumps([foreign(keypoint=np.zeros((1, 3, 25, 3)))]), "3D keypoints"),
        (pickle.dumps([foreign(keypoint=np.zeros((3, 17, 2)))]), r"must be \(people, frames, joints, 2\)"),
        (pickle.dumps([foreign(keypoint=np.full((1, 3, 17, 2), np.nan))]), "must be finite"),
        (pickle.dumps([foreign(keypoint=np.full((1, 3, 17, 2), 1e300))]), "must be finite"),
        (pickle.dumps([foreign(total_frames=4)]), "total_frames is 4 but there are poses of 3"),
        (pickle.dumps([foreign(total_frames=[3])]), "'total_frames' must be a number"),
        (pickle.dumps([foreign(keypoint_score=np.ones((1, 3, 16)))]), r"must be \(1, 3, 17\), got \(1, 3, 16\)"),
        (pickle.dumps([foreign(keypoint_score=[1.0])]), "'keypoint_score' must be an array, got list"),
        (pickle.dumps([foreign(img_shape=None, original_shape=None)]), "'img_shape' must be"),
        (pickle.dumps([foreign(img_shape=(0, 640))]), "pixels above 0"),
        (pickle.dumps([foreign(img_shape=(0.5, 0.5))]), "pixels above 0"),
        (pickle.dumps([foreign(fps=5e-324)]), "fps must be a positive number"),
        (pickle.dumps([foreign(label="walk")]), "'label' must be a number"),
        (pickle.dumps([foreign(label=1.5)]), "class index, or -1 for none, got 1.5"),
        (pickle.dumps([foreign(label=-2)]), "class index, or -1 for none, got -2"),
        (pickle.dumps([foreign(fps=0)]), "fps must be a positive number"),
        (pickle.dumps([foreign(fps=float("nan"))]), "'fps' must be a number"),
        (pickle.dumps([foreign(pts=np.full(3, np.inf))]), "'pts' must be finite"),
        (pickle.dumps([foreign(track_id=np.array([0.5]))]), "'track_id' must be whole numbers"),
        (pickle.dumps([foreign(person_score=np.array([np.nan]))]), "'person_score' must be finite"),
        (pickle.dumps([foreign(person_reason=["tall", "small"])]), "'person_reason' must be 1 lines of text"),
        (pickle.dumps([foreign(person_estimator=[1])]), "'person_estimator' must be 1 lines of text"),
        (pickle.dumps([foreign(camera_motion=np.ones((3, 3)))]), r"'camera_motion' must be \(3, 4\), got \(3, 3\)"),
        (pickle.dumps([foreign(camera_motion=np.full((3, 4), np.nan))]), "'camera_motion' must be finite"),
        (pickle.dumps([foreign(layout="\ud800")]), r"the name of the layout, '\\ud800', cannot be written as UTF-8"),
        (pickle.dumps([foreign(others=[1])]), "'others' must be a dict, got list"),
        (pickle.dumps([foreign(others={})]), "others.*'keypoint' is missing"),
        (pickle.dumps([foreign(others=foreign(keypoint=np.zeros((1, 3, 5, 2)), keypoint_score=None))]),
         "who were not chosen have other frames or joints"),
    ],
    ids=[
        "empty", "text", "none", "no-list", "no-dict", "split-list", "split-of-lists", "no-keypoint", "k400",
        "k400-compressed", "3d", "one-person-short", "nan", "too-large", "total-frames", "total-frames-list",
        "score-shape", "score-list", "no-size", "size-zero",
        "size-of-half", "fps-tiny", "label-text", "label-fraction", "label-negative", "fps-zero", "fps-nan",
        "pts-infinite", "id-fraction", "person-score", "reasons", "estimators", "camera-shape",
        "camera-nan", "layout-surrogate", "others-list", "others-empty",
        "others-joints",
    ],
)  # fmt: skip
def test_contradictions_are_one_line(tmp_path, content, words):
    path = tmp_path / "bad.pkl"
    path.write_bytes(content)
    with pytest.raises(InvalidPoses, match=words) as caught:
        read_pyskl(path)
    assert "bad.pkl" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidPoses, match="No such file"):
        read_pyskl(tmp_path / "none.pkl")


def test_one_array_used_a_thousand_times_does_not_fill_the_memory(tmp_path):
    anno = foreign(keypoint=np.zeros((1, 30_000, 17, 2), np.float16), keypoint_score=None, total_frames=None)
    (tmp_path / "laughs.pkl").write_bytes(pickle.dumps([anno] * 1000))
    with pytest.raises(LimitExceeded, match="far more poses"):
        read_pyskl(tmp_path / "laughs.pkl")


def test_frames_without_people_do_not_fill_the_memory(tmp_path):
    empty = foreign(keypoint=np.zeros((0, 2**30, 17, 2)), keypoint_score=None, total_frames=None)
    (tmp_path / "laughs.pkl").write_bytes(pickle.dumps([empty]))
    with pytest.raises(LimitExceeded, match="far more poses"):
        read_pyskl(tmp_path / "laughs.pkl")


def test_people_who_were_not_chosen_count_for_the_memory(tmp_path):
    crowd = foreign(keypoint=np.zeros((1, 30_000, 17, 2), np.float16), keypoint_score=None, total_frames=None)
    (tmp_path / "laughs.pkl").write_bytes(pickle.dumps([{**crowd, "others": crowd} for _ in range(500)]))
    with pytest.raises(LimitExceeded, match="far more poses"):
        read_pyskl(tmp_path / "laughs.pkl")


def test_an_unwritable_place_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_pyskl(tmp_path / "file" / "poses.pkl", [])
    with pytest.raises(AttributeError):
        write_pyskl(tmp_path / "poses.pkl", [nobody((1, 1), 1.0, np.arange(2.0), np.arange(2)), None])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.shared
def test_penn_action(shared, tmp_path):
    dataset = read_pyskl(shared / "data" / "penn_action" / "penn_action_coco17.pkl")
    assert len(dataset) == 1792
    assert {name: len(videos) for name, videos in dataset.splits.items()} == {"train": 1258, "test": 534}
    assert len(dataset.clips(["test"])) == 534
    assert sorted({one.label for one in dataset.annotations}) == list(range(15))
    plain = pickle.loads((shared / "data" / "penn_action" / "penn_action_coco17.pkl").read_bytes())
    for one, anno in list(zip(dataset.annotations, plain["annotations"], strict=True))[::50]:
        np.testing.assert_array_equal(one.keypoint, anno["keypoint"])
        np.testing.assert_array_equal(one.keypoint_score, anno["keypoint_score"])
    write_pyskl(tmp_path / "again.pkl", dataset.annotations[:20], float16=True)
    for one, other in zip(dataset.annotations, read_pyskl(tmp_path / "again.pkl").annotations, strict=False):
        np.testing.assert_array_equal(one.keypoint, other.keypoint)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "words"),
    [("mmaction2_sample.pkl", "without keypoints"), ("mmaction2_fuse_joint.pkl", "torch._utils._rebuild_tensor_v2")],
)
def test_files_of_mmaction2_that_hold_no_poses(shared, name, words):
    with pytest.raises(InvalidPoses, match=words):
        read_pyskl(shared / "data" / "pyskl_format" / name)


def test_people_of_one_id_become_people_of_their_own(tmp_path):
    two = foreign(keypoint=np.ones((2, 3, 17, 2)), keypoint_score=np.ones((2, 3, 17)), track_id=np.zeros(2, int))
    others = foreign(keypoint=np.ones((2, 3, 17, 2)), keypoint_score=np.ones((2, 3, 17)), track_id=np.array([1, 5]))
    (tmp_path / "p.pkl").write_bytes(pickle.dumps([{**two, "others": others}]))
    (read,) = read_pyskl(tmp_path / "p.pkl").annotations
    assert read.track_id.tolist() == [0, 2]
    assert read.others.track_id.tolist() == [1, 5]


@pytest.mark.parametrize("where", ["classes", "split", "frame_dir", "source"])
def test_one_long_name_used_a_thousand_times_does_not_fill_the_memory(tmp_path, where):
    name = "n" * (1 << 20)
    content = {"annotations": [], "split": {}, "classes": []}
    if where == "classes":
        content["classes"] = [name] * 1000
    elif where == "split":
        content["split"] = {"train": [name] * 1000}
    else:
        content["annotations"] = [foreign(**{where: name})] * 1000
    (tmp_path / "bomb.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(LimitExceeded):
        read_pyskl(tmp_path / "bomb.pkl")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_only_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "fifo.pkl")
    (tmp_path / "zero.pkl").symlink_to("/dev/zero")
    for name in ("fifo.pkl", "zero.pkl"):
        with pytest.raises(InvalidPoses, match="is no file"):
            read_pyskl(tmp_path / name)


def test_very_many_people_of_one_id_are_renumbered_at_once(tmp_path):
    people = 50_000
    crowd = foreign(
        keypoint=np.zeros((people, 1, 1, 2), np.float16), keypoint_score=np.zeros((people, 1, 1), np.float16),
        total_frames=1, track_id=np.zeros(people, int),
    )  # fmt: skip
    (tmp_path / "p.pkl").write_bytes(pickle.dumps([crowd]))
    (read,) = read_pyskl(tmp_path / "p.pkl").annotations
    assert read.track_id.tolist() == list(range(people))
