import pytest
import torch

from poseact.heatmap import uniform_test_indices
from poseact.skeleton import COCO17
from poseact.train.augment import augment as augment_pixels
from poseact.train.augment import deform, mix, sample_frames
from poseact.train.settings import Augmentation

NOTHING = Augmentation(
    window=1, scale=0, shift=0, rotation=0, noise=0, joint_dropout=0, frame_dropout=0, flip=0, mixup=0
)


SIZE = 32


def augment(xy, score, settings, random):
    return augment_pixels(xy, score, SIZE, settings, COCO17.flip_joints, random)[:2]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def distances(points: torch.Tensor) -> torch.Tensor:
    return (points[:, :, None] - points[:, None]).norm(dim=-1)


def clips(count: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    xy = SIZE * torch.rand(count, 6, 2, 17, 2, generator=generator(1))
    return xy, torch.rand(count, 6, 2, 17, generator=generator(2))


@pytest.mark.parametrize("length", [1, 3, 16, 40], ids=["one", "shorter", "as long", "longer"])
@pytest.mark.parametrize("window", [0.5, 1.0])
def test_sampled_frames_are_ascending_and_inside(length, window):
    frames = sample_frames(torch.full((500,), length), 16, window, generator())
    assert frames.shape == (500, 16)
    assert int(frames.min()) >= 0
    assert int(frames.max()) <= length - 1
    assert bool((frames.diff(dim=1) >= 0).all())


def test_a_full_window_takes_one_frame_of_each_part():
    frames = sample_frames(torch.full((500,), 32), 16, 1.0, generator())
    assert bool((frames // 2 == torch.arange(16)).all())
    assert bool((frames.float().mean(0) - (torch.arange(16) * 2 + 0.5)).abs().max() < 0.1)


@pytest.mark.parametrize("length", [1, 5, 15, 16, 17, 25, 31, 32, 33, 100])
def test_published_samplers_draw_training_frames_as_the_papers_do(length):
    frames = sample_frames(torch.full((800,), length), 16, 1.0, generator(), sampler="pyskl")
    drawn = torch.from_numpy(uniform_test_indices(length, 16, 800))
    assert frames.min() == drawn.min() == 0
    assert frames.max() == drawn.max() == length - 1
    torch.testing.assert_close(frames.double().mean(0), drawn.double().mean(0), atol=0.02 + length / 40, rtol=0)
    steps = frames.diff(dim=1)
    if length < 16:
        assert bool((steps % length == 1 % length).all())
    elif length < 32:
        assert set(steps.unique().tolist()) <= {1, 2}
    else:
        borders = torch.arange(17) * length // 16
        assert bool(((frames >= borders[:-1]) & (frames < borders[1:])).all())
    assert (len(frames.unique(dim=0)) == 1) is (length in (1, 16))


@pytest.mark.parametrize("sampler", ["pyskl", "mmaction2", "even"])
def test_the_same_generator_draws_the_same_frames(sampler):
    length = torch.tensor([1, 5, 20, 100])
    one, other = (sample_frames(length, 16, 0.7, generator(3), sampler=sampler) for _ in range(2))
    assert torch.equal(one, other)


def test_published_samplers_stay_within_their_stretch():
    length = torch.tensor([1, 4, 20, 90])
    frames = sample_frames(length.repeat(200), 16, 0.5, generator(), sampler="mmaction2")
    assert int(frames.min()) == 0
    assert bool((frames < length.repeat(200)[:, None]).all())
    warped = sample_frames(length, 16, 1.0, generator(), 0.7, sampler="pyskl")
    assert torch.equal(warped, sample_frames(length, 16, 1.0, generator(), 0.7))


def test_the_pace_changes_within_the_clip():
    length = torch.full((2000,), 320)
    even, warped = (sample_frames(length, 16, 1.0, generator(), speed) for speed in (0.0, 0.7))
    assert bool((warped.diff(dim=1) >= 0).all())
    assert int(warped.min()) == 0
    assert 310 < int(warped.max()) < 320
    middle = warped[:, 8].float() / 320  # time 0.53 ** exp(U(-0.7, 0.7))
    assert float(even[:, 8].float().std()) / 320 < 0.02
    assert (float(middle.min()), float(middle.max())) == pytest.approx((0.5**2.01, 0.5625 ** (1 / 2.01)), abs=0.03)
    assert torch.equal(even, sample_frames(length, 16, 1.0, generator()))


def test_no_augmentation_changes_nothing():
    xy, score = clips()
    moved, kept = augment(xy, score, NOTHING, generator())
    torch.testing.assert_close(moved, xy)
    torch.testing.assert_close(kept, score)


def test_the_mirror_image_exchanges_sides():
    xy, score = clips()
    always = NOTHING.model_copy(update={"flip": 1.0})
    moved, kept = augment(xy, score, always, generator())
    left, right = 5, 6
    torch.testing.assert_close(moved[..., left, 0], SIZE - xy[..., right, 0])
    torch.testing.assert_close(moved[..., left, 1], xy[..., right, 1])
    torch.testing.assert_close(kept[..., left], score[..., right])
    twice, _ = augment(moved, kept, always, generator())
    torch.testing.assert_close(twice, xy)


def test_a_turn_keeps_distances_and_a_clip_moves_as_one():
    xy, score = clips()
    turned, _ = augment(xy, score, NOTHING.model_copy(update={"rotation": 30, "shift": 0.3}), generator())
    before, after = (points.flatten(1, 3) for points in (xy, turned))
    torch.testing.assert_close(distances(after), distances(before), atol=1e-3, rtol=1e-4)


def test_missing_joints_stay_missing_and_dropout_drops_its_share():
    xy, score = clips(2000)
    score[:, :, :, 3] = 0
    _, kept = augment(xy, score, NOTHING.model_copy(update={"joint_dropout": 0.25}), generator())
    assert bool((kept[:, :, :, 3] == 0).all())
    assert float((kept[:, 0, 0, 5] == 0).float().mean()) == pytest.approx(0.25, abs=0.04)


def test_augmentation_is_a_function_of_its_generator():
    xy, score = clips()
    first, second, other = (augment(xy, score, Augmentation(), generator(seed))[0] for seed in (3, 3, 4))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_mixup_blends_clips_and_targets_alike():
    heatmaps = torch.eye(4).reshape(4, 4, 1, 1, 1)
    target = torch.eye(4)
    mixed, soft = mix(heatmaps, target, 0.4, generator())
    torch.testing.assert_close(mixed.reshape(4, 4), soft)
    torch.testing.assert_close(soft.sum(1), torch.ones(4))
    assert mix(heatmaps, target, 0.0, generator())[0] is heatmaps


def test_a_figure_is_deformed_as_one_and_its_parts_are_missing_together():
    xy, score = clips(400)
    settings = NOTHING.model_copy(update={"stretch": 0.3, "shear": 0.2, "bones": 0.1, "part_dropout": 0.5})
    moved, kept = deform(xy, score, settings, COCO17, generator())
    assert all(map(torch.equal, (moved, kept), deform(xy, score, settings, COCO17, generator())))
    assert moved.shape == xy.shape
    missing = (kept == 0).any(3)
    assert torch.equal(missing, missing[:, :1].expand_as(missing))
    assert float(missing[:, 0, 0].float().mean()) == pytest.approx(0.5, abs=0.08)
    assert all(map(torch.equal, deform(xy, score, NOTHING, COCO17, generator()), (xy, score)))
