"""Pictures of training batches: they agree with the heatmaps, whatever was changed, and come in order and on time."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from squares import BODY, CLASSES, HEIGHT, WIDTH, squares, tiny

from poseact.errors import InvalidVideo
from poseact.recognize.videos import VideoPictures, videos_of
from poseact.train.batches import Random, _draft, training_batches, view_outputs
from poseact.train.clips import stack
from poseact.train.footage import ahead, short_videos, shown_ahead, with_videos
from poseact.train.settings import Augmentation

NOTHING = {
    "window": 1, "scale": 0, "shift": 0, "rotation": 0, "noise": 0, "joint_dropout": 0, "frame_dropout": 0, "crop": 1,
    "flip": 0,
}  # fmt: skip
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return squares(tmp_path_factory.mktemp("squares"), 8)


@pytest.fixture(scope="module")
def clips(dataset):
    made = stack(dataset.annotations, CLASSES, tiny("rgbpose").preprocessing)
    return with_videos(made, videos_of(dataset.annotations, None))


def batches(clips, order=((0, 1, 2, 3),), seed=0, **changes):
    settings = tiny("rgbpose", **changes)
    return list(training_batches(clips, order, settings, Random.of(seed, CPU), CPU))


def augmentation(**changes):
    return {"augmentation": Augmentation(**{**NOTHING, **changes}).model_dump()}


CHANGES = {
    "nothing": {}, "flip": {"flip": 1.0}, "rotation": {"rotation": 90.0}, "scale": {"scale": 0.3},
    "shift": {"shift": 0.1}, "crop": {"crop": 0.6},
    "everything": {"flip": 0.5, "rotation": 40.0, "scale": 0.2, "shift": 0.1, "crop": 0.7},
}  # fmt: skip


def of_one_frame(clips, frame=5):
    """The clips cut down to one frame, so that it is known which one is shown."""
    one = slice(frame, frame + 1)
    return replace(
        clips, xy=tuple(xy[one] for xy in clips.xy), score=tuple(score[one] for score in clips.score),
        numbers=tuple(numbers[one] for numbers in clips.numbers),
    )  # fmt: skip


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_pictures_are_changed_as_joints_are(clips, changes):
    still = of_one_frame(clips)
    draft, cuts = _draft(still, range(8), tiny("rgbpose", **augmentation(**changes)), Random.of(1, CPU), slice(None))
    for row, cut in enumerate(cuts):
        assert cut.numbers.tolist() == [5, 5]
        nose = still.xy[row][0, 0, 0].double().numpy()  # has no other side to be exchanged with
        np.testing.assert_allclose(draft.xy[row, 0, 0, 0] * 4, cut.matrix[:, :2] @ nose + cut.matrix[:, 2], atol=1e-3)


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_the_square_lies_where_its_joints_are(clips, changes):
    """The middle of the bright pixels is that of the body; a pixel of the video is shown as four or more."""
    still = of_one_frame(clips)
    _, cuts = _draft(still, range(8), tiny("rgbpose", **augmentation(**changes)), Random.of(1, CPU), slice(None))
    whole = 0
    for row, cut in enumerate(cuts):
        bright = cut()[0, ..., 0] > 120
        if not (bright[[0, -1]].any() or bright[:, [0, -1]].any()):  # not cut by the border
            whole += 1
            middle = still.xy[row][0, 0].mean(0).double().numpy() - BODY.mean(0) + 7
            found = np.argwhere(bright).mean(0)[::-1] + 0.5
            np.testing.assert_allclose(found, cut.matrix[:, :2] @ middle + cut.matrix[:, 2], atol=1.5)
    assert whole >= 2


def test_inputs_are_what_the_network_reads(clips):
    (((pictures, heatmaps), target),) = batches(clips, **augmentation())
    assert (pictures.shape, heatmaps.shape) == ((4, 3, 2, 64, 64), (4, 17, 8, 16, 16))
    assert pictures.dtype == heatmaps.dtype == torch.float32
    assert target.argmax(1).tolist() == [0, 1, 0, 1]
    assert float(pictures.max()) < 3
    assert 0.5 < float(heatmaps.max()) <= 1


def test_a_network_of_pictures_gets_no_heatmaps(clips):
    ((inputs, _),) = training_batches(clips, [[0, 1]], tiny("rgb-only"), Random.of(0, CPU), CPU)
    assert [one.shape for one in inputs] == [(2, 3, 2, 64, 64)]


def test_pictures_shrink_with_the_heatmaps(clips):
    (((pictures, heatmaps), _),) = batches(clips, train_size=12)
    assert (pictures.shape[-1], heatmaps.shape[-1]) == (48, 12)


def test_the_same_seed_gives_the_same_batches(clips):
    order = ((0, 1), (2, 3), (4, 5))
    one, same, other = (batches(clips, order, seed) for seed in (3, 3, 4))
    for (inputs, _), (again, _), (different, _) in zip(one, same, other, strict=True):
        assert all(torch.equal(*pair) for pair in zip(inputs, again, strict=True))
        assert not torch.equal(inputs[0], different[0])
        assert not torch.equal(inputs[1], different[1])


def test_a_share_is_a_part_of_the_whole_batch(clips):
    settings, order = tiny("rgbpose"), [[0, 1, 2, 3], [4, 5, 6, 7]]
    whole, *halves = (
        list(training_batches(clips, order, settings, Random.of(0, CPU), CPU, share))
        for share in (slice(None), slice(0, 2), slice(2, 4))
    )
    for step, ((pictures, heatmaps), target) in enumerate(whole):
        parts = [half[step] for half in halves]
        assert torch.equal(pictures, torch.cat([inputs[0] for inputs, _ in parts]))
        assert torch.equal(heatmaps, torch.cat([inputs[1] for inputs, _ in parts]))
        assert torch.equal(target, torch.cat([wanted for _, wanted in parts]))


def test_nobody_in_sight_is_the_whole_picture(clips):
    gone = replace(clips, score=tuple(torch.zeros_like(score) for score in clips.score))
    _, cuts = _draft(gone, [0, 1], tiny("rgbpose", **augmentation()), Random.of(0, CPU), slice(None))
    np.testing.assert_allclose(cuts[0].matrix, [[1, 0, 0], [0, 1, (WIDTH - HEIGHT) / 2]], atol=1e-6)


def test_poses_of_a_smaller_picture_are_moved_to_the_video(dataset, clips):
    half = [
        replace(one, keypoint=one.keypoint / 2, image_size=(HEIGHT // 2, WIDTH // 2)) for one in dataset.annotations
    ]
    moved = with_videos(stack(half, CLASSES, tiny("rgbpose").preprocessing), videos_of(half, None))
    assert moved.image_size == ((HEIGHT, WIDTH),) * 8
    for xy, expected in zip(moved.xy, clips.xy, strict=True):
        torch.testing.assert_close(xy, expected)


def test_only_the_frames_that_are_shown_are_decoded(clips, monkeypatch):
    asked = []
    warped = VideoPictures.warped
    monkeypatch.setattr(
        VideoPictures, "warped", lambda self, indices, *rest: asked.append(len(indices)) or warped(self, indices, *rest)
    )
    batches(clips, ((0, 1, 2, 3), (4, 5, 6, 7)))
    assert asked == [2] * 8


@pytest.mark.parametrize("content", [b"", b"no video at all"], ids=["empty", "text"])
def test_videos_that_cannot_be_read_are_named_before_anything_is_trained(dataset, clips, tmp_path, content):
    for name in ("clip0", "clip3"):
        (tmp_path / f"{name}.mp4").write_bytes(content)
    videos = videos_of(dataset.annotations, None)
    broken = {**videos, **{name: VideoPictures(tmp_path / f"{name}.mp4") for name in ("clip0", "clip3")}}
    with pytest.raises(InvalidVideo, match=r"clip0.mp4 .*\(2 of 8 videos cannot be read\)$") as caught:
        with_videos(clips, broken)
    assert "\n" not in str(caught.value)


def test_videos_that_end_before_their_poses_are_named(dataset):
    late = [replace(one, frame_index=one.frame_index + 5 * (one.name == "clip2")) for one in dataset.annotations]
    made = stack(late, CLASSES, tiny("rgbpose").preprocessing)
    assert short_videos(made) == []  # without videos nothing is known
    assert short_videos(with_videos(made, videos_of(late, None))) == ["clip2"]


def slow(number, running, most):
    def task():
        running.append(number)
        most.append(len(running))
        time.sleep(0.002 * (number % 3))
        running.remove(number)
        return number

    return task


@pytest.mark.parametrize("count", [0, 1, 3, 40], ids=["none", "one", "few", "many"])
def test_results_come_in_order_and_not_too_far_ahead(count):
    started, seen = [], 0

    def tasks():
        for number in range(count):
            started.append(number)
            yield slow(number, [], [])

    for seen, number in enumerate(ahead(tasks(), depth=4)):
        assert number == seen
        assert len(started) <= seen + 4
    assert len(started) == count


def test_batches_come_in_order_and_not_too_far_ahead():
    drawn = []

    def drafts():
        for number in range(9):
            drawn.append(number)
            yield number, [lambda number=number: np.full(2, number)] * 3

    for expected, (number, pictures) in enumerate(shown_ahead(drafts(), depth=2)):
        assert number == expected
        assert pictures.tolist() == [[number] * 2] * 3
        assert len(drawn) <= expected + 2


def test_threads_end_with_whoever_stops_early():
    before = threading.active_count()
    batches = shown_ahead((number, [lambda: np.zeros(1)]) for number in range(100))
    next(batches)
    batches.close()
    assert threading.active_count() == before


def test_a_clip_that_cannot_be_decoded_stops_the_run_with_its_name():
    def fail():
        raise InvalidVideo("clip7.mp4: none of the frames can be decoded")

    with pytest.raises(InvalidVideo, match="clip7"):
        list(shown_ahead([(0, [fail])]))


def test_pictures_of_views_are_decoded_by_other_threads(clips, monkeypatch):
    decoding = []
    crops = VideoPictures.crops

    def noted(self, *arguments):
        decoding.append(threading.current_thread().name)
        return crops(self, *arguments)

    monkeypatch.setattr(VideoPictures, "crops", noted)
    settings = tiny("rgbpose").preprocessing

    def sums(pictures, heatmaps):
        return torch.stack([pictures.flatten(1).sum(1), heatmaps.flatten(1).sum(1)], 1)

    found = view_outputs(sums, clips, settings, CPU, ("rgb", "pose"))
    assert [one.shape for one in found] == [(1, settings.num_clips * (1 + settings.flip), 2)] * len(clips)
    assert len(decoding) == len(clips)
    assert all(name.startswith("pictures") for name in decoding)
