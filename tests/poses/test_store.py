"""Poses in a pickle, in Parquet, in a folder: round trips, what others read, and files that lie."""

from __future__ import annotations

import json
import random
import re
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from any_poses import assert_same, datasets
from hypothesis import HealthCheck, given, settings

from poseact.cli.sources import POSES_MANIFEST, POSES_SUFFIXES
from poseact.errors import InvalidPoses, LimitExceeded, OutputError, PoseactError, UsageError
from poseact.poses import PoseDataset, check_target, choose, holds_poses, parquet, read_poses, write_poses
from poseact.poses.npz import MANIFEST
from poseact.poses.store import SUFFIXES
from poseact.skeleton import layout, register

FORMATS = ("poses.pkl", "poses.parquet", "poses.npz")
quick = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def assert_same_dataset(one: PoseDataset, other: PoseDataset) -> None:
    assert (one.splits, one.classes, len(one)) == (other.splits, other.classes, len(other))
    for first, second in zip(one.annotations, other.annotations, strict=True):
        assert_same(first, second)


@pytest.fixture
def dataset(clip):
    clips = [clip("a"), clip("b", people=0), clip("c é/🎬", people=1, frames=1), replace(clip("a"), label=7)]
    clips[3] = replace(choose(clips[3], [2]), others=choose(clips[3], [1]))
    return PoseDataset(clips, {"train": ["a"], "val": []}, ("run", "jump"))


class Asked(Sequence):
    """Clips of half a megabyte, each made when it is asked for."""

    def __init__(self, clip, count):
        self.clip, self.count = clip, count

    def __len__(self):
        return self.count

    def __getitem__(self, row):
        if row >= self.count:
            raise IndexError
        return self.clip(f"clip{row}", people=1, frames=2000)


@pytest.mark.parametrize("name", FORMATS)
def test_one_clip_at_a_time_is_held(tmp_path, clip, name, monkeypatch):
    monkeypatch.setattr(parquet, "_GROUP", 2**20)

    def peak(count):
        tracemalloc.start()
        try:
            write_poses(tmp_path / name, PoseDataset(Asked(clip, count)))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)
    assert peak(60) < peak(2) + 4e6  # all of them are 30 MB
    assert [one.name for one in read_poses(tmp_path / name).annotations] == ["clip0", "clip1"]


@pytest.mark.parametrize("name", FORMATS)
@given(given_dataset=datasets)
@quick
def test_lossless(tmp_path_factory, name, given_dataset):
    path = tmp_path_factory.mktemp("poses") / name
    write_poses(path, given_dataset)
    assert_same_dataset(given_dataset, read_poses(path))


def test_through_all_formats_and_back(tmp_path, dataset):
    read = dataset
    for name in (*FORMATS, *reversed(FORMATS)):
        write_poses(tmp_path / name, read)
        read = read_poses(tmp_path / name)
    assert_same_dataset(dataset, read)


@pytest.mark.parametrize("name", FORMATS)
def test_equal_poses_give_equal_files(tmp_path, dataset, name):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        write_poses(tmp_path / folder / name, dataset)
    contents = [
        {
            path.relative_to(tmp_path / folder): path.read_bytes()
            for path in sorted((tmp_path / folder).rglob("*.*"))
            if path.is_file()
        }
        for folder in "ab"
    ]
    assert contents[0] == contents[1]


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text on other systems")
@pytest.mark.parametrize("name", FORMATS)
def test_names_of_files_that_are_no_text(tmp_path, dataset, name):
    path = tmp_path / f"\udcfe{name}"
    write_poses(path, dataset)
    assert_same_dataset(read_poses(path), dataset)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", FORMATS)
def test_a_joint_too_far_away_for_half_precision_is_stored_and_read(tmp_path, clip, name):
    far = clip("a")
    far.keypoint[0, 0, 0] = (70_000, -1e6)
    write_poses(tmp_path / name, PoseDataset([far]), float16=True)
    assert read_poses(tmp_path / name).annotations[0].keypoint[0, 0, 0].tolist() == [65_504, -65_504]


