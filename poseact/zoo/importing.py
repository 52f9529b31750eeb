"""From a checkpoint of another framework to a model of poseact: told apart, checked, described, written."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch import Tensor

from poseact import __version__
from poseact.errors import InvalidWeights, UsageError
from poseact.skeleton import COCO17
from poseact.skeleton import layout as known_layout
from poseact.zoo.architecture import MMACTION2, Identified, identify
from poseact.zoo.build import build, builders, differences
from poseact.zoo.card import Card, read_card
from poseact.zoo.checkpoint import Checkpoint, read_checkpoint
from poseact.zoo.inventory import check_free, check_recorded, model_path
from poseact.zoo.label_lists import label_lists
from poseact.zoo.label_lists import labels as label_list
from poseact.zoo.manifest import Record, find_record, record_of_file
from poseact.zoo.published_settings import Kind, estimation, preprocessing
from poseact.zoo.store import save

# The first convolution of each classifier: its input channels are joints or limbs.
STEMS = ("backbone.conv1.conv.weight", "backbone.conv1a.conv.weight", "backbone.conv1_s.conv.weight")
# The order in which the original transform draws limbs when a configuration names none.
TRANSFORM_LIMBS = (
    (0, 1), (0, 2), (1, 3), (2, 4), (0, 5), (5, 7), (7, 9), (0, 6), (6, 8), (8, 10), (5, 11), (11, 13), (13, 15),
    (6, 12), (12, 14), (14, 16), (11, 12),
)  # fmt: skip
LimbOrder = Literal["published", "transform"]
PUBLISHED_TO_TRANSFORM = tuple(TRANSFORM_LIMBS.index(limb) for limb in COCO17.limbs)


@dataclass(frozen=True)
class ImportHints:
    """What the user says of a file; None where nothing was said.

    Attributes:
        labels: class names in index order. licence: of the weights.
        architecture: by the name of its builder. kind: what the channels of a classifier show.
        layout: whose joints or limbs they are. limb_order: of COCO-17's limbs, as in published configurations or as
            the original transform draws them where a configuration names none.
    """

    labels: Sequence[str] | None = None
    licence: str | None = None
    architecture: str | None = None
    kind: Kind | None = None
    layout: str | None = None
    limb_order: LimbOrder | None = None


def import_checkpoint(
    path: Path,
    folder: Path,
    *,
    name: str | None = None,
    labels: Sequence[str] | None = None,
    licence: str | None = None,
    architecture: str | None = None,
    kind: Kind | None = None,
    layout: str | None = None,
    limb_order: LimbOrder | None = None,
    replace: bool = True,
) -> Path:
    """Write the network of a checkpoint as `NAME.safetensors` with its card `NAME.json`; nothing if it does not fit.

    A published file is known by its hash, and described by its record. Of others, shapes tell the network, and the
    arguments tell what shapes cannot; what is still unknown then is logged as a warning.

    Args:
        path: of PYSKL, MMAction2, MMPose or HRNet; or a `.safetensors` file of poseact, beside its card.
        name: default: as published, or the file's. Under that of a published model the file must be that model.
        labels: default: as published, or "class 0", "class 1" and so on.
        replace: overwrite a model of that name.
    Returns: the weight file.
    Raises:
        WeightsNotFound: no such file. LimitExceeded: it is too large. OutputError: it cannot be written.
        InvalidWeights: no checkpoint, a hostile one, of another network, or not the published one of this name.
        UsageError: a name that is taken, labels of another number, an architecture that does not exist.
    """
    hints = ImportHints(labels, licence, architecture, kind, layout, limb_order)
    if architecture is not None and architecture not in builders():
        raise UsageError(f"unknown architecture {architecture!r}; known are {', '.join(builders())}")
    checkpoint = read_checkpoint(path)
    record = _record_for(path, checkpoint.sha256, name)
    chosen = record.name if record and name in (None, *record.aliases) else name or _name_of(path)
    model_path(chosen)
    check_free(chosen, replace=replace)
    own = path.with_suffix(".json")
    if path.suffix == ".safetensors" and own.is_file():
        tensors, card = _own(path, read_card(own), checkpoint, chosen, hints)
    else:
        tensors, card = _foreign(path, checkpoint, chosen, record, hints)
    return save(folder, tensors, card, stem=chosen)


def _record_for(path: Path, sha256: str, name: str | None) -> Record | None:
    """The record that describes a file. Raises: InvalidWeights when it is another file than the name promises."""
    published = record_of_file(sha256)
    wanted = find_record(name or _name_of(path))
    if wanted is None or wanted.embedded:
        return published
    known = wanted.sha256 or wanted.sha256_prefix
    if (known and not wanted.matches(sha256)) or (published and published.name != wanted.name):
        found = f"{published.name}, another published model" if published else "another file"
        begins = f", whose sha256 begins with {known[:8]}" if known else ""
        raise InvalidWeights(
            f"{path} is not the published file of {wanted.name}{begins}: its own begins with {sha256[:8]}; it is "
            f"{found}, so import it under another --name"
        )
    return wanted


def _name_of(path: Path) -> str:
    """A model's name from a file's name."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name.removesuffix(path.suffix)).lstrip("._-")[:100]
    return plain or "imported"


