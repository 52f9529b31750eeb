"""Which models there are and where they lie: with poseact, in the cache, or at their publisher. Reads no tensors."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from poseact.errors import InvalidWeights, ModelError, UsageError, WeightsNotFound
from poseact.files import sha256_of
from poseact.home import home_folder
from poseact.zoo.card import Card, read_card
from poseact.zoo.manifest import Record, embedded, find_record, manifest, weights_folder

SUFFIX = ".safetensors"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
RECORDED = "weights_sha256"  # in the source of a card: the hash of the file beside it

Where = Literal["embedded", "here", "remote"]
State = Literal["fine", "damaged", "unrecorded"]


def models_folder() -> Path:
    """Where fetched and imported models lie: `NAME.safetensors` with its card `NAME.json`."""
    return home_folder() / "models"


def model_path(name: str) -> Path:
    """The weight file of a fetched or imported model; it may not exist.

    Raises: UsageError for a name that is no plain file name.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be the name of a model; use up to 100 letters, digits, dots, - and _")
    return models_folder() / f"{name}{SUFFIX}"


def is_ready(path: Path) -> bool:
    """Whether a weight file and its card are there."""
    return path.is_file() and path.with_suffix(".json").is_file()


@dataclass(frozen=True)
class Model:
    """A model that can be asked for by name.

    Attributes:
        record: of the manifest; None for what a user imported.
        where: "embedded", "here" in the cache, or "remote".
        path: of the weight file, as it is or as it will be.
    """

    name: str
    record: Record | None
    where: Where
    path: Path

    def card(self) -> Card:
        """Raises: InvalidWeights when it is missing or no card."""
        return read_card(self.path.with_suffix(".json"))


def model(name: str) -> Model | None:
    """The model of this name or alias, or None where nobody knows it; a name that cannot be one is not known."""
    record = find_record(name)
    if record is not None and record.embedded:
        return Model(record.name, record, "embedded", weights_folder() / record.file)
    if not NAME.fullmatch(name):
        return None
    path = model_path(record.name if record else name)
    if record is None and not is_ready(path):
        return None
    return Model(path.name.removesuffix(SUFFIX), record, "here" if is_ready(path) else "remote", path)


def models() -> list[Model]:
    """All: those of the manifest in its order, then those that the user imported, by name."""
    try:
        stored = sorted(path.name.removesuffix(SUFFIX) for path in models_folder().glob(f"*{SUFFIX}"))
    except OSError:
        stored = []
    names = [*manifest(), *(name for name in stored if find_record(name) is None)]
    return [found for found in map(model, names) if found is not None]


def ready(name: str) -> Model:
    """A model that can be opened at once. Raises: WeightsNotFound with what to do."""
    found = model(name)
    if found is None:
        raise unknown(name)
    if found.where == "remote":
        raise WeightsNotFound(
            f"model {found.name} is not in {models_folder()}; run `poseact weights fetch {found.name}` online, or "
            f"`poseact weights import FILE --name {found.name}` with a file that you have"
        )
    return found


def check_free(name: str, *, replace: bool = False) -> None:
    """Raises: UsageError when a model cannot be given this name, or, without `replace`, when one has it already.

    Weights without a card, of a command that was killed, are no model.
    """
    found = model(name)
    if found is not None and found.where == "embedded":
        raise UsageError(f"{name!r} is a model that comes with poseact; choose another name")
    if not replace and is_ready(found.path if found else model_path(name)):
        raise UsageError(
            f"there is already a model {name!r} in {models_folder()}; choose another name, or add --replace"
        )


def unknown(name: str) -> WeightsNotFound:
    """The error for a name that means nothing, with names that are like it."""
    names = {alias: alias for record in manifest().values() for alias in (record.name, *record.aliases)}
    names |= {found.name: found.name for found in models()}
    close = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.6)
    advice = f"did you mean {' or '.join(close)}?" if close else f"embedded models are {', '.join(embedded())};"
    return WeightsNotFound(
        f"model {name!r} is neither a file, nor the folder of a training run, nor a model that poseact knows; {advice} "
        "`poseact weights list` shows all"
    )


@dataclass(frozen=True)
class Verdict:
    """What re-hashing a model found.

    Attributes:
        state: "unrecorded" where nothing says what the hash should be.
        sha256: of the weight file, empty where it cannot be read.
        problem: one line of what is wrong and what to do; empty when the model is fine.
    """

    model: Model
    state: State
    sha256: str
    problem: str = ""


def verify(found: Model) -> Verdict:
    """Hash the weight file of a model that is here and compare; its card must be readable as well."""
    try:
        digest = sha256_of(found.path)
    except OSError as error:
        return Verdict(found, "damaged", "", f"{found.path} cannot be read ({error.strerror}); {remedy(found)}")
    try:
        card = found.card()
    except ModelError as error:
        return Verdict(found, "damaged", digest, f"{error}; {remedy(found)}")
    if found.where != "embedded":
        try:
            check_recorded(found.path, card, digest)
        except InvalidWeights as error:
            return Verdict(found, "damaged", digest, str(error))
        return Verdict(found, "fine" if RECORDED in card.source else "unrecorded", digest)
    if found.record is None or not found.record.matches(digest):
        problem = f"{found.path} is damaged: its sha256 is {digest[:12]}..., not that of the manifest"
        return Verdict(found, "damaged", digest, f"{problem}; {remedy(found)}")
    return Verdict(found, "fine", digest)


def check_recorded(path: Path, card: Card, sha256: str) -> None:
    """Raises: InvalidWeights when the card records another hash of its weight file; many cards record none."""
    recorded = card.source.get(RECORDED)
    if recorded not in (None, sha256):
        inside = path.parent == models_folder()
        known = model(path.name.removesuffix(SUFFIX)) if inside else None
        advice = remedy(known) if known else "get the file and its card again"
        raise InvalidWeights(f"{path} is damaged: its sha256 is {sha256[:12]}..., not that of its model card; {advice}")


def remedy(found: Model) -> str:
    """What to do about a damaged model."""
    if found.where == "embedded":
        return "reinstall poseact"
    if found.record is not None:
        return f"run `poseact weights fetch --again {found.name}`"
    return f"import it again, with `poseact weights import FILE --name {found.name}`"
