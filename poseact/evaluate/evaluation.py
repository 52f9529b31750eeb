"""Models and stored scores, each by itself and all together, on the clips of a data set. Knows nothing of arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from poseact.errors import InvalidPoses, UsageError
from poseact.evaluate.clips import with_model_labels
from poseact.evaluate.open_set import OpenSet, open_set
from poseact.evaluate.outcome import Outcome, outcome
from poseact.evaluate.protocol import Progress, Videos, scores_of, seen
from poseact.evaluate.scores import UNLABELLED, Scores, fuse, in_order_of
from poseact.recognize import Classifier, Ensemble, Thresholds
from poseact.recognize.shares import shares
from poseact.types import PoseSequence


@dataclass(frozen=True)
class Part:
    """One model, or one file of scores, that takes part.

    Attributes:
        source: its name. share: of the fusion.
        outcome: of it alone.
        views: per clip, or per window of one; 0 for stored scores.
        sha256: of the weight file; empty for stored scores.
    """

    source: str
    share: float
    outcome: Outcome
    views: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        scores: of everything together. outcome: of these.
        labels: of the classes. parts: in the order given.
        nobody: names of the clips without a person; they count as wrong. nobody_label: their classes.
        rows: of the scores among all clips, those without a person too.
        thresholds: beyond which the models together name nothing; None where stored scores take part.
        open_set: see `evaluate_unknown`.
    """

    scores: Scores
    outcome: Outcome
    labels: tuple[str, ...]
    parts: tuple[Part, ...]
    nobody: tuple[str, ...] = ()
    nobody_label: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()
    thresholds: Thresholds | None = None
    open_set: OpenSet | None = None

    def of_all_clips(self) -> Scores:
        """Scores with a row for every clip, those without a person too, of which all classes are as probable."""
        count, classes = len(self.scores) + len(self.nobody), self.scores.classes
        probability, label = np.full((count, classes), 1 / classes, np.float32), np.full(count, UNLABELLED)
        probability[list(self.rows)], label[list(self.rows)] = self.scores.probability, self.scores.label
        return Scores(self.scores.source, probability, label)


def evaluate(
    clips: Sequence[PoseSequence],
    model: Classifier | Ensemble | None = None,
    stored: Sequence[Scores] = (),
    *,
    classes: Sequence[str] = (),
    labels: Sequence[str] = (),
    weights: Sequence[float] | None = None,
    progress: Progress | None = None,
    videos: Videos | None = None,
) -> Evaluation:
    """Measure classifiers and stored scores, alone and fused.

    Args:
        clips: with labels; may be none when only stored scores are measured that tell their labels.
        model: one classifier, or several of the same classes; may be None with stored scores.
        stored: scores of the same clips.
        classes: names of the clips' labels; empty when the data set does not tell.
        labels: names of the classes of stored scores without a model; by default `classes`, or their numbers.
        weights: one per classifier, then one per stored score; None for equal ones.
        progress: called with (clips done, clips), counting those of every classifier.
        videos: of all clips, for classifiers that look at pictures.
    Raises: InvalidPoses, UsageError; InputError when a classifier looks at pictures and gets none.
    """
    classifiers = _classifiers(model)
    given = shares(weights, len(classifiers) + len(stored), "--weights", "models and files of scores")
    if model is not None:
        names = model.labels
    else:
        names = tuple(labels or classes) or tuple(str(number) for number in range(stored[0].classes))
    labelled = with_model_labels(clips, classes, names)
    aligned = [_of_clips(one, labelled) for one in stored] if clips else list(stored)
    known = [set(one.names) for one in aligned] if clips else []
    rows = [
        row for row, clip in enumerate(labelled)
        if seen(clip, None) and all(seen(clip, one.preprocessing.people) for one in classifiers)
        and all(clip.name in names for names in known)
    ]  # fmt: skip
    if clips and not rows:
        raise InvalidPoses("nobody is seen in any of the clips, so there is nothing to evaluate")
    looked_at = [labelled[row] for row in rows]
    parts = _scored(classifiers, given, looked_at, progress, videos)
    parts += [_of_clips(one, looked_at) for one in aligned] if clips else aligned
    absent = [labelled[row] for row in sorted({*range(len(labelled))} - {*rows})]
    nobody = tuple(clip.label for clip in absent)
    fused = fuse(parts, given)
    alone = parts if len(parts) == 1 else [fuse([fused, part], (0, 1)) for part in parts]
    views = [one.preprocessing.num_clips * (1 + one.preprocessing.flip) for one in classifiers] + [0] * len(stored)
    hashes = [one.sha256 for one in classifiers] + [""] * len(stored)
    return Evaluation(
        fused, outcome(fused, names, nobody), names,
        tuple(
            Part(part.source, share, outcome(one, names, nobody), count, sha256)
            for part, share, one, count, sha256 in zip(parts, given, alone, views, hashes, strict=True)
        ),
        tuple(clip.name for clip in absent), nobody, tuple(rows) or tuple(range(len(fused))),
        Ensemble(classifiers, given).thresholds if classifiers and not stored else None,
    )  # fmt: skip


