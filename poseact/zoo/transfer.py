"""One request for a file over HTTP, as far as it gets: resumed, bounded in size and time. Retries are not here."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from poseact import __version__
from poseact.errors import OutputError, WeightsNotFound
from poseact.zoo.addresses import PROXIES, shown
from poseact.zoo.checkpoint_advice import HTML
from poseact.zoo.part import Origin, Part

Progress = Callable[[int, int | None], None]

GIB = 1 << 30
MOST_REDIRECTS = 10
LONGEST_WAIT = 60.0
HEAD = 512
BUSY = (408, 425, 429, 500, 502, 503, 504)
REFUSALS = {401: "asks for a login", 403: "refuses access", 407: "the proxy asks for a login"}
ANOTHER_FILE = "has another file than the one that was begun"
WEB_PAGE = "answers with a web page, not a model; is there a proxy or a login page between you and it?"
EXPLANATIONS = (
    (httpx.ProxyError, f"the proxy does not let it through ({{}}); check {', '.join(PROXIES)}", False),
    (httpx.InvalidURL, "leads to an address that cannot be used ({})", False),
    (httpx.UnsupportedProtocol, "leads to an address that cannot be used ({})", False),
    (httpx.ConnectTimeout, "does not answer", True),
    (httpx.TimeoutException, "stopped sending", True),
    (httpx.ConnectError, "cannot be reached ({})", True),
    (httpx.HTTPError, "the connection broke ({})", True),
)
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(frozen=True)
class Patience:
    """When to give up.

    Attributes:
        connect, read: seconds to wait for a connection, and for the next bytes.
        attempts: at one address, without getting `worthwhile` bytes further.
        backoff: seconds before the second attempt, doubled each time.
        slowest: bytes/s that must come, over each `window` seconds.
        largest: bytes that a file of unknown size may have.
    """

    connect: float = 15.0
    read: float = 30.0
    attempts: int = 4
    backoff: float = 1.0
    slowest: float = 1000.0
    window: float = 60.0
    worthwhile: int = 1 << 20
    largest: int = 2 * GIB


class Failed(Exception):
    """A transfer that did not bring the whole file.

    Attributes:
        again: whether the same request may do better. wait: seconds that the server asks for.
        wrong: the bytes that came are not those that were wanted.
    """

    def __init__(self, reason: str, *, again: bool = False, wait: float = 0.0, wrong: bool = False) -> None:
        super().__init__(reason)
        self.again, self.wait, self.wrong = again, wait, wrong


class Unlike(Failed):
    """An address has a file of another length than that of which another address sent the beginning."""


def open_client(patience: Patience) -> httpx.Client:
    """A client that takes proxies and certificates from the environment. Raises: WeightsNotFound if it cannot."""
    try:
        return httpx.Client(
            timeout=httpx.Timeout(patience.read, connect=patience.connect), follow_redirects=False,
            headers={"User-Agent": f"poseact/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"},
        )  # fmt: skip
    except (ValueError, ImportError, OSError, httpx.InvalidURL) as error:
        reason = _without_secrets(error)
        raise WeightsNotFound(
            f"the network settings of the environment cannot be used ({reason}); check {', '.join(PROXIES)} and "
            "SSL_CERT_FILE"
        ) from error


def transfer(
    client: httpx.Client, address: str, part: Part, patience: Patience, *,
    size: int | None, verifiable: bool, progress: Progress | None,
) -> bool:  # fmt: skip
    """Bring `part` to its end with one request; returns whether earlier bytes were kept.

    Args:
        size: of the whole file, if known. verifiable: its hash is known, so bytes of several addresses may be joined.
    Raises: Failed; OSError and OutputError when it cannot be written.
    """
    origin, offset = part.origin, part.size
    same = origin is not None and origin.address == shown(address)
    marked = same and origin is not None and bool(origin.validator)
    if offset and not marked and not (verifiable and origin is not None):
        offset = 0
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    if offset and marked and origin is not None:
        headers["If-Range"] = origin.validator
    with _requested(client, address, headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
            return _nothing_left(response, part, offset)
        total = _total(response)
        if size is not None and total not in (None, size):
            raise Failed(f"offers {total} bytes where the model has {size}", wrong=True)
        limit = size or total or patience.largest
        if limit > max(patience.largest, size or 0):
            raise Failed(f"offers {limit} bytes, more than the {patience.largest} that are allowed")
        if origin is not None and _is_another(response, origin, total):
            if not same:
                raise Unlike(ANOTHER_FILE, wrong=True)
            part.discard()
            raise Failed(ANOTHER_FILE, again=True)
        offset = _continued(response, offset)
        _check_space(part, (size or total or 0) - offset)
        if not offset:
            part.begin(Origin(address=shown(address), validator=_validator(response.headers), total=total))
        _write(response, part, offset, limit, patience, progress, size or total)
    if total is not None and part.size != total:
        raise Failed(f"sent {part.size} of {total} bytes", again=True)
    if not part.size:
        raise Failed("sends an empty file")
    return bool(offset)


@contextmanager
def _requested(client: httpx.Client, address: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
    """The final response, its body not yet read. Raises: Failed for all that is no part of a file."""
    try:
        request = client.build_request("GET", address, headers=headers)
        encrypted = request.url.scheme == "https"
        for _ in range(MOST_REDIRECTS + 1):
            response = client.send(request, stream=True)
            try:
                if response.next_request is None:
                    _check_status(response, partial="Range" in headers)
                    yield response
                    return
                request = response.next_request
            finally:
                response.close()
            if encrypted and request.url.scheme != "https":
                raise Failed(f"redirects from https to {request.url.scheme}, which is not followed")
        raise Failed(f"redirects more than {MOST_REDIRECTS} times")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _explained(error) from error


def _check_status(response: httpx.Response, *, partial: bool) -> None:
    status = response.status_code
    if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and partial:
        return
    if status not in (200, 206):
        words = REFUSALS.get(status) or response.reason_phrase[:80] or "no success"
        raise Failed(f"{words} (status {status})", again=status in BUSY, wait=_retry_after(response.headers))
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise Failed(WEB_PAGE)
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Failed(f"sends the file as {encoding[:40]!r}, which was not asked for")


def _explained(error: Exception) -> Failed:
    """What went wrong on the way, in a few words; broken connections may be better the next time, settings not."""
    text = _without_secrets(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return Failed("its certificate is not trusted here; set SSL_CERT_FILE to the one of your network's proxy")
    words, again = next((words, again) for kind, words, again in EXPLANATIONS if isinstance(error, kind))
    return Failed(words.format(text), again=again)


def _nothing_left(response: httpx.Response, part: Part, offset: int) -> bool:
    """The server has no bytes beyond ours: either we have all of them, or another file."""
    if _total(response) == offset:
        return True
    part.discard()
    raise Failed(ANOTHER_FILE, again=True)


def _is_another(response: httpx.Response, origin: Origin, total: int | None) -> bool:
    """Whether a server goes on with a file of another length than that whose beginning is here."""
    both_known = None not in (origin.total, total)
    return response.status_code == httpx.codes.PARTIAL_CONTENT and both_known and origin.total != total


def _continued(response: httpx.Response, offset: int) -> int:
    """Where the body belongs: `offset`, or 0 where the server sends everything. Raises: Failed for other places."""
    if response.status_code == httpx.codes.OK:
        return 0
    found = CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    start = int(found[1]) if found and found[1] else None
    if not offset or start != offset:
        raise Failed("sends another part of the file than was asked for", wrong=True)
    return offset


def _check_space(part: Part, missing: int) -> None:
    """Raises: OutputError when the disk is too small for the rest of a file."""
    free = shutil.disk_usage(part.path.parent).free
    if missing > free:
        raise OutputError(
            f"cannot write {part.target}: {missing} bytes are missing and the disk has {free} left; free some space, "
            "or set POSEACT_HOME to another folder"
        )


def _write(
    response: httpx.Response, part: Part, offset: int, limit: int, patience: Patience, progress: Progress | None,
    total: int | None,
) -> None:  # fmt: skip
    done, looked = offset, offset >= HEAD
    since, counted = time.monotonic(), offset
    if progress is not None:
        progress(done, total)
    with part.path.open("r+b") as file:
        file.seek(offset)
        file.truncate()
        for chunk in response.iter_raw():
            if done + len(chunk) > limit:
                part.discard()
                raise Failed(f"sends more than {limit} bytes", wrong=True)
            file.write(chunk)
            done += len(chunk)
            if not looked and done >= HEAD:
                file.flush()
                looked = _look(part)
            if progress is not None:
                progress(done, total)
            now = time.monotonic()
            if now - since >= patience.window:
                if done - counted < patience.slowest * (now - since):
                    raise Failed(f"sends less than {patience.slowest:.0f} bytes a second", again=True)
                since, counted = now, done
    _look(part)


def _look(part: Part) -> bool:
    """Raises: Failed when the file begins like a web page; nothing of it is kept."""
    with part.path.open("rb") as file:
        start = file.read(HEAD).lstrip().lower()
    if start.startswith(HTML):
        part.discard()
        raise Failed(WEB_PAGE)
    return True


def _total(response: httpx.Response) -> int | None:
    """Bytes of the whole file, as the server says."""
    if response.status_code == httpx.codes.OK:
        text = response.headers.get("content-length", "")
    else:
        found = CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
        text = found[3] if found else ""
    return int(text) if text.isascii() and text.isdigit() else None


def _validator(headers: Any) -> str:
    """What If-Range may compare: a strong ETag, else the date of the last change."""
    etag = str(headers.get("etag", "")).strip()
    return etag if etag.startswith('"') else str(headers.get("last-modified", "")).strip()


def _retry_after(headers: Any) -> float:
    text = str(headers.get("retry-after", "")).strip()
    return min(float(text), LONGEST_WAIT) if text.isascii() and text.isdigit() else 0.0


def _without_secrets(error: Exception) -> str:
    """The first line of an error, without the user and password of an address in it."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"//[^/@\s]*@", "//", lines[0])[:200]
