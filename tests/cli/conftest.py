"""A stand-in for the networks, so that the command line is tested without them."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from recognitions import nobody, poses, recognition, unknown

from poseact.cli import loop
from poseact.errors import InvalidPoses, InvalidVideo, LimitExceeded, UsageError
from poseact.poses import PoseDataset


@dataclass
class FakeRecognizer:
    """Answers by the name of the file: `nobody`, `unknown`, an error, or else a wave."""

    settings: object
    seen: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.classifier = SimpleNamespace(
            preprocessing=SimpleNamespace(kind="joint"),
            heatmaps=lambda poses, row: np.ones((2, 17, 4, 8, 8), np.float32),
        )

    def __call__(self, source, progress=None):
        self.seen.append(source)
        if progress:
            progress(1, 2)
            progress(2, 2)
        stem = Path(source).stem.split("-")[0]
        errors = {
            "broken": InvalidVideo(f"{source} is not a video that can be read"),
            "huge": LimitExceeded(f"{source} has pictures of 99999x99999 px"),
            "person": UsageError("there is no person 7; the people in this video are 1"),
            "bug": ZeroDivisionError("division\nby zero"),
            "memory": MemoryError(),
            "interrupt": KeyboardInterrupt(),
            "pipe": BrokenPipeError(),
        }
        if stem in errors:
            raise errors[stem]
        answer = {"nobody": nobody, "unknown": unknown}.get(stem, recognition)
        return answer(source=source) if stem != "named" else replace(recognition(source=source), poses=poses(frames=2))

    def stored(self, source):
        self.seen.append(source)
        if "broken" in source:
            raise InvalidPoses(f"{source} is no pickle of poses")
        return PoseDataset([replace(poses(), name=name) for name in ("odd" if "odd" in source else "one", "two")])

    def answered(self, sequence, source):
        if sequence.name == "odd":
            raise InvalidPoses("odd: poses are coco18, but joint reads coco17")
        return recognition(source=source, video=None)


@pytest.fixture
def opened(monkeypatch):
    """The recognizers that the command line opened; each is a FakeRecognizer."""
    found = []

    def open_recognizer(settings):
        found.append(FakeRecognizer(settings))
        return found[-1]

    monkeypatch.setattr(loop.Recognizer, "open", staticmethod(open_recognizer))
    return found


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Makes empty files in the working folder."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()
        return list(names)

    return make
