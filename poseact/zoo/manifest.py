"""`weights/manifest.toml`: one typed record per model that poseact can run, embedded or published. Reads no weights."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from poseact.zoo.card import Estimation, Preprocessing
from poseact.zoo.label_lists import labels

PACKAGE = Path(__file__).parent.parent
# OpenMMLab appends the first 8 digits of the file's sha256: NAME-HASH.pth, NAME-HASH_DATE.pth, NAME_DATE-HASH.pth.
PUBLISHED_HASH = re.compile(r"-([0-9a-f]{8})(?:_\d{8})?\.pth$")

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Text = Annotated[str, Field(min_length=1)]


class Record(BaseModel):
    """A model: what it is, where it comes from and how to recognise its file.

    Attributes:
        name: what `--model`, `--detector` or `--pose` call it; aliases: other names for it.
        task, architecture, config: as on its model card.
        addresses: where the publisher offers it, the preferred one first; none for what comes with poseact.
        file: inside the weights folder, or as the publisher calls it.
        sha256, bytes: of the file; known for what comes with poseact.
        sha256_prefix: the first digits of the sha256 of a published file; some publishers give none.
        licence: SPDX identifier; licence_file: its text, inside the weights folder.
        terms: of the training data, one sentence.
        data: what it was trained on.
        labels: the list of its class names, see `labels`.
        layout: the keypoint layout that a classifier reads or an estimator writes.
        preprocessing, estimation: as on its model card; absent for models whose card comes with poseact.
        limb_order: of the input channels: "published" as in `poseact.skeleton`, or "transform", the default order of
            the original transform, which an import sorts into the published one.
        metric, metric_source: the published accuracy, and the document that says so.
        paper: of the method.
        source: where the numbers of an embedded file come from, or the document that names the published address.
        note: what else a user must know.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    aliases: tuple[Name, ...] = ()
    task: Literal["detect", "pose", "classify"]
    architecture: Text
    config: dict[str, Any] = Field(default_factory=dict)
    addresses: tuple[Annotated[str, Field(pattern=r"^https://")], ...] = ()
    file: Text
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    sha256_prefix: str | None = Field(None, pattern=r"^[0-9a-f]{8}$")
    bytes: int | None = Field(None, gt=0)
    licence: Text
    licence_file: str | None = None
    terms: Text
    data: Text
    labels: str | None = None
    layout: str = "coco17"
    preprocessing: Preprocessing | None = None
    estimation: Estimation | None = None
    limb_order: Literal["published", "transform"] = "published"
    metric: str | None = None
    metric_source: str | None = None
    paper: Text
    source: Text
    note: str = ""

    @model_validator(mode="after")
    def _is_complete(self) -> Record:
        if self.embedded and not (self.sha256 and self.bytes and self.licence_file):
            raise ValueError(f"{self.name} has no address, so it needs sha256, bytes and licence_file")
        if self.task == "classify" and self.labels is None:
            raise ValueError(f"{self.name} is a classifier without a label list")
        if not self.embedded and self.task == "classify" and self.preprocessing is None:
            raise ValueError(f"{self.name} is a classifier without preprocessing")
        if self.metric is not None and self.metric_source is None:
            raise ValueError(f"{self.name} has a metric without its source")
        return self

    @property
    def embedded(self) -> bool:
        """Whether the file comes with poseact."""
        return not self.addresses

    def matches(self, sha256: str) -> bool:
        """Whether a file with this sha256 is the published one. False where the publisher gives no hash."""
        known = self.sha256 or self.sha256_prefix
        return known is not None and sha256.startswith(known)


def weights_folder() -> Path:
    """The embedded weights: inside the installed package, or at the top of a source checkout."""
    inside = PACKAGE / "weights"
    return inside if inside.is_dir() else PACKAGE.parent / "weights"


@cache
def manifest() -> dict[str, Record]:
    """The records of `weights/manifest.toml` by name, in file order."""
    document = tomllib.loads((weights_folder() / "manifest.toml").read_text(encoding="utf-8"))
    return {record.name: record for record in (Record.model_validate(entry) for entry in _entries(document))}


def embedded() -> dict[str, Record]:
    """The records of the models that come with poseact, by name."""
    return {name: record for name, record in manifest().items() if record.embedded}


def find_record(name: str) -> Record | None:
    """The record with this name or alias."""
    known = manifest()
    return known.get(name) or next((record for record in known.values() if name in record.aliases), None)


def record_of_file(sha256: str) -> Record | None:
    """The record whose published file has this sha256."""
    return next((record for record in manifest().values() if record.matches(sha256)), None)


def _entries(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One table per record: the model's own keys over those of its group over those of its data set."""
    yield from (_completed(entry, {}) for entry in document["model"])
    for group in document["group"]:
        shared = {key: value for key, value in group.items() if key not in ("models", "base")}
        for model in group["models"]:
            trained_on = document["dataset"][model.get("on") or group["on"]]
            entry = _merged(_merged(shared, model), {})
            entry["addresses"] = [group["base"] + path for path in entry.pop("paths")]
            yield _completed(entry, trained_on)


def _completed(entry: Mapping[str, Any], trained_on: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what follows from the rest: the data set's keys, file name, published hash, classes and metric."""
    record = _merged({key: value for key, value in trained_on.items() if key != "measure"}, entry)
    record.pop("on", None)
    score = record.pop("score", None)
    if score is not None:
        record["metric"] = record["metric"].format(score=score, measure=trained_on["measure"])
        record.setdefault("metric_source", record["source"])
    else:
        record.pop("metric", None)
    if record.get("addresses"):
        record.setdefault("file", record["addresses"][0].rsplit("/", 1)[1])
        published = PUBLISHED_HASH.search(record["file"])
        record.setdefault("sha256_prefix", published[1] if published else None)
    if "labels" in record:
        record["config"] = {**record.get("config", {}), "num_classes": len(labels(record["labels"]))}
    return record


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables within tables are merged; everything else of `above` replaces what is below."""
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        merged[key] = _merged(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return merged
