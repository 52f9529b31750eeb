"""Where a file may be fetched from: mirrors, and addresses as they may be shown. Opens no connection."""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from poseact.errors import UsageError

MIRROR = "POSEACT_MIRROR"
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
SCHEMES = ("http", "https")


def mirrors() -> tuple[str, ...]:
    """The prefixes of `POSEACT_MIRROR`, separated by commas; each replaces scheme and host of an address.

    Raises: UsageError for a prefix that is no http or https address.
    """
    prefixes = tuple(part.strip() for part in os.environ.get(MIRROR, "").split(",") if part.strip())
    for prefix in prefixes:
        if not is_address(prefix):
            raise UsageError(
                f"{MIRROR} names {shown(prefix)!r}, which is no address; write it as https://HOST/FOLDER, "
                "several of them with commas between"
            )
    return prefixes


def candidates(addresses: Sequence[str]) -> list[str]:
    """Every address to be tried, in order: all at the first mirror, at the next, and where the publisher has them.

    With `POSEACT_MIRROR=https://mirror.example/models`, `https://host/a/b.pth` is first looked for at
    `https://mirror.example/models/a/b.pth`.
    """
    mirrored = [prefix.rstrip("/") + _path(address) for prefix in mirrors() for address in addresses]
    return list(dict.fromkeys([*mirrored, *addresses]))


def is_address(text: str) -> bool:
    """Whether this is an http or https address with a host."""
    try:
        parts = urlsplit(text)
        return parts.scheme in SCHEMES and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def shown(address: str) -> str:
    """An address without user, password and query, which may be secrets."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "(not an address)"
    if not parts.netloc and "@" in address:  # host:port without a scheme, as proxies are sometimes written
        return address.rpartition("@")[2]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def host(address: str) -> str:
    """Host and port of an address, for messages."""
    return urlsplit(address).netloc.rpartition("@")[2]


def proxies() -> dict[str, str]:
    """The proxy settings of the environment, upper or lower case, without passwords."""
    found = {name: os.environ.get(name) or os.environ.get(name.lower()) for name in PROXIES}
    return {name: value if name == "NO_PROXY" else shown(value) for name, value in found.items() if value}


def _path(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(("", "", parts.path, parts.query, ""))
