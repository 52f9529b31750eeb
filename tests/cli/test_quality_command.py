"""`poseact quality` on poses that were stored for the test."""

import json
from dataclasses import replace

import numpy as np
import pytest
from recognitions import poses as people

from poseact.cli import run
from poseact.poses import write_pyskl
from poseact.types import Provenance
from poseact.video import probe


@pytest.fixture
def stored(tmp_path, monkeypatch, samples):
    """In the working folder: poses of a clip whose video is there, of one whose video is gone, and of nobody."""
    monkeypatch.chdir(tmp_path)
    one, size = people(frames=8), probe(samples / "walk.mp4")
    where = Provenance(source=str(samples / "walk.mp4"))
    video = replace(one, name="there", image_size=(size.height, size.width), provenance=where)
    gone = replace(
        one, name="<b>gone</b>", provenance=Provenance(source="gone.mp4"), keypoint_score=one.keypoint_score * 0.3
    )
    empty = replace(
        one, name="nobody", keypoint_score=one.keypoint_score * 0, box_score=one.box_score * 0,
        keypoint=one.keypoint * 0,
        boxes=np.zeros_like(one.boxes),
    )  # fmt: skip
    write_pyskl(tmp_path / "poses.pkl", [video, gone, empty])
    return tmp_path


def test_the_clips_that_need_a_look(stored, capsys):
    assert run(["quality", "poses.pkl"]) == 0
    said = capsys.readouterr().out
    assert "3 clips: " in said
    assert "nobody" in said
    assert run(["quality", "poses.pkl", "--json"]) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["name"] for one in documents] == ["there", "<b>gone</b>", "nobody"]
    assert documents[2]["verdict"] == "poor"


@pytest.mark.parametrize("width", [72, 200])
def test_the_table_fits_the_terminal(stored, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(["quality", "poses.pkl", "--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    words = " ".join(" ".join(lines).split())
    assert "clip frames seen score px verdict" in words
    assert "poor" in words


def test_a_page(stored, capsys):
    assert run(["quality", "poses.pkl", "--page", "q.html", "-q"]) == 0
    page = (stored / "q.html").read_text()
    assert page.count("<figure") == 3
    assert page.count("data:image/jpeg") == 1
    assert page.count("8 frames, person in ") == 3
    assert "&lt;b&gt;gone&lt;/b&gt;" in page
    assert page.index("nobody") < page.index(">there<")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["poses.pkl", "--page", "q.txt"], 2, "--page q.txt: the suffix must be .html or .htm"),
        (["missing.pkl"], 3, "missing.pkl"),
        (["poses.pkl", "--page", "poses.pkl/q.html"], 3, "poses.pkl/q.html"),
    ],
)
def test_what_cannot_be_said_is_one_line(stored, capsys, arguments, code, words):
    assert run(["quality", *arguments]) == code
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1


def test_clips_of_one_name_are_told_apart(stored, capsys):
    one = people(frames=8)
    write_pyskl(
        stored / "twice.pkl", [replace(one, name="a"), replace(one, name="a", keypoint_score=one.keypoint_score * 0.1)]
    )
    assert run(["quality", "twice.pkl", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["name"] for one in told] == ["a", "a-2"]
    assert told[0]["score"] > told[1]["score"]
    assert run(["quality", "twice.pkl"]) == 0
    assert "2 clips: " in capsys.readouterr().out