def evaluate_unknown(
    found: Evaluation, clips: Sequence[PoseSequence], model: Classifier | Ensemble,
    weights: Sequence[float] | None = None, *, progress: Progress | None = None, videos: Videos | None = None,
) -> Evaluation:  # fmt: skip
    """What was found, and how well the doubts of the models tell clips of other classes from those of `found`.

    Args:
        found: of the same models and weights, without stored scores.
        clips: of classes that the models do not know; their labels say nothing, and those without a person are left
            out, because they get no answer anyway.
        weights, progress, videos: as for `evaluate`.
    Raises: UsageError where stored scores took part; InvalidPoses.
    """
    classifiers = _classifiers(model)
    if found.thresholds is None:
        raise UsageError("stored scores tell nothing of the unknown clips; leave --scores out")
    shown = [clip for clip in clips if all(seen(clip, one.preprocessing.people) for one in classifiers)]
    if not shown:
        raise InvalidPoses(
            f"nobody is seen in any of the {len(clips)} unknown clips, so there is nothing to tell apart"
        )
    given = shares(weights, len(classifiers), "--weights", "models")
    scores = fuse(_scored(classifiers, given, shown, progress, videos), given)
    return replace(found, open_set=open_set(found.scores, scores, found.thresholds))


def _classifiers(model: Classifier | Ensemble | None) -> tuple[Classifier, ...]:
    if model is None:
        return ()
    return model.classifiers if isinstance(model, Ensemble) else (model,)


def _scored(
    classifiers: Sequence[Classifier], given: Sequence[float], clips: Sequence[PoseSequence], progress: Progress | None,
    videos: Videos | None,
) -> list[Scores]:  # fmt: skip
    """The scores of each classifier; all look at the same windows, those of the ones that have a share, as recognition.

    Args:
        given: their shares, then those of others.
    """
    asked = [one for one, share in zip(classifiers, given, strict=False) if share] or classifiers
    seconds = min((one.seconds for one in asked if one.seconds is not None), default=None)
    total = len(classifiers) * len(clips)

    def after(done: int) -> Progress | None:
        return (lambda one, _: progress(done + one, total)) if progress else None

    return [
        scores_of(one, clips, seconds=seconds, progress=after(number * len(clips)), videos=videos)
        for number, one in enumerate(classifiers)
    ]


def _of_clips(stored: Scores, clips: Sequence[PoseSequence]) -> Scores:
    """Stored scores in the order of a data set's clips, with their names and labels.

    They may leave out clips of whose first person nothing is seen, as networks of one person do. In a form without
    names, such clips of which all classes are as probable are left out here.
    Raises: InvalidPoses when they are of other clips.
    """
    names = set(stored.names)
    wanted = [clip for clip in clips if clip.name in names or seen(clip, 1)] if names else list(clips)
    label = np.array([clip.label for clip in wanted], np.int64)
    blank = np.zeros((len(wanted), stored.classes), np.float32)
    truth = Scores("the poses", blank, label, tuple(clip.name for clip in wanted))
    probability = in_order_of(truth, stored).probability
    told = np.ptp(probability, axis=1) > 0
    rows = [row for row, clip in enumerate(wanted) if names or told[row] or seen(clip, 1)]
    return Scores(stored.source, probability[rows], label[rows], tuple(truth.names[row] for row in rows))
