"""What a training run does, as one validated, JSON-serialisable value, and the named recipes. No computation."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from poseact.errors import UsageError
from poseact.zoo import Card, Preprocessing

DEEPEST = 5


class Strict(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
        gap: chance that the person is missing for a stretch of up to a quarter of the clip, as where a track breaks.
        crop: least share of the area of a random box that is cut out and stretched (the published augmentation, 0.56;
            its aspect lies between 3:4 and 4:3); 1: off.
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
    gap: float = Field(0.0, ge=0, le=1)
    crop: float = Field(1.0, gt=0.01, le=1)
    flip: float = Field(0.5, ge=0, le=1)
    mixup: float = Field(0.0, ge=0, le=10)


class TrainSettings(Strict):
    """A whole run.

    Attributes:
        architecture, config: the builder of `poseact.models` and its arguments besides `num_classes`.
        preprocessing: how poses become input, in training and afterwards.
        train_size: side of the heatmaps in training, px; None: as in evaluation.
        augmentation: random changes in training.
        epochs, batch_size: passes over the training part, clips per step (of all processes together).
        accumulate: each step is computed in so many parts, one after the other, to save memory.
        optimizer, lr, momentum, weight_decay: of the optimiser.
        lr_batch: the batch size that `lr` is meant for; other sizes scale it linearly. None: `lr` as it is.
        schedule, warmup, steps: the rate rises over the first `warmup` share of all steps, then falls to 0 as a
            "cosine", or to a tenth at each share in `steps` ("step").
        label_smoothing, grad_clip: the loss, and the largest norm of its gradient.
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
    balance: float = Field(0.0, ge=0, le=1)
    ema: float = Field(0.995, ge=0, lt=1)
    frozen: int = Field(0, ge=0, le=100)
    layer_decay: float = Field(1.0, gt=0, le=1)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    evaluate_every: int = Field(5, ge=1)
    patience: int = Field(0, ge=0)
    seed: int = Field(0, ge=0, le=2**31)

    @model_validator(mode="after")
    def _parts_are_whole(self) -> TrainSettings:
        if self.batch_size // self.accumulate < 2:
            raise ValueError(f"a batch of {self.batch_size} in {self.accumulate} parts leaves less than two clips each")
        return self


def _published(**changes: Any) -> TrainSettings:
    values = {
        "preprocessing": Preprocessing(people=2), "train_size": 56, "epochs": 240, "batch_size": 256, "lr_batch": 256,
        "augmentation": Augmentation(
            window=1, scale=0, shift=0, rotation=0, noise=0, joint_dropout=0, frame_dropout=0, crop=0.56
        ),
        "optimizer": "sgd", "lr": 0.4, "weight_decay": 3e-4, "warmup": 0, "label_smoothing": 0, "grad_clip": 40,
        "ema": 0,
    }  # fmt: skip
    return TrainSettings.model_validate({**values, **changes})


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
    # The published recipes (PYSKL), whose batches were spread over eight GPUs.
    "ntu60": _published(),
    "gym": _published(),
    "k400": _published(architecture="slowonly-346", weight_decay=1e-4, preprocessing=Preprocessing(people=10)),
    # From a Kinetics model to UCF101 or HMDB51: `--from k400...`.
    "finetune": _published(
        architecture="slowonly-346",
        batch_size=128,
        lr_batch=128,
        lr=0.01,
        epochs=120,
        schedule="step",
        steps=(9 / 12, 11 / 12),
        preprocessing=Preprocessing(size=56, people=2),
        train_size=48,
    ),
}


def recipe(name: str, changes: Mapping[str, Any] | None = None) -> TrainSettings:
    """A named recipe with some fields changed; `{"augmentation.mixup": 0.2}` reaches inside, `{"train.lr": 1}` is `lr`.

    Raises: UsageError for an unknown recipe, an unknown field or a value out of range.
    """
    if name not in RECIPES:
        raise UsageError(f"unknown recipe {name!r}; known are {', '.join(RECIPES)}")
    return changed(RECIPES[name], changes or {})


def changed(settings: TrainSettings, changes: Mapping[str, Any]) -> TrainSettings:
    """Settings with some fields changed, as for `recipe`. Raises: UsageError."""
    document = settings.model_dump()
    for path, value in changes.items():
        *parents, last = path.removeprefix("train.").split(".")
        place: Any = document
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise UsageError(f"there is no setting {path!r}; known are {', '.join(document)}")
        place[last] = value
    return _validated(document)


def _validated(document: Any) -> TrainSettings:
    try:
        return TrainSettings.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])).encode("unicode_escape").decode() or "settings"
        raise UsageError(f"setting {where}: {first['msg']}, got {first['input']!r:.80}") from error
    except RecursionError as error:
        raise UsageError("the settings are nested too deeply; tables are groups of settings, one level deep") from error


def settings_of(name: str, file: Path | None, changes: Mapping[str, Any], like: Card | None = None) -> TrainSettings:
    """A recipe, with the settings of a file, with changes.

    The file is TOML (tables are groups, `[train]` the settings themselves), or the `config.json` of a run, whose
    settings are complete and take the place of the recipe's.

    Args:
        like: the model that training starts from; its architecture and preprocessing take the place of the recipe's.
    Raises: UsageError for a file that cannot be read or is neither, and as `recipe`.
    """
    first: dict[str, Any] = {}
    if like is not None:
        config = {key: value for key, value in like.config.items() if key != "num_classes"}
        preprocessing = (like.preprocessing or Preprocessing()).model_dump()
        first = {"architecture": like.architecture, "config": config, "preprocessing": preprocessing}
    if file is None:
        return recipe(name, {**first, **changes})
    document = _read(file)
    if "settings" in document:  # the config.json of a run
        return changed(_validated(document["settings"]), {**first, **changes})
    name = str(document.pop("recipe", name))
    return recipe(name, {**first, **_flat(document), **changes})


def _read(file: Path) -> dict[str, Any]:
    """A TOML file, or a JSON file by its suffix. Raises: UsageError."""
    json_wanted = file.suffix.lower() == ".json"
    try:
        text = file.read_text(encoding="utf-8")
        document = json.loads(text) if json_wanted else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UsageError(f"--config {file} cannot be read as {'JSON' if json_wanted else 'TOML'}: {reason}") from error
    if not isinstance(document, dict):
        raise UsageError(f"--config {file} holds no settings; write them as NAME = VALUE, or give a run's config.json")
    return document


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"augmentation": {"flip": 0}} -> {"augmentation.flip": 0}; `config` is a value of its own."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        path = f"{prefix}{key}"
        if path.count(".") > DEEPEST:
            raise UsageError(f"there is no setting {path!r}")
        if isinstance(value, dict) and path not in ("config", "train.config"):
            flat |= _flat(value, f"{path}.")
        else:
            flat[path] = value
    return flat
