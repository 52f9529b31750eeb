"""Whatever is in a file, folder or document of another tool ends in poses or in one typed line, in little memory."""

from __future__ import annotations

import json
import random
import tracemalloc

import pytest
from foreign import flat, openpose
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poseact.errors import InvalidPoses, LimitExceeded, UsageError
from poseact.poses.dataset import PoseDataset
from poseact.poses.formats.reading import PoseHints
from poseact.poses.formats.registry import READ, WRITTEN, read, write, written_form

PEOPLE = [{"image_id": n, "category_id": 1, "keypoints": flat(17, n, n), "score": 0.5, "track_id": n} for n in range(2)]
HONEST = {
    "coco": {
        "images": [{"id": 1, "file_name": "a/1.jpg", "width": 9, "height": 9, "video_id": 1, "frame_id": 0}],
        "videos": [{"id": 1, "name": "a", "fps": 5.0, "label": 1}],
        "annotations": [{"id": 1, **PEOPLE[1], "bbox": [1, 2, 3, 4], "keypoint_scores": [0.5] * 17}],
        "categories": [{"id": 1, "name": "person", "keypoints": [f"j{n}" for n in range(17)], "skeleton": [[1, 2]]}],
    },
    "results": PEOPLE,
    "openpose": openpose((1, flat(25, 1, 1))),
    "mmpose": {
        "meta_info": {"dataset_name": "d", "keypoint_id2name": {"0": "a"}, "skeleton_links": []},
        "instance_info": [
            {"frame_id": 0, "instances": [{"keypoints": [[1, 2]], "keypoint_scores": [1], "bbox": [[1, 2, 3, 4]]}]}
        ],
    },
    "ultralytics": [
        [
            {
                "name": "person", "class": 0, "confidence": 0.5, "box": {"x1": 1, "y1": 2, "x2": 3, "y2": 4},
                "track_id": 1, "keypoints": {"x": [3.0], "y": [4.0], "visible": [0.5]},
            }
        ]
    ],
    "alphapose": [{"image_id": "3.jpg", "keypoints": flat(17, 1, 1), "score": 1, "idx": [1.0], "box": [1, 2, 3, 4]}],
}  # fmt: skip
TABLES = {
    "deeplabcut": "scorer,n,n,n\nbodyparts,a,a,a\ncoords,x,y,likelihood\n0,11,22,0.5\n1,12,23,0.5\n",
    "mediapipe": "frame,landmark,x,y,visibility\n0,0,11,22,0.5\n0,1,12,23,0.5\n",
}
HINTS = PoseHints((100, 200))
BYTES = {
    **{name: json.dumps(document).encode() for name, document in HONEST.items()},
    **{name: text.encode() for name, text in TABLES.items()},
}


@pytest.fixture(autouse=True)
def own_layouts(monkeypatch):
    """Layouts that damaged files declare are forgotten afterwards."""
    monkeypatch.setattr("poseact.skeleton.known._declared", {})


def tried(path, content, form=None):
    path.write_bytes(content)
    found = refusal = None
    try:
        found = read(path, form, HINTS)
    except (InvalidPoses, LimitExceeded, UsageError) as error:
        refusal = str(error)
    if found is not None:
        assert len(found.dataset)
    else:
        assert "\n" not in refusal
        assert len(refusal) < 900


@pytest.mark.parametrize("name", BYTES)
def test_honest_files(tmp_path, name):
    path = tmp_path / ("a.csv" if name in TABLES else "a.json")
    path.write_bytes(BYTES[name])
    assert read(path, None, HINTS).format == ("coco" if name == "results" else name)


@pytest.mark.parametrize("name", BYTES)
def test_flipped_cut_and_doubled_bytes(tmp_path, name):
    chance = random.Random(name)
    path = tmp_path / ("a.csv" if name in TABLES else "a.json")
    for _ in range(150):
        content = bytearray(BYTES[name])
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(content))
            kind = chance.randrange(4)
            if kind == 0:
                content[at] = chance.randrange(256)
            elif kind == 1:
                del content[at : at + chance.randint(1, 9)]
            elif kind == 2:
                content[at:at] = content[at : at + chance.randint(1, 40)]
            else:
                content[at : at + 1] = chance.choice([b"9999999999", b"-", b"[", b"null", b"1e999", b"NaN", b'"', b","])
            content = content or bytearray(b"x")
        tried(path, bytes(content))


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just(2**60)
_ANYTHING = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


