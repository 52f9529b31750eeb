"""What is said of poses: figures, and a verdict with its reasons."""

import csv
from dataclasses import asdict, replace

import numpy as np
import pytest
from small_runs import extract, write_clips

from poseact.extract.quality import CHECK, GOOD, POOR, Quality, from_document, quality_of, to_document, verdict
from poseact.extract.record import Record
from poseact.poses import read_poses
from poseact.poses.sequence import nobody
from poseact.report.quality import figures, quality_table

FINE = Quality(
    nominal=100, planned=100, decoded=100, gaps=0, shots=1, people=1, present=1.0, interpolated=0.0, score=0.7,
    height=200.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "word", "why"),
    [
        ({}, GOOD, ""),
        ({"nominal": 0, "planned": 0, "shots": 0}, GOOD, ""),
        ({"people": 0, "present": 0.0}, POOR, "nobody was seen"),
        ({"present": 0.8}, CHECK, "the person is there in 80% of the frames"),
        ({"present": 0.3}, POOR, "the person is there in 30% of the frames"),
        ({"score": 0.4}, CHECK, "joints are seen with a score of 0.40"),
        ({"height": 20.0}, POOR, "the person is 20 px high"),
        ({"interpolated": 0.6}, CHECK, "60% of the poses are filled in"),
        ({"gaps": 2, "decoded": 50}, CHECK, "2 gaps in the video"),
        ({"gaps": 1, "shots": 2}, CHECK, "1 gap in the video, 1 shot cut"),
        ({"decoded": 90}, CHECK, "90 of 100 frames could be decoded"),
        ({"shots": 3, "height": 40.0}, CHECK, "the person is 40 px high, 2 shot cuts"),
    ],
)
def test_verdicts(changes, word, why):
    assert verdict(replace(FINE, **changes)) == (word, why)


def test_every_figure_is_said():
    found = figures(replace(FINE, nominal=120, gaps=2, shots=3, interpolated=0.25))
    assert found == (
        "100 of 120 frames, person in 100%, 25% filled in, score 0.70, 200 px high, people 1, gaps 2, shot cuts 2"
    )
    assert figures(replace(FINE, nominal=0, shots=0)).startswith("100 frames, ")
    table = quality_table({"a": FINE, "b": replace(FINE, gaps=2, shots=3, interpolated=0.25)}, ["a", "b"])
    assert [column.header for column in table.columns] == [
        "clip", "frames", "gaps", "cuts", "seen", "filled", "score", "px", "verdict",
    ]  # fmt: skip


def test_documents():
    assert from_document(to_document(FINE)) == FINE
    for document in (
        {},
        {**asdict(FINE), "score": "high"},
        {**asdict(FINE), "gaps": None},
        {**asdict(FINE), "people": 1e400},
        {**asdict(FINE), "score": float("nan")},
    ):
        assert from_document(document) is None


def test_figures_of_poses(tmp_path):
    extract(write_clips(tmp_path / "clips", 2), tmp_path / "poses.pkl")
    clips = read_poses(tmp_path / "poses.pkl").annotations
    record = Record.beside(tmp_path / "poses.pkl")
    for clip in clips:
        stored = record.quality[clip.name]
        assert (stored.nominal, stored.planned, stored.decoded) == (len(clip.pts),) * 3
        assert (stored.gaps, stored.shots, stored.people, stored.present) == (0, 1, 2, 1.0)
        assert stored.score == pytest.approx(0.9)
        assert stored.height == pytest.approx(80, abs=1)
        assert quality_of(clip) == replace(stored, nominal=0, planned=0, shots=0)
    with (tmp_path / "poses.pkl.quality.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["clip"], row["verdict"]) for row in rows] == [(clip.name, GOOD) for clip in clips]


def test_nobody():
    found = quality_of(nobody((48, 64), 25.0, np.arange(5) / 25, np.arange(5)))
    assert (found.decoded, found.people, found.present, found.score) == (5, 0, 0.0, 0.0)
    assert verdict(found) == (POOR, "nobody was seen")


def test_figures_survive_a_later_call_with_more_videos(tmp_path):
    folder = write_clips(tmp_path / "clips", 2)
    extract(folder, tmp_path / "poses.pkl")
    before = Record.beside(tmp_path / "poses.pkl").quality
    write_clips(folder, 3)
    extract(folder, tmp_path / "poses.pkl")
    after = Record.beside(tmp_path / "poses.pkl").quality
    assert len(after) == 3
    assert {name: after[name] for name in before} == before


def test_boxes_beyond_all_pictures_have_a_height_that_json_can_hold():
    one = nobody((10, 10), 10.0, np.zeros(1), np.zeros(1, np.int64))
    box = np.array([[[0, -3e38, 1, 3e38]]], np.float32)
    one = replace(
        one, keypoint=np.zeros((1, 1, 17, 2), np.float32), keypoint_score=np.ones((1, 1, 17), np.float32), boxes=box,
        box_score=np.ones((1, 1), np.float32), track_id=np.array([1]), interpolated=np.zeros((1, 1), bool),
    )  # fmt: skip
    assert np.isfinite(quality_of(one).height)