@pytest.mark.parametrize("name", FORMATS)
def test_half_precision(tmp_path, dataset, name):
    write_poses(tmp_path / name, dataset, float16=True)
    read = read_poses(tmp_path / name).annotations[0]
    assert read.keypoint.dtype == np.float32
    np.testing.assert_array_equal(read.keypoint, dataset.annotations[0].keypoint.astype(np.float16))
    np.testing.assert_array_equal(read.boxes, dataset.annotations[0].boxes)


@pytest.mark.parametrize("name", FORMATS)
def test_a_declared_layout_travels(tmp_path, clip, name, monkeypatch):
    monkeypatch.setattr("poseact.skeleton.known._declared", {})
    fish = register(
        {"name": "fish3", "keypoints": ["head", "left_fin", "right_fin"], "pairs": [["left_fin", "right_fin"]]}, "fish"
    )
    write_poses(tmp_path / name, PoseDataset([replace(clip("a", joints=3), layout="fish3")]))
    monkeypatch.setattr("poseact.skeleton.known._declared", {})
    assert read_poses(tmp_path / name).annotations[0].layout == "fish3"
    assert layout("fish3") == fish
    monkeypatch.setattr("poseact.skeleton.known._declared", {})
    register({"name": "fish3", "keypoints": ["head", "tail", "fin"]}, "other")
    with pytest.raises(InvalidPoses, match="another layout 'fish3'"):
        read_poses(tmp_path / name)


def test_what_others_see_in_parquet(tmp_path, dataset):
    from pyarrow import parquet

    write_poses(tmp_path / "p.parquet", dataset)
    table = parquet.read_table(tmp_path / "p.parquet")
    rows = table.to_pylist()
    assert [(row["video"], row["chosen"], row["track_id"]) for row in rows] == [
        (0, True, 1), (0, True, 2), (1, None, None), (2, True, 1), (3, True, 2), (3, False, 1),
    ]  # fmt: skip
    first = dataset.annotations[0]
    shape = (rows[0]["frames"], rows[0]["joints"], 2)
    np.testing.assert_array_equal(np.reshape(np.float32(rows[0]["keypoint"]), shape), first.keypoint[0])
    assert (rows[0]["name"], rows[0]["label"], rows[0]["height"], rows[0]["width"]) == ("a", 4, 240, 320)
    assert json.loads(table.schema.metadata[b"poseact"])["classes"] == ["run", "jump"]
    column = parquet.ParquetFile(tmp_path / "p.parquet").metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"


def test_what_others_see_in_a_folder(tmp_path, dataset):
    write_poses(tmp_path / "poses", dataset)
    manifest = json.loads((tmp_path / "poses" / MANIFEST).read_text())
    assert [video["name"] for video in manifest["videos"]] == ["a", "b", "c é/🎬", "a"]
    with np.load(tmp_path / "poses" / manifest["videos"][0]["file"], allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["keypoint"], dataset.annotations[0].keypoint)
        assert json.loads(str(arrays["about"]))["frame_dir"] == "a"


@pytest.mark.parametrize("name", FORMATS)
def test_without_a_video(tmp_path, name):
    write_poses(tmp_path / name, PoseDataset([]))
    assert_same_dataset(read_poses(tmp_path / name), PoseDataset([]))


def test_a_folder_replaces_only_its_like(tmp_path, dataset):
    for _ in range(2):
        write_poses(tmp_path / "poses", dataset)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["poses"]
    assert len(list((tmp_path / "poses").iterdir())) == 5
    (tmp_path / "poses" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds something else"):
        write_poses(tmp_path / "poses", dataset)
    (tmp_path / "file.npz").write_text("mine")
    with pytest.raises(OutputError, match="holds something else"):
        write_poses(tmp_path / "file.npz", dataset)
    (tmp_path / "empty").mkdir()
    write_poses(tmp_path / "empty", dataset)
    assert len(read_poses(tmp_path / "empty")) == 4


@pytest.mark.parametrize("name", FORMATS)
def test_whole_or_absent(tmp_path, dataset, name, monkeypatch):
    write_poses(tmp_path / name, PoseDataset([]))
    real = replace(dataset.annotations[0])

    class Full(list):
        def __iter__(self):
            yield real
            raise OSError(28, "No space left on device")

    with pytest.raises((OutputError, OSError)):
        write_poses(tmp_path / name, PoseDataset(Full([real])))
    assert len(read_poses(tmp_path / name)) == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_names(tmp_path, dataset):
    write_poses(tmp_path / "folder", dataset)
    assert POSES_SUFFIXES == SUFFIXES
    assert POSES_MANIFEST == MANIFEST
    assert holds_poses(tmp_path / "folder")
    assert not holds_poses(tmp_path)
    assert holds_poses(Path("x.PKL"))
    assert not holds_poses(Path("x.mp4"))


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: read_poses(Path("x.mp4")), "no suffix of poses"),
        (lambda: read_poses(Path("x.npz")), "name the folder"),
        (lambda: check_target(Path("x.json")), r"\.pkl, \.parquet, or a folder"),
        (lambda: read_poses(Path("/nowhere/x.parquet")), "damaged or no Parquet"),
    ],
    ids=["read-suffix", "one-npz", "write-suffix", "missing"],
)
def test_names_that_cannot_work(action, message):
    with pytest.raises(PoseactError, match=message):
        action()


