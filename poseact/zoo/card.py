"""The model card that lies beside every weight file (`NAME.json`): what is needed to build and feed the network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from poseact.errors import InvalidWeights, LimitExceeded
from poseact.files import read_regular

CARD_BYTES = 4_000_000
LARGEST_CONFIG_NUMBER = 65_536

Probability = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Three = tuple[float, float, float]


class Rgb(BaseModel):
    """How a network is fed with pictures, beside poses or alone; the crop is the one of the poses.

    Attributes:
        clip_len: frames in a clip, sampled independently of the frames of the poses.
        size: side of the square crop, px.
        mean, std: per channel, R, G, B, of values in 0..255.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip_len: int = Field(8, ge=1, le=1024)
    size: int = Field(256, ge=8, le=1024)
    mean: Three = (123.675, 116.28, 103.53)
    std: Three = (58.395, 57.12, 57.375)


class Preprocessing(BaseModel):
    """How poses become the input of a classifier (paper, section 3.2).

    Attributes:
        kind: what each channel shows, one joint or one limb; "joint+limb" stacks both.
        clip_len: frames in a clip.
        size: side of the square heatmap, px.
        sigma: of each Gaussian, px at `size`.
        min_score: joints below this score count as missing.
        num_clips, flip: the views whose probabilities are averaged.
        people: how many people of a stored sequence are drawn into one stack, the first ones; None: all of them.
        sampler: which frames a clip takes: "pyskl" and "mmaction2" are the published random streams, "even" takes the
            middle of equal stretches.
        seconds: the length of a clip in the training data; longer videos are read in windows of this length.
            None: the whole video is one clip, as in the paper, unless it is far longer than the clips there.
        steady: poses are drawn as a camera that stands still would see them, see `poseact.poses.steadied`; only for
            networks that see no pictures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["joint", "limb", "joint+limb"] = "joint"
    clip_len: int = Field(48, ge=1, le=1024)
    size: int = Field(64, ge=8, le=512)
    sigma: float = Field(0.6, gt=0, le=50)
    min_score: Probability = 0.0
    num_clips: int = Field(10, ge=1, le=100)
    flip: bool = True
    people: int | None = Field(None, ge=1, le=1000)
    sampler: Literal["pyskl", "mmaction2", "even"] = "pyskl"
    seconds: float | None = Field(None, gt=0)
    steady: bool = False
    rgb: Rgb | None = None

    @model_validator(mode="after")
    def _steady_poses_alone(self) -> Preprocessing:
        if self.steady and self.rgb is not None:
            raise ValueError("steady poses do not lie on the pictures; take steady=false with preprocessing.rgb")
        return self


class Estimation(BaseModel):
    """How pictures become the input of a heatmap-based pose estimator, and its heatmaps joints.

    Attributes:
        size: (height, width) of the crop, or of the shorter side's square for networks that see whole pictures, px.
        codec: "classic" (HRNet, SimpleBaseline) or "udp", how boxes become crops and heatmaps coordinates.
        refinement: of the heatmap's maximum: "none", "quarter" of a pixel towards the neighbour, "dark", "udp", or
            "offsets", which the network gives beside each heatmap.
        blur: side of the Gaussian kernel that "dark", "udp" and "offsets" smooth with, px of the heatmap.
        margin: by which boxes are enlarged.
        normalised: pictures are standardised by the ImageNet mean and deviation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: tuple[Annotated[int, Field(ge=32, le=2048)], Annotated[int, Field(ge=32, le=2048)]] = (256, 192)
    codec: Literal["classic", "udp"] = "classic"
    refinement: Literal["none", "quarter", "dark", "udp", "offsets"] = "quarter"
    blur: int = Field(11, ge=1, le=99)
    margin: float = Field(1.25, gt=0, le=4)
    normalised: bool = True


class Card(BaseModel):
    """What a weight file holds and how to feed it; stored as JSON.

    Attributes:
        name: short identifier.
        task: what the network is for.
        architecture, config: which builder makes it, and its keyword arguments.
        labels: class names in index order; empty for detectors and estimators.
        layout: the keypoint layout that a classifier reads or an estimator writes.
        keypoints: its joints, where it is a layout of the user's own, which may change under the same name.
        preprocessing: only for classifiers. estimation: only for heatmap-based pose estimators.
        unknown_below: a top probability below this is reported as "unknown"; from the validation part.
        unknown_above: an answer with a strangeness above this is reported as "unknown"; from the validation part.
            None: the strangeness decides nothing.
        typical: for each stream the mean logits of the training clips of each class, less their mean; by them
            strangeness is measured, else by the energy.
        temperature: logits are divided by it, so that probabilities are honest; from the validation part.
        training: data, recipe, seed and metrics, for people.
        licence: SPDX identifier of the weights, or the terms of use in words.
        source: where the tensors come from (address, file name, sha256 of the original), for imported checkpoints.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["poseact/model/1"] = "poseact/model/1"
    name: str = Field(min_length=1, max_length=200)
    task: Literal["detect", "pose", "classify"]
    architecture: str
    config: dict[str, Any] = Field(default_factory=dict)
    labels: tuple[str, ...] = ()
    layout: str = "coco17"
    keypoints: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    estimation: Estimation | None = None
    unknown_below: Probability = 0.0
    unknown_above: float | None = Field(None, allow_inf_nan=False)
    typical: tuple[tuple[tuple[Finite, ...], ...], ...] = ()
    temperature: float = Field(1.0, gt=0.01, lt=100)
    training: dict[str, Any] = Field(default_factory=dict)
    licence: str = ""
    source: dict[str, str] = Field(default_factory=dict)
    poseact: str = ""

    @model_validator(mode="after")
    def _classifiers_are_complete(self) -> Card:
        if self.task == "classify":
            if self.preprocessing is None or len(self.labels) < 2:
                raise ValueError("a classifier needs preprocessing and at least two labels")
            if not all(map(str.strip, self.labels)):  # published lists name some classes alike
                raise ValueError("labels are names, and one of them is empty")
            if self.config.get("num_classes") != len(self.labels):
                raise ValueError(f"{len(self.labels)} labels, but num_classes is {self.config.get('num_classes')!r}")
        widths = {len(row) for rows in self.typical for row in rows}
        if self.typical and (widths != {len(self.labels)} or len({len(rows) for rows in self.typical}) > 1):
            raise ValueError("typical logits are as many rows in each stream, of a number for each of the labels")
        if any(number > LARGEST_CONFIG_NUMBER for number in _numbers(self.config)):
            raise ValueError(f"config: a number above {LARGEST_CONFIG_NUMBER} is not a network that can be built")
        return self


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in _numbers(item)]
    if isinstance(value, list | tuple):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) else []


def read_card(path: Path) -> Card:
    """Read a model card. Raises: InvalidWeights when it is missing, too long, or not a card."""
    try:
        return Card.model_validate_json(read_regular(path, CARD_BYTES))
    except (OSError, LimitExceeded) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidWeights(
            f"the model card {path} cannot be read ({reason}); it belongs beside the weights"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise InvalidWeights(f"{path} is not a poseact model card: {where}: {first['msg']}") from error
