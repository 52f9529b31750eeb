"""What is asked of an extraction of many clips, and in what two extractions differ. Extracts nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from poseact import __version__
from poseact.extract.plan import EVERY_FRAME, FramePlan

DIGESTS = ("pose-sha256", "detector-sha256")


@dataclass(frozen=True, slots=True)
class Request:
    """Which poses a file is to hold, and what may become of what earlier calls left.

    Attributes:
        options: what the poses depend on beside what follows, by option of the command, such as {"pose": "thunder"}:
            the networks, and also the plan. What was begun with others is refused.
        plan: which frames of each video to look at.
        person: the rule by which the people of each clip are ranked, the person of interest first.
        max_persons: at most so many people are chosen; everybody else is stored as `others`.
        float16: half the size of the file, as PYSKL's own files.
        overwrite: start anew in place of a finished target, or of a run with other settings. An unfinished run with
            the same settings goes on, so that a command with this option ends at last, however often it is killed.
        retry_failed: clips that failed in an earlier call are tried again.
        drop_missing: a finished target loses the clips that are not asked for any more; else it is refused.
    """

    options: Mapping[str, object] = field(default_factory=dict)
    plan: FramePlan = EVERY_FRAME
    person: str = "auto"
    max_persons: int = 2
    float16: bool = False
    overwrite: bool = False
    retry_failed: bool = False
    drop_missing: bool = False

    @property
    def settings(self) -> dict[str, object]:
        """Everything that the poses depend on, as JSON gives it back."""
        ours = {
            "person": self.person, "max-persons": self.max_persons, "float16": self.float16, "poseact": __version__,
        }  # fmt: skip
        return dict(json.loads(json.dumps({**self.options, **ours})))


def same(there: Mapping[str, object], now: Mapping[str, object]) -> bool:
    """Whether settings are the same; an option that is not given is one that an older version did not know."""
    return _given(there) == _given(_known(there, now))


def _known(there: Mapping[str, object], now: Mapping[str, object]) -> dict[str, object]:
    """The settings of today; older versions kept no digests of model files, and nothing is known of these then."""
    return {name: value for name, value in now.items() if name not in DIGESTS or name in there}


def _given(settings: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in settings.items() if value is not None and value is not False}


def difference(there: Mapping[str, object], now: Mapping[str, object]) -> str:
    """The first setting that differs, such as `with --pose thunder, now with --pose lightning`."""
    if not there:
        return "with settings that cannot be read any more"
    before, after = _given(there), _given(_known(there, now))
    name = next(name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name))
    return f"{_option(name, there.get(name))}, now {_option(name, now.get(name))}"


def _option(name: str, value: object) -> str:
    if name == "poseact":
        return f"with poseact {value}"
    if name in DIGESTS:
        option = name.removesuffix("-sha256")
        return f"with a --{option} of sha256 {str(value)[:12]}" if value else f"with a --{option} that is no file"
    if name == "inputs" and isinstance(value, list):
        return f"on {', '.join(map(str, value))}"
    if value in (None, False):
        return f"without --{name}"
    return f"with --{name}" if value is True else f"with --{name} {value}"
