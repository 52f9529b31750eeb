"""Answers of several models: all of them and their shares are named, wherever an answer is shown."""

import json
from io import StringIO

import numpy as np
import pytest
from recognitions import recognition, unknown
from rich.console import Console

from poseact.recognize import UsedModel
from poseact.report.document import RecognitionDocument, recognition_json
from poseact.report.overlay import Painter
from poseact.report.table import recognition_panel
from poseact.types import Frame

JOINT = UsedModel("joint", "ab" * 32, 0.75)
LIMB = UsedModel("limb", "cd" * 32, 0.25)
RGBPOSE = UsedModel("rgbpose", "ef" * 32, 1.0, (2 / 3, 1 / 3))


def shown(answer, **options):
    console = Console(file=StringIO(), width=100)
    console.print(recognition_panel(answer, **options))
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("models", "name", "sha256", "expected"),
    [
        ((RGBPOSE,), "rgbpose", "ef" * 32, [("rgbpose", 1.0, [0.666667, 0.333333])]),
        (
            (JOINT, LIMB),
            "joint + limb",
            f"{'ab' * 32}+{'cd' * 32}",
            [("joint", 0.75, None), ("limb", 0.25, None)],
        ),
    ],
    ids=["one of two streams", "two"],
)
def test_a_document_lists_the_models(models, name, sha256, expected):
    document = json.loads(recognition_json(recognition(models=models)))
    RecognitionDocument.model_validate(document)
    assert document["model"] == {"name": name, "sha256": sha256}
    assert [(one["name"], one["weight"], one["stream_weights"]) for one in document["models"]] == expected


@pytest.mark.parametrize(
    ("models", "details", "there", "absent"),
    [
        ((JOINT,), False, [], ["joint", "75%"]),
        ((JOINT, LIMB), False, ["joint 75%", "limb 25%"], ["sha256"]),
        ((JOINT, LIMB), True, ["joint 75% (sha256 abababababab) on cpu", "limb 25% (sha256 cdcdcdcdcdcd)"], []),
        ((RGBPOSE,), True, ["rgbpose (sha256 efefefefefef) on cpu", "67% from pictures, 33% from poses"], ["100%)"]),
    ],
    ids=["one", "two", "two in detail", "streams in detail"],
)
def test_a_panel_names_several_models(models, details, there, absent):
    text = shown(recognition(models=models), details=details)
    for words in there:
        assert words in text
    for words in absent:
        assert words not in text


@pytest.mark.parametrize("answer", [recognition, unknown], ids=["known", "unknown"])
def test_an_overlay_names_several_models(answer):
    frame = Frame(0, 0.0, np.zeros((480, 640, 3), np.uint8))
    one, other, two = (
        Painter(answer(models=models), (640, 480))(frame) for models in ((JOINT,), (LIMB,), (JOINT, LIMB))
    )
    assert (one == other).all()  # a single model is not named
    assert (one != two).any()
