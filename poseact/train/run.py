"""One training run in one folder: data parts, network, loop, metrics file, final checkpoint with its card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from torch import Tensor

from poseact import __version__
from poseact.errors import UsageError
from poseact.files import sha256_of
from poseact.poses import PoseDataset
from poseact.recognize.videos import VideoPictures
from poseact.skeleton import own_keypoints
from poseact.train.calibration import TYPICAL_CLASSES, Calibration, as_rows, calibrate, typical_logits
from poseact.train.checkpoint import CHECKPOINT
from poseact.train.checks import check, oddities
from poseact.train.clips import Clips, stack
from poseact.train.distributed import Processes
from poseact.train.duration import with_measured_seconds
from poseact.train.footage import with_videos
from poseact.train.heads import head_shares, measured
from poseact.train.history import Epoch, write_history
from poseact.train.loop import OnStep, Trainer
from poseact.train.memory import enough_memory
from poseact.train.metrics import Metrics
from poseact.train.network import Start, first_network, network_config
from poseact.train.run_folder import claimed
from poseact.train.settings import TrainSettings
from poseact.train.teacher import TeacherScores, with_soft_targets
from poseact.types import PoseSequence
from poseact.zoo import Card, Preprocessing, find, save
from poseact.zoo.card import read_card

TYPICAL_CLIPS = 50


@dataclass(frozen=True)
class Run:
    """A finished run: the checkpoint, its card, and what was found on the validation part, if there is one.

    Attributes:
        streams: metrics of the pictures and of the poses alone, where a network answers for both.
    """

    weights: Path
    card: Card
    validation: Metrics | None
    calibration: Calibration | None = None
    streams: tuple[Metrics, ...] = ()


def train(
    dataset: PoseDataset,
    settings: TrainSettings,
    out: Path,
    *,
    name: str,
    train_splits: Sequence[str] = (),
    validation_splits: Sequence[str] = (),
    start: Start = None,
    videos: Mapping[str, VideoPictures] | None = None,
    teachers: Sequence[TeacherScores] = (),
    device: str = "cpu",
    half: bool = True,
    licence: str = "",
    processes: Processes | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_step: OnStep | None = None,
    on_note: Callable[[str], None] | None = None,
    on_warning: Callable[[str], None] | None = None,
) -> Run:
    """Train in `out`; the same call goes on where an earlier one was stopped.

    Args:
        name: of the model, kept in its card.
        train_splits, validation_splits: of the data set; no validation split: no looks, no calibration.
        start: a model of the same architecture whose weights are the first ones; its head only where the labels are
            the same. For RGBPose-Conv3D also two models, of pictures and of poses, that are put side by side.
            None: random weights.
        videos: of all clips, for a network that looks at pictures; see `poseact.recognize.videos`.
        teachers: what other models say of the training clips; see `poseact.train.teacher`.
        half: store the weights in half precision.
        licence: of the model, for its card; that of `start` when it is not told.
        processes: of a distributed run; only the first writes, and calls back.
        on_step: hears of an epoch while it lasts; see `Trainer.run`.
        on_note: called before the first step with what is trained on what, and where the run goes on.
        on_warning: called before the first step with each oddity of the data.
    Raises: UsageError when `out` holds another run, InvalidPoses, InvalidVideo, ModelError, OutputError.
    """
    processes = processes or Processes()
    if not processes.writes:
        on_epoch = on_step = on_note = on_warning = None
    say = on_warning or _nothing
    parts = [train_splits, validation_splits] if validation_splits else [train_splits]
    sequences = [dataset.clips(splits) for splits in parts]
    inputs, clips, validation, learnt = _material(sequences, dataset.classes, settings, videos)
    clips = with_soft_targets(clips, teachers, settings.teacher_share)
    origins = [_origin(one) for one in ((start,) if isinstance(start, str) else start or ())]
    card = _card(settings, inputs, clips, name, licence or _licence_of(origins))
    document = {
        "settings": settings.model_dump(mode="json"), "train": list(train_splits),
        "validation": list(validation_splits), "name": name, "start": start, "data": fingerprint(clips, validation),
    }  # fmt: skip
    with claimed(out, document) if processes.writes else nullcontext(), enough_memory(settings):
        for line in oddities(clips, validation, [one for part in sequences for one in part]):
            say(line)
        for line in _without_effect(settings, validation, teachers):
            say(line)
        network = first_network(settings, card, start, say)
        trainer = Trainer(network.to(processes.device(device)), settings, clips, validation, processes)
        if (out / CHECKPOINT).exists():
            trainer.resume(out / CHECKPOINT)
            if processes.writes:
                write_history(out, trainer.history)
        if on_note:
            on_note(description(trainer))
        for epoch in trainer.run(out, on_step):
            if on_epoch:
                on_epoch(epoch)
        about = {
            "train_splits": list(train_splits), "validation_splits": list(validation_splits), "data": document["data"],
            **({"started_from": [{"name": one.name, "sha256": one.sha256} for one in origins]} if origins else {}),
        }  # fmt: skip
        return _finish(trainer, out, card, about, learnt, half=half)


class _Material(NamedTuple):
    """What a network is trained on, and what it is judged by.

    Attributes:
        inputs: of the network.
        clips: to learn from. validation: to look at, if there are any.
        learnt: some of those to learn from, cut as recognition cuts them, which give the typical logits; None for too
            many classes.
    """

    inputs: Preprocessing
    clips: Clips
    validation: Clips | None
    learnt: Clips | None


def _material(
    sequences: Sequence[Sequence[PoseSequence]], classes: Sequence[str], settings: TrainSettings,
    videos: Mapping[str, VideoPictures] | None,
) -> _Material:  # fmt: skip
    """Args: sequences to learn from and, if there are any, to look at. Raises: as `train`."""
    inputs = settings.preprocessing
    if settings.measure_seconds and inputs.seconds is None:
        inputs = with_measured_seconds(inputs, sequences[0])
    clips = stack(sequences[0], classes, inputs)
    validation = stack(sequences[1], classes, inputs, inputs.seconds) if len(sequences) > 1 else None
    check(clips, validation)
    learnt = None
    if len(classes) <= TYPICAL_CLASSES:
        learnt = stack(few_of_each(sequences[0], TYPICAL_CLIPS), classes, inputs, inputs.seconds)
    if "rgb" in settings.streams:
        clips = _with_pictures(clips, videos)
        validation, learnt = (part and _with_pictures(part, videos) for part in (validation, learnt))
    return _Material(inputs, clips, validation, learnt)


def _without_effect(
    settings: TrainSettings, validation: Clips | None, teachers: Sequence[TeacherScores]
) -> Iterator[str]:
    """A line for each setting that changes nothing, be it for others or for what the run is given."""
    yield from settings.without_effect
    if settings.teacher_share != TrainSettings().teacher_share and not teachers:
        yield "teacher_share has no effect: there is no teacher; give one with --teacher"
    if settings.patience and validation is None:
        yield f"patience is {settings.patience}, but there are no validation clips: the run will not end early"


def description(trainer: Trainer) -> str:
    """In one line what is trained, on what, and where it goes on."""
    settings, looked = trainer.settings, trainer.validation
    million = sum(one.numel() for one in trainer.network.parameters()) / 1e6
    precision = str(trainer.precision).removeprefix("torch.")
    to_validate = len(looked) if looked else "none"
    several = f" over {trainer.processes.count} processes" if trainer.processes.count > 1 else ""
    went_on = f"; goes on after epoch {trainer.epoch} of {settings.epochs}" if trainer.epoch else ""
    return (
        f"{settings.architecture} of {million:.2f} million parameters; {len(trainer.train)} clips of "
        f"{len(trainer.train.classes)} classes to train on, {to_validate} to validate on; batches "
        f"of {trainer.batch_size}{several}, {precision} on {trainer.device}{went_on}"
    )


def few_of_each(sequences: Sequence[PoseSequence], count: int) -> list[PoseSequence]:
    """At most `count` of each label, spread evenly over the order given, in that order."""
    of_label: dict[int, list[int]] = {}
    for row, sequence in enumerate(sequences):
        of_label.setdefault(sequence.label, []).append(row)
    kept = {row for rows in of_label.values() for row in rows[:: ceil(len(rows) / count)]}
    return [sequence for row, sequence in enumerate(sequences) if row in kept]


class _Origin(NamedTuple):
    """A model from which training goes on."""

    name: str
    licence: str
    sha256: str


def _origin(start: str) -> _Origin:
    weights = find(start)
    card = read_card(weights.with_suffix(".json"))
    return _Origin(card.name, card.licence, sha256_of(weights))


def _licence_of(origins: Sequence[_Origin]) -> str:
    """Of a model that was trained on from others: theirs, each once."""
    return " and ".join(dict.fromkeys(one.licence for one in origins if one.licence))


def _with_pictures(clips: Clips, videos: Mapping[str, VideoPictures] | None) -> Clips:
    if videos is None:
        raise UsageError("the network looks at pictures; give the folder of the videos with --videos DIR")
    return with_videos(clips, videos)


def _nothing(line: str) -> None:
    """Says it to nobody."""


def _card(settings: TrainSettings, inputs: Preprocessing, clips: Clips, name: str, licence: str) -> Card:
    """The card as far as it is known before training. Raises: UsageError when no model could be saved with it."""
    try:
        return Card(
            name=name, task="classify", architecture=settings.architecture, config=network_config(settings, clips),
            labels=clips.classes, layout=clips.layout, keypoints=own_keypoints(clips.layout), preprocessing=inputs,
            licence=licence, poseact=__version__,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "config"
        raise UsageError(
            f"no model can be saved with this: {where}: {first['msg']}, got {first['input']!r:.60}"
        ) from error


def _finish(
    trainer: Trainer, out: Path, card: Card, about: Mapping[str, Any], learnt: Clips | None, *, half: bool
) -> Run:
    settings, clips, validation = trainer.settings, trainer.train, trainer.validation
    path = out / "model.safetensors"
    logits = trainer.logits(trainer.weights, validation) if validation is not None else None
    of_learnt = trainer.logits(trainer.weights, learnt) if learnt is not None else None
    if not trainer.processes.writes:
        return Run(path, card, None)
    typical = typical_logits(of_learnt, learnt.label) if of_learnt and learnt else None
    found, final, streams = None, None, []
    if validation is not None and logits is not None:
        found = calibrate(logits, validation.label, head_shares(len(logits[0])), typical)
        final, *streams = measured(logits, validation.label)
    card = finished(
        card, found, typical, clips=len(clips), validation_clips=len(validation) if validation else 0,
        **{f"validation_top1_{stream}": round(one.top1, 4)
           for stream, one in zip(settings.streams, streams, strict=False)},
        **about, epochs_done=trainer.epoch,
        settings=settings.model_dump(mode="json", exclude={"preprocessing", "config", "architecture"}),
    )  # fmt: skip
    return Run(save(out, trainer.weights, card, half=half), card, final, found, tuple(streams))


def finished(card: Card, found: Calibration | None, typical: Tensor | None, **training: Any) -> Card:
    """The card with what is known after training.

    Args:
        found: on the validation clips. typical: logits of the training clips, see `typical_logits`.
        training: for people, beside the figures of `found`.
    """
    figures = found.figures if found else {}
    decided = found.card if found else {}
    return card.model_copy(update={**decided, "typical": as_rows(typical), "training": {**training, **figures}})


def fingerprint(clips: Clips, validation: Clips | None) -> str:
    """sha256 of what a run learns from, so that it never goes on with other data: poses, labels, sizes of videos."""
    digest = hashlib.sha256()
    for part in (clips, validation):
        for name, xy, score in zip(part.names, part.xy, part.score, strict=True) if part else ():
            digest.update(name.encode() + xy.numpy().tobytes() + score.numpy().tobytes())
        for video, number in zip(part.videos, part.numbers, strict=False) if part else ():  # none for poses alone
            digest.update(f"{video.path.stat().st_size}".encode() + number.numpy().tobytes())
        digest.update(part.soft.numpy().tobytes() if part and part.soft is not None else b"")
        digest.update(part.label.numpy().tobytes() + "\0".join(part.classes).encode() if part else b"none")
    return digest.hexdigest()
