"""Joint and limb heatmaps against the reference's numbers and against the rules restated in plain numpy."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_gaussians import plain_heatmaps

from poseact.errors import InvalidPoses, UsageError
from poseact.heatmap import draw, gaussians, joint_heatmaps, limb_heatmaps
from poseact.skeleton import COCO17

GOLDEN = json.loads((Path(__file__).parent.parent / "golden/golden.json").read_text())
LIMBS = ((0, 1), (1, 2), (2, 0), (3, 3))

coordinate = st.one_of(
    st.floats(-8, 24, width=32),
    st.sampled_from([0.0, -0.5, 0.3, 1.8, 5.0, 13.0, 16.0, 17.8, -1.8, 1e30, -1e30]),
)
peak = st.one_of(st.floats(0, 1, width=32), st.sampled_from([0.0, 0.000999, 0.001, 1.0]))


@st.composite
def skeletons(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    """xy (V, T, M, 4, 2) and score (V, T, M, 4), inside, outside, on the border and missing."""
    views, frames, people = draw(st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(0, 3)))
    joints = views * frames * people * 4
    xy = draw(st.lists(coordinate, min_size=2 * joints, max_size=2 * joints))
    score = draw(st.lists(peak, min_size=joints, max_size=joints))
    shape = (views, frames, people, 4)
    return torch.tensor(xy).reshape(*shape, 2), torch.tensor(score).reshape(shape)


def one(xy: list[list[float]], score: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(xy)[None, None, None], torch.tensor(score)[None, None, None]


@settings(max_examples=60, deadline=None)
@given(skeletons(), st.sampled_from([0.6, 0.7, 2.0]))
def test_joints_equal_the_plain_rules(poses: tuple[torch.Tensor, torch.Tensor], sigma: float) -> None:
    drawn = joint_heatmaps(*poses, (13, 16), sigma)
    for view, (xy, score) in enumerate(zip(*poses, strict=True)):
        expected = plain_heatmaps(xy.numpy(), score.numpy(), (13, 16), sigma)
        np.testing.assert_allclose(drawn[view].numpy(), expected, atol=1e-5)
        assert not (drawn[view].numpy()[expected == 0] > 1e-12).any()


@settings(max_examples=60, deadline=None)
@given(skeletons(), st.sampled_from([0.6, 0.7, 2.0]))
def test_limbs_equal_the_plain_rules(poses: tuple[torch.Tensor, torch.Tensor], sigma: float) -> None:
    poses = (poses[0].clamp(-1e3, 1e3), poses[1])  # the plain rules lose all digits on longer limbs
    drawn = limb_heatmaps(*poses, LIMBS, (13, 16), sigma)
    for view, (xy, score) in enumerate(zip(*poses, strict=True)):
        expected = plain_heatmaps(xy.double().numpy(), score.numpy(), (13, 16), sigma, limbs=LIMBS)
        np.testing.assert_allclose(drawn[view].numpy(), expected, atol=2e-4)


@pytest.mark.parametrize("shape", [(0, 2, 1, 4), (1, 0, 1, 4), (1, 2, 0, 4), (1, 2, 1, 0)])
def test_nothing_to_draw_is_an_empty_picture(shape: tuple[int, ...]) -> None:
    xy, score = torch.ones(*shape, 2), torch.ones(shape)
    expected = torch.zeros(shape[0], shape[3], shape[1], 5, 7)
    assert torch.equal(joint_heatmaps(xy, score, (5, 7)), expected)
    assert torch.equal(limb_heatmaps(xy, score, (), (5, 7)), expected[:, :0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_golden_patches(dtype: torch.dtype) -> None:
    tolerance = {torch.float16: 5e-4, torch.bfloat16: 4e-3}.get(dtype, 1e-6)
    xy, score = one([[3.25, 4.5]], [0.9])
    joint = joint_heatmaps(xy.to(dtype), score.to(dtype), 8, 0.6)
    assert joint.dtype == torch.float32
    np.testing.assert_allclose(joint[0, 0, 0].numpy(), GOLDEN["tiny_joint"], atol=tolerance)
    xy, score = one([[1.0, 1.0], [5.0, 4.0]], [0.9, 0.6])
    limb = limb_heatmaps(xy.to(dtype), score.to(dtype), [(0, 1)], 8, 0.6)
    assert limb.dtype == torch.float32
    np.testing.assert_allclose(limb[0, 0, 0].numpy(), GOLDEN["tiny_limb"], atol=tolerance)


@pytest.mark.parametrize(
    ("x", "columns"),
    [
        (0.0, [0, 1]),
        (1.7, [0, 1, 2, 3]),
        (-1.7, [0]),
        (-2.7, [0]),  # int(-0.9) is 0: truncation towards zero keeps the first pixel
        (-2.9, []),
        (9.7, [7]),
        (9.9, []),
    ],
)
def test_window_truncates_towards_zero(x: float, columns: list[int]) -> None:
    row = joint_heatmaps(*one([[x, 3.0]], [1.0]), 8, 0.6)[0, 0, 0, 3]
    assert row.nonzero().flatten().tolist() == columns


@pytest.mark.parametrize(
    ("score", "eps", "drawn"),
    [(0.0, 1e-3, False), (5e-4, 1e-3, False), (5e-4, 1e-4, True), (1e-2, 1e-3, True), (float("nan"), 1e-3, False)],
)
def test_low_scores_are_left_out(score: float, eps: float, drawn: bool) -> None:
    xy, scores = one([[3.0, 3.0], [6.0, 3.0]], [score, 1.0])
    assert bool(joint_heatmaps(xy, scores, 8, eps=eps)[0, 0].any()) is drawn
    assert bool(limb_heatmaps(xy, scores, [(0, 1)], 8, eps=eps).any()) is drawn


@pytest.mark.parametrize(("end", "peak"), [(4.0, 0.4), (3.9, 0.8)], ids=["a pixel long", "shorter"])
def test_short_limb_is_its_start_joint_with_its_own_score(end: float, peak: float) -> None:
    xy, score = one([[3.0, 3.0], [end, 3.0]], [0.8, 0.4])
    limb = limb_heatmaps(xy, score, [(0, 1)], 8)[0, 0, 0]
    assert limb.max().item() == pytest.approx(peak)
    if end < 4:
        torch.testing.assert_close(limb, joint_heatmaps(xy, score, 8)[0, 0, 0])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_coordinates_that_are_no_numbers_are_not_drawn(value: float) -> None:
    xy, score = one([[value, 3.0], [6.0, 3.0]], [1.0, 1.0])
    assert not joint_heatmaps(xy, score, 8)[0, 0].any()
    assert joint_heatmaps(xy, score, 8)[0, 1].any()
    assert not limb_heatmaps(xy, score, [(0, 1)], 8).any()


def test_people_are_merged_by_maximum() -> None:
    first, second = one([[3.0, 3.0]], [0.5]), one([[4.0, 3.0]], [1.0])
    both = [torch.cat(parts, 2) for parts in zip(first, second, strict=True)]
    expected = torch.maximum(joint_heatmaps(*first, 8), joint_heatmaps(*second, 8))
    assert torch.equal(joint_heatmaps(*both, 8), expected)


@pytest.mark.parametrize("kind", ["joint", "limb", "joint+limb"])
def test_the_order_in_memory_changes_no_value(kind: str) -> None:
    random = torch.Generator().manual_seed(0)
    xy, score = torch.rand(2, 3, 2, 17, 2, generator=random) * 24 - 4, torch.rand(2, 3, 2, 17, generator=random)
    last = draw(xy, score, 16, kind=kind, channels_last=True)
    assert last.is_contiguous(memory_format=torch.channels_last_3d)
    assert torch.equal(last, draw(xy, score, 16, kind=kind))


def test_parts_of_the_pixel_list_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    xy = torch.rand(2, 3, 2, 17, 2, generator=generator) * 20 - 2
    score = torch.rand(2, 3, 2, 17, generator=generator)
    whole = limb_heatmaps(xy, score, COCO17.limbs, 16)
    monkeypatch.setattr(gaussians, "PIXELS_AT_ONCE", 37)
    assert torch.equal(limb_heatmaps(xy, score, COCO17.limbs, 16), whole)


@pytest.mark.parametrize(
    ("xy", "score"),
    [((2, 1, 17, 2), (2, 1, 17)), ((1, 2, 1, 17, 3), (1, 2, 1, 17)), ((1, 2, 1, 17, 2), (1, 2, 2, 17))],
    ids=["no views", "three coordinates", "other people"],
)
def test_shapes_that_disagree_are_refused(xy: tuple[int, ...], score: tuple[int, ...]) -> None:
    with pytest.raises(InvalidPoses, match=r"\(V, T, M, K, 2\)"):
        joint_heatmaps(torch.ones(xy), torch.ones(score), 8)


@pytest.mark.parametrize(("size", "sigma"), [(0, 0.6), ((8, 0), 0.6), (8, 0.0), (8, -1.0), (8, float("nan"))])
def test_a_picture_without_pixels_is_refused(size: int | tuple[int, int], sigma: float) -> None:
    poses = one([[3.0, 3.0]], [1.0])
    with pytest.raises(UsageError, match="size must be at least 1 and sigma above 0"):
        joint_heatmaps(*poses, size, sigma)
    with pytest.raises(UsageError, match="size must be at least 1 and sigma above 0"):
        limb_heatmaps(*poses, [(0, 0)], size, sigma)


@pytest.mark.parametrize("far", [1e7, 1e30, 3e38])
def test_limbs_of_any_length_are_numbers(far: float) -> None:
    limb = limb_heatmaps(*one([[-far, -far], [far, far]], [1.0, 1.0]), [(0, 1)], 8)[0, 0, 0]
    assert limb.isfinite().all()
    assert limb.diagonal().min() > 0.5
