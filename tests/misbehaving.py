"""A publisher of files on this machine, which cuts off, lies, redirects and dawdles as a test asks it to."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class File:
    """A file and the ways in which its server fails.

    Attributes:
        statuses: of the first requests, in place of an answer; 0 hangs up without one.
        cuts: bytes after which the connection is closed, one per request; then the file comes whole.
        claimed: Content-Length, if not the true one; None and `chunked`: none at all.
        pause: seconds between pieces of `piece` bytes.
    """

    content: bytes
    statuses: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    etag: str | None = '"one"'
    modified: str | None = None
    ranges: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    claimed: int | None = None
    chunked: bool = False
    endless: bool = False
    redirect: str | None = None
    wrong_range: bool = False
    pause: float = 0.0
    piece: int = 1 << 16


@dataclass
class Publisher:
    """A running server: `files` by path, and every request as (path, its Range, its If-Range)."""

    address: str
    files: dict[str, File] = field(default_factory=dict)
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    seen_headers: list[dict[str, str]] = field(default_factory=list)

    def offer(self, path: str, content: bytes, **ways) -> str:
        """Publish a file; returns its address."""
        self.files[path] = File(content, **ways)
        return self.address + path

    @property
    def ranges(self) -> list[str | None]:
        return [asked for _, asked, _ in self.requests]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    publisher: Publisher

    def do_GET(self):
        self.publisher.requests.append((self.path, self.headers["Range"], self.headers["If-Range"]))
        self.publisher.seen_headers.append(dict(self.headers))
        file = self.publisher.files.get(self.path.partition("?")[0])
        self.close_connection = True
        if file is None:
            self._status(404)
        elif file.statuses:
            self._status(file.statuses.pop(0))
        elif file.redirect is not None:
            self._status(302, {"Location": file.redirect})
        else:
            with suppress(ConnectionError):
                self._send(file)

    def _status(self, status, headers=None):
        if not status:
            return
        self.send_response(status)
        for name, value in {"Content-Length": "0", "Connection": "close", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, file):
        start, size = self._start(file), len(file.content)
        if start is not None and start >= size:
            self._status(416, {"Content-Range": f"bytes */{size}"})
            return
        self.send_response(200 if start is None else 206)
        headers = {"ETag": file.etag, "Last-Modified": file.modified, "Connection": "close"}
        if start is not None:
            told = start + file.wrong_range
            headers["Content-Range"] = f"bytes {told}-{size - 1}/{size}"
        if not file.chunked:
            headers["Content-Length"] = str(size - (start or 0) if file.claimed is None else file.claimed)
        for name, value in {"Content-Type": "application/octet-stream", **headers, **file.headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        body = file.content[start or 0 :]
        if file.cuts:
            body = body[: file.cuts.pop(0)]
        while True:
            for at in range(0, len(body), file.piece):
                self.wfile.write(body[at : at + file.piece])
                self.wfile.flush()
                if file.pause:
                    time.sleep(file.pause)
            if not file.endless:
                return

    def _start(self, file):
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        if asked is None or not file.ranges:
            return None
        known = {value for value in (file.etag, file.modified) if value}
        if self.headers["If-Range"] and self.headers["If-Range"] not in known:
            return None
        return int(asked[1])

    def log_message(self, *arguments):
        pass


@contextmanager
def publisher() -> Iterator[Publisher]:
    """A server on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnHandler", (Handler,), {}))
    server.daemon_threads = True
    server.block_on_close = False
    known = Publisher(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass.publisher = known
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()


def direct_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no mirror and no ban of the environment stands between a test and its own server."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    for name in ("POSEACT_MIRROR", "POSEACT_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
