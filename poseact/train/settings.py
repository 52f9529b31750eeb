"""What a training run does, as one validated, JSON-serialisable value. No computation; the recipes lie next door."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from poseact.models import TWO_STREAMS
from poseact.recognize.inputs import Stream
from poseact.zoo import Preprocessing

_OF_POSES_ALONE = ("mixup", "stretch", "shear", "bones")

Weight = Annotated[float, Field(ge=0, le=1000)]


class Strict(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Augmentation(Strict):
    """Random changes of a training clip, made on keypoints before the heatmaps are drawn.

    Attributes:
        window: the clip covers a random stretch of this share of the video at least.
        speed: the pace changes within the clip: time t in [0, 1) becomes t ** exp(U(-x, x)), so that the movement
            begins or ends faster. 0: off; frames are always jittered, as `preprocessing.sampler` draws them.
        scale: the subject is scaled by exp(U(-x, x)).
        shift: the subject moves by U(-x, x) of the heatmap's side.
        rotation: U(-x, x), degrees.
        stretch, shear: the figure is widened by exp(U(-x, x)) and leant, x += U(-x, x) * y, as if seen from elsewhere.
        bones: each bone's length is multiplied by exp(N(0, x)), the same on the left and the right.
        part_dropout: chance that a joint and all that hangs on it, such as an arm, a leg or one side of the body, or
            both legs, are missing in the whole clip.
        noise: standard deviation of each coordinate as a share of the heatmap's side, halved for sure joints.
        joint_dropout: chance that a joint is missing in the whole clip.
        frame_dropout: chance that a joint is missing in one frame.
        gap: chance that the person is missing for a stretch of up to a quarter of the clip, as where a track breaks.
        crop: least share of the area of a random box that is cut out and stretched (the published augmentation, 0.56;
            its aspect lies between 3:4 and 4:3); 1: off.
        flip: chance of the mirror image.
        mixup: Beta(x, x) mixing of two clips; 0: off.
    """

    window: float = Field(0.7, gt=0, le=1)
    speed: float = Field(0.0, ge=0, le=2)
    scale: float = Field(0.25, ge=0, le=2)
    shift: float = Field(0.12, ge=0, le=1)
    rotation: float = Field(15.0, ge=0, le=180)
    stretch: float = Field(0.0, ge=0, le=2)
    shear: float = Field(0.0, ge=0, le=2)
    bones: float = Field(0.0, ge=0, le=1)
    part_dropout: float = Field(0.0, ge=0, le=1)
    noise: float = Field(0.01, ge=0, le=1)
    joint_dropout: float = Field(0.04, ge=0, le=1)
    frame_dropout: float = Field(0.03, ge=0, le=1)
    gap: float = Field(0.0, ge=0, le=1)
    crop: float = Field(1.0, gt=0.01, le=1)
    flip: float = Field(0.5, ge=0, le=1)
    mixup: float = Field(0.0, ge=0, le=10)


class TrainSettings(Strict):
    """A whole run.

    Attributes:
        architecture, config: the builder of `poseact.models` and its arguments besides `num_classes`.
        preprocessing: how poses become input, in training and afterwards.
        measure_seconds: where `preprocessing.seconds` is None, the model is later shown stretches of the length of its
            training clips; otherwise the whole video is one clip, as in the paper.
        train_size: side of the heatmaps in training, px; None: as in evaluation. Pictures shrink with them.
        augmentation: random changes in training.
        epochs, batch_size: passes over the training part, clips per step (of all processes together).
        accumulate: each step is computed in so many parts, one after the other, to save memory.
        optimizer, lr, momentum, weight_decay: of the optimiser.
        lr_batch: the batch size that `lr` is meant for; other sizes scale it linearly. None: `lr` as it is.
        schedule, warmup, steps: the rate rises over the first `warmup` share of all steps, then falls to 0 as a
            "cosine", or to a tenth at each share in `steps` ("step").
        label_smoothing, grad_clip: the loss, and the largest norm of its gradient.
        loss_weights: of the losses of pictures and poses, where a network answers for both.
        teacher_share: the part of a clip's target that the scores of a teacher have, where there is one; the label has
            the rest.
        balance: clips are drawn with a chance that falls with the size of their class to this power: 0 every clip once
            per pass, 1 all classes equally often.
        ema: decay of the averaged weights that are evaluated and kept; 0: off.
        frozen: so many first stages keep their weights (the stem is the first); for fine-tuning.
        layer_decay: the rate of each stage is this times that of the next one, the head's is `lr`; for fine-tuning.
        precision: of the network's arithmetic; "auto": bfloat16 where the hardware computes in it, else float32.
        evaluate_every: epochs between two looks at the validation part.
        patience: looks without a better validation loss after which the run ends; 0: never.
        seed: of initialisation, order, augmentation and dropout.
    """

    architecture: str = "slowonly"
    config: dict[str, Any] = Field(default_factory=dict)
    preprocessing: Preprocessing = Preprocessing()
    measure_seconds: bool = False
    train_size: int | None = Field(None, ge=8, le=512)
    augmentation: Augmentation = Augmentation()
    epochs: int = Field(60, ge=1, le=100_000)
    batch_size: int = Field(16, ge=2, le=65_536)
    accumulate: int = Field(1, ge=1, le=1024)
    optimizer: Literal["sgd", "adamw"] = "adamw"
    lr: float = Field(3e-3, gt=0, lt=100)
    lr_batch: int | None = Field(None, ge=1)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.05, ge=0, lt=10)
    schedule: Literal["cosine", "step"] = "cosine"
    steps: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    warmup: float = Field(0.1, ge=0, lt=1)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    grad_clip: float = Field(10.0, gt=0)
    loss_weights: tuple[Weight, Weight] = (1.0, 1.0)
    teacher_share: float = Field(0.5, ge=0, le=1)
    balance: float = Field(0.0, ge=0, le=1)
    ema: float = Field(0.995, ge=0, lt=1)
    frozen: int = Field(0, ge=0, le=100)
    layer_decay: float = Field(1.0, gt=0, le=1)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    evaluate_every: int = Field(5, ge=1)
    patience: int = Field(0, ge=0)
    seed: int = Field(0, ge=0, le=2**31)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What the network looks at, in the order of its inputs and answers."""
        if self.preprocessing.rgb is None:
            return ("pose",)
        return ("rgb", "pose") if self.architecture == TWO_STREAMS else ("rgb",)

    @property
    def drawn_size(self) -> int:
        """Side of the heatmaps in training, px."""
        return self.train_size or self.preprocessing.size

    @property
    def shown_size(self) -> int:
        """Side of the pictures in training, px; 0 where none are looked at."""
        inputs = self.preprocessing
        return round(inputs.rgb.size * self.drawn_size / inputs.size) if inputs.rgb else 0

    @property
    def without_effect(self) -> list[str]:
        """A line for each setting that differs from its default and changes nothing among the others."""
        idle = {
            "momentum": (self.optimizer == "sgd", f"the optimizer is {self.optimizer}; take optimizer=sgd"),
            "steps": (self.schedule == "step", f"the schedule is {self.schedule}; take schedule=step"),
            "loss_weights": (len(self.streams) > 1, "the network has one answer"),
        }
        fields = type(self).model_fields
        return [
            f"{name} has no effect: {reason}"
            for name, (used, reason) in idle.items()
            if not used and getattr(self, name) != fields[name].default
        ]

    @model_validator(mode="after")
    def _parts_are_whole(self) -> TrainSettings:
        if self.batch_size // self.accumulate < 2:
            raise ValueError(f"a batch of {self.batch_size} in {self.accumulate} parts leaves less than two clips each")
        return self

    @model_validator(mode="after")
    def _streams_go_together(self) -> TrainSettings:
        if self.architecture == TWO_STREAMS and self.preprocessing.rgb is None:
            raise ValueError(
                f"{TWO_STREAMS} looks at pictures, and there is no preprocessing.rgb; take --recipe rgbpose"
            )
        for name in _OF_POSES_ALONE if self.preprocessing.rgb is not None else ():
            if given := getattr(self.augmentation, name):
                raise ValueError(f"{name} changes poses, not pictures, but augmentation.{name} is {given}; set it to 0")
        return self