def _foreign(
    path: Path, checkpoint: Checkpoint, name: str, record: Record | None, hints: ImportHints
) -> tuple[dict[str, Tensor], Card]:
    """Tensors under poseact's names, and the card. Raises: InvalidWeights, UsageError."""
    try:
        found = identify(checkpoint.tensors)
        card, notes = _described(path, checkpoint.sha256, found, name, record, hints)
        tensors = {found.names[key]: tensor for key, tensor in checkpoint.tensors.items() if key in found.names}
        _check_fits(tensors, card, found)
    except InvalidWeights as error:
        raise InvalidWeights(f"{path} cannot be imported: {error}") from None
    if hints.limb_order is not None:
        _check_limb_order(card, record)
    if (record.limb_order if record is not None else hints.limb_order) == "transform":
        tensors = in_published_order(tensors)
    for note in notes:
        logging.getLogger("poseact").warning("%s: %s", path.name, note)
    return tensors, card


def _check_limb_order(card: Card, record: Record | None) -> None:
    """Raises: UsageError when there is no order of limbs to choose."""
    if record is not None:
        raise UsageError(f"--limb-order is known of {record.name}; leave it out")
    if card.preprocessing is None or card.preprocessing.kind != "limb" or card.layout != COCO17.name:
        raise UsageError("--limb-order is for networks that read the limbs of coco17 (--kind limb); leave it out")


