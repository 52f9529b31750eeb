"""The parts of a body, in every layout that names its joints."""

import pytest

from poseact.skeleton import COCO17, NAMES, Layout, body_parts, layout


def named(body: Layout, indices: tuple[int, ...]) -> set[str]:
    return {body.place[index] for index in indices}


def test_an_arm_and_a_leg_of_coco17_are_the_left_ones():
    arm, leg, trunk, hands, feet = body_parts(COCO17)
    assert [part.place for part in (arm, leg, trunk, hands, feet)] == [False, False, True, False, False]
    assert named(COCO17, arm.keypoints) == {
        "nose", "left_shoulder", "right_shoulder", "left_elbow", "left_wrist", "left_hip", "right_hip",
    }  # fmt: skip
    assert named(COCO17, arm.origin) == {"left_shoulder", "right_shoulder"}
    assert "right_ankle" not in named(COCO17, leg.keypoints)
    assert named(COCO17, feet.origin) == {"left_hip", "right_hip"}
    assert (9, 10) in hands.pairs
    assert (15, 16) in feet.pairs


@pytest.mark.parametrize("name", NAMES)
def test_every_built_in_layout_has_the_same_parts(name):
    body = layout(name)
    parts, known = body_parts(body), body_parts(COCO17)
    assert len(parts) == len(known)
    for part, one in zip(parts, known, strict=True):
        assert (part.place, len(part.origin)) == (one.place, len(one.origin))
        heads = {"nose", "puppet_face", "head_middle", "head_top"}
        assert named(body, part.keypoints) - heads == named(COCO17, one.keypoints) - heads
        assert len(part.keypoints) == len(one.keypoints)
        assert len(part.pairs) == len(one.pairs)
        assert len(set(part.keypoints)) == len(part.keypoints)
        assert {index for pair in part.pairs for index in pair} <= set(range(len(body.keypoints)))


def test_what_a_layout_lacks_is_left_out():
    upper = Layout(
        "upper", ("left_shoulder", "right_shoulder", "left_wrist", "right_wrist"), ((0, 1), (2, 3)), ((0, 2), (1, 3)),
        (), tuple((name, name) for name in ("left_shoulder", "right_shoulder", "left_wrist", "right_wrist")),
    )  # fmt: skip
    arm, trunk, hands = body_parts(upper)
    assert set(arm.keypoints) == {0, 1, 2}
    assert trunk.pairs == ((0, 1),)
    assert hands.pairs == ((2, 3),)


def test_a_layout_of_other_names_has_no_parts():
    assert body_parts(Layout("fish", ("head", "tail"), (), ((0, 1),), ())) == ()