def test_without_pyarrow(monkeypatch, tmp_path):
    from poseact.poses import parquet

    parquet._pyarrow.cache_clear()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for action in (lambda: check_target(tmp_path / "p.parquet"), lambda: read_poses(tmp_path / "p.parquet")):
        with pytest.raises(UsageError, match=re.escape("pip install 'poseact[parquet]'")):
            action()
    parquet._pyarrow.cache_clear()


def files_of(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.iterdir())


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, or a stretch cut out, doubled or torn off."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 3, 20))):
        at = rng.randrange(len(changed) + 1)
        kind = rng.randrange(4)
        if kind == 0 and at < len(changed):
            changed[at] = rng.randrange(256)
        elif kind == 1:
            del changed[at : at + rng.randrange(1, 30)]
        elif kind == 2:
            changed[at:at] = changed[at : at + rng.randrange(1, 30)]
        else:
            changed[at : at + 4] = struct.pack("<I", rng.choice((0, 2**31 - 1, 2**32 - 1, rng.getrandbits(32))))
    return bytes(changed[: rng.randrange(len(changed) + 1)] if rng.random() < 0.2 else changed)


@pytest.mark.parametrize("name", ["poses.parquet", "poses.npz"])
def test_mutated_files_end_in_one_line(tmp_path, clip, name):
    rng = random.Random(4)
    path = tmp_path / name
    write_poses(path, PoseDataset([clip("a", frames=2), clip("b", people=0)], {"train": ["a"]}))
    contents = {file: file.read_bytes() for file in files_of(path)}
    refused = 0
    for _ in range(200):
        file = rng.choice(list(contents))
        file.write_bytes(mutated(contents[file], rng))
        try:
            read_poses(path)
        except PoseactError as error:
            refused += 1
            assert "\n" not in str(error)  # noqa: PT017
        file.write_bytes(contents[file])
    assert refused > 100


