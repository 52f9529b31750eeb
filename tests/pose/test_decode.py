import pytest
import torch

from poseact.pose.decode import average_flipped, decode, published_decode
from poseact.pose.movenet import Heads
from poseact.skeleton import COCO17

JOINTS = 17
SIDE = 16
WHOLE = [0.0, 0.0, SIDE, SIDE]


def blank(count=1):
    return Heads(
        heatmap=torch.full((count, JOINTS, SIDE, SIDE), 0.01),
        center=torch.full((count, 1, SIDE, SIDE), 0.01),
        regress=torch.zeros(count, JOINTS, 2, SIDE, SIDE),
        offset=torch.full((count, JOINTS, 2, SIDE, SIDE), 0.5),
    )


def add_person(heads, center, joints, peak=0.9):
    """Add somebody: pixel (x, y) of the centre and of every joint, and how high the joints' peaks are."""
    x, y = center
    heads.center[0, 0, y, x] = 1.0
    near = (slice(max(y - 2, 0), y + 3), slice(max(x - 2, 0), x + 3))
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    for joint, (column, row) in enumerate(joints):
        heads.heatmap[0, joint, row, column] = peak
        heads.regress[0, joint, 0][near] = (row - rows).float()[near]
        heads.regress[0, joint, 1][near] = (column - columns).float()[near]


def boxes(*xyxy):
    return torch.tensor(xyxy).reshape(-1, 4).float()


def test_nobody():
    heads = Heads(*(maps[:0] for maps in blank()))
    for xy, score in (decode(heads, boxes()), published_decode(heads)):
        assert xy.shape == (0, JOINTS, 2)
        assert score.shape == (0, JOINTS)


@pytest.mark.parametrize("decoder", [lambda heads: decode(heads, boxes(WHOLE)), published_decode], ids=["box", "graph"])
def test_peaks_with_offsets(decoder):
    joints = [(joint % 8 + 4, joint // 2 + 3) for joint in range(JOINTS)]
    heads = blank()
    add_person(heads, (8, 8), joints)
    heads.offset[0, :, 0], heads.offset[0, :, 1] = 0.25, 0.75
    xy, score = decoder(heads)
    assert torch.equal(xy[0], torch.tensor(joints) + torch.tensor([0.75, 0.25]))
    assert torch.equal(score, torch.full((1, JOINTS), 0.9))


@pytest.mark.parametrize(("box", "column"), [([0.0, 0, 8, 16], 3), ([8.0, 0, 16, 16], 12)], ids=["left", "right"])
def test_the_box_says_who_is_meant(box, column):
    heads = blank()
    add_person(heads, (3, 8), [(3, 8)] * JOINTS, peak=0.8)
    add_person(heads, (12, 8), [(12, 8)] * JOINTS, peak=0.9)
    xy, _ = decode(heads, boxes(box))
    assert torch.equal(xy[0], torch.tensor([[column + 0.5, 8.5]]).expand(JOINTS, 2))


def test_a_peak_outside_the_box_is_doubted():
    heads = blank()
    add_person(heads, (7, 8), [(7, 8)] * JOINTS, peak=0.3)
    heads.heatmap[0, :, 8, 15] = 1.0
    near, _ = decode(heads, boxes([4.0, 2, 10, 14]))
    wide, _ = decode(heads, boxes([-40.0, -40, 54, 56]))
    assert (near[0, :, 0] == 7.5).all()
    assert (wide[0, :, 0] == 15.5).all()


@pytest.mark.parametrize(
    "box",
    [[8.0, 8, 8, 8], [8.0, 8, 8.001, 8.001], [-90.0, -90, -80, -80], [-1e4, -1e4, 1e4, 1e4]],
    ids=["a point", "tiny", "far outside", "huge"],
)
def test_odd_boxes_give_numbers(box):
    heads = blank()
    add_person(heads, (8, 8), [(8, 8)] * JOINTS)
    xy, score = decode(heads, boxes(box))
    assert torch.isfinite(xy).all()
    assert torch.isfinite(score).all()


def test_rows_are_independent():
    generator = torch.Generator().manual_seed(0)
    heads = Heads(*(torch.rand(maps.shape, generator=generator) for maps in blank(3)))
    people = boxes([0, 0, 8, 16], [4, 4, 12, 12], WHOLE)
    xy, score = decode(heads, people)
    for row in range(3):
        alone_xy, alone_score = decode(Heads(*(maps[row : row + 1] for maps in heads)), people[row : row + 1])
        assert torch.equal(alone_xy[0], xy[row])
        assert torch.equal(alone_score[0], score[row])


def test_averaging_with_the_mirror_image_mirrors():
    """Averaging A with B, or B with A, gives the same people, mirrored, with left and right exchanged."""
    generator = torch.Generator().manual_seed(0)
    ours, theirs = (Heads(*(torch.rand(maps.shape, generator=generator) for maps in blank(2))) for _ in range(2))
    order = list(COCO17.flip_joints)
    box, mirrored_box = boxes([2, 1, 9, 15], [5, 0, 16, 10]), boxes([7, 1, 14, 15], [0, 0, 11, 10])
    xy, score = decode(average_flipped(ours, theirs, COCO17.flip_joints), box)
    mirrored_xy, mirrored_score = decode(average_flipped(theirs, ours, COCO17.flip_joints), mirrored_box)
    assert torch.allclose(SIDE - mirrored_xy[:, order, 0], xy[..., 0], atol=1e-4)
    assert torch.allclose(mirrored_xy[:, order, 1], xy[..., 1], atol=1e-4)
    assert torch.allclose(mirrored_score[:, order], score)


def test_averaging_with_the_exact_mirror_image_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    heads = Heads(*(torch.rand(maps.shape, generator=generator) for maps in blank()))
    order = list(COCO17.flip_joints)
    regress, offset = (
        torch.stack([maps.flip(-1)[:, order, 0], 1 - maps.flip(-1)[:, order, 1]], 2)
        for maps in (heads.regress, heads.offset)
    )
    mirror = Heads(heads.heatmap.flip(-1)[:, order], heads.center.flip(-1), regress, offset)
    for averaged, original in zip(average_flipped(heads, mirror, COCO17.flip_joints), heads, strict=True):
        assert torch.allclose(averaged, original, atol=1e-6)