def places(document, path=()):
    """The path of every value in a document."""
    yield path
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in inner:
        yield from places(value, (*path, key))


def replaced(document, path, value):
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = replaced(copy[path[0]], path[1:], value)
    return copy


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_at_any_place(tmp_path, data):
    name = data.draw(st.sampled_from(sorted(HONEST)))
    path = data.draw(st.sampled_from(list(places(HONEST[name]))))
    form = data.draw(st.sampled_from([None, "coco" if name == "results" else name]))
    document = replaced(HONEST[name], path, data.draw(_ANYTHING))
    tried(tmp_path / "a.json", json.dumps(document).encode(), form)


@given(st.binary(max_size=60), st.sampled_from([".json", ".csv", ".jsonl", ".txt"]), st.sampled_from([None, *READ]))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(tmp_path, content, suffix, form):
    tried(tmp_path / f"a{suffix}", content, form)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000, b'{"images": [], "annotations": [' + b"0," * 9 + b"0]}",
        json.dumps([{**PEOPLE[0], "image_id": 2**50}]).encode(),
        json.dumps([{**PEOPLE[0], "image_id": 9_000, "track_id": n} for n in range(2000)]).encode(),
        json.dumps([{**HONEST["alphapose"][0], "image_id": "9999999.jpg"}]).encode(),
        json.dumps([{**HONEST["alphapose"][0], "keypoints": [1.0] * 100_000}]).encode(),
    ],
    ids=["deep list", "deep object", "long number", "numbers", "late frame", "many people", "late name", "many joints"],
)  # fmt: skip
def test_no_file_takes_much_memory(tmp_path, monkeypatch, content):
    monkeypatch.setattr("poseact.poses.dataset.memory", lambda: 2**31)  # on a large machine more is allowed
    path = tmp_path / "a.json"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises((InvalidPoses, LimitExceeded), match=r"^[^\n]+$"):
            read(path, None, HINTS)
        assert tracemalloc.get_traced_memory()[1] < 2**27
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("score", ["x", [1.0], True])
def test_a_single_value_is_asked_for_as_one(tmp_path, score):
    (tmp_path / "a.json").write_text(json.dumps([{**PEOPLE[0], "score": score}, PEOPLE[1]]))
    with pytest.raises(InvalidPoses, match=r"result 0 must be a number$"):
        read(tmp_path / "a.json", None, HINTS)


def test_folders(tmp_path):
    with pytest.raises(InvalidPoses, match="holds no files of poses"):
        read(tmp_path)
    for number, name in enumerate(("b/10.json", "b/9.json", "a.json", ".hidden.json", "note.txt")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(openpose((1, flat(25, number, 1)))))
    (tmp_path / "loop").symlink_to(tmp_path)
    done = []
    found = read(tmp_path, None, HINTS, lambda *counts: done.append(counts))
    assert [(clip.name, len(clip.pts)) for clip in found.dataset.annotations] == [(tmp_path.name, 1), ("b", 2)]
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_a_folder_of_one_file_per_video(tmp_path):
    for name in ("walk/one", "walk/two", "run/one"):
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(BYTES["alphapose"])
    found = read(tmp_path, None, HINTS)
    assert [clip.name for clip in found.dataset.annotations] == ["run/one", "walk/one", "walk/two"]


def test_wrong_use(tmp_path):
    (tmp_path / "a.json").write_bytes(BYTES["results"])
    with pytest.raises(UsageError, match="unknown format 'bvh'"):
        read(tmp_path / "a.json", "bvh")
    with pytest.raises(InvalidPoses, match="No such file"):
        read(tmp_path / "b.json")
    with pytest.raises(UsageError, match="is not written"):
        write(tmp_path / "b.json", PoseDataset([]), "bvh")
    assert [written_form(tmp_path / name, None) for name in ("a.pkl", "a.parquet", "a", "a.json")] == [
        "pyskl", "parquet", "npz", "coco",
    ]  # fmt: skip
    assert set(WRITTEN) <= set(READ)