def npy(shape, dtype="<f4", content=b"", version=b"\x01\x00"):
    header = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + content


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "'about' is missing"),
        ({"about": npy((4 * 2**30,))}, r"claims the shape"),
        ({"about": npy((2**62, 2**62))}, r"claims the shape"),
        ({"about": npy((-1,))}, r"claims the shape"),
        ({"about": npy((), "O")}, "damaged"),
        ({"about": npy((), [("a", "<f4")], b"\0" * 4)}, "damaged"),
        ({"about": npy((), "<f4", b"\0" * 4, b"\x09\x09")}, "damaged"),
        ({"about": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535}, "damaged"),
        ({"about": b""}, "damaged"),
        ({"about": npy((), "<U2", "[]".encode("utf-32-le"))}, "must be a dict"),
        ({"about": npy((), "<U2", "{}".encode("utf-32-le")), "keypoint": npy((), "<U1", b"a\0\0\0")}, "array of text"),
        ({"about": npy((), "<U2", "{}".encode("utf-32-le")), "x.keypoint": npy((), "<f4", b"a\0\0\0")}, "to nothing"),
        ({"about": npy((), "<U2", "{}".encode("utf-32-le")), "../x": npy((), "<f4", b"a\0\0\0")}, "unexpected member"),
        ({"about": npy((), "<U2", "{}".encode("utf-32-le"))}, "'keypoint' is missing"),
        ({f"a{n}": b"" for n in range(70)}, "70 arrays"),
        ({"about": b"\x93NUMPY\x01\x00\x14\x00" + b"{'descr': (('<f4'   "}, "damaged"),
        ({"about": npy((), "<U1", b"\xff\xff\xff\x7f")}, "damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_npz(tmp_path, members, message):
    write_poses(tmp_path / "p", PoseDataset([]))
    manifest = json.loads((tmp_path / "p" / MANIFEST).read_text())
    (tmp_path / "p" / MANIFEST).write_text(json.dumps({**manifest, "videos": [{"file": "x.npz"}]}))
    with zipfile.ZipFile(tmp_path / "p" / "x.npz", "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    with pytest.raises(InvalidPoses, match=message):
        read_poses(tmp_path / "p")


def test_a_zip_bomb_is_not_expanded(tmp_path, monkeypatch):
    write_poses(tmp_path / "p", PoseDataset([]))
    manifest = json.loads((tmp_path / "p" / MANIFEST).read_text())
    (tmp_path / "p" / MANIFEST).write_text(json.dumps({**manifest, "videos": [{"file": "x.npz"}] * 3}))
    with zipfile.ZipFile(tmp_path / "p" / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.npy", b"\0" * 2**20)
    content = (tmp_path / "p" / "x.npz").read_bytes()
    claimed = content.replace(struct.pack("<I", 2**20), struct.pack("<I", 2**32 - 2))
    assert claimed != content
    (tmp_path / "p" / "x.npz").write_bytes(claimed)
    monkeypatch.setattr("poseact.poses.dataset.memory", lambda: 2**30)
    with pytest.raises(LimitExceeded, match="far more poses"):
        read_poses(tmp_path / "p")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "poseact/poses/9"}, "no manifest of poses"),
        ({"videos": 3}, "'videos' must be a list"),
        ({"videos": [{"file": "../../etc/passwd.npz"}]}, "no name of a file"),
        ({"videos": [{"file": "absent.npz"}]}, "cannot be read"),
        ({"videos": ["a.npz"]}, "no name of a file"),
        ({"split": [1]}, "'split' must be a dict"),
        ({"classes": 7}, "'classes' must be a list"),
        ({"layouts": [{"name": "x"}]}, "'keypoints' must be"),
        ({"layouts": {}}, "'layouts' must be"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_manifests_that_cannot_be(tmp_path, change, message):
    write_poses(tmp_path / "p", PoseDataset([]))
    manifest = json.loads((tmp_path / "p" / MANIFEST).read_text())
    (tmp_path / "p" / MANIFEST).write_text(json.dumps({**manifest, **change}))
    with pytest.raises(InvalidPoses, match=message):
        read_poses(tmp_path / "p")


@pytest.mark.parametrize(
    "content", [b"", b"[" * 10**6, b"{", b"\xff", b"1" * 5000], ids=["empty", "deep", "half", "binary", "digits"]
)
def test_manifests_that_are_no_json(tmp_path, content):
    write_poses(tmp_path / "p", PoseDataset([]))
    (tmp_path / "p" / MANIFEST).write_bytes(content)
    with pytest.raises(InvalidPoses, match=MANIFEST):
        read_poses(tmp_path / "p")


def test_parquet_that_is_not_of_poses(tmp_path):
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"x": [1]}), tmp_path / "p.parquet")
    with pytest.raises(InvalidPoses, match="but not of poses"):
        read_poses(tmp_path / "p.parquet")
    marked = pyarrow.table({"x": [1]}).replace_schema_metadata({"poseact": '{"format": "poseact/poses/1"}'})
    parquet.write_table(marked, tmp_path / "p.parquet")
    with pytest.raises(InvalidPoses, match="other columns"):
        read_poses(tmp_path / "p.parquet")


