"""What a training run does, as one validated, JSON-serialisable value, and the named recipes. No computation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from poseact.errors import UsageError
from poseact.zoo import Preprocessing


class Strict(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Augmentation(Strict):
    """Random changes of a training clip, made on keypoints before the heatmaps are drawn.

    Attributes:
        window: the clip covers a random stretch of this share of the video at least.
        scale: the subject is scaled by exp(U(-x, x)).
        shift: the subject moves by U(-x, x) of the heatmap's side.
        rotation: U(-x, x), degrees.
        noise: standard deviation of each coordinate as a share of the heatmap's side, halved for sure joints.
        joint_dropout: chance that a joint is missing in the whole clip.
        frame_dropout: chance that a joint is missing in one frame.
        flip: chance of the mirror image.
        mixup: Beta(x, x) mixing of two clips; 0: off.
    """

    window: float = Field(0.7, gt=0, le=1)
    scale: float = Field(0.25, ge=0, le=2)
    shift: float = Field(0.12, ge=0, le=1)
    rotation: float = Field(15.0, ge=0, le=180)
    noise: float = Field(0.01, ge=0, le=1)
    joint_dropout: float = Field(0.04, ge=0, le=1)
    frame_dropout: float = Field(0.03, ge=0, le=1)
    flip: float = Field(0.5, ge=0, le=1)
    mixup: float = Field(0.0, ge=0, le=10)


class TrainSettings(Strict):
    """A whole run. Learning rate and batch size are per step; the rate warms up, then falls to 0 as a cosine.

    Attributes:
        architecture, config: the builder of `poseact.models` and its arguments besides `num_classes`.
        preprocessing: how poses become input, in training and afterwards.
        augmentation: random changes in training.
        epochs, batch_size: passes over the training part, clips per step.
        optimizer, lr, momentum, weight_decay, warmup: of the optimiser; `warmup` is a share of all steps.
        label_smoothing, grad_clip: the loss, and the largest norm of its gradient.
        ema: decay of the averaged weights that are evaluated and kept; 0: off.
        evaluate_every: epochs between two looks at the validation part.
        seed: of initialisation, order, augmentation and dropout.
    """

    architecture: str = "slowonly"
    config: dict[str, Any] = Field(default_factory=dict)
    preprocessing: Preprocessing = Preprocessing()
    augmentation: Augmentation = Augmentation()
    epochs: int = Field(60, ge=1, le=100_000)
    batch_size: int = Field(16, ge=2, le=65_536)
    optimizer: Literal["sgd", "adamw"] = "adamw"
    lr: float = Field(3e-3, gt=0, lt=100)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.05, ge=0, lt=10)
    warmup: float = Field(0.1, ge=0, lt=1)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    grad_clip: float = Field(10.0, gt=0)
    ema: float = Field(0.995, ge=0, lt=1)
    evaluate_every: int = Field(5, ge=1)
    seed: int = 0


RECIPES: dict[str, TrainSettings] = {
    # Tens to thousands of clips on a CPU: a narrow SlowOnly on 16 small heatmaps of joints and limbs.
    "small": TrainSettings(
        config={
            "in_channels": 34,
            "base_channels": 24,
            "blocks": [2, 3, 2],
            "stem_kernel": [1, 5, 5],
            "stem_stride": [1, 2, 2],
            "pool_kernel": [1, 1, 1],
            "spatial_strides": [1, 2, 2],
            "temporal_strides": [1, 1, 1],
        },
        preprocessing=Preprocessing(
            kind="joint+limb",
            clip_len=16,
            size=32,
            sigma=0.7,
            num_clips=2,
            flip=True,
            sampler="even",
            min_score=0.1,
            people=1,
            seconds=4 / 3,
        ),
    ),
    # The published recipe for NTU RGB+D (PYSKL, batch 256 over eight GPUs).
    "ntu60": TrainSettings(
        preprocessing=Preprocessing(people=2),
        augmentation=Augmentation(window=1, scale=0, shift=0, rotation=0, noise=0, joint_dropout=0, frame_dropout=0),
        epochs=240,
        batch_size=256,
        optimizer="sgd",
        lr=0.4,
        weight_decay=3e-4,
        warmup=0,
        label_smoothing=0,
        grad_clip=40,
        ema=0,
    ),
}


def recipe(name: str, changes: dict[str, Any] | None = None) -> TrainSettings:
    """A named recipe with some fields changed; `{"augmentation.mixup": 0.2}` reaches inside.

    Raises: UsageError for an unknown recipe, an unknown field or a value out of range.
    """
    if name not in RECIPES:
        raise UsageError(f"unknown recipe {name!r}; known are {', '.join(RECIPES)}")
    document = RECIPES[name].model_dump()
    for path, value in (changes or {}).items():
        *parents, last = path.split(".")
        place: Any = document
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise UsageError(f"there is no setting {path!r}; known are {', '.join(document)}")
        place[last] = value
    try:
        return TrainSettings.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}, got {first['input']!r}"
        ) from error
