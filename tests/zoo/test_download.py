"""Downloads from a server on this machine that misbehaves in every way we know."""

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from misbehaving import direct_network, publisher

from poseact.errors import InvalidWeights, OutputError, PoseactError, UsageError, WeightsNotFound
from poseact.zoo import download as module
from poseact.zoo.addresses import candidates, proxies, shown
from poseact.zoo.download import Patience, download
from poseact.zoo.part import Origin, Part

CONTENT = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
QUICK = Patience(connect=2, read=1, attempts=3, backoff=0.001, worthwhile=1 << 30)
HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"


@pytest.fixture
def server(monkeypatch):
    direct_network(monkeypatch)
    with publisher() as running:
        yield running


@pytest.fixture
def target(tmp_path):
    return tmp_path / "models" / "net.pth"


def left_behind(target: Path) -> set[str]:
    """What lies in the folder, but for the lock."""
    return {path.name for path in target.parent.iterdir() if not path.name.endswith(".lock")}


@pytest.mark.parametrize("known", [{}, {"sha256": SHA256}, {"sha256_prefix": SHA256[:8]}, {"size": len(CONTENT)}])
def test_a_file_arrives_whole_and_alone(server, target, known):
    told = []
    address = server.offer("/a/net.pth", CONTENT)
    assert download([address], target, progress=lambda *now: told.append(now), patience=QUICK, **known) == target
    assert target.read_bytes() == CONTENT
    assert left_behind(target) == {"net.pth"}
    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert server.seen_headers[0]["User-Agent"].startswith("poseact/")
    assert server.seen_headers[0]["Accept-Encoding"] == "identity"


def test_a_file_that_is_there_is_not_fetched(server, target, monkeypatch):
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    assert download([server.address + "/net.pth"], target, sha256=SHA256) == target
    assert not server.requests


def test_a_file_that_is_there_but_wrong_is_replaced(server, target):
    target.parent.mkdir()
    target.write_bytes(CONTENT[:-1])
    download([server.offer("/net.pth", CONTENT)], target, sha256=SHA256, patience=QUICK)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("ways", "known", "ranges"),
    [
        ({"cuts": [100_000]}, {}, [None, "bytes=100000-"]),
        ({"cuts": [100_000, 50_000]}, {"sha256": SHA256}, [None, "bytes=100000-", "bytes=150000-"]),
        ({"cuts": [100_000], "etag": None, "modified": "Mon, 02 Jan 2023 03:04:05 GMT"}, {}, [None, "bytes=100000-"]),
        ({"cuts": [100_000], "etag": 'W/"weak"'}, {}, [None, None]),
        ({"cuts": [100_000], "etag": 'W/"weak"'}, {"sha256_prefix": SHA256[:8]}, [None, "bytes=100000-"]),
        ({"cuts": [100_000], "ranges": False}, {}, [None, "bytes=100000-"]),
        ({"cuts": [0]}, {}, [None, None]),
        ({"statuses": [0, 503]}, {}, [None, None, None]),
        ({"statuses": [429]}, {}, [None, None]),
        ({"chunked": True}, {}, [None]),
        ({"claimed": len(CONTENT) + 5}, {}, [None, "bytes=300000-"]),
    ],
    ids=[
        "cut", "cut twice", "by date", "no validator", "no validator, but a hash", "ignores Range", "cut at once",
        "hangs up, then busy", "too many", "no length", "claims more than it has",
    ],
)  # fmt: skip
def test_what_a_second_request_repairs(server, target, ways, known, ranges):
    download([server.offer("/net.pth", CONTENT, **ways)], target, patience=QUICK, **known)
    assert target.read_bytes() == CONTENT
    assert left_behind(target) == {"net.pth"}
    assert server.ranges == ranges