def test_parquet_that_expands_without_bound(tmp_path, clip, monkeypatch):
    import pyarrow
    from pyarrow import parquet

    write_poses(tmp_path / "p.parquet", PoseDataset([clip("a")]))
    table = parquet.read_table(tmp_path / "p.parquet")
    zeros = pyarrow.array(np.zeros(160_000_000, np.float32))
    column = pyarrow.ListArray.from_arrays(pyarrow.array([0, 0, len(zeros)], pyarrow.int32()), zeros)
    table = table.set_column(table.column_names.index("bbox"), "bbox", column)
    parquet.write_table(table, tmp_path / "p.parquet", compression="zstd")
    assert (tmp_path / "p.parquet").stat().st_size < 2**20
    monkeypatch.setattr("poseact.poses.dataset.memory", lambda: 2**30)
    with pytest.raises(LimitExceeded, match="far more poses"):
        read_poses(tmp_path / "p.parquet")


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("frames", [0, 0], "'frames' must be"),
        ("frames", [6, 6], "numbers where"),
        ("joints", [None, 3], "'joints' must be"),
        ("about", [None, None], "does not say"),
        ("about", ["[", None], "damaged or no JSON"),
        ("about", ['{"rest": {}, "arrays": [1]}', None], "must be arrays by name"),
        ("keypoint", [None, None], "a row has"),
        ("keypoint", [[float("nan")] * 170] * 2, "must be finite"),
        ("fps", [0.0, 0.0], "fps must be"),
        ("height", [None, 0], "'img_shape' must be"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_parquet_rows_that_contradict_themselves(tmp_path, clip, column, values, message):
    import pyarrow
    from pyarrow import parquet

    write_poses(tmp_path / "p.parquet", PoseDataset([clip("a")]))
    table = parquet.read_table(tmp_path / "p.parquet")
    number = table.column_names.index(column)
    changed = table.set_column(
        number, table.schema.field(number), pyarrow.array(values, table.schema.field(number).type)
    )
    parquet.write_table(changed, tmp_path / "p.parquet")
    with pytest.raises(InvalidPoses, match=message):
        read_poses(tmp_path / "p.parquet")


@pytest.mark.parametrize("name", [".", "/", "..", "a/.."])
def test_what_has_no_name_is_no_target(name):
    with pytest.raises(UsageError, match="has no name of its own"):
        check_target(Path(name))


@pytest.mark.parametrize("name", ["poses.parquet", "poses.npz"])
def test_a_crowd_of_people_who_are_seldom_there_can_be_read_again(tmp_path, clip, monkeypatch, name):
    """Their rows of zeros compress without bound."""
    seldom = clip("crowd", people=20, frames=3000)
    there = np.arange(3000) % 100 == 0
    seldom = replace(
        seldom, keypoint=seldom.keypoint * there[:, None, None], keypoint_score=seldom.keypoint_score * there[:, None],
        boxes=seldom.boxes * there[:, None], box_score=seldom.box_score * there,
        interpolated=seldom.interpolated & there,
    )  # fmt: skip
    write_poses(tmp_path / name, PoseDataset([seldom]))
    monkeypatch.setattr("poseact.poses.dataset._SPARE_COMPRESSED", 0)
    assert_same(read_poses(tmp_path / name).annotations[0], seldom)
    monkeypatch.setattr("poseact.poses.dataset.memory", lambda: 0)
    with pytest.raises(LimitExceeded, match="far more poses"):
        read_poses(tmp_path / name)


def test_folders_of_poses_are_compressed(tmp_path, clip):
    write_poses(tmp_path / "poses.npz", PoseDataset([clip("a", people=0, frames=500)]))
    (path,) = (tmp_path / "poses.npz").glob("*.npz")
    with zipfile.ZipFile(path) as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_DEFLATED}


def test_a_long_video_tells_more_about_its_camera(tmp_path, clip, monkeypatch):
    long = clip("long", people=1, frames=4000)
    long = replace(long, camera=np.random.default_rng(0).normal(size=(4000, 4)).astype(np.float32))
    write_poses(tmp_path / "p.parquet", PoseDataset([long]))
    monkeypatch.setattr(parquet, "_LONGEST_ABOUT", 1000)
    assert_same(read_poses(tmp_path / "p.parquet").annotations[0], long)
    monkeypatch.setattr(parquet, "_ABOUT_A_FRAME", 1)
    with pytest.raises(LimitExceeded, match="'about' has"):
        read_poses(tmp_path / "p.parquet")
