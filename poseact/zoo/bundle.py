"""Models in one plain tar file, for machines without a network: packed whole or not at all, unpacked with distrust.

The first member, `SHA256SUMS`, lists the others as `sha256sum -c` reads them: `NAME.safetensors` and `NAME.json` of
each model. Nothing else may be in the file: no folders, links, devices or extended headers.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from poseact.errors import InvalidWeights, LimitExceeded, UsageError, WeightsNotFound
from poseact.files import atomic_path, open_regular, remove_leftovers, sha256_of
from poseact.zoo.card import CARD_BYTES, Card, read_card
from poseact.zoo.inventory import NAME, RECORDED, SUFFIX, Model, model_path, ready, verify
from poseact.zoo.lock import locked

SUMS = "SHA256SUMS"
SUMS_BYTES = 1 << 20
MOST_MEMBERS = 2001
LARGEST_WEIGHTS = 2 << 30
BLOCK = tarfile.BLOCKSIZE
PIECE = 1 << 20
HISTORY = {"poseact", "source", "training"}
"""Of a card, what no answer depends on."""
LINE = re.compile(r"([0-9a-f]{64})  (\S+)")

Progress = Callable[[int, int | None], None]


def pack(target: Path, names: Sequence[str], progress: Progress | None = None) -> list[Model]:
    """Write models that are here, in the order of their names, to a `.tar` file; the same models give the same bytes.

    Args:
        progress: called with (models done, in total).
    Raises:
        UsageError: no name, or another suffix. WeightsNotFound: a model is not here. InvalidWeights: one is damaged.
        OutputError: the file cannot be written.
    """
    if target.suffix != ".tar":
        raise UsageError(f"the bundle {target} must be called .tar")
    chosen = sorted({found.name: found for found in map(ready, names)}.values(), key=lambda found: found.name)
    if not chosen:
        raise UsageError("name at least one model to bundle; `poseact weights list --here` shows those that are here")
    files: list[tuple[str, Path, str]] = []
    for done, found in enumerate(chosen):
        verdict = verify(found)
        if verdict.state == "damaged":
            raise InvalidWeights(verdict.problem)
        card = found.path.with_suffix(".json")
        files.append((f"{found.name}{SUFFIX}", found.path, verdict.sha256))
        files.append((f"{found.name}.json", card, hashlib.sha256(card.read_bytes()).hexdigest()))
        if progress is not None:
            progress(done + 1, len(chosen))
    sums = "".join(f"{digest}  {name}\n" for name, _, digest in files).encode()
    remove_leftovers(target)
    with atomic_path(target) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(_header(SUMS, len(sums)), io.BytesIO(sums))
        for name, path, _ in files:
            with path.open("rb") as file:
                archive.addfile(_header(name, path.stat().st_size), file)
    return chosen


def unpack(source: Path, *, replace: bool = False, progress: Progress | None = None) -> list[Model]:
    """Put the models of a bundle into the cache; those that are there already and the same are left alone.

    Everything is checked before the first file is written, the checksums while it is.

    Args:
        replace: overwrite models of the same name that differ.
        progress: called with (models done, in total).
    Raises:
        WeightsNotFound: no such file. InvalidWeights: not a bundle, or damaged. LimitExceeded: larger than models are.
        UsageError: another model has the same name. OutputError: the cache cannot be written.
    """
    try:
        with open_regular(source) as file:
            members = {member.name: member for member in _members(file, source)}
            sums = _sums(file, members, source)
            names = [name.removesuffix(SUFFIX) for name in sums if name.endswith(SUFFIX)]
            if not replace:
                _refuse_others(file, names, members, sums, source)
            for done, name in enumerate(names):
                _install(file, name, members, sums, source)
                if progress is not None:
                    progress(done + 1, len(names))
    except OSError as error:
        raise WeightsNotFound(f"{source} cannot be read ({error.strerror or error}); give a bundle") from error
    return [ready(name) for name in names]


@dataclass(frozen=True)
class _Member:
    """A file within the archive: `size` bytes from `start`."""

    name: str
    start: int
    size: int

    def pieces(self, file: BinaryIO) -> Iterator[bytes]:
        file.seek(self.start)
        left = self.size
        while left:
            piece = file.read(min(PIECE, left))
            if not piece:
                return
            left -= len(piece)
            yield piece


def _header(name: str, size: int) -> tarfile.TarInfo:
    """Without owner and date, so that bundles of the same models are the same."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info


