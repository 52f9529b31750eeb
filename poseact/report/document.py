"""A recognition as one JSON document, schema "poseact/recognition/1". Writes to no file."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field

from poseact import __version__
from poseact.recognize.result import Person, Recognition, UsedModel
from poseact.report.error_document import ErrorDocument, Part, dump
from poseact.report.plain import valid_unicode
from poseact.types import Gap, Prediction, Segment, VideoInfo

_PROBABILITY_DIGITS = 6
_SECONDS_DIGITS = 4

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Seconds = Annotated[float, Field(allow_inf_nan=False)]


class PredictionPart(Part):
    """One class and its probability."""

    label: str
    probability: Probability


class SegmentPart(Part):
    """A stretch of time, s and frame numbers, both ends included, and what is done in it.

    `best` is the most probable class, whose `probability` it is; `label` is that class, or "unknown" where the model
    does not know enough.
    """

    start: Seconds
    end: Seconds
    first_frame: int
    last_frame: int
    label: str
    best: str
    probability: Probability


class PersonPart(Part):
    """One classified person: `track` is the id, `frames` counts looked-at frames, `first` and `last` are s.

    `together_with` are the ids of those who were looked at as one with this person; the answer is that of all of them.

    `strangeness` tells how unlike the training clips the movement is to the model, and so does `energy` by another
    measure; `doubt` why the label is "unknown", null where a class is named.
    """

    track: int
    together_with: tuple[int, ...]
    frames: int
    interpolated: int
    first: Seconds
    last: Seconds
    label: str
    energy: float | None
    strangeness: float | None
    doubt: str | None
    predictions: tuple[PredictionPart, ...]
    segments: tuple[SegmentPart, ...]


class VideoPart(Part):
    """What the file says of itself: px of the upright picture, frames/s, s; null where a number is not finite."""

    width: int
    height: int
    fps: float | None
    frame_count: int
    duration: float | None
    codec: str
    rotation: int


class GapPart(Part):
    """A stretch that could not be decoded, s."""

    start: Seconds
    end: Seconds
    frames: int
    reason: str


class ModelPart(Part):
    """The classifier and the hash of its weight file; for several, their names and their hashes joined by a plus."""

    name: str
    sha256: str


class UsedModelPart(Part):
    """One of the classifiers whose probabilities were averaged.

    `weight` is its share; `stream_weights` are the shares of pictures and poses in it, null where it has one stream.
    """

    name: str
    sha256: str
    weight: Probability
    stream_weights: tuple[Probability, ...] | None


class RecognitionDocument(Part):
    """The answer for one source. `predictions` and `label` are those of the person of interest."""

    schema_: Literal["poseact/recognition/1"] = Field("poseact/recognition/1", alias="schema")
    source: str
    label: str
    predictions: tuple[PredictionPart, ...]
    reason: str
    unknown_below: Probability
    unknown_above: float | None
    persons: tuple[PersonPart, ...]
    video: VideoPart | None
    frames_looked_at: int
    gaps: tuple[GapPart, ...]
    model: ModelPart
    models: tuple[UsedModelPart, ...]
    device: str
    timings: dict[str, Seconds]
    poseact: str


def recognition_json(recognition: Recognition) -> str:
    """One line of strict JSON for an answer."""
    video = recognition.video
    document = RecognitionDocument(
        source=valid_unicode(recognition.source),
        label=recognition.label,
        predictions=_predictions(recognition.predictions),
        reason=valid_unicode(recognition.reason),
        unknown_below=_probability(recognition.thresholds.below),
        unknown_above=None if recognition.thresholds.above is None else _finite(recognition.thresholds.above),
        persons=tuple(_person(person, recognition) for person in recognition.persons),
        video=_video(video) if video else None,
        frames_looked_at=recognition.frames_looked_at,
        gaps=tuple(_gap(gap) for gap in recognition.gaps),
        model=ModelPart(name=valid_unicode(recognition.model), sha256=recognition.model_sha256),
        models=tuple(_model(model) for model in recognition.models),
        device=recognition.device,
        timings={stage: round(value, _SECONDS_DIGITS) for stage, value in recognition.timings.items()},
        poseact=__version__,
    )
    return dump(document)


def json_schema() -> dict[str, Any]:
    """The JSON schema of one document: an answer or an error."""
    return {"anyOf": [kind.model_json_schema(by_alias=True) for kind in (RecognitionDocument, ErrorDocument)]}


def _person(person: Person, recognition: Recognition) -> PersonPart:
    return PersonPart(
        track=person.id,
        together_with=person.together_with,
        frames=person.frames,
        interpolated=person.interpolated,
        first=_seconds(person.first_pts),
        last=_seconds(person.last_pts),
        label=recognition.label_of(person),
        energy=None if person.energy is None else _finite(person.energy),
        strangeness=None if person.strangeness is None else _finite(person.strangeness),
        doubt=valid_unicode(recognition.doubt(person)) or None,
        predictions=_predictions(person.predictions),
        segments=tuple(_segment(segment) for segment in person.segments),
    )


def _predictions(predictions: tuple[Prediction, ...]) -> tuple[PredictionPart, ...]:
    return tuple(PredictionPart(label=one.label, probability=_probability(one.probability)) for one in predictions)


def _segment(segment: Segment) -> SegmentPart:
    return SegmentPart(
        start=_seconds(segment.start),
        end=_seconds(segment.end),
        first_frame=segment.first_frame,
        last_frame=segment.last_frame,
        label=segment.label,
        best=segment.best,
        probability=_probability(segment.probability),
    )


def _model(model: UsedModel) -> UsedModelPart:
    return UsedModelPart(
        name=valid_unicode(model.name),
        sha256=model.sha256,
        weight=_probability(model.weight),
        stream_weights=tuple(_probability(share) for share in model.stream_weights) or None,
    )


def _video(video: VideoInfo) -> VideoPart:
    return VideoPart(
        width=video.width,
        height=video.height,
        fps=_finite(video.fps),
        frame_count=video.frame_count,
        duration=_finite(video.duration),
        codec=video.codec,
        rotation=video.rotation,
    )


def _gap(gap: Gap) -> GapPart:
    return GapPart(
        start=_seconds(gap.start), end=_seconds(gap.end), frames=gap.frames, reason=valid_unicode(gap.reason)
    )


def _probability(value: float) -> float:
    return min(1.0, max(0.0, round(value, _PROBABILITY_DIGITS))) if math.isfinite(value) else value


def _seconds(value: float) -> float:
    return round(value, _SECONDS_DIGITS)


def _finite(value: float) -> float | None:
    return round(value, _SECONDS_DIGITS) if math.isfinite(value) else None
