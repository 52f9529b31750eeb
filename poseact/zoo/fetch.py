"""A published model, ready to be opened: from the cache, or downloaded, verified and imported. Prints nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from poseact.errors import InvalidWeights, WeightsNotFound
from poseact.home import home_folder, offline
from poseact.zoo.addresses import candidates, host
from poseact.zoo.checkpoint import what_is_wrong
from poseact.zoo.download import Notify, Patience, Progress, download
from poseact.zoo.importing import import_checkpoint
from poseact.zoo.inventory import is_ready, model, models_folder, unknown
from poseact.zoo.lock import locked
from poseact.zoo.manifest import Record

_watching: ContextVar[Progress | None] = ContextVar("watching", default=None)


@contextmanager
def watched(progress: Progress) -> Iterator[None]:
    """Show every download of the block by calling `progress`, however deep it is asked for."""
    token = _watching.set(progress)
    try:
        yield
    finally:
        _watching.reset(token)


def downloads_folder() -> Path:
    """Where files of publishers lie until they are imported, and unfinished downloads until they are finished."""
    return home_folder() / "downloads"


def fetch(
    name: str,
    progress: Progress | None = None,
    *,
    notify: Notify | None = None,
    again: bool = False,
    patience: Patience = Patience(),  # noqa: B008
) -> Path:
    """The `.safetensors` file of a model, its card beside it; downloaded and imported if it is not here yet.

    Args:
        name: a name or alias of the manifest, or of a model that was imported.
        progress: called with (bytes done, in total or None); without it, what `watched` was given.
        notify: called with sentences worth telling, the terms of use first; without it they are logged as warnings.
        again: fetch anew what is here already, but not what comes with poseact.
    Raises:
        WeightsNotFound: nobody knows the name, POSEACT_OFFLINE, or no address gives the file.
        InvalidWeights: the publisher's file is another than the manifest says. OutputError: it cannot be written.
    """
    found = model(name)
    if found is None:
        raise unknown(name)
    record = found.record
    if record is None or found.where == "embedded" or (found.where == "here" and not again):
        return found.path
    if offline():
        raise WeightsNotFound(
            f"model {record.name} is not in {models_folder()} and POSEACT_OFFLINE forbids fetching it; unset it, run "
            f"`poseact weights import FILE --name {record.name}` with a file that you have, or `poseact weights "
            "unbundle` with a bundle of another machine"
        )
    notify = notify or logging.getLogger("poseact").warning
    with locked(found.path, notify):
        if again or not is_ready(found.path):  # another process may have fetched it meanwhile
            notify(terms_of(record))
            _download_and_import(record, progress or _watching.get(), notify, patience)
    return found.path


def terms_of(record: Record) -> str:
    """Where a model comes from and under which terms, in one line."""
    place = host(candidates(record.addresses)[0])
    unverified = "" if record.sha256 or record.sha256_prefix else "; not verified, as no sha256 of it is published"
    return f"fetching {record.name} from {place}{unverified}; weights: {record.licence}; training data: {record.terms}"


def _download_and_import(record: Record, progress: Progress | None, notify: Notify, patience: Patience) -> Path:
    published = downloads_folder() / f"{record.name}{Path(record.file).suffix}"
    download(
        record.addresses, published, sha256=record.sha256, sha256_prefix=record.sha256_prefix, size=record.bytes,
        check=what_is_wrong, progress=progress, notify=notify, patience=patience,
    )  # fmt: skip
    try:
        path = import_checkpoint(published, models_folder(), name=record.name)
    except InvalidWeights:
        published.unlink(missing_ok=True)  # the next attempt must not find it
        raise
    published.unlink(missing_ok=True)
    return path
