"""JSON documents: complete, strict, and one line each."""

import json
import math
from dataclasses import replace

import pytest
from recognitions import GAP, nobody, person, recognition, segment, unknown

from poseact.errors import InvalidVideo
from poseact.recognize.thresholds import Thresholds
from poseact.report.document import RecognitionDocument, json_schema, recognition_json
from poseact.report.error_document import ErrorDocument, error_json
from poseact.types import VideoInfo


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    assert "\n" not in text
    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    ("answer", "label", "persons"),
    [
        (nobody(), "no person", 0),
        (unknown(), "unknown", 1),
        (recognition(), "wave", 1),
        (recognition(video=None), "wave", 1),
        (recognition(persons=(person(1), person(0, top=0.4)), gaps=(GAP,)), "wave", 2),
    ],
    ids=["nobody", "unknown", "one", "stored poses", "two and a gap"],
)
def test_a_document_is_whole_and_valid(answer, label, persons):
    document = strict(recognition_json(answer))
    RecognitionDocument.model_validate(document)
    assert document["schema"] == "poseact/recognition/1"
    assert document["label"] == label
    assert len(document["persons"]) == persons
    assert document["predictions"] == (document["persons"][0]["predictions"] if persons else [])
    assert document["model"] == {"name": "posec3d-test", "sha256": "ab" * 32}
    assert (document["video"] is None) == (answer.video is None)
    assert len(document["gaps"]) == len(answer.gaps)


def test_numbers_are_rounded_and_units_are_seconds():
    answer = recognition(persons=(person(top=0.6200000123, segments=[segment(0, 1.23456789, "wave")]),))
    document = strict(recognition_json(answer))
    assert document["predictions"][0] == {"label": "wave", "probability": 0.62}
    assert document["timings"]["decode"] == 0.1111
    assert document["persons"][0]["segments"] == [
        {
            "start": 0.0,
            "end": 1.2346,
            "first_frame": 0,
            "last_frame": 12,
            "label": "wave",
            "best": "wave",
            "probability": 0.5,
        }
    ]
    assert {key: document["persons"][0][key] for key in ("track", "frames", "interpolated", "first", "last")} == {
        "track": 1, "frames": 8, "interpolated": 1, "first": 0.0, "last": 0.7,
    }  # fmt: skip


def test_a_rate_that_is_no_number_is_null():
    video = VideoInfo("x.gif", 4, 4, math.nan, 1, math.inf, "gif", 0)
    document = strict(recognition_json(recognition(video=video)))
    assert document["video"]["fps"] is None
    assert document["video"]["duration"] is None


def test_a_name_that_is_not_unicode_is_still_a_document():
    name = b"caf\xe9\n.mp4".decode("utf-8", "surrogateescape")
    assert strict(recognition_json(recognition(source=name)))["source"] == "caf\ufffd\n.mp4"


def test_a_failure_is_a_document():
    document = strict(error_json("a.mp4", InvalidVideo("a.mp4 is empty")))
    ErrorDocument.model_validate(document)
    assert document["error"] == {"type": "InvalidVideo", "message": "a.mp4 is empty"}
    assert "label" not in document


def test_the_schema_names_every_key_of_an_answer():
    answer, failure = json_schema()["anyOf"]
    assert set(answer["required"]) | {"schema"} == set(strict(recognition_json(recognition())))
    assert set(failure["required"]) | {"schema"} == set(strict(error_json("a", ValueError("b"))))


@pytest.mark.parametrize(
    ("strangeness", "threshold", "label", "words"),
    [
        (None, None, "wave", None),
        (-2.5, None, "wave", None),
        (-2.5, -2.0, "wave", None),
        (-1.5, -2.0, "unknown", "unlike what the model was trained on: strangeness -1.50, above -2.00"),
    ],
    ids=["not measured", "no threshold", "usual", "strange"],
)
def test_the_strangeness_and_why_nothing_is_named(strangeness, threshold, label, words):
    answer = recognition(
        persons=(replace(person(), energy=-3.0, strangeness=strangeness),), thresholds=Thresholds(0.3, threshold)
    )
    document = strict(recognition_json(answer))
    one = document["persons"][0]
    assert (document["label"], one["label"], one["energy"], one["strangeness"]) == (label, label, -3.0, strangeness)
    assert document["unknown_above"] == threshold
    assert one["doubt"] is None if words is None else words in one["doubt"]
