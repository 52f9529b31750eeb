"""Source -> answer: extraction, the person of interest, classification, composed. Knows nothing of argument parsing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from poseact.errors import InputError
from poseact.extract import Extractor, Timings
from poseact.extract.extractor import Progress
from poseact.poses import everybody, read_poses, sequence_tracks
from poseact.recognize.classifier import Classifier
from poseact.recognize.ensemble import Ensemble, open_models
from poseact.recognize.open import open_extractor
from poseact.recognize.pictures import Pictures
from poseact.recognize.result import Person, Recognition
from poseact.recognize.settings import Settings, resolve_device
from poseact.track import Selection, select
from poseact.types import Gap, PoseSequence, VideoInfo
from poseact.video import open_video


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
        """Load every network. Raises: ModelError and its kinds, UsageError."""
        chosen = settings or Settings()
        device = resolve_device(chosen.device)
        classifier = open_models(
            chosen.models, chosen.weights, device=device, clips=chosen.effort.clips, flip=chosen.effort.flip,
            stream_weights=chosen.stream_weights,
        )  # fmt: skip
        return cls(open_extractor(chosen, device), classifier, chosen)

    def __call__(self, source: str | Path, progress: Progress | None = None) -> Recognition:
        """Name the action in a video.

        Args:
            progress: called with (frames done, frames planned).
        Raises: InvalidVideo, LimitExceeded, UsageError for a track id that does not exist.
        """
        plan = self.settings.plan(self.classifier.clip_len, self.classifier.seconds)
        extraction = self.extractor(source, plan, person=self.settings.person, progress=progress)
        timings = Timings(dict(extraction.timings))
        with ExitStack() as opened:
            pictures = None
            if self.classifier.sees_pictures:
                reading = self.settings.decoder, self.settings.limits, self.settings.image_fps
                pictures = Pictures(opened.enter_context(open_video(source, *reading)))
            return self._answer(
                str(source), extraction.poses, extraction.selection, timings, extraction.info, extraction.gaps, pictures
            )

    def sequences(self, source: str | Path) -> Sequence[PoseSequence]:
        """The sequences of a file of stored poses.

        Raises: InvalidPoses, LimitExceeded; InputError when the model looks at pictures, which such a file has not.
        """
        if self.classifier.sees_pictures:
            raise InputError(
                f"{source} holds poses without pictures, and the model looks at pictures; give the video itself, or a "
                "--model that reads poses only"
            )
        return read_poses(Path(source)).annotations

    def answered(self, poses: PoseSequence, source: str) -> Recognition:
        """Name the action in stored poses, of the person whom the settings choose.

        Args:
            source: what the answer calls them.
        Raises: InvalidPoses for another layout than the model's; UsageError for a track id that does not exist.
        """
        people = everybody(poses)
        return self._answer(source, people, self._select(people), Timings(), None, ())

    def _select(self, poses: PoseSequence) -> Selection | None:
        return select(sequence_tracks(poses), poses.image_size, self.settings.person) if len(poses) else None

    def _answer(
        self, source: str, poses: PoseSequence, selection: Selection | None, timings: Timings, video: VideoInfo | None,
        gaps: tuple[Gap, ...], pictures: Pictures | None = None,
    ) -> Recognition:  # fmt: skip
        chosen = selection.ids if selection else ()
        reason = selection.reason if selection else "nobody is seen in the frames that were looked at"
        with timings.stage("classify"):
            rows = {int(number): row for row, number in enumerate(poses.track_id)}
            persons = tuple(self._person(poses, rows[number], pictures) for number in chosen)
        return Recognition(
            source=source, video=video, gaps=gaps, poses=poses, persons=persons, reason=reason,
            unknown_below=self.classifier.unknown_below, models=self.classifier.models, device=self.classifier.device,
            frames_looked_at=len(poses.pts), timings=timings.seconds,
            unknown_above=self.classifier.unknown_above,
        )  # fmt: skip

    def _person(self, poses: PoseSequence, row: int, pictures: Pictures | None) -> Person:
        answer = self.classifier(poses, row, pictures)
        present = poses.box_score[row] > 0
        pts = poses.pts[present]
        return Person(
            id=int(poses.track_id[row]), row=row, frames=int(present.sum()),
            interpolated=int(poses.interpolated[row].sum()), first_pts=float(pts[0]), last_pts=float(pts[-1]),
            predictions=answer.predictions, segments=answer.segments, energy=answer.energy,
            strangeness=answer.strangeness,
        )  # fmt: skip
