"""The command line with the embedded models on real and on hostile files."""

import json
import shutil

import av
import numpy as np
import pytest

from poseact.cli import run
from poseact.poses import read_pyskl
from poseact.video import probe

FAST = ["recognize", "--speed", "fast", "--device", "cpu"]


def answers(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def write_video(path, images, fps=25):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def recognised(samples, tmp_path_factory):
    """One call with every output, on a walk: (exit code, JSON document, folder)."""
    out = tmp_path_factory.mktemp("out")
    arguments = [
        str(samples / "walk.mp4"), "--json", "--overlay", str(out / "o.mp4"), "--save-poses", str(out / "p.pkl"),
        "--save-heatmaps", str(out / "h.png"),
    ]  # fmt: skip
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        code = run([*FAST, *arguments])
    return code, answers(text.getvalue())[0], out


def test_a_walk_is_answered_with_a_whole_document(recognised):
    code, document, _ = recognised
    assert code == 0
    assert document["schema"] == "poseact/recognition/1"
    assert document["video"]["frame_count"] == 87
    assert 0 < document["frames_looked_at"] <= 32
    assert len(document["predictions"]) == 21
    assert sum(entry["probability"] for entry in document["predictions"]) == pytest.approx(1, abs=1e-3)
    assert document["persons"][0]["predictions"] == document["predictions"]
    assert set(document["timings"]) == {"decode", "detect", "pose", "track", "classify"}
    assert document["model"]["name"] == "posec3d-jhmdb21"


def test_the_walker_is_followed_through_the_clip(recognised):
    _, document, out = recognised
    poses = read_pyskl(out / "p.pkl").annotations[0]
    row = list(poses.track_id).index(document["persons"][0]["track"])
    present = poses.box_score[row] > 0
    assert present.mean() > 0.9
    middle = (poses.boxes[row, present, 0] + poses.boxes[row, present, 2]) / 2
    assert middle[-1] < middle[0] - 50  # from right to left
    nose, ankle = poses.keypoint[row, present, 0, 1], poses.keypoint[row, present, 15, 1]
    assert float(np.median(ankle - nose)) > 60


def test_the_overlay_has_every_frame(recognised):
    _, _, out = recognised
    info = probe(out / "o.mp4")
    assert (info.frame_count, info.width, info.height) == (87, 720, 332)
    assert (out / "h.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in out.iterdir()) == ["h.png", "o.mp4", "p.pkl"]


def test_stored_poses_give_an_answer_without_the_video(recognised, capsys):
    _, document, out = recognised
    assert run([*FAST, str(out / "p.pkl"), "--json"]) == 0
    stored = answers(capsys.readouterr().out)[0]
    assert stored["video"] is None
    assert stored["predictions"] == document["predictions"]


def bad_inputs(folder, samples):
    """Name -> (path, what the one line must say)."""
    black = [np.zeros((64, 64, 3), np.uint8)] * 8
    write_video(folder / "nobody.mp4", black)
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("this is no video\n")
    image = av.VideoFrame.from_ndarray(black[0], "rgb24").to_image()
    image.save(folder / "image.png")
    (folder / "truncated.mp4").write_bytes((samples / "walk.mp4").read_bytes()[:4000])
    return {
        "missing.mp4": "missing.mp4",
        "empty.mp4": "empty",
        "text.mp4": "text.mp4",
        "image.png": "image",
        "truncated.mp4": "truncated.mp4",
    }


def test_bad_inputs_are_one_line_each_and_the_good_one_is_still_answered(tmp_path, samples, capsys):
    expected = bad_inputs(tmp_path, samples)
    shutil.copy(samples / "run.mp4", tmp_path / "good.mp4")
    sources = [str(tmp_path / name) for name in [*expected, "nobody.mp4", "good.mp4"]]
    code = run([*FAST, "--json", *sources])
    captured = capsys.readouterr()
    documents = {document["source"]: document for document in answers(captured.out)}
    assert code == 3
    for name, words in expected.items():
        error = documents[str(tmp_path / name)]["error"]
        assert words in error["message"]
        assert "\n" not in error["message"]
        assert error["type"] == "InvalidVideo"
    assert documents[str(tmp_path / "nobody.mp4")]["label"] == "no person"
    assert documents[str(tmp_path / "good.mp4")]["predictions"]
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--model", "nothing"], 5, "embedded models"),
        (["--device", "quantum"], 2, "not available"),
        (["--pose", "openpose"], 2, "openpose"),
        (["--detector", "eyes"], 2, "eyes"),
        (["--person", "9"], 4, "9"),
        (["--overlay", "/proc/nothing/o.mp4"], 3, "cannot write"),
    ],
    ids=["model", "device", "estimator", "detector", "track id", "unwritable"],
)
def test_impossible_options_are_one_line(arguments, code, words, samples, capsys):
    assert run(["recognize", "--speed", "fast", str(samples / "run.mp4"), *arguments]) == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert "Traceback" not in captured.err


def test_a_corrupt_model_is_refused(tmp_path, samples, capsys):
    from poseact.zoo import weights_folder

    for suffix in (".safetensors", ".json"):
        shutil.copy(weights_folder() / f"posec3d-jhmdb21{suffix}", tmp_path / f"model{suffix}")
    content = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(content[: len(content) // 2])
    assert run([*FAST, str(samples / "run.mp4"), "--model", str(tmp_path)]) == 5
    assert "not a valid safetensors file" in capsys.readouterr().err


def test_a_folder_becomes_a_data_set_and_the_data_set_a_model(tmp_path, samples, capsys):
    for label, clips in {"go": ["walk", "run"], "hop": ["jumping_jacks"]}.items():
        (tmp_path / "clips" / label).mkdir(parents=True)
        for clip in clips:
            shutil.copy(samples / f"{clip}.mp4", tmp_path / "clips" / label)
    (tmp_path / "clips" / "hop" / "broken.mp4").write_text("no video")
    poses = tmp_path / "poses.pkl"
    extract = ["extract-poses", str(tmp_path / "clips"), "--out", str(poses), "--frames", "6", "--pose", "lightning"]
    assert run(extract) == 3
    assert "broken" in capsys.readouterr().err
    (error,) = answers((tmp_path / "poses.pkl.errors.jsonl").read_text())
    assert (error["name"], error["code"]) == ("hop/broken", "InvalidVideo")
    dataset = read_pyskl(poses)
    assert dataset.classes == ("go", "hop")
    assert {one.name: one.label for one in dataset.annotations} == {"go/run": 0, "go/walk": 0, "hop/jumping_jacks": 1}
    assert not list(tmp_path.glob("*.journal"))
    small = ["--set", "epochs=1", "--set", "batch_size=2", "--set", "preprocessing.size=16"]
    assert run(["train", str(poses), "--out", str(tmp_path / "run"), *small]) == 0
    assert run([*FAST, str(samples / "run.mp4"), "--model", str(tmp_path / "run"), "--json"]) == 0
    document = answers(capsys.readouterr().out.splitlines()[-1])[0]
    assert {entry["label"] for entry in document["predictions"]} == {"go", "hop"}
