"""Keypoint layouts: the built-in ones, declared ones, and declarations that cannot work."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poseact.errors import UsageError
from poseact.skeleton import (
    COCO17,
    COCO17_OKS_SIGMAS,
    NAMES,
    Layout,
    declaration,
    known_layouts,
    layout,
    load_layout,
    register,
)

HAND = {
    "name": "hand-4",
    "keypoints": ["wrist", "thumb", "left_side", "right_side"],
    "pairs": [["left_side", "right_side"]],
    "limbs": [["wrist", "thumb"], ["wrist", "left_side"], ["wrist", "right_side"]],
}


@pytest.mark.parametrize("name", NAMES)
def test_built_in(name):
    found = layout(name)
    count = int(re.search(r"\d+$", name)[0])
    assert (found.name, len(found.keypoints)) == (name, count)
    for flip in (found.flip_joints, found.flip_limbs):
        assert [flip[flip[index]] for index in range(len(flip))] == list(range(len(flip)))
    sides = {found.keypoints[left]: found.keypoints[right] for left, right in found.pairs}
    assert sides == {side: side.replace("left", "right") for side in found.keypoints if side.startswith("left_")}
    touched = {end for limb in found.limbs for end in limb}
    assert touched == set(range(len(found.keypoints)))
    assert all(COCO17.keypoints.index(there) >= 0 and here in found.keypoints for there, here in found.coco17)


def test_the_limbs_of_coco_are_those_of_the_published_checkpoints():
    assert COCO17.limbs == (
        (0, 5), (0, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (11, 13), (13, 15), (6, 12), (12, 14), (14, 16),
        (0, 1), (0, 2), (1, 3), (2, 4), (11, 12),
    )  # fmt: skip
    left, right = (0, 2, 3, 6, 7, 8, 12, 14), (1, 4, 5, 9, 10, 11, 13, 15)
    assert set(COCO17.limb_pairs) == set(zip(left, right, strict=True))
    assert COCO17.pairs == tuple((left, left + 1) for left in range(1, 17, 2))
    assert len(COCO17_OKS_SIGMAS) == len(COCO17.keypoints)


def test_jhmdb_order():
    assert layout("jhmdb15").keypoints[:5] == ("neck", "belly", "face", "right_shoulder", "left_shoulder")


def test_a_declared_layout_is_known_from_then_on(tmp_path):
    path = tmp_path / "hand.toml"
    path.write_text(
        'name = "hand-of-4"\nkeypoints = ["wrist", "thumb", "left_side", "right_side"]\n'
        'pairs = [["left_side", "right_side"]]\nlimbs = [["wrist", "left_side"], ["right_side", "wrist"]]\n'
    )
    hand = load_layout(path)
    assert layout("hand-of-4") is hand
    assert "hand-of-4" in known_layouts()
    assert (hand.pairs, hand.flip_joints, hand.flip_limbs) == (((2, 3),), (0, 1, 3, 2), (1, 0))
    assert register(declaration("hand-of-4"), "poses") is hand
    assert load_layout(path) is hand
    assert declaration("coco17") is None
    assert declaration("21-joints") is None


def test_places_and_means_travel():
    hand = register(
        {**HAND, "name": "hand-means", "places": {"thumb": "pollex"}, "means": {"wrist": ["left_side", "right_side"]}},
        "hand",
    )
    assert hand.place == ("wrist", "pollex", "left_side", "right_side")
    assert hand.means == (("wrist", ("left_side", "right_side")),)
    assert register(declaration("hand-means"), "poses") is hand


def test_the_tree_hangs_every_joint_on_the_first():

    known = {0}
    for joint, parent in COCO17.tree:
        assert parent in known
        assert {joint, parent} in [set(limb) for limb in COCO17.limbs]
        known.add(joint)
    assert known == set(range(17))
    hip, leg = COCO17.keypoints.index("left_hip"), {"left_hip", "left_knee", "left_ankle"}
    assert {COCO17.keypoints[joint] for joint in COCO17.branches[hip]} == leg
    assert COCO17.branches[0] == frozenset(range(17))


def test_each_part_of_a_body_in_parts_hangs_on_its_own_first_joint():
    two = Layout("two", ("a", "b", "c", "d", "e"), (), ((1, 0), (3, 4), (2, 4)), ())
    assert two.tree == ((1, 0), (4, 2), (3, 4))
    assert two.branches == ({0, 1}, {1}, {2, 3, 4}, {3}, {3, 4})


def test_a_name_means_one_layout():
    register({**HAND, "name": "hand-taken"}, "one")
    with pytest.raises(UsageError, match="two: there is another layout 'hand-taken' with other keypoints"):
        register({**HAND, "name": "hand-taken", "limbs": []}, "two")
    with pytest.raises(UsageError, match="another layout 'coco17'"):
        register({**HAND, "name": "coco17"}, "two")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "'name' must be"),
        ({"name": "x" * 61}, "'name' must be"),
        ({"name": 3}, "'name' must be"),
        ({"name": "21-joints"}, "poses without a layout"),
        ({"keypoints": []}, "1 to 512 names"),
        ({"keypoints": ["a"] * 600}, "1 to 512 names"),
        ({"keypoints": ["a", "a"]}, "same name"),
        ({"keypoints": ["a", 3]}, "no name of a keypoint"),
        ({"keypoints": ["a\nb"]}, "no name of a keypoint"),
        ({"keypoints": {"a": 1}}, "1 to 512 names"),
        ({"pairs": [["wrist", "elbow"]]}, "not two keypoints"),
        ({"pairs": [["wrist", "wrist"]]}, "not two keypoints"),
        ({"pairs": [["wrist"]]}, "not two keypoints"),
        ({"pairs": [[0, 1]]}, "not two keypoints"),
        ({"pairs": [["wrist", "thumb"], ["thumb", "left_side"]]}, "keypoint twice"),
        ({"pairs": 7}, "list of pairs"),
        ({"limbs": [["wrist", "left_side"]]}, "wrist to left_side has no mirror image"),
        ({"limbs": [["wrist", "thumb"], ["thumb", "wrist"]]}, "two keypoints twice"),
        ({"coco17": {"nose": "elbow"}}, "'coco17' must map"),
        ({"coco17": {"tail": "wrist"}}, "'coco17' must map"),
        ({"coco17": {"nose": "wrist", "left_eye": "wrist"}}, "keypoint twice"),
        ({"coco17": [1]}, "'coco17' must map"),
        ({"keypoints": ["['x']", "b"], "pairs": [], "limbs": [], "coco17": {"nose": ["x"]}}, "'coco17' must map"),
        ({"places": {"elbow": "x"}}, "'places' must map"),
        ({"places": {"wrist": 3}}, "'places' must map"),
        ({"places": ["wrist"]}, "'places' must map"),
        ({"places": {"wrist": "thumb"}}, "two keypoints are the place 'thumb'"),
        ({"coco17": {"nose": "wrist"}, "places": {"thumb": "nose"}}, "two keypoints are the place 'nose'"),
        ({"means": {"elbow": ["wrist", "thumb"]}}, "'means' must map"),
        ({"means": ["wrist"]}, "'means' must map"),
        ({"means": {"wrist": ["thumb"]}}, "'wrist' must be the mean of at least two other keypoints"),
        ({"means": {"wrist": ["thumb", "wrist"]}}, "'wrist' must be the mean of at least two other keypoints"),
        ({"means": {"wrist": ["thumb", 3]}}, "'wrist' must be the mean of at least two other keypoints"),
        ({"means": {"wrist": ["thumb", "thumb"]}}, "names a keypoint twice"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_declarations_that_cannot_work(change, message):
    with pytest.raises(UsageError, match=message) as caught:
        register({**HAND, **change}, "hand.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"name = ", b"[" * 100_000, b"name = 'a'\nkeypoints = 3", b"x" * 1_000_001,
        b"x = " + b"9" * 5000, b"name = 0x" + b"f" * 5000,
    ],
    ids=["empty", "binary", "half", "deep", "number", "long", "a long number", "a long hexadecimal number"],
)  # fmt: skip
def test_files_that_are_no_layout(tmp_path, content):
    (tmp_path / "l.toml").write_bytes(content)
    with pytest.raises(UsageError, match=r"l\.toml"):
        load_layout(tmp_path / "l.toml")


def test_unknown():
    with pytest.raises(UsageError, match=r"unknown keypoint layout 'fish'; known are coco17, .*TOML"):
        layout("fish")
    with pytest.raises(UsageError, match="No such file"):
        load_layout("/nowhere/fish.toml")


_words = st.sampled_from(["wrist", "thumb", "left_side", "nose", "a\nb", "", 3, None])
_values = _words | st.lists(_words | st.lists(_words, max_size=3), max_size=4) | st.dictionaries(_words, _words)


@example({"pairs": ["a\nb"]})
@given(st.dictionaries(st.sampled_from(["keypoints", "pairs", "limbs", "coco17", "places", "means", "x"]), _values))
def test_any_document_gives_a_layout_or_one_line(changes):
    line = ""
    try:
        register({**HAND, "name": "hand-any", **changes}, "hand.toml")
    except UsageError as error:
        line = str(error)
    assert "\n" not in line