def in_published_order(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights for limbs in the transform's order -> weights that give the same for the published order.

    Args:
        tensors: of a classifier; the stem's (out, 17, t, h, w) is the only one that changes.
    """
    order = list(PUBLISHED_TO_TRANSFORM)
    return {key: tensor[:, order].contiguous() if key in STEMS else tensor for key, tensor in tensors.items()}


def _described(
    path: Path, sha256: str, found: Identified, name: str, record: Record | None, hints: ImportHints
) -> tuple[Card, tuple[str, ...]]:
    """The card of a checkpoint, and sentences about what was taken for true."""
    source = {"file": path.name, "sha256": sha256, "publisher": found.publisher}
    about: dict[str, Any] = {
        "name": name, "task": found.task, "poseact": __version__, "licence": hints.licence or "", "source": source,
    }  # fmt: skip
    notes: tuple[str, ...]
    if record is not None:
        notes = ()
        about |= _published(found, record, hints)
    else:
        notes = () if hints.architecture else found.notes
        architecture = hints.architecture or found.architecture
        about |= {"architecture": architecture, "config": found.config}
        if found.task == "classify":
            inputs, more = preprocessing(
                architecture, found.config, hints.kind, known_layout(hints.layout or COCO17.name), path.name
            )
            sampler = "mmaction2" if found.publisher == MMACTION2 else inputs.sampler
            about["preprocessing"] = inputs.model_copy(update={"sampler": sampler})
            about["layout"] = hints.layout or COCO17.name
        else:
            _refuse_of_estimators(hints)
            about["estimation"], more = estimation(architecture, path.name, found.config, found.publisher)
        notes += more
    if found.classes is not None:
        about["labels"] = _class_names(found.classes, record, hints)
        if record is None and hints.labels is None:
            notes += (f"its {found.classes} classes have no names: numbered; {_naming(found.classes)} names them",)
    try:
        return Card(**about), notes
    except ValidationError as error:
        raise InvalidWeights(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def _published(found: Identified, record: Record, hints: ImportHints) -> dict[str, Any]:
    """What the record of a published model says for its card. Raises: InvalidWeights, UsageError."""
    if hints.architecture not in (None, record.architecture):
        raise UsageError(f"--architecture {hints.architecture} cannot be: {record.name} is {record.architecture}")
    if hints.layout not in (None, record.layout):
        raise UsageError(f"--layout {hints.layout} cannot be: {record.name} reads {record.layout}")
    kind = record.preprocessing.kind if record.preprocessing else None
    if hints.kind not in (None, kind):
        raise UsageError(f"--kind {hints.kind} cannot be: {record.name} reads {kind or 'pictures'}")
    classes = record.config.get("num_classes")
    if found.task != record.task or found.classes != classes:
        kinds = {"classify": f"a classifier of {found.classes} classes", "pose": "a pose estimator"}
        wanted = {"classify": f"one of {classes} classes", "pose": "a pose estimator", "detect": "a detector"}
        raise InvalidWeights(
            f"it is {kinds[found.task]} ({found.architecture}), but {record.name} is {wanted[record.task]}; leave "
            "--name out, or give another"
        )
    told = {"data": record.data, "terms": record.terms, "paper": record.paper, "metric": record.metric,
            "metric_source": record.metric_source, "note": record.note}  # fmt: skip
    return {
        "architecture": record.architecture, "config": record.config, "layout": record.layout,
        "preprocessing": record.preprocessing, "estimation": record.estimation,
        "licence": hints.licence or record.licence, "training": {key: value for key, value in told.items() if value},
    }  # fmt: skip


def _refuse_of_estimators(hints: ImportHints) -> None:
    told = (("--labels", hints.labels), ("--kind", hints.kind), ("--layout", hints.layout))
    for option, value in told:
        if value is not None:
            raise UsageError(f"{option} is for classifiers, and the file holds a pose estimator; leave it out")


def _class_names(classes: int, record: Record | None, hints: ImportHints) -> tuple[str, ...]:
    if hints.labels is not None:
        if len(hints.labels) != classes:
            raise UsageError(f"--labels names {len(hints.labels)} classes, but the network has {classes}")
        return tuple(hints.labels)
    if record is not None and record.labels is not None:
        return label_list(record.labels)
    return tuple(f"class {index}" for index in range(classes))


def _naming(classes: int) -> str:
    """The option that gives names to so many classes."""
    fitting = [name for name in label_lists() if len(label_list(name)) == classes]
    return f"--labels {' or '.join(fitting)} (if they are those) or FILE" if fitting else "--labels FILE"


def _check_fits(tensors: Mapping[str, Tensor], card: Card, found: Identified) -> None:
    """Raises: InvalidWeights with the keys that are wrong, and the network that would fit."""
    problems = _problems(tensors, card)
    if not problems:
        return
    told = card.model_copy(update={"architecture": found.architecture, "config": found.config})
    same = (told.architecture, told.config) == (card.architecture, card.config)
    advice = "is the file complete?" if same or _problems(tensors, told) else f"{_variant(found)} would fit"
    raise InvalidWeights(f"it is no {card.architecture}: {'; '.join(problems)}; {advice}")


def _problems(tensors: Mapping[str, Tensor], card: Card) -> list[str]:
    with torch.device("meta"):
        network = build(card)
    return differences(network, tensors)


def _variant(found: Identified) -> str:
    """An architecture with what is unusual about it, in words."""
    unusual = ", ".join(f"{key} {value}" for key, value in found.config.items() if key != "num_classes")
    return f"{found.architecture} with {unusual}" if unusual else found.architecture


def _own(
    path: Path, card: Card, checkpoint: Checkpoint, name: str, hints: ImportHints
) -> tuple[dict[str, Tensor], Card]:
    """A model of poseact under another name, as it is; labels and licence may be said anew."""
    check_recorded(path, card, checkpoint.sha256)
    told = {
        "--architecture": hints.architecture, "--kind": hints.kind, "--layout": hints.layout,
        "--limb-order": hints.limb_order,
    }  # fmt: skip
    if options := [option for option, value in told.items() if value]:
        raise UsageError(f"{path} has its own model card; leave {' and '.join(options)} out")
    if problems := _problems(checkpoint.tensors, card):
        raise InvalidWeights(f"{path} does not fit its model card: {'; '.join(problems)}")
    changes: dict[str, Any] = {"name": name, "licence": hints.licence or card.licence}
    if hints.labels is not None:
        changes["labels"] = _class_names(len(card.labels), None, hints)
    source = card.source or {"file": path.name, "sha256": checkpoint.sha256, "publisher": "poseact"}
    return checkpoint.tensors, card.model_copy(update={**changes, "source": source})
