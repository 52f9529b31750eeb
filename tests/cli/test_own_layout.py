"""From tables of an animal's joints to a model that names what it does: the layout travels by itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from poseact.cli.entry import run

LAYOUT = """\
name = "mouse-e2e"
keypoints = ["tail", "left ear", "right ear", "snout", "back"]
pairs = [["left ear", "right ear"]]
limbs = [["snout", "left ear"], ["snout", "right ear"], ["snout", "tail"]]
"""
TINY = [
    "--set", "epochs=1", "--set", "train.batch_size=4", "--set", "preprocessing.clip_len=4",
    "--set", "preprocessing.size=16", "--set", 'config={"base_channels": 4, "blocks": [1, 1, 1]}', "--device", "cpu",
]  # fmt: skip


def table(number, upright):
    """A mouse that nods or turns its head, as DeepLabCut writes it."""
    random = np.random.default_rng(number)
    parts = ("snout", "left ear", "right ear", "tail")
    lines = [
        ",".join(["scorer", *["DLC_net"] * 12]),
        ",".join(["bodyparts", *(part for part in parts for _ in range(3))]),
        ",".join(["coords", *["x", "y", "likelihood"] * 4]),
    ]
    for frame in range(6):
        xy = np.array([[50, 50], [40, 40], [60, 40], [50, 90]]) + random.normal(0, 1, (4, 2))
        xy[0, int(upright)] += 10 * np.sin(frame)
        lines.append(",".join([str(frame), *(f"{x:.2f},{y:.2f},0.9" for x, y in xy)]))
    return "\n".join(lines) + "\n"


@pytest.fixture
def mice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mouse.toml").write_text(LAYOUT)
    for number in range(12):
        path = Path("mice") / ("nod" if number % 2 else "turn") / f"{number}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(table(number, number % 2))


def test_from_tables_to_names(mice, capsys):
    call = ["convert", "mice", "--out", "mice.pkl", "--to-layout", "mouse.toml", "--label-folders", "-q"]
    assert run([*call, "--image-size", "100x100", "--fps", "30"]) == 0
    assert run(["train", "mice.pkl", "--out", "model", *TINY]) == 0
    card = json.loads(Path("model/model.json").read_text())
    assert (card["labels"], card["layout"]) == (["nod", "turn"], "mouse-e2e")
    assert card["config"]["in_channels"] == 5 + 3
    capsys.readouterr()
    told = [sys.executable, "-m", "poseact", "recognize", "mice.pkl", "--model", "model", "--json", "--device", "cpu"]
    done = subprocess.run(told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 12
    assert {answer["predictions"][0]["label"] for answer in answers} <= {"nod", "turn"}


@pytest.mark.parametrize(
    ("name", "keypoints", "words"),
    [
        (
            "mouse-turned", '"left ear", "right ear", "tail", "snout", "back"',
            "trained on another layout 'mouse-turned', of tail, left ear",
        ),
        (
            "mouse-grown", '"tail", "left ear", "right ear", "snout", "back", "paw"',
            "that of the poses has tail, left ear, right ear, snout, back, paw",
        ),
    ],
    ids=["another order", "one more"],
)  # fmt: skip
def test_a_layout_that_changed_under_its_name_is_one_line(mice, name, keypoints, words):
    Path("mouse.toml").write_text(LAYOUT.replace("mouse-e2e", name))
    call = ["convert", "mice", "--to-layout", "mouse.toml", "--label-folders", "-q", "--image-size", "100x100"]
    assert run([*call, "--out", "mice.pkl", "--fps", "30"]) == 0
    assert run(["train", "mice.pkl", "--out", "model", *TINY]) == 0
    assert json.loads(Path("model/model.json").read_text())["keypoints"][0] == "tail"
    other = re.sub("keypoints = .*", f"keypoints = [{keypoints}]", Path("mouse.toml").read_text())
    Path("mouse.toml").write_text(other)
    poseact = [sys.executable, "-m", "poseact"]  # a process knows one layout of a name
    subprocess.run([*poseact, *call, "--out", "others.pkl", "--fps", "30"], check=True, capture_output=True)
    for command in (
        ["recognize", "others.pkl", "--model", "model"], ["evaluate", "others.pkl", "--model", "model"],
        ["embed", "others.pkl", "--model", "model", "--out", "e.npz"],
        ["train", "others.pkl", "--few-shot", "--from", "model", "--out", "few"],
        ["train", "others.pkl", "--from", "model", "--out", "on", *TINY],
    ):  # fmt: skip
        done = subprocess.run([*poseact, *command, "--device", "cpu"], capture_output=True, text=True, check=False)
        errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
        assert (done.returncode, len(errors)) == (5, 1), (command, done.stderr)
        assert words in errors[0]


@pytest.mark.parametrize(
    "text",
    [
        "", "name", 'name = "x"', 'name = ""\nkeypoints = ["a"]', 'name = "x"\nkeypoints = "a"',
        'name = "x"\nkeypoints = [1]', 'name = "x"\nkeypoints = ["a", "a"]', 'name = "body25"\nkeypoints = ["a"]',
        'name = "x"\nkeypoints = ["a", "b"]\npairs = [["a", "c"]]', 'name = "x"\nkeypoints = ["a", "b"]\nlimbs = 3',
        'name = "x"\nkeypoints = ["a", "b", "c"]\npairs = [["a", "b"]]\nlimbs = [["a", "c"]]', "name = 1e999\n",
        'name = "x"\nkeypoints = ["a"]\ncolour = 3', "a = " + "[" * 5000, 'name = "x\\u0000"\nkeypoints = ["a"]',
        'name = "17-joints"\nkeypoints = ["a"]', 'name = "x"\nkeypoints = ["a"]\n[coco17]\nnose = "b"', "\x00",
    ],
)  # fmt: skip
def test_a_bad_layout_is_one_line(mice, capsys, text):
    Path("bad.toml").write_text(text)
    assert run(["convert", "mice", "--out", "mice.pkl", "--to-layout", "bad.toml"]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "bad.toml" in said.err
    assert not Path("mice.pkl").exists()


def test_a_layout_that_is_no_text(mice, capsys):
    Path("bad.toml").write_bytes(b"\xff\xfe\x00")
    Path("folder.toml").mkdir()
    for name in ("bad.toml", "folder.toml", "none.toml"):
        assert run(["convert", "mice", "--out", "mice.pkl", "--to-layout", name]) == 2
        said = capsys.readouterr()
        assert (said.err.count("\n"), name in said.err) == (1, True)
