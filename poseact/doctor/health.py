"""What an examination finds, as records. Examines nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Hindered = Literal["models", "installation"]


@dataclass(frozen=True)
class Problem:
    """Something that is wrong.

    Attributes:
        text: one line: what is wrong, and what to do.
        hinders: what does not work because of it: the "models" or the "installation" that every recognition needs, or
            None where only something else suffers.
    """

    text: str
    hinders: Hindered | None = None


@dataclass(frozen=True)
class Devices:
    """What networks can run on.

    Attributes:
        threads: that torch uses on the CPU; cores: that this process may use.
        instructions: the widest vector instructions that torch uses, as it calls them.
        cuda: names of the graphics cards with their memory. mps: Apple's GPU is usable.
        chosen: what `--device auto` means here.
    """

    threads: int
    cores: int
    instructions: str
    cuda: tuple[str, ...]
    mps: bool
    chosen: str


@dataclass(frozen=True)
class Decoder:
    """A video decoder: whether it decoded a clip that was made for this, or why not."""

    name: str
    works: bool
    note: str = ""


@dataclass(frozen=True)
class StoredModel:
    """A model that is here; `state` as in `poseact.zoo.inventory.Verdict`."""

    name: str
    where: str
    state: str
    bytes: int


@dataclass(frozen=True)
class Cache:
    """The folder of fetched models.

    Attributes:
        bytes: of all files in it. free: on its disk; -1 where nobody knows.
        yolo: checkpoints of ultralytics in it. unfinished: downloads that can be continued.
    """

    folder: str
    exists: bool
    writable: bool
    bytes: int
    free: int
    yolo: tuple[str, ...]
    unfinished: tuple[str, ...]


@dataclass(frozen=True)
class Network:
    """What the environment says of the network; addresses without passwords."""

    offline: bool
    mirrors: tuple[str, ...]
    proxies: dict[str, str]


@dataclass(frozen=True)
class Health:
    """Everything that an examination finds; parts that could not be examined are empty, with a problem."""

    platform: str
    python: str
    poseact: str
    versions: dict[str, str | None]
    devices: Devices | None
    decoders: tuple[Decoder, ...]
    models: tuple[StoredModel, ...]
    cache: Cache
    network: Network
    problems: tuple[Problem, ...] = field(default=())

    def hindered(self, by: Hindered) -> bool:
        """Whether recognition cannot work because of the "models" or the "installation"."""
        return any(problem.hinders == by for problem in self.problems)
