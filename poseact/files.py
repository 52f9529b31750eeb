"""Files: read up to a limit, hashed, and written whole or not at all, under a temporary name that is then renamed."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from poseact.errors import LimitExceeded, OutputError

if sys.platform != "win32":
    import fcntl

_FEW_FILES = 1000
PART = ".poseact-part"
"""In the name of what is not whole yet, and of nothing else."""


def expanded(path: str | Path) -> Path:
    """With `~` and `~somebody` as their home folders, where anybody is called so, and `/` for a `//` at the start."""
    try:
        path = Path(path).expanduser()
    except (RuntimeError, ValueError):  # the latter for a null byte
        path = Path(path)
    return Path("/", *path.parts[1:]) if path.anchor == "//" else path


def sha256_of(path: Path) -> str:
    """Hexadecimal digest of a file. Raises: OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_regular(path: Path) -> BinaryIO:
    """Open a file to be read. Raises: OSError, also for a pipe or a device, which may never end."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # a folder has an error of its own
        raise OSError(errno.EINVAL, "it is no file but a pipe or a device", str(path))
    return path.open("rb")


def read_regular(path: Path, largest: int, advice: str = "is it the right file?") -> bytes:
    """The content of a file. Raises: OSError, as `open_regular`; LimitExceeded for more than `largest` bytes."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > largest:
            raise LimitExceeded(f"{path} has {size} bytes, more than the {largest} that are read; {advice}")
        return file.read(size)  # a buffer of what is read, and no larger, is reserved at once


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target` that becomes `target` if the block succeeds and vanishes if it fails.

    Raises: OutputError when the folder is missing or not writable, or the disk is full.
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=f"{PART}{target.suffix}", dir=target.parent)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}; choose another place") from error
    os.close(handle)
    temporary = Path(name)
    try:
        with _held(temporary):
            yield temporary
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}; {_advice(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Tell other processes that a file or folder is not left over, by a lock that the system frees when this one dies.

    Where the system or the place has no such locks, nothing is told. Raises: OSError.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_held(path: Path) -> bool:
    """Whether somebody is within `_held` of it."""
    if sys.platform == "win32":
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    finally:
        os.close(descriptor)
    return False


def _advice(error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "make room and give the same command again, or choose another place" if full else "choose another place"


@contextmanager
def atomic_folder(target: Path, may_replace: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield a temporary folder beside `target` that becomes `target` if the block succeeds, and vanishes if it fails.

    Args:
        target: may be a link to a folder, in whose place the new one is put then.
        may_replace: whether a folder that stands there already is one that the new one may take the place of; an empty
            one always is.
    Raises: OutputError for anything else that stands there, and as `atomic_path`.
    """
    target = _followed(Path(target))
    try:
        check_folder(target, may_replace)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=PART, dir=target.parent))
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}; choose another place") from error
    try:
        with _held(temporary):
            yield temporary
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o777 & ~umask)
            _flush([path for path in temporary.rglob("*") if path.is_file()])
            _take_place(temporary, target)
        remove_leftovers(target)  # now also an old one, if a process was killed between its two renames
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}; choose another place") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_folder(target: Path, may_replace: Callable[[Path], bool]) -> None:
    """Refuse early what `atomic_folder` would refuse. Raises: OutputError."""
    target = _followed(target)
    if os.path.lexists(target) and not (target.is_dir() and (not any(target.iterdir()) or may_replace(target))):
        raise OutputError(f"{target} holds something else; choose another place, or delete it")
    if os.path.ismount(target):
        raise OutputError(f"cannot replace {target}: another disk is mounted there; name a folder inside it")


def _followed(target: Path) -> Path:
    """The folder that a link leads to, since a folder can take the place of that one alone; else the target itself."""
    return Path(os.path.realpath(target)) if target.is_symlink() and target.is_dir() else target


def leftovers(target: Path) -> list[Path]:
    """What is half written of `target`, by processes that were killed or are at work: files, and folders where it is to
    be a folder.

    A folder that stood in its place just before is none until there is a new one.
    """
    target = _followed(target)
    random = "[a-z0-9_]{8}"
    part = re.escape(PART)
    file = re.compile(rf"\.{re.escape(target.stem)}-{random}{part}{re.escape(target.suffix)}")
    folder = re.compile(rf"\.{re.escape(target.name)}-{'(old-)?' if target.exists() else ''}{random}{part}")
    try:
        return [path for path in target.parent.iterdir() if (folder if path.is_dir() else file).fullmatch(path.name)]
    except OSError:
        return []


def remove_leftovers(target: Path) -> None:
    """Remove the `leftovers` of a target, but for those that another process is writing now."""
    for path in leftovers(target):
        if _is_held(path):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def _flush(files: list[Path]) -> None:
    """Bring files to the disk; for thousands of them, everything that waits at once is faster."""
    if len(files) > _FEW_FILES and hasattr(os, "sync"):
        os.sync()
        return
    for path in files:
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def _take_place(folder: Path, target: Path) -> None:
    """Rename a folder onto another one, which is deleted afterwards and put back if the renaming fails."""
    if not target.exists():
        folder.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", suffix=PART, dir=target.parent))
    with _held(target):  # and `old` then is, until it need not be put back any more
        try:
            target.rename(old)
        except OSError:
            old.rmdir()
            raise
        try:
            folder.rename(target)
        except OSError:
            old.rename(target)
            raise
    shutil.rmtree(old, ignore_errors=True)


def write_bytes(target: Path, content: bytes) -> None:
    """Write `content` to `target`, whole or not at all. Raises: OutputError."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: Path, content: str) -> None:
    """Write UTF-8 text to `target`, whole or not at all. Raises: OutputError."""
    write_bytes(target, content.encode())
