"""Source -> answer: extraction, the person of interest, classification, composed. Knows nothing of argument parsing."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from poseact.device import resolve_device
from poseact.errors import InputError, UsageError
from poseact.extract import Extractor, Timings
from poseact.extract.extractor import Progress
from poseact.extract.open import open_extractor
from poseact.poses import PoseDataset, choose, everybody, read_poses, sequence_tracks
from poseact.recognize.answer import seen
from poseact.recognize.classifier import Classifier
from poseact.recognize.ensemble import Ensemble, open_models
from poseact.recognize.pictures import Pictures
from poseact.recognize.result import Person, Recognition
from poseact.recognize.settings import Settings
from poseact.track import Selection, select
from poseact.types import Gap, PoseSequence, VideoInfo
from poseact.video import open_video

ALL = sys.maxsize


@dataclass(frozen=True)
class Recognizer:
    """Opened networks, ready for any number of sources.

    Attributes:
        extractor: video -> poses.
        classifier: poses, and pictures where it looks at them -> probabilities; an Ensemble of several models.
        settings: as chosen.
    """

    extractor: Extractor
    classifier: Classifier | Ensemble
    settings: Settings

    @classmethod
    def open(cls, settings: Settings | None = None) -> Recognizer:
        """Load every network.

        Raises: ModelError and its kinds; UsageError, also for people together before a model of one person.
        """
        chosen = settings or Settings()
        device = resolve_device(chosen.device)
        classifier = open_models(
            chosen.models, chosen.weights, device=device, clips=chosen.effort.clips, flip=chosen.effort.flip,
            stream_weights=chosen.stream_weights,
        )  # fmt: skip
        if chosen.together and classifier.people == 1:
            raise UsageError(
                f"{' + '.join(one.name for one in classifier.models)} was trained with one person at a time; leave "
                f"--together out, or choose a --model of several people"
            )
        return cls(open_extractor(chosen.extractor, device), classifier, chosen)

    def __call__(self, source: str | Path, progress: Progress | None = None) -> Recognition:
        """Name the action in a video.

        Args:
            progress: called with (frames done, frames planned).
        Raises: InvalidVideo, LimitExceeded, UsageError for a track id that does not exist, and for a model of another
            keypoint layout than the estimator's.
        """
        self._check_layout()
        plan = self.settings.plan(self.classifier.clip_len, self.classifier.seconds)
        extraction = self.extractor(
            source, plan, person=self.settings.person, refined=self._stacked or ALL, progress=progress
        )
        timings = Timings(dict(extraction.timings))
        with ExitStack() as opened:
            pictures = None
            if self.classifier.sees_pictures:
                reading = self.settings.decoder, self.settings.limits, self.settings.image_fps
                pictures = Pictures(opened.enter_context(open_video(source, *reading)))
            return self._answer(
                str(source), extraction.poses, extraction.selection, timings, extraction.info, extraction.gaps, pictures
            )

    def stored(self, source: str | Path) -> PoseDataset:
        """The clips of a file of stored poses.

        Raises: InvalidPoses, LimitExceeded; InputError when the model looks at pictures, which such a file has not.
        """
        if self.classifier.sees_pictures:
            raise InputError(
                f"{source} holds poses without pictures, and the model looks at pictures; give the video itself, or a "
                "--model that reads poses only"
            )
        return read_poses(Path(source))

    def answered(self, poses: PoseSequence, source: str) -> Recognition:
        """Name the action in stored poses, of the person whom the settings choose.

        Args:
            source: what the answer calls them.
        Raises: InvalidPoses for another layout than the model's; UsageError for a track id that does not exist.
        """
        people = everybody(poses)
        seen = (people.box_score > 0) & (people.keypoint_score > 0).any(2)
        people = choose(people, people.track_id[seen.any(1)].tolist())  # rows of nobody pad foreign files
        return self._answer(source, people, self._select(people), Timings(), None, ())

    def _select(self, poses: PoseSequence) -> Selection | None:
        return select(sequence_tracks(poses), poses.image_size, self.settings.person) if len(poses) else None

    def _check_layout(self) -> None:
        estimator = self.extractor.estimator or self.extractor.scout
        found, wanted = estimator.layout.name, self.classifier.layout
        if found != wanted:
            raise UsageError(
                f"{estimator.name} finds the joints of {found}, and the model reads {wanted}; `poseact extract-poses`, "
                f"`poseact convert --to-layout {wanted}`, and recognize the poses"
            )

    @property
    def _stacked(self) -> int | None:
        """How many people are looked at as one; None: everybody."""
        return self.classifier.people if self.settings.together else 1

    def _groups(self, selection: Selection | None) -> tuple[tuple[int, ...], ...]:
        """Track ids of those who are looked at together, group by group."""
        if selection is None:
            return ()
        if self.settings.together:
            return (selection.ranked[: self._stacked],)
        return tuple((number,) for number in selection.ids)

    def _answer(
        self, source: str, poses: PoseSequence, selection: Selection | None, timings: Timings, video: VideoInfo | None,
        gaps: tuple[Gap, ...], pictures: Pictures | None = None,
    ) -> Recognition:  # fmt: skip
        with timings.stage("classify"):
            rows = {int(number): row for row, number in enumerate(poses.track_id)}
            persons = tuple(
                self._person(poses, [rows[number] for number in group], pictures) for group in self._groups(selection)
            )
        reason = selection.reason if selection else "nobody is seen in the frames that were looked at"
        if persons and persons[0].together_with:
            reason = f"{persons[0].title} are looked at as one; {reason}"
        return Recognition(
            source=source, video=video, gaps=gaps, poses=poses, persons=persons, reason=reason,
            thresholds=self.classifier.thresholds, models=self.classifier.models, device=self.classifier.device,
            frames_looked_at=len(poses.pts), timings=timings.seconds,
        )  # fmt: skip

    def _person(self, poses: PoseSequence, people: list[int], pictures: Pictures | None) -> Person:
        answer = self.classifier(poses, people, pictures)
        present = seen(poses, people)
        pts = poses.pts[present]
        first, *others = (int(number) for number in poses.track_id[people])
        return Person(
            id=first, rows=tuple(people), frames=int(present.sum()), frames_at_once=answer.frames,
            interpolated=int(poses.interpolated[people].any(0).sum()), first_pts=float(pts[0]),
            last_pts=float(pts[-1]), predictions=answer.predictions, segments=answer.segments, energy=answer.energy,
            strangeness=answer.strangeness, together_with=tuple(others),
        )  # fmt: skip
