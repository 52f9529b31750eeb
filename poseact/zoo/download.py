"""From addresses to a file that is whole, verified, and there only once. Knows HTTP's pitfalls; knows no models."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from poseact.errors import InvalidWeights, OutputError, WeightsNotFound
from poseact.files import remove_leftovers, sha256_of
from poseact.home import offline
from poseact.zoo.addresses import MIRROR, candidates, host
from poseact.zoo.lock import locked
from poseact.zoo.part import Part
from poseact.zoo.transfer import Failed, Patience, Progress, Unlike, open_client, transfer

__all__ = ["Patience", "Progress", "download"]

Notify = Callable[[str], None]
Check = Callable[[Path], str | None]


@dataclass(frozen=True)
class Wanted:
    """What is known of the file before it is here; each may be None."""

    sha256: str | None
    sha256_prefix: str | None
    size: int | None
    check: Check | None = None

    @property
    def verifiable(self) -> bool:
        return bool(self.sha256 or self.sha256_prefix)

    def problem(self, path: Path) -> str | None:
        """Why a file is not the wanted one, or None. Raises: OSError."""
        size = path.stat().st_size
        if self.size not in (None, size):
            return f"{size} bytes came where the model has {self.size}"
        known = self.sha256 or self.sha256_prefix
        if known is None:
            return self.check(path) if self.check else None
        digest = sha256_of(path)
        return None if digest.startswith(known) else f"its sha256 begins with {digest[:12]}, not with {known[:12]}"


def download(
    addresses: Sequence[str],
    target: Path,
    *,
    sha256: str | None = None,
    sha256_prefix: str | None = None,
    size: int | None = None,
    check: Check | None = None,
    progress: Progress | None = None,
    notify: Notify | None = None,
    patience: Patience = Patience(),  # noqa: B008
) -> Path:
    """Fetch a file to `target`, which appears only whole and verified; a file that is there already stays.

    Addresses are tried in order, mirrors first (see `addresses.candidates`). What was interrupted, by whatever, lies
    in `NAME.part` and goes on in the next call. A second process waits for the first and then finds the file.

    Args:
        sha256, sha256_prefix, size: what is known of the file; what differs is refused.
        check: where no sha256 is known, what is wrong with a file that came, or None.
        progress: called with (bytes done, bytes in total or None). notify: called with a sentence worth telling.
    Raises:
        WeightsNotFound: POSEACT_OFFLINE, or no address gives the file. InvalidWeights: one gives another file.
        OutputError: it cannot be written. UsageError: POSEACT_MIRROR is no address.
    """
    wanted = Wanted(sha256, sha256_prefix, size, check)
    if _is_there(target, wanted):
        return target
    places = candidates(addresses)
    if offline():
        raise WeightsNotFound(
            f"{target.name} is not in {target.parent} and POSEACT_OFFLINE forbids the network; unset it, or fetch the "
            f"file elsewhere from {addresses[0]}"
        )
    part = Part(target)
    with locked(target, notify):
        try:
            if _is_there(target, wanted):
                return target
            remove_leftovers(part.note)
            failures = _from_any(places, part, wanted, patience, progress, notify)
            if failures and any(isinstance(failure, Unlike) for _, failure in failures):
                part.discard()  # nobody goes on with it
                failures = _from_any(places, part, wanted, patience, progress, notify)
            if failures is None:
                return target
            if not (part.origin and (part.origin.validator or wanted.verifiable)):
                part.discard()
        except OSError as error:
            raise OutputError(
                f"cannot write {part.path}: {error.strerror or error}; free some space, or set POSEACT_HOME to another "
                "folder"
            ) from error
    raise _given_up(target.name, failures)


def _is_there(target: Path, wanted: Wanted) -> bool:
    try:
        return target.is_file() and wanted.problem(target) is None
    except OSError:
        return False


def _from_any(
    places: Sequence[str], part: Part, wanted: Wanted, patience: Patience, progress: Progress | None,
    notify: Notify | None,
) -> list[tuple[str, Failed]] | None:  # fmt: skip
    """Try each address; None when the file is there, else why each failed."""
    failures: list[tuple[str, Failed]] = []
    with open_client(patience) as client:
        for address in places:
            try:
                _fetch(client, address, part, wanted, patience, progress)
                return None
            except Failed as failure:
                failures.append((host(address), failure))
                if notify is not None and address != places[-1]:
                    notify(f"{host(address)}: {failure}; trying the next address")
    return failures


def _fetch(
    client: httpx.Client, address: str, part: Part, wanted: Wanted, patience: Patience, progress: Progress | None
) -> None:
    """Fetch from one address, over interruptions, and give the file its name. Raises: Failed, OSError, OutputError."""
    left, furthest, pause = patience.attempts, part.size, patience.backoff
    while True:
        try:
            resumed = transfer(
                client, address, part, patience, size=wanted.size, verifiable=wanted.verifiable, progress=progress
            )
            problem = wanted.problem(part.path)
            if problem is None:
                _give_name(part)
                return
            part.discard()
            raise Failed(problem, again=resumed, wrong=True)  # two pieces may be of two files; the whole is not
        except Failed as failure:
            if part.size >= furthest + patience.worthwhile:
                left, furthest, pause = patience.attempts, part.size, patience.backoff
            left -= 1
            if not failure.again or left <= 0:
                raise
            wait = max(pause, failure.wait)
        time.sleep(wait)
        pause *= 2


def _give_name(part: Part) -> None:
    with part.path.open("rb+") as file:
        os.fsync(file.fileno())
    part.path.replace(part.target)
    part.discard()


def _given_up(name: str, failures: Sequence[tuple[str, Failed]]) -> WeightsNotFound | InvalidWeights:
    reasons = "; ".join(dict.fromkeys(f"{place}: {failure}" for place, failure in failures))
    if any(failure.wrong for _, failure in failures):
        return InvalidWeights(f"{name} was not taken ({reasons}); try again later, or set {MIRROR} to a good copy")
    return WeightsNotFound(
        f"{name} could not be fetched ({reasons}); check the network, set {MIRROR} to a copy, or import a file that "
        "you have"
    )