def test_the_next_call_goes_on_where_the_first_gave_up(server, target):
    address = server.offer("/net.pth", CONTENT, cuts=[100_000, 0, 0])
    with pytest.raises(WeightsNotFound):
        download([address], target, patience=QUICK)
    assert left_behind(target) == {"net.pth.part", "net.pth.part.json"}
    download([address], target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert server.requests[-1][1:] == ("bytes=100000-", '"one"')


def test_a_file_that_changed_in_between_is_fetched_anew(server, target):
    address = server.offer("/net.pth", bytes(len(CONTENT)), cuts=[100_000, 0, 0])
    with pytest.raises(WeightsNotFound):
        download([address], target, patience=QUICK)
    server.offer("/net.pth", CONTENT, etag='"two"')
    download([address], target, patience=QUICK)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("known", [{}, {"sha256": SHA256}], ids=["unknown", "known"])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["same address", "another address"])
def test_the_beginning_of_a_file_of_another_length_is_in_nobodys_way(server, target, known, elsewhere):
    """Also where a server has no mark of the version, and where a mirror of old files broke off."""
    old = server.offer("/old/net.pth", bytes(len(CONTENT) - 1), cuts=[100_000, 0, 0], etag=None)
    with pytest.raises(WeightsNotFound):
        download([old], target, **known, patience=QUICK)
    new = server.offer("/new/net.pth" if elsewhere else "/old/net.pth", CONTENT, etag=None)
    download([new], target, **known, patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_a_beginning_survives_a_mirror_that_has_another_file(server, target):
    good = server.offer("/good/net.pth", CONTENT, cuts=[200_000, 0, 0])
    with pytest.raises(WeightsNotFound):
        download([good], target, sha256=SHA256, patience=QUICK)
    server.offer("/good/net.pth", CONTENT)
    old = server.offer("/old/net.pth", bytes(len(CONTENT) - 1))
    server.requests.clear()
    download([old, good], target, sha256=SHA256, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert server.ranges == ["bytes=200000-"] * 2


@pytest.mark.parametrize("note", [b"", b"{", b'{"address": 1}', b'{"address": "elsewhere", "validator": "x"}', None])
def test_bytes_of_unknown_origin_are_not_used(server, target, note):
    address = server.offer("/net.pth", CONTENT)
    part = Part(target)
    target.parent.mkdir()
    part.path.write_bytes(b"x" * 1000)
    if note is not None:
        part.note.write_bytes(note)
    download([address], target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None]


def test_bytes_never_lie_beside_the_origin_of_others(target, monkeypatch):
    """Killed while a download starts anew, the old bytes are gone before the new origin is written."""
    begun("https://h/old.pth", target, b"old bytes")
    part = Part(target)

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("poseact.zoo.part.write_text", killed)
        with pytest.raises(KeyboardInterrupt):
            part.begin(Origin(address="https://h/new.pth"))
    assert (part.size, part.origin) == (0, None)


def begun(address: str, target: Path, content: bytes, etag: str = '"one"') -> None:
    part = Part(target)
    target.parent.mkdir()
    part.path.write_bytes(content)
    part.note.write_text(f'{{"address": "{address}", "validator": "\\"{etag[1:-1]}\\"", "total": {len(CONTENT)}}}')


@pytest.mark.parametrize("known", [{}, {"sha256": SHA256}])
def test_a_whole_part_needs_only_its_name(server, target, known):
    address = server.offer("/net.pth", CONTENT)
    begun(address, target, CONTENT)
    download([address], target, patience=QUICK, **known)
    assert target.read_bytes() == CONTENT
    assert server.ranges == ["bytes=300000-"]


def test_a_part_longer_than_the_file_is_thrown_away(server, target):
    address = server.offer("/net.pth", CONTENT)
    begun(address, target, CONTENT + b"more")
    download([address], target, patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_a_spoiled_part_is_fetched_anew_where_a_hash_tells(server, target):
    address = server.offer("/net.pth", CONTENT)
    begun(address, target, b"x" * 1000)
    download([address], target, sha256_prefix=SHA256[:8], patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-", None]


def test_another_address_continues_a_file_whose_hash_is_known(server, target):
    first = server.offer("/a/net.pth", CONTENT, cuts=[100_000, 0, 0])
    second = server.offer("/b/net.pth", CONTENT, etag='"other"')
    download([first, second], target, sha256=SHA256, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert server.requests[-1] == ("/b/net.pth", "bytes=100000-", None)


@pytest.mark.parametrize(
    ("ways", "known", "kind", "words", "requests"),
    [
        ({"statuses": [404]}, {}, WeightsNotFound, "Not Found", 1),
        ({"statuses": [403]}, {}, WeightsNotFound, "refuses access", 1),
        ({"statuses": [204]}, {}, WeightsNotFound, "204", 1),
        ({"statuses": [500] * 9}, {}, WeightsNotFound, "500", 3),
        ({"statuses": [0] * 9}, {}, WeightsNotFound, "connection broke", 3),
        ({"cuts": [0] * 9}, {}, WeightsNotFound, "connection broke", 3),
        ({"content": b"", "claimed": 0}, {}, WeightsNotFound, "empty", 1),
        ({"content": HTML}, {}, WeightsNotFound, "web page", 1),
        ({"content": b"\n " + HTML * 99}, {}, WeightsNotFound, "web page", 1),
        ({"headers": {"Content-Type": "text/html; charset=utf-8"}}, {}, WeightsNotFound, "web page", 1),
        ({"headers": {"Content-Encoding": "gzip"}}, {}, WeightsNotFound, "gzip", 1),
        ({}, {"sha256": "0" * 64}, InvalidWeights, "sha256", 1),
        ({}, {"sha256_prefix": "0" * 8}, InvalidWeights, "sha256", 1),
        ({}, {"size": 7}, InvalidWeights, "offers 300000 bytes", 1),
        ({"chunked": True}, {"size": 7}, InvalidWeights, "more than 7", 1),
        ({"chunked": True}, {"size": len(CONTENT) + 1}, InvalidWeights, "300001", 1),
        ({"claimed": 100}, {"sha256": SHA256}, InvalidWeights, "sha256", 1),
        ({"chunked": True, "endless": True}, {}, InvalidWeights, "more than 1000000", 1),
        ({"claimed": 1 << 60}, {}, WeightsNotFound, "1000000 that are allowed", 1),
        ({"redirect": "/net.pth"}, {}, WeightsNotFound, "redirects more than", 11),
        ({"redirect": "ftp://127.0.0.1/net.pth"}, {}, WeightsNotFound, "cannot be used", 1),
        ({"redirect": "http://127.0.0.1:port/"}, {}, WeightsNotFound, "Invalid", 3),
        ({"pause": 0.02, "piece": 10}, {}, WeightsNotFound, "less than 100000 bytes a second", 3),
        ({"pause": 3, "piece": 10}, {}, WeightsNotFound, "stopped sending", 2),
    ],
    ids=[
        "404", "403", "204", "500", "hangs up", "cut off", "empty", "page", "long page", "page by type", "compressed",
        "wrong hash", "wrong prefix", "wrong size", "too long", "too short", "claims less than it has", "endless",
        "claims an exabyte", "redirects in a circle", "redirects elsewhere", "redirects to nonsense", "trickles",
        "stalls",
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_one_line(server, target, ways, known, kind, words, requests):
    content = ways.pop("content", CONTENT)
    patience = Patience(
        connect=2, read=0.3, attempts=3 if requests != 2 else 2, backoff=0.001, worthwhile=1 << 30, slowest=100_000,
        window=0.05, largest=1_000_000,
    )  # fmt: skip
    address = server.offer("/net.pth", content, **ways)
    with pytest.raises(kind) as caught:
        download([address], target, patience=patience, **known)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert caught.value.exit_code == 5
    assert len(server.requests) == requests
    assert "net.pth" not in left_behind(target)


def test_nothing_is_kept_that_cannot_be_continued(server, target):
    address = server.offer("/net.pth", CONTENT, cuts=[1000] * 9, etag=None)
    with pytest.raises(WeightsNotFound):
        download([address], target, patience=QUICK)
    assert left_behind(target) == set()


def test_a_range_of_another_place_is_refused(server, target):
    address = server.offer("/net.pth", CONTENT, wrong_range=True)
    begun(address, target, CONTENT[:1000])
    with pytest.raises(InvalidWeights, match="another part"):
        download([address], target, patience=QUICK)


def test_getting_further_renews_the_attempts(server, target):
    address = server.offer("/net.pth", CONTENT, cuts=[50_000] * 5)
    download([address], target, patience=Patience(attempts=2, backoff=0.001, worthwhile=50_000))
    assert target.read_bytes() == CONTENT
    assert len(server.requests) == 6


def test_waiting_grows_and_follows_the_server(server, target, monkeypatch):
    waits = []
    monkeypatch.setattr(module.time, "sleep", waits.append)
    address = server.offer("/net.pth", CONTENT, statuses=[503, 503, 503])
    download([address], target, patience=Patience(backoff=0.5))
    assert waits == [0.5, 1.0, 2.0]


def test_a_closed_port(server, target):
    with pytest.raises(WeightsNotFound, match="cannot be reached"):
        download(["http://127.0.0.1:9/net.pth"], target, patience=QUICK)
    assert left_behind(target) == set()


def test_redirects_are_followed(server, target):
    server.offer("/far/net.pth", CONTENT)
    middle = server.offer("/middle", b"", redirect="/far/net.pth")
    download([server.offer("/net.pth", b"", redirect=middle)], target, patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_redirects_never_leave_encryption(server, target, monkeypatch):
    """An https address that redirects to http: the server speaks http, so the request is taken there by hand."""
    import httpx

    plain = server.offer("/net.pth", CONTENT)

    def answer(request):
        if request.url.scheme == "https":
            return httpx.Response(302, headers={"location": plain})
        return httpx.Response(200, content=CONTENT)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    monkeypatch.setattr(module, "open_client", lambda patience: client)
    with pytest.raises(WeightsNotFound, match="redirects from https to http"):
        download(["https://host.example/net.pth"], target, patience=QUICK)


def test_offline_forbids_the_network(server, target, monkeypatch):
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    with pytest.raises(WeightsNotFound, match="POSEACT_OFFLINE"):
        download([server.offer("/net.pth", CONTENT)], target)
    assert not server.requests
    assert not target.parent.exists()


def test_mirrors_come_first_and_then_the_publisher(server, target, monkeypatch):
    told = []
    monkeypatch.setenv("POSEACT_MIRROR", f"{server.address}/one/, {server.address}/two")
    address = server.offer("/zoo/net.pth", CONTENT)
    server.offer("/two/zoo/net.pth", CONTENT[::-1])
    download([address], target, sha256=SHA256, patience=QUICK, notify=told.append)
    assert [path for path, *_ in server.requests] == ["/one/zoo/net.pth", "/two/zoo/net.pth", "/zoo/net.pth"]
    assert "Not Found" in told[0]
    assert "sha256" in told[1]


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [
        ("", ["https://h/a/n.pth?x=1", "https://h/b.pth"]),
        ("https://m", ["https://m/a/n.pth?x=1", "https://m/b.pth", "https://h/a/n.pth?x=1", "https://h/b.pth"]),
        (
            "http://m:8080/k/,,https://h",
            ["http://m:8080/k/a/n.pth?x=1", "http://m:8080/k/b.pth", "https://h/a/n.pth?x=1", "https://h/b.pth"],
        ),
    ],
    ids=["none", "one", "two"],
)
def test_addresses_to_be_tried(monkeypatch, mirror, expected):
    monkeypatch.setenv("POSEACT_MIRROR", mirror)
    assert candidates(["https://h/a/n.pth?x=1", "https://h/b.pth"]) == expected


@pytest.mark.parametrize("mirror", ["mirror.example", "ftp://mirror", "https://", "https://u:secret@h:port/", "/srv"])
def test_a_mirror_that_is_no_address(monkeypatch, mirror, target):
    monkeypatch.setenv("POSEACT_MIRROR", mirror)
    with pytest.raises(UsageError, match="POSEACT_MIRROR") as caught:
        download(["https://h/net.pth"], target)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", ""),
        ("https://h/a.pth", "https://h/a.pth"),
        ("https://user:secret@h:81/a.pth?token=secret", "https://h:81/a.pth"),
        ("user:secret@proxy:3128", "proxy:3128"),
        ("http://[oops", "(not an address)"),
    ],
    ids=["empty", "plain", "secrets", "no scheme", "nonsense"],
)
def test_secrets_are_not_shown(address, expected):
    assert shown(address) == expected


def test_proxies_are_shown_without_secrets(monkeypatch):
    direct_network(monkeypatch)
    monkeypatch.setenv("https_proxy", "http://me:secret@proxy.example:3128")
    assert proxies() == {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "127.0.0.1,localhost"}


@pytest.mark.parametrize("proxy", ["nonsense://me:secret@proxy", "http://me:secret@127.0.0.1:9"])
def test_a_proxy_that_does_not_work(server, target, monkeypatch, proxy):
    address = server.offer("/net.pth", CONTENT)
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(WeightsNotFound) as caught:
        download([address], target, patience=QUICK)
    assert "secret" not in str(caught.value)
    assert not server.requests


def test_a_proxy_of_the_environment_is_used(server, target, monkeypatch):
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", server.address)
    server.offer("http://far.example/net.pth", CONTENT)
    download(["http://far.example/net.pth"], target, patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_a_full_disk_is_one_line_and_can_be_continued(server, target, monkeypatch):
    address = server.offer("/net.pth", CONTENT)

    def full(response, part, *rest):
        part.path.write_bytes(CONTENT[:5000])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("poseact.zoo.transfer._write", full)
        with pytest.raises(OutputError, match="No space left"):
            download([address], target, patience=QUICK)
    assert left_behind(target) == {"net.pth.part", "net.pth.part.json"}
    download([address], target, sha256=SHA256, patience=QUICK)
    assert server.ranges == [None, "bytes=5000-"]


def test_a_disk_that_is_too_small_is_told_before(server, target, monkeypatch):
    monkeypatch.setattr("poseact.zoo.transfer.shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(OutputError, match="300000 bytes are missing and the disk has 1000"):
        download([server.offer("/net.pth", CONTENT)], target, patience=QUICK)
    assert left_behind(target) == set()


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="POSEACT_HOME"):
        download([server.offer("/net.pth", CONTENT)], tmp_path / "file" / "net.pth")


def test_two_at_once_fetch_once(server, target):
    address = server.offer("/net.pth", CONTENT, pause=0.05)
    told, found = [], []
    threads = [
        threading.Thread(target=lambda: found.append(download([address], target, notify=told.append, patience=QUICK)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [target, target]
    assert len(server.requests) == 1
    assert len(told) == 1
    assert "another process" in told[0]


PROGRAM = """
import signal, sys, types
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
from pathlib import Path
import poseact
zoo = sys.modules["poseact.zoo"] = types.ModuleType("poseact.zoo")  # without torch, which a download does not need
zoo.__path__ = [str(Path(poseact.__file__).parent / "zoo")]
from poseact.zoo.download import download
download([sys.argv[1]], Path(sys.argv[2]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "ctrl-c"])
def test_a_killed_process_leaves_what_the_next_one_continues(server, target, number):
    address = server.offer("/net.pth", CONTENT, pause=0.05, piece=10_000)
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, address, str(target)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while Part(target).size < 30_000 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    process.wait()
    had = Part(target).size
    assert not target.exists()
    assert 30_000 <= had < len(CONTENT)
    download([address], target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert server.requests[-1][1] == f"bytes={had}-"


def test_every_failure_is_typed(server, target):
    """A header that is no HTTP at all."""
    address = server.offer("/net.pth", CONTENT, headers={"Content-Length": "-5"}, chunked=True)
    with pytest.raises(PoseactError):
        download([address], target, patience=QUICK)
