"""The plain numpy pipeline that benchmarks/train.py compares with, against the one of training, and its rules."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(BENCHMARKS))
    import train

    yield train
    sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize("kind", ["joint", "limb"])
def test_both_ways_draw_the_same_clip(bench, kind):
    clips = bench.standing(1)
    xy, score = clips.xy[0][:48], clips.score[0][:48]  # every frame of the clip is taken
    one = bench.Clips(
        (xy,), (score,), clips.image_size, clips.label, clips.classes, clips.layout, clips.names,
    )  # fmt: skip
    settings = bench.settings_of(kind, bench.recipe("ntu60").augmentation.model_copy(update={"crop": 1.0, "flip": 0.0}))
    ((ours,), _) = next(bench.our_batches(one, settings, 1))
    limbs = bench.COCO17.limbs if kind == "limb" else None
    # The published crop is rounded to whole pixels, an eighth of a pixel of the clip.
    plain = bench.plain_clip(xy.numpy(), score.numpy(), limbs, np.random.default_rng(0), area=(1, 1), flip=0)
    assert ours[0].shape == plain.shape == (17, 48, 56, 56)
    assert np.corrcoef(ours[0].numpy().ravel(), plain.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("length", [1, 30, 48, 60, 95, 96, 300])
def test_plain_frames_cover_the_video_in_order(bench, length):
    frames = bench.plain_frames(length, np.random.default_rng(0))
    assert frames.shape == (48,)
    assert (frames.min() >= 0) & (frames.max() < length)
    if length >= 48:
        assert (np.diff(frames) > 0).all()
    if length >= 96:
        borders = np.arange(49) * length // 48
        assert ((borders[:-1] <= frames) & (frames < borders[1:])).all()


def test_a_plain_crop_stretches_a_part_of_the_subject(bench):
    xy = bench.standing(1).xy[0].numpy()[:48]
    sizes = [np.ptp(bench.plain_crop(xy, np.random.default_rng(seed), (0.56, 1.0)), (0, 1, 2)) for seed in range(40)]
    assert (
        56 / 1.25 - 1 < max(np.ptp(bench.plain_crop(xy, np.random.default_rng(0), (1, 1)), (0, 1, 2))) < 56 / 1.25 + 1
    )
    assert max(map(max, sizes)) > 1.2 * min(map(max, sizes))


def test_tables_have_a_row_per_kind_and_recipe(bench):
    assert bench.input_table(bench.standing(4), batch=2, runs=1).row_count == 2
