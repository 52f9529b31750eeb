"""Evaluation views end to end: the reference's numbers, the order of views, every number type, bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from plain_gaussians import plain_heatmaps

from poseact.errors import InvalidPoses, UsageError
from poseact.heatmap import (
    channel_names,
    clip_keypoints,
    evaluation_views,
    iter_evaluation_views,
    subject_crop,
    uniform_test_indices,
)
from poseact.skeleton import COCO17, Layout, register

GOLDEN = json.loads((Path(__file__).parent.parent / "golden/golden.json").read_text())
STANDING = [
    [320, 100], [325, 95], [315, 95], [335, 100], [305, 100], [350, 150], [290, 150], [370, 200], [270, 200],
    [380, 250], [260, 250], [340, 260], [300, 260], [345, 340], [295, 340], [350, 420], [290, 420],
]  # fmt: skip
SIZE = (480, 640)
SMALL = {"clip_len": 8, "num_clips": 2, "size": 16}


def drifting(frames: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """One person who drifts, the sequence that the reference numbers were taken on."""
    rng = np.random.RandomState(0)
    xy = np.array(STANDING) + np.cumsum(rng.randn(frames, 1, 2) * 3, axis=0)
    score = 0.5 + 0.5 * rng.rand(frames, 17)
    return xy[None].astype(np.float32), score[None].astype(np.float32)


@pytest.mark.parametrize(("kind", "name"), [("joint", "heat_limbFalse"), ("limb", "heat_limbTrue")])
def test_reference_volume(kind: str, name: str) -> None:
    expected = GOLDEN[name]
    xy, score = drifting()
    volume = evaluation_views(xy, score, SIZE, num_clips=1, kind=kind, flip=False)[0]
    assert [48, 17, 64, 64] == expected["shape"] == [volume.shape[1], volume.shape[0], *volume.shape[2:]]
    assert volume.sum().item() == pytest.approx(expected["sum"], rel=2e-6)
    assert volume.max().item() == pytest.approx(expected["max"], abs=1e-6)
    assert volume.sum((1, 2, 3))[:5].tolist() == pytest.approx(expected["ch_sums"], rel=5e-6)
    assert volume.count_nonzero().item() == expected["nonzero"]


def test_reference_crop() -> None:
    xy, score = drifting()
    indices = uniform_test_indices(60, 48, 1)
    assert subject_crop(torch.tensor(xy[:, indices[0]]), SIZE)[1] == tuple(GOLDEN["heat_limbFalse"]["compact_shape"])
    clip, _ = clip_keypoints(xy, score, SIZE, indices)
    assert clip.shape == (1, 48, 1, 17, 2)
    assert clip[0, 0, 0, :3].numpy() == pytest.approx(np.array(GOLDEN["heat_limbFalse"]["kp_resized_first3"]), abs=1e-6)


@pytest.mark.parametrize("sampler", ["pyskl", "mmaction2", "even"])
@pytest.mark.parametrize("kind", ["joint", "limb"])
def test_originals_first_then_mirrored(kind: str, sampler: str) -> None:
    xy, score = drifting()
    views = evaluation_views(xy, score, SIZE, kind=kind, sampler=sampler, **SMALL)
    assert views.shape == (4, 17, 8, 16, 16)
    assert views.dtype == torch.float32
    assert torch.equal(views[:2], evaluation_views(xy, score, SIZE, kind=kind, sampler=sampler, flip=False, **SMALL))
    left, right = ((1, 3, 5, 7, 9, 11, 13, 15), (2, 4, 6, 8, 10, 12, 14, 16))
    if kind == "limb":
        left, right = (0, 2, 3, 6, 7, 8, 12, 14), (1, 4, 5, 9, 10, 11, 13, 15)
    for first, second in (*zip(left, right, strict=True), *zip(right, left, strict=True)):
        assert torch.equal(views[2:, first], views[:2, second].flip(-1))
    alone = 0 if kind == "joint" else 16
    assert torch.equal(views[2:, alone], views[:2, alone].flip(-1))


@pytest.mark.parametrize("kind", ["joint", "limb"])
def test_every_view_follows_the_plain_rules(kind: str) -> None:
    """Two people, missing joints, numbers that are none; crop and resize restated here in numpy."""
    xy, score = drifting()
    xy, score = np.concatenate([xy, xy[..., ::-1, :] * 0.5 + 20]), np.concatenate([score, score * 0.7])
    xy[0, 10:20, 3] = 0
    xy[1, :, 5, 0] = np.nan
    score[1, 30:40] = 0
    views = evaluation_views(xy, score, SIZE, kind=kind, num_clips=3, flip=False)
    indices = uniform_test_indices(60, 48, 3)
    clean = np.nan_to_num(xy)[:, indices.ravel()]
    low = [clean[..., axis][clean[..., axis] != 0].min() for axis in (0, 1)]
    high = [clean[..., axis][clean[..., axis] != 0].max() for axis in (0, 1)]
    half = max((high[0] - low[0]) / 2, (high[1] - low[1]) / 2) * 1.25
    for axis in (0, 1):
        middle = (high[axis] + low[axis]) / 2
        begin, end = int(middle - half), int(middle + half)
        values = clean[..., axis]
        values[values != 0] -= begin
        clean[..., axis] = values * np.float32(64 / (end - begin))
    for view in range(3):
        clip = slice(view * 48, view * 48 + 48)
        people, peaks = (part[:, clip].swapaxes(0, 1) for part in (clean, score[:, indices.ravel()]))
        limbs = COCO17.limbs if kind == "limb" else None
        expected = plain_heatmaps(people, peaks, (64, 64), 0.6, limbs=limbs)
        np.testing.assert_allclose(views[view].numpy(), expected, atol=2e-5)


def test_mmaction2_cuts_the_middle_of_a_frame_without_a_subject() -> None:
    """A subject below 10 px is not cropped: pyskl squashes the frame, mmaction2 cuts its middle square."""
    xy, score = np.full((1, 4, 17, 2), 240.0), np.ones((1, 4, 17))
    xy[..., 0] = 320.0
    indices = uniform_test_indices(4, 8, 1)
    squashed, _ = clip_keypoints(xy, score, SIZE, indices, sampler="pyskl")
    cut, _ = clip_keypoints(xy, score, SIZE, indices, sampler="mmaction2")
    assert squashed[0, 0, 0, 0].tolist() == [32, 32]
    assert cut[0, 0, 0, 0].tolist() == pytest.approx([320 * 85 / 640 - 10, 32])


def test_mmaction2_draws_fainter_joints() -> None:
    xy, score = drifting()
    faint = np.full_like(score, 5e-4)
    assert not evaluation_views(xy, faint, SIZE, sampler="pyskl", **SMALL).any()
    assert evaluation_views(xy, faint, SIZE, sampler="mmaction2", **SMALL).any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("as_torch", [False, True], ids=["numpy", "torch"])
def test_number_types(dtype: type, as_torch: bool) -> None:
    xy, score = (part.astype(dtype) for part in drifting())
    expected = evaluation_views(xy.astype(np.float32), score.astype(np.float32), SIZE, **SMALL)
    kept = xy.copy()
    poses = (torch.from_numpy(xy), torch.from_numpy(score)) if as_torch else (xy, score)
    views = evaluation_views(*poses, SIZE, **SMALL)
    assert views.dtype == torch.float32
    assert torch.equal(views, expected)
    assert (xy == kept).all()


def test_memory_layout_does_not_matter() -> None:
    xy, score = drifting()
    expected = evaluation_views(xy, score, SIZE, **SMALL)
    reversed_twice = np.ascontiguousarray(xy[:, ::-1])[:, ::-1]
    reversed_twice.flags.writeable = False
    assert torch.equal(evaluation_views(reversed_twice, score.tolist(), SIZE, **SMALL), expected)


@pytest.mark.parametrize("chunk", [1, 2, 3, 50])
@pytest.mark.parametrize("flip", [True, False], ids=["flip", "no-flip"])
def test_views_in_parts_are_the_same_views(chunk: int, flip: bool) -> None:
    xy, score = drifting()
    options = {"clip_len": 8, "num_clips": 5, "size": 16, "kind": "limb", "flip": flip}
    parts = list(iter_evaluation_views(xy, score, SIZE, chunk=chunk, **options))
    assert max(len(part) for part in parts) == min(chunk, 5)
    assert torch.equal(torch.cat(parts), evaluation_views(xy, score, SIZE, **options))


@pytest.mark.parametrize("frames", [1, 5, 48, 49, 96, 200])
def test_any_length(frames: int) -> None:
    xy, score = drifting(frames)
    views = evaluation_views(xy, score, SIZE, num_clips=3, size=16)
    assert views.shape == (6, 17, 48, 16, 16)
    assert views.flatten(2).amax(-1).min() > 0


def test_nobody_seen_is_an_empty_picture() -> None:
    views = evaluation_views(np.zeros((1, 5, 17, 2)), np.zeros((1, 5, 17)), SIZE, **SMALL)
    assert views.shape == (4, 17, 8, 16, 16)
    assert not views.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_hostile_numbers_do_no_harm(value: float) -> None:
    xy, score = drifting()
    xy[0, 3], score[0, 4] = value, np.nan
    views = evaluation_views(xy, score, SIZE, clip_len=60, num_clips=1, size=16, kind="limb")
    assert torch.isfinite(views).all()


P, S = (1, 5, 17, 2), (1, 5, 17)


@pytest.mark.parametrize(
    ("xy", "score", "image", "options", "error", "message"),
    [
        ((0, 5, 17, 2), (0, 5, 17), SIZE, {}, InvalidPoses, r"at least one person.*\(0, 5, 17\)"),
        ((1, 0, 17, 2), (1, 0, 17), SIZE, {}, InvalidPoses, r"at least one person.*\(1, 0, 17\)"),
        ((5, 17, 2), (5, 17), SIZE, {}, InvalidPoses, r"\(5, 17, 2\)"),
        ((1, 5, 17, 3), S, SIZE, {}, InvalidPoses, r"\(1, 5, 17, 3\)"),
        (P, (1, 6, 17), SIZE, {}, InvalidPoses, r"\(1, 6, 17\)"),
        ((1, 5, 13, 2), (1, 5, 13), SIZE, {}, InvalidPoses, "13 joints"),
        (P, S, (0, 640), {}, InvalidPoses, r"\(0, 640\)"),
        (P, S, (480,), {}, InvalidPoses, "image_size"),
        (P, S, SIZE, {"kind": "bone"}, UsageError, "unknown kind 'bone'; known are joint, limb"),
        (P, S, SIZE, {"sampler": "dense"}, UsageError, "unknown sampler 'dense'"),
        (P, S, SIZE, {"clip_len": 0}, UsageError, "clip_len"),
        (P, S, SIZE, {"num_clips": 0}, UsageError, "num_clips"),
        (P, S, SIZE, {"size": 0}, UsageError, "size"),
        (P, S, SIZE, {"sigma": 0.0}, UsageError, "sigma"),
        (P, S, SIZE, {"sigma": float("nan")}, UsageError, "sigma"),
    ],
)
def test_bad_input_says_so(
    xy: tuple[int, ...],
    score: tuple[int, ...],
    image: tuple[int, ...],
    options: dict[str, object],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        evaluation_views(np.ones(xy), np.ones(score), image, **options)
    with pytest.raises(error, match=message):
        iter_evaluation_views(np.ones(xy), np.ones(score), image, **options)


def test_chunk_must_hold_a_view() -> None:
    with pytest.raises(UsageError, match="chunk must be at least 1, got 0"):
        iter_evaluation_views(*drifting(), SIZE, chunk=0)


def test_words_are_not_poses() -> None:
    with pytest.raises(InvalidPoses, match="arrays of numbers"):
        evaluation_views([["a"]], [["b"]], SIZE)


@pytest.mark.parametrize("indices", [[[0, 60]], [[-1, 0]], [0, 1]], ids=["beyond", "negative", "no clips"])
def test_frames_that_are_not_there(indices: list[object]) -> None:
    with pytest.raises(InvalidPoses, match="indices must be"):
        clip_keypoints(*drifting(), SIZE, np.array(indices))


def test_joint_order_of_another_layout() -> None:
    three = Layout("three", ("nose", "left", "right"), ((1, 2),), ((0, 1), (0, 2)), ((0, 1),))
    xy = np.array([[[[50.0, 50.0], [80.0, 90.0], [20.0, 90.0]]]])
    views = evaluation_views(xy, np.ones((1, 1, 3)), SIZE, kind="limb", layout=three, **SMALL)
    assert views.shape == (4, 2, 8, 16, 16)
    assert torch.equal(views[2:, 0], views[:2, 1].flip(-1))


def test_the_limbs_of_a_layout_without_limbs_are_nothing_to_draw() -> None:
    keypoint, score = drifting()
    dots = register({"name": "dots-3", "keypoints": ["a", "b", "c"]}, "a test")
    with pytest.raises(UsageError, match="dots-3 has no limbs, so kind 'limb' shows nothing"):
        channel_names("limb", dots)
    with pytest.raises(UsageError, match="has no limbs"):
        evaluation_views(keypoint[:, :, :3], score[:, :, :3], (480, 640), kind="limb", layout=dots)
