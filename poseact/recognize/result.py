"""The answer for one source, ready to be shown or stored. Holds values only."""

from __future__ import annotations

from dataclasses import dataclass

from poseact.poses import choose, foremost
from poseact.recognize.thresholds import Thresholds
from poseact.types import Gap, PoseSequence, Prediction, Segment, VideoInfo


@dataclass(frozen=True)
class Person:
    """One classified person, or people who were looked at together.

    Attributes:
        id: track id. rows: positions in the pose sequence, of the others in the same stack too.
        frames: looked-at frames with the person; interpolated: how many of them were filled in.
        frames_at_once: those in the window that has most of them.
        first_pts, last_pts: s.
        predictions: every class, most probable first.
        segments: per window of the video.
        energy, strangeness: how unlike the training clips the movement is to the model; None where it was not measured.
        together_with: track ids of the others in the same stack; the frames are then those with one of them at least.
    """

    id: int
    rows: tuple[int, ...]
    frames: int
    frames_at_once: int
    interpolated: int
    first_pts: float
    last_pts: float
    predictions: tuple[Prediction, ...]
    segments: tuple[Segment, ...]
    energy: float | None = None
    strangeness: float | None = None
    together_with: tuple[int, ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        """Track ids of all who were looked at together."""
        return self.id, *self.together_with

    @property
    def title(self) -> str:
        """What the answer is about: "person 1", "people 1 and 2"."""
        *others, last = map(str, self.ids)
        return f"people {', '.join(others)} and {last}" if others else f"person {last}"


@dataclass(frozen=True)
class UsedModel:
    """A classifier that took part in an answer.

    Attributes:
        name: as on its card. sha256: of its weight file.
        weight: its share of the answer; the shares of all models add up to 1.
        stream_weights: shares of pictures and poses in its own answer; empty for a network of one stream.
    """

    name: str
    sha256: str
    weight: float = 1.0
    stream_weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Recognition:
    """What is seen in one source.

    Attributes:
        source: as given by the user.
        video: None when stored poses were read.
        gaps: stretches of the video that could not be decoded.
        poses: of everybody who was tracked.
        persons: those who were classified, the person of interest first; empty when nobody was seen.
        reason: one line: why this person, or why nobody.
        thresholds: of the models; what is beyond them is not named.
        models: the classifiers that were averaged, at least one.
        device: where the networks ran.
        frames_looked_at: of the video's frames.
        timings: seconds per stage.
    """

    source: str
    video: VideoInfo | None
    gaps: tuple[Gap, ...]
    poses: PoseSequence
    persons: tuple[Person, ...]
    reason: str
    thresholds: Thresholds
    models: tuple[UsedModel, ...]
    device: str
    frames_looked_at: int
    timings: dict[str, float]

    @property
    def model(self) -> str:
        """The name of the classifier; those of several with " + " between them."""
        return " + ".join(model.name for model in self.models)

    @property
    def model_sha256(self) -> str:
        """Of the weight file; those of several with "+" between them."""
        return "+".join(model.sha256 for model in self.models)

    @property
    def chosen_first(self) -> PoseSequence:
        """The poses of everybody, to be stored: those who were classified are chosen, the others by their scores."""
        chosen = [number for person in self.persons for number in person.ids]
        score = dict(zip(self.poses.track_id.tolist(), self.poses.person_score.tolist(), strict=True))
        others = sorted((number for number in score if number not in chosen), key=lambda number: -score[number])
        return foremost(choose(self.poses, [*chosen, *others]), len(chosen))

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """Of the person of interest; empty when nobody was seen."""
        return self.persons[0].predictions if self.persons else ()

    @property
    def label(self) -> str:
        """The answer in one word: a class, "unknown" beyond a threshold, or "no person"."""
        return self.label_of(self.persons[0]) if self.persons else NO_PERSON

    def label_of(self, person: Person) -> str:
        """The answer for one person in one word, by the thresholds of the model."""
        return named(person.predictions, person.frames_at_once, person.strangeness, self.thresholds)

    def doubt(self, person: Person) -> str:
        """Why no action of a person is named; empty where one is."""
        if self.label_of(person) != UNKNOWN:
            return ""
        if person.frames_at_once < LEAST_FRAMES:
            return f"frames seen of one movement: {person.frames_at_once}; an action needs at least {LEAST_FRAMES}"
        best, reasons = person.predictions[0], []
        if self.thresholds.improbable(best.probability):
            reasons.append(
                f"the best guess, {best.label}, has {best.probability:.1%}, and below {self.thresholds.below:.1%} the "
                f"model names nothing"
            )
        if self.thresholds.strange(person.strangeness):
            reasons.append(
                f"the movement is unlike what the model was trained on: strangeness {person.strangeness:.2f}, above "
                f"{self.thresholds.above:.2f}"
            )
        return "; ".join(reasons) or f"the model knows a class of this name, and finds it with {best.probability:.1%}"


NO_PERSON = "no person"
UNKNOWN = "unknown"

LEAST_FRAMES = 4
"""Looked-at frames of a person in one window below which there is too little motion to name an action."""


def named(predictions: tuple[Prediction, ...], frames: int, strangeness: float | None, thresholds: Thresholds) -> str:
    """The most probable class; "no person" without any.

    "unknown" when it is beyond the thresholds, or when no window has `LEAST_FRAMES` frames with the person.
    """
    if not predictions:
        return NO_PERSON
    best = predictions[0]
    known = frames >= LEAST_FRAMES and thresholds.named(best.probability, strangeness)
    return best.label if known else UNKNOWN
