"""The named recipes of training, and how they are changed: by files, by options, by the model a run starts from."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from poseact.errors import LimitExceeded, UsageError
from poseact.files import read_regular
from poseact.models import TWO_STREAMS, slowonly_arguments
from poseact.models.rgbpose import PICTURES, SPEED_RATIO
from poseact.train.settings import Augmentation, TrainSettings
from poseact.zoo import Card, Preprocessing, Rgb

DEFAULT_RECIPE = "small"
DEEPEST = 5
LARGEST_FILE = 16 << 20
FOLLOWING = ("config.in_channels", "config.num_classes")
_TAUGHT = ("kind", "min_score", "steady")
_KEPT_OF_POSES = ("kind", "clip_len", "size", "min_score", "num_clips", "people", "sampler", "seconds")


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


_TWO_STREAM_INPUT: dict[str, Any] = {"clip_len": 32, "size": 64, "sigma": 0.7, "flip": False, "people": 2}

RECIPES: dict[str, TrainSettings] = {
    # Tens to thousands of clips on a CPU: a narrow SlowOnly on 16 small heatmaps of joints and limbs, and three nets
    # that look at where the joints of each part of the body are.
    "small": TrainSettings(
        architecture="slowonly-points",
        config={
            "in_channels": 34,
            "base_channels": 32,
            "blocks": [1, 2, 2],
            "stem_kernel": [3, 5, 5],
            "stem_stride": [1, 4, 4],
            "pool_kernel": [1, 1, 1],
            "spatial_strides": [1, 2, 2],
            "temporal_strides": [1, 2, 1],
        },
        augmentation=Augmentation(mixup=0.3, stretch=0.3, shear=0.25, bones=0.15, part_dropout=0.4),
        epochs=120,
        batch_size=32,
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
            steady=True,
        ),
        measure_seconds=True,
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
    # RGBPose-Conv3D: two networks of their own, then both as one, from `--from-rgb` and `--from-pose`. The poses alone
    # are drawn and looked at as in the recipes above.
    "rgb-only": _published(
        config={key: list(value) if isinstance(value, tuple) else value for key, value in PICTURES.items()},
        preprocessing=Preprocessing(**_TWO_STREAM_INPUT, rgb=Rgb(size=224)),
        train_size=None,
        batch_size=96,
        lr_batch=96,
        lr=0.15,
        weight_decay=1e-4,
        epochs=180,
    ),
    "pose-only": _published(
        architecture="slowonly-pose-only",
        preprocessing=Preprocessing(clip_len=32, people=2),
        batch_size=128,
        lr_batch=128,
        lr=0.2,
        epochs=180,
    ),
    "rgbpose": _published(
        architecture=TWO_STREAMS,
        config={"rgb": {}, "pose": {}},
        preprocessing=Preprocessing(**_TWO_STREAM_INPUT, rgb=Rgb()),
        batch_size=48,
        lr_batch=48,
        lr=0.0075,
        weight_decay=1e-4,
        epochs=20,
        schedule="step",
        steps=(12 / 20, 16 / 20),
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
    changes = {path.removeprefix("train."): value for path, value in changes.items()}
    if (other := changes.get("architecture")) and not _fits(settings, other):
        document["config"] = {}
    for path, value in changes.items():
        if path in FOLLOWING and value != _value(document, path):
            raise UsageError(f"setting {path} cannot be changed: it follows from the poses")
        *parents, last = path.split(".")
        place: Any = document
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise UsageError(f"there is no setting {path!r}; known are {', '.join(document)}")
        place[last] = value
    return _validated(document)


def _value(document: Mapping[str, Any], path: str) -> Any:
    table, name = path.split(".")
    return document[table].get(name)


def _fits(settings: TrainSettings, architecture: Any) -> bool:
    """Whether another architecture takes the arguments of the one of the settings: another kind of SlowOnly does."""
    if architecture == settings.architecture:
        return True
    return isinstance(architecture, str) and slowonly_arguments(architecture, {}) is not None


def _validated(document: Any) -> TrainSettings:
    try:
        return TrainSettings.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:  # fields that do not go together
            raise UsageError(first["msg"].removeprefix("Value error, ")) from error
        where = ".".join(map(str, first["loc"])).encode("unicode_escape").decode()
        raise UsageError(f"setting {where}: {first['msg']}, got {first['input']!r:.80}") from error
    except RecursionError as error:
        raise UsageError("the settings are nested too deeply; tables are groups of settings, one level deep") from error


def settings_of(
    name: str | None, file: Path | None, changes: Mapping[str, Any], like: Card | tuple[Card, Card] | None = None
) -> TrainSettings:
    """A recipe, with the settings of a file, with changes.

    The file is TOML (tables are groups, `[train]` the settings themselves, `recipe` the one that they change), or the
    `config.json` of a run, whose settings are complete.

    Args:
        name: of the recipe; None takes that of the file, or `small`.
        like: the model that training starts from; its architecture and input take the place of the recipe's.
            Or those of pictures and of poses that RGBPose-Conv3D starts from.
    Raises: UsageError for a file that cannot be read or is neither, or that is of another recipe, and as `recipe`.
    """
    given = dict(changes)
    if file is not None:
        document = _read(file)
        if "settings" in document:  # the config.json of a run
            if name is not None:
                raise UsageError(f"--config {file} has all settings of a run; leave it away, or --recipe {name}")
            settings = _validated(document["settings"])
            return changed(settings, {**_like(like, settings), **given})
        if "few_shot" in document:
            raise UsageError(f"--config {file} is of a run with --few-shot, which has no settings; leave it away")
        own = document.pop("recipe", name)
        if name is not None and own != name:
            raise UsageError(f"--config {file} is of the recipe {own!r:.60}, not {name!r}; leave --recipe away")
        name = own
        given = {**_flat(document), **given}
    settings = recipe(DEFAULT_RECIPE if name is None else str(name))
    return changed(settings, {**_like(like, settings), **given})


def _like(model: Card | tuple[Card, Card] | None, settings: TrainSettings) -> dict[str, Any]:
    """What a run takes over from what it starts from.

    A recipe that fits itself to the clips, which measures their length, takes the model's whole input but that length.
    The published ones have an input of their own, such as 48 px in training and 56 px afterwards, and take over what
    the weights were taught to see: joints or limbs, and how they are made.
    """
    if model is None:
        return {}
    if not isinstance(model, Card):
        return _like_streams(*model)
    config = {key: value for key, value in model.config.items() if key != "num_classes"}
    like: dict[str, Any] = {"architecture": model.architecture, "config": config}
    inputs = model.preprocessing or Preprocessing()
    if settings.measure_seconds:
        return {**like, "preprocessing": inputs.model_dump() | {"seconds": None}}
    if inputs.rgb is not None:
        return {**like, "preprocessing": inputs.model_dump()}
    return {**like, **{f"preprocessing.{name}": getattr(inputs, name) for name in _TAUGHT}}


def _like_streams(rgb: Card, pose: Card) -> dict[str, Any]:
    """What RGBPose-Conv3D takes over from a network of pictures and one of poses. Raises: UsageError."""
    shown, drawn = rgb.preprocessing and rgb.preprocessing.rgb, pose.preprocessing
    paths = [slowonly_arguments(one.architecture, one.config) for one in (rgb, pose)]
    if shown is None or paths[0] is None:
        raise UsageError(f"--from-rgb {rgb.name} is no network of pictures; train one with --recipe rgb-only")
    if drawn is None or drawn.rgb is not None or paths[1] is None or set(paths[1]["temporal_strides"]) != {1}:
        raise UsageError(
            f"--from-pose {pose.name} is no SlowOnly of poses with temporal strides of 1; train one with --recipe "
            f"pose-only, or import one with --architecture slowonly-pose-only"
        )
    config = {path: json.loads(json.dumps(given)) for path, given in zip(("rgb", "pose"), paths, strict=True)}
    kept = {f"preprocessing.{name}": getattr(drawn, name) for name in _KEPT_OF_POSES}
    pictures = shown.model_copy(update={"size": SPEED_RATIO * drawn.size}).model_dump()
    return {"architecture": TWO_STREAMS, "config": config, **kept, "preprocessing.rgb": pictures}


def _read(file: Path) -> dict[str, Any]:
    """A TOML file, or a JSON file by its suffix. Raises: UsageError."""
    json_wanted = file.suffix.lower() == ".json"
    try:
        text = read_regular(file, LARGEST_FILE).decode()
        document = json.loads(text) if json_wanted else tomllib.loads(text)
        str(document)  # a ValueError for a number of thousands of digits, which no message could name
    except (OSError, ValueError, RecursionError, LimitExceeded) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UsageError(f"--config {file} cannot be read as {'JSON' if json_wanted else 'TOML'}: {reason}") from error
    if not isinstance(document, dict):
        raise UsageError(f"--config {file} holds no settings; write them as NAME = VALUE, or give a run's config.json")
    return document


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"augmentation": {"flip": 0}} -> {"augmentation.flip": 0}, as `--set` has it; an empty `config` is a value."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        path = f"{prefix}{key}"
        if path.count(".") > DEEPEST:
            raise UsageError(f"there is no setting {path!r}")
        if isinstance(value, dict) and (value or path not in ("config", "train.config")):
            flat |= _flat(value, f"{path}.")
        else:
            flat[path] = value
    return flat
