"""What a user may choose for recognition, and what `fast`, `balanced` and `accurate` mean. No computation."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from poseact.detect import ACCURATE, BALANCED, FAST, View
from poseact.errors import UsageError
from poseact.extract import EVERY_FRAME, FramePlan
from poseact.extract.open import ExtractorSettings
from poseact.recognize.shares import shares
from poseact.recognize.windows import LONGEST, WHOLE
from poseact.video import DEFAULT_LIMITS, IMAGE_FPS, Limits

DEFAULT_MODEL = "posec3d-jhmdb21"
LARGEST_STEP = 0.25
"""Seconds between two looks in a window at most, so that people can be followed."""


@dataclass(frozen=True, slots=True)
class Speed:
    """A level of effort.

    Attributes:
        period: seconds of video per window that is looked at, if its length allows it; None: every frame is looked at.
        pose: estimator. flip_pose: also estimate the mirrored crop and average.
        views: of each picture, that the embedded detector looks at. prefer_yolo: see `ExtractorSettings`.
        clips, flip: clips per window and mirrored views of the classifier; None: as its model card says.
    """

    period: float | None
    pose: str
    flip_pose: bool
    views: tuple[View, ...]
    prefer_yolo: bool = False
    clips: int | None = None
    flip: bool | None = None


SPEEDS = {
    "fast": Speed(8.0, "lightning", flip_pose=False, views=FAST, clips=1, flip=False),
    "balanced": Speed(4.0, "thunder", flip_pose=False, views=BALANCED, clips=2),
    "accurate": Speed(None, "thunder", flip_pose=True, views=ACCURATE, prefer_yolo=True, clips=10, flip=True),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Every choice, with the defaults of a newcomer.

    Attributes:
        models: embedded names, `.safetensors` files or run folders; the probabilities of several are averaged.
        weights: of the models in the average, one per model; None: equal ones.
        stream_weights: of pictures and poses in the answer of a model that looks at both; None: 1 and 1.
        person: "auto", "largest", "central", "longest", "moving", "all" or a track id.
        speed: a key of SPEEDS.
        detector: "auto", "nanodet", or a YOLO checkpoint (name or path).
        detector_classes: names of the detector's classes that are people; None: "person".
        pose: estimator, see `poseact.extract.estimators`; None: as the speed says.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        decoder: "auto", "pyav", "opencv" or "decord".
        every_frame: look at every frame, whatever the speed.
        limits: of what a video file may announce. image_fps: pictures per second of folders of images.
        together: the chosen people are looked at in one stack, as many as the model was trained to see so.
        without_breaks: look at the whole of a long video, window after window, not at a sample of it.
    """

    models: tuple[str, ...] = (DEFAULT_MODEL,)
    weights: tuple[float, ...] | None = None
    stream_weights: tuple[float, ...] | None = None
    person: str = "auto"
    speed: str = "balanced"
    detector: str = "auto"
    detector_classes: tuple[str, ...] | None = None
    pose: str | None = None
    device: str = "auto"
    decoder: str = "auto"
    every_frame: bool = False
    without_breaks: bool = False
    limits: Limits = DEFAULT_LIMITS
    image_fps: float = IMAGE_FPS
    together: bool = False

    def __post_init__(self) -> None:
        if self.speed not in SPEEDS:
            raise UsageError(f"unknown speed {self.speed!r}; choose {', '.join(SPEEDS)}")
        if self.together and self.person.isdecimal():
            raise UsageError(
                f"person {self.person} is one alone; with --together choose a rule, such as --person auto or largest"
            )
        shares(self.weights, len(self.models), "--weights", "models")
        shares(self.stream_weights, 2, "--stream-weights", "streams (pictures and poses)")

    @property
    def effort(self) -> Speed:
        return SPEEDS[self.speed]

    @property
    def extractor(self) -> ExtractorSettings:
        """How poses are extracted at this level of effort."""
        effort = self.effort
        return ExtractorSettings(
            pose=self.pose or effort.pose, flip=effort.flip_pose, detector=self.detector,
            detector_classes=self.detector_classes, views=effort.views, prefer_yolo=effort.prefer_yolo,
            decoder=self.decoder, limits=self.limits, image_fps=self.image_fps,
        )  # fmt: skip

    def plan(self, clip_len: int, seconds: float | None) -> FramePlan:
        """Which frames to look at for a model: in each window as many as its clips have, or more if it is long.

        There are at least so many windows that each clip that is cut out of one could have frames of its own: a video
        of a few seconds is seen as a whole or nearly, one no longer than a window with the frames of all clips.

        Args:
            clip_len: frames of its clips. seconds: their length; None: that of a whole video, which is cut into windows
                of `LONGEST` only where it is `WHOLE` times as long.
        """
        period = self.effort.period
        if self.every_frame or period is None:
            return EVERY_FRAME
        length = LONGEST if seconds is None else seconds
        frames = max(clip_len, ceil(length / LARGEST_STEP))
        clips = 1 if seconds is None else self.effort.clips or 1
        period = length if self.without_breaks else max(period, length)
        stretches = ceil(clips * clip_len / frames)
        whole = WHOLE * LONGEST if seconds is None else 0.0
        return FramePlan(frames, seconds=length, period=period, stretches=stretches, whole=whole)
