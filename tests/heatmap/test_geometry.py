"""Training augmentation: what moves, what must stay, and that the generator alone decides."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from poseact.heatmap import geometry
from poseact.skeleton import COCO17, Layout

FRAME = (64, 80)
AUGMENTATIONS: dict[str, Callable[[Tensor, Tensor, torch.Generator], Tensor]] = {
    "crop": lambda xy, score, rng: geometry.random_resized_crop(xy, score, FRAME, (56, 56), rng),
    "rotation": lambda xy, score, rng: geometry.random_rotation(xy, score, FRAME, 20, rng),
    "scale": lambda xy, score, rng: geometry.random_scale(xy, score, FRAME, (0.7, 1.4), rng),
    "shift": lambda xy, score, rng: geometry.random_shift(xy, score, FRAME, 0.1, rng),
    "shear": lambda xy, score, rng: geometry.random_shear(xy, score, 0.3, 0.3, rng),
    "noise": lambda xy, score, rng: geometry.joint_noise(xy, score, 1.0, rng),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def poses(views: int = 6) -> tuple[Tensor, Tensor]:
    """xy (V, 3, 2, 17, 2) inside the frame and score; joint 3 has no score, joint 4 lies on (0, 0)."""
    rng = seeded(9)
    xy = torch.rand(views, 3, 2, 17, 2, generator=rng) * torch.tensor([70.0, 54.0]) + 5
    score = torch.rand(views, 3, 2, 17, generator=rng) * 0.9 + 0.1
    score[..., 3] = 0
    xy[..., 4, :] = 0
    return xy, score


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_is_reproducible_and_spares_missing_joints(name: str) -> None:
    augment = AUGMENTATIONS[name]
    xy, score = poses()
    kept = xy.clone()
    global_state = torch.get_rng_state()
    moved = augment(xy, score, seeded())
    assert torch.equal(xy, kept)
    assert torch.equal(torch.get_rng_state(), global_state)
    assert torch.equal(moved, augment(xy, score, seeded()))
    assert not torch.equal(moved, augment(xy, score, seeded(1)))
    assert torch.equal(moved[..., 3:5, :], xy[..., 3:5, :])
    seen = [joint for joint in range(17) if joint not in (3, 4)]
    assert (moved != xy)[..., seen, :].any(-1).all()
    assert augment(xy[:0], score[:0], seeded()).shape == (0, 3, 2, 17, 2)


@pytest.mark.parametrize("name", ["crop", "rotation", "scale", "shift", "shear"])
def test_a_view_moves_as_a_whole_and_views_differ(name: str) -> None:
    """An affine map per view: the middle of two joints stays the middle, and two equal views move differently."""
    xy, score = poses(1)
    xy[..., 2, :] = (xy[..., 0, :] + xy[..., 1, :]) / 2
    moved = AUGMENTATIONS[name](xy.repeat(4, 1, 1, 1, 1), score.repeat(4, 1, 1, 1), seeded())
    torch.testing.assert_close(moved[..., 2, :], (moved[..., 0, :] + moved[..., 1, :]) / 2, atol=1e-4, rtol=1e-4)
    assert len({tuple(view[0, 0, 0].tolist()) for view in moved}) == 4


def test_flip_keeps_zeros_and_exchanges_sides() -> None:
    xy, score = poses(1)
    xy[..., 5, 0] = 0  # x missing, y seen
    flipped, flipped_score = geometry.flip(xy, score, 80, COCO17.flip_joints)
    assert flipped[0, 0, 0, 0].tolist() == [80 - xy[0, 0, 0, 0, 0].item(), xy[0, 0, 0, 0, 1].item()]
    assert torch.equal(flipped[..., 6, :], xy[..., 5, :])  # the left shoulder is now the right one
    assert not flipped[..., 3, :].any()
    assert torch.equal(flipped[..., 4, 0], 80 - xy[..., 3, 0])
    assert torch.equal(flipped_score[..., 4], score[..., 3])
    torch.testing.assert_close(geometry.flip(flipped, flipped_score, 80, COCO17.flip_joints)[0], xy)


@pytest.mark.parametrize(("probability", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_random_flip_takes_its_share_of_the_views(probability: float, share: float) -> None:
    xy, score = (part.repeat(400, *[1] * (part.ndim - 1)) for part in poses(1))
    flipped, flipped_score = geometry.random_flip(xy, score, 80, COCO17.flip_joints, seeded(), probability)
    whole = geometry.flip(xy, score, 80, COCO17.flip_joints)
    chosen = (flipped[..., 0, 0] != xy[..., 0, 0]).flatten(1).all(1)
    assert chosen.float().mean().item() == pytest.approx(share, abs=0.08)
    assert torch.equal(flipped[chosen], whole[0][chosen])
    assert torch.equal(flipped_score[chosen], whole[1][chosen])
    assert torch.equal(flipped[~chosen], xy[~chosen])


def boxes_of_crops(frame: tuple[int, int], **options: tuple[float, float]) -> Tensor:
    """(V, 4) left, top, width, height of 500 random crops, found from where two probes go."""
    probes = torch.tensor([[10.0, 10.0], [20.0, 20.0]]).expand(500, 1, 1, 2, 2)
    moved = geometry.random_resized_crop(probes, torch.ones(500, 1, 1, 2), frame, (100, 100), seeded(), **options)
    sides = 1000 / (moved[..., 1, :] - moved[..., 0, :]).flatten(1)
    corner = 10 - moved[..., 0, :].flatten(1) * sides / 100
    return torch.cat((corner, sides), 1)


def test_crops_are_whole_pixels_inside_the_frame_and_as_large_as_asked() -> None:
    left, top, width, height = boxes_of_crops(FRAME).unbind(1)
    for value in (left, top, width, height):
        torch.testing.assert_close(value, value.round(), atol=2e-3, rtol=0)
    assert left.min() > -0.01
    assert top.min() > -0.01
    assert (left + width).max() < 80.01
    assert (top + height).max() < 64.01
    share = width * height / (64 * 80)
    assert 0.54 < share.min() < 0.6
    assert 0.9 < share.max() <= 1.001
    ratio = width / height
    assert 0.72 < ratio.min() < 0.85
    assert 1.2 < ratio.max() < 1.37


def test_where_no_crop_fits_it_is_the_middle_square() -> None:
    boxes = boxes_of_crops(FRAME, area=(1.0, 1.0), aspect=(5.0, 5.0))
    torch.testing.assert_close(boxes, torch.tensor([8.0, 0.0, 64.0, 64.0]).expand(500, 4), atol=1e-3, rtol=0)


def test_rotation_keeps_distances_and_the_middle() -> None:
    xy = torch.tensor([[40.0, 32.0], [50.0, 32.0]]).expand(200, 1, 1, 2, 2)
    moved = geometry.random_rotation(xy, torch.ones(200, 1, 1, 2), FRAME, 30, seeded())
    torch.testing.assert_close(moved[..., 0, :], xy[..., 0, :])
    offset = (moved[..., 1, :] - moved[..., 0, :]).flatten(1)
    torch.testing.assert_close(offset.norm(dim=1), torch.full((200,), 10.0))
    angle = torch.rad2deg(torch.atan2(offset[:, 1], offset[:, 0]))
    assert -30.001 < angle.min() < -25
    assert 25 < angle.max() < 30.001


def test_noise_is_stronger_where_the_score_is_lower() -> None:
    xy = torch.full((1, 4000, 1, 2, 2), 30.0)
    score = torch.tensor([0.01, 1.0]).expand(1, 4000, 1, 2)
    spread = (geometry.joint_noise(xy, score, 2.0, seeded()) - xy).std(dim=(0, 1, 2, 4))
    assert spread.tolist() == pytest.approx([2.0, 1.0], rel=0.06)


@pytest.mark.parametrize(("probability", "share"), [(0.0, 0.0), (0.3, 0.3), (1.0, 1.0)])
def test_dropout_forgets_its_share(probability: float, share: float) -> None:
    score = torch.ones(40, 20, 2, 17)
    dropped = geometry.joint_dropout(score, probability, seeded())
    assert (dropped == 0).float().mean().item() == pytest.approx(share, abs=0.02)
    assert set(dropped.unique().tolist()) <= {0.0, 1.0}
    clip = geometry.joint_dropout(score, probability, seeded(), whole_clip=True)
    assert torch.equal(clip, clip[:, :1].expand_as(clip))
    assert (clip == 0).float().mean().item() == pytest.approx(share, abs=0.06)


def lengths(xy: Tensor) -> Tensor:
    """(..., 17, 2) -> (..., 16): of the bones of the tree."""
    joints, parents = map(list, zip(*COCO17.tree, strict=True))
    return (xy[..., joints, :] - xy[..., parents, :]).norm(dim=-1)


def test_bones_change_their_length_and_keep_their_direction() -> None:
    xy = torch.rand(50, 3, 2, 17, 2, generator=seeded(9)) * 50 + 5
    score = torch.ones(50, 3, 2, 17)
    moved = geometry.random_bones(xy, score, COCO17, 0.2, seeded())
    assert torch.equal(moved, geometry.random_bones(xy, score, COCO17, 0.2, seeded()))
    assert torch.equal(moved[..., 0, :], xy[..., 0, :])  # all hangs on the nose
    ratio = lengths(moved) / lengths(xy)  # (V, T, M, 16)
    torch.testing.assert_close(ratio, ratio[:, :1, :1].expand_as(ratio), rtol=1e-3, atol=1e-3)
    names = [COCO17.keypoints[joint] for joint, _ in COCO17.tree]
    left, right = names.index("left_knee"), names.index("right_knee")
    torch.testing.assert_close(ratio[..., left], ratio[..., right], rtol=1e-3, atol=1e-3)
    assert abs(float(ratio[:, 0, 0].log().std()) - 0.2) < 0.02
    joints, parents = map(list, zip(*COCO17.tree, strict=True))
    before, after = (points[..., joints, :] - points[..., parents, :] for points in (xy, moved))
    torch.testing.assert_close((before * after).sum(-1), lengths(xy) * lengths(moved), rtol=1e-3, atol=1e-2)


def test_what_hangs_on_an_unseen_joint_stays_where_it_was() -> None:
    xy = torch.rand(4, 3, 1, 17, 2, generator=seeded(9)) * 50 + 5
    score = torch.ones(4, 3, 1, 17)
    elbow, wrist = COCO17.keypoints.index("left_elbow"), COCO17.keypoints.index("left_wrist")
    shoulder = COCO17.keypoints.index("left_shoulder")
    score[..., elbow] = 0
    moved = geometry.random_bones(xy, score, COCO17, 0.2, seeded()) - xy
    assert not moved[..., elbow, :].any()
    torch.testing.assert_close(moved[..., wrist, :], moved[..., shoulder, :])
    assert moved[..., wrist, :].any(-1).all()


def test_parts_are_arms_legs_and_the_lower_half() -> None:
    score = geometry.part_dropout(torch.ones(4000, 3, 2, 17), 0.5, COCO17, seeded())
    assert torch.equal(score, score[:, :1, :1].expand_as(score))  # in all frames, of everybody
    missing = score[:, 0, 0] == 0
    assert abs(float(missing.any(1).float().mean()) - 0.5) < 0.03
    found = {frozenset(COCO17.keypoints[joint] for joint in row.nonzero().flatten()) for row in missing.unique(dim=0)}
    arm = {"left_elbow", "left_wrist"}
    legs = {f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle")}
    assert {frozenset(), frozenset(arm), frozenset(legs), frozenset({"left_eye", "left_ear"})} <= found
    assert max(map(len, found)) == 6
    assert (geometry.part_dropout(torch.ones(9, 1, 1, 17), 0.0, COCO17, seeded()) == 1).all()


def test_a_body_without_limbs_has_no_parts_and_no_bones() -> None:
    dots = Layout("dots", ("a", "b"), (), (), ())
    xy, score = torch.rand(3, 2, 1, 2, 2) + 1, torch.ones(3, 2, 1, 2)
    assert torch.equal(geometry.random_bones(xy, score, dots, 0.5, seeded()), xy)
    assert geometry.part_dropout(score, 1.0, dots, seeded()).sum() < score.sum()
