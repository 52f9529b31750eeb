"""The whole examination: every part is looked at, whatever is wrong with the others. Looks at no network."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from poseact import __version__
from poseact.doctor import environment
from poseact.doctor.health import Decoder, Health, Hindered, Problem, StoredModel

Found = TypeVar("Found")


def examine() -> Health:
    """Look at this installation. What is wrong with it is in `problems`, never an exception."""
    problems: list[Problem] = []
    versions, told = environment.versions()
    problems += told
    devices = _guarded("torch", environment.devices, problems, "installation")
    decoders = _guarded("the video libraries", partial(_decoders, problems), problems, "installation") or ()
    models = _guarded("the models", partial(_models, problems), problems, "models") or ()
    cache, told = environment.cache()
    problems += told
    network, told = environment.network()
    problems += told
    return Health(
        platform=platform.platform(), python=platform.python_version(), poseact=__version__, versions=versions,
        devices=devices, decoders=decoders, models=models, cache=cache, network=network,
        problems=tuple(dict.fromkeys(problems)),
    )  # fmt: skip


def _guarded(what: str, look: Callable[[], Found], problems: list[Problem], hinders: Hindered) -> Found | None:
    """What `look` finds, or None and a problem: libraries that are there but broken raise anything when imported."""
    try:
        return look()
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        text = f"{what} cannot be examined ({type(error).__name__}: {lines[0][:200]}); reinstall poseact"
        problems.append(Problem(text, hinders))
        return None


def _decoders(problems: list[Problem]) -> tuple[Decoder, ...]:
    from poseact.doctor.decoders import decoders

    found, told = decoders()
    problems += told
    return found


def _models(problems: list[Problem]) -> tuple[StoredModel, ...]:
    """Re-hash every model that is here; only embedded ones hinder a recognition with the defaults."""
    from poseact.zoo.inventory import models, verify

    found = []
    for model in models():
        if model.where == "remote":
            continue
        verdict = verify(model)
        if verdict.problem:
            problems.append(Problem(verdict.problem, "models" if model.where == "embedded" else None))
        size = model.path.stat().st_size if model.path.is_file() else 0
        found.append(StoredModel(model.name, model.where, verdict.state, size))
    return tuple(found)