def _members(file: BinaryIO, source: Path) -> Iterator[_Member]:
    """All files of an archive, from their headers. Raises: InvalidWeights for anything that is no file of a model."""
    at, count = 0, 0
    seen: set[str] = set()
    while True:
        file.seek(at)
        block = file.read(BLOCK)
        if count and block == bytes(BLOCK):
            return
        try:
            info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError):
            raise _no_bundle(source, "it is no tar file, or cut off" if not count else "it is cut off") from None
        name = info.name
        stem = name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else name.removesuffix(".json")
        plain = info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not name.endswith("/")
        if not plain or name in seen or (name != SUMS and (stem == name or not NAME.fullmatch(stem))):
            raise _no_bundle(source, f"{name[:100]!r} has no place in it")
        limit = SUMS_BYTES if name == SUMS else LARGEST_WEIGHTS if name.endswith(SUFFIX) else CARD_BYTES
        if info.size > limit:
            raise LimitExceeded(f"{source}: {name} claims {info.size} bytes, more than {limit}; it is not unpacked")
        at += BLOCK
        if info.size < 0:
            raise _no_bundle(source, f"{name} has a size of {info.size} bytes")
        count += 1
        if count > MOST_MEMBERS:
            raise LimitExceeded(f"{source} has more than {MOST_MEMBERS} files; it is not unpacked")
        seen.add(name)
        yield _Member(name, at, info.size)
        at += -(-info.size // BLOCK) * BLOCK


def _sums(file: BinaryIO, members: dict[str, _Member], source: Path) -> dict[str, str]:
    """{file: sha256} as the bundle lists it: each other member once, weights and card of each model."""
    if SUMS not in members:
        raise _no_bundle(source, f"it has no {SUMS}")
    lines = b"".join(members[SUMS].pieces(file)).decode("ascii", "replace").splitlines()
    found = [LINE.fullmatch(line) for line in lines]
    sums = {match[2]: match[1] for match in found if match}
    complete = all((name.removesuffix(".json") + SUFFIX if name.endswith(".json") else
                    name.removesuffix(SUFFIX) + ".json") in sums for name in sums)  # fmt: skip
    if not all(found) or len(sums) != len(lines) or sums.keys() != members.keys() - {SUMS} or not complete or not sums:
        raise _no_bundle(source, f"its {SUMS} does not list its files, or a model lacks its card")
    return sums


def _refuse_others(
    file: BinaryIO, names: Sequence[str], members: dict[str, _Member], sums: dict[str, str], source: Path
) -> None:
    for name in names:
        path = model_path(name)
        card = path.with_suffix(".json")
        if path.is_file() and not (_same(path, sums[path.name]) and _answers_alike(file, card, members[card.name])):
            raise UsageError(
                f"{source} brings another {name} than the one in {path.parent}; add --replace to overwrite that"
            )


def _answers_alike(file: BinaryIO, card: Path, brought: _Member) -> bool:
    """Whether two cards differ in their history alone; a damaged one here is mended, one there is refused later."""
    try:
        own, other = read_card(card), Card.model_validate_json(b"".join(brought.pieces(file)))
    except (InvalidWeights, ValidationError):
        return True
    return own.model_dump(exclude=HISTORY) == other.model_dump(exclude=HISTORY)


def _install(file: BinaryIO, name: str, members: dict[str, _Member], sums: dict[str, str], source: Path) -> None:
    """Both files of a model, verified, the card last: without it a model does not count as there."""
    path = model_path(name)
    card = path.with_suffix(".json")
    with locked(path):
        for one in (path, card):
            remove_leftovers(one)
        if _same(path, sums[path.name]) and _same(card, sums[card.name]):
            return
        with atomic_path(card) as new_card:
            _extract(file, members[card.name], sums[card.name], new_card, source)
            _check_card(new_card, card.name, sums[path.name], source)
            with atomic_path(path) as new_weights:
                _extract(file, members[path.name], sums[path.name], new_weights, source)


def _check_card(card: Path, name: str, sha256: str, source: Path) -> None:
    try:
        recorded = read_card(card).source.get(RECORDED)
    except InvalidWeights as error:
        raise _no_bundle(source, f"{name} is no model card") from error
    if recorded not in (None, sha256):
        raise _no_bundle(source, f"{name} is the card of other weights")


def _extract(file: BinaryIO, member: _Member, sha256: str, target: Path, source: Path) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for piece in member.pieces(file):
            digest.update(piece)
            out.write(piece)
    if digest.hexdigest() != sha256:
        raise _no_bundle(source, f"{member.name} is damaged, its sha256 is not the listed one")


def _same(path: Path, sha256: str) -> bool:
    try:
        return sha256_of(path) == sha256
    except OSError:
        return False


def _no_bundle(source: Path, reason: str) -> InvalidWeights:
    return InvalidWeights(f"{source} is not a bundle of models: {reason}; make it with `poseact weights bundle`")
