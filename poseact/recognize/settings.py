"""What a user may choose for recognition, and what `fast`, `balanced` and `accurate` mean. No computation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from poseact.errors import UsageError
from poseact.extract import EVERY_FRAME, FramePlan
from poseact.recognize.shares import shares

DEFAULT_MODEL = "posec3d-jhmdb21"
DEVICES = ("cpu", "cuda", "mps")


@dataclass(frozen=True, slots=True)
class Speed:
    """A level of effort.

    Attributes:
        plan: which frames are looked at.
        pose: estimator. flip_pose: also estimate the mirrored crop and average.
        clips, flip: clips per window and mirrored views of the classifier; None: as its model card says.
    """

    plan: FramePlan
    pose: str
    flip_pose: bool
    clips: int | None = None
    flip: bool | None = None


SPEEDS = {
    "fast": Speed(FramePlan(frames=16, period=8.0), "lightning", flip_pose=False, clips=1, flip=False),
    "balanced": Speed(FramePlan(frames=16), "thunder", flip_pose=False),
    "accurate": Speed(EVERY_FRAME, "thunder", flip_pose=True, clips=10, flip=True),
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

    def __post_init__(self) -> None:
        if self.speed not in SPEEDS:
            raise UsageError(f"unknown speed {self.speed!r}; choose {', '.join(SPEEDS)}")
        shares(self.weights, len(self.models), "--weights", "models")
        shares(self.stream_weights, 2, "--stream-weights", "streams (pictures and poses)")

    @property
    def effort(self) -> Speed:
        return SPEEDS[self.speed]

    @property
    def plan(self) -> FramePlan:
        if self.every_frame:
            return EVERY_FRAME
        plan = self.effort.plan
        return replace(plan, period=plan.seconds) if self.without_breaks else plan


def resolve_device(name: str) -> str:
    """The device that `name` means on this machine; "auto" is CUDA, then Apple's MPS, then the CPU.

    Raises: UsageError when the device does not exist here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type in DEVICES:
            torch.zeros(1, device=device)
            return name
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {name!r} is not available here; use --device cpu, or auto") from error
    raise UsageError(f"device {name!r} is not one that poseact runs on; use {', '.join(DEVICES)} or auto")
