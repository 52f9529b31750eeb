"""`--pose`: networks of every family, through the command line on a real clip; their weights are random."""

import json

import pytest
from narrow_yolo import save_yolo
from networks import fill

from poseact.cli import run
from poseact.pose import hrnet
from poseact.poses import read_pyskl
from poseact.zoo import Card, Estimation, save


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    monkeypatch.setenv("POSEACT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def save_hrnet(path):
    network = hrnet.build(width=32)
    fill(network)
    card = Card(
        name=path.stem, task="pose", architecture="hrnet", config={"width": 32}, estimation=Estimation(size=(64, 32))
    )
    return save(path.parent, network.state_dict(), card, stem=path.stem, half=True)


@pytest.mark.parametrize(
    ("write", "name", "roles"),
    [
        (save_hrnet, "random-hrnet.safetensors", {"detector", "scout", "estimator"}),
        (save_yolo, "random-yolo.pt", {"estimator"}),
    ],
    ids=["HRNet", "YOLO"],
)
def test_poses_of_any_estimator(samples, tmp_path, capsys, write, name, roles):
    write(tmp_path / name)
    arguments = [str(samples / "jump.mp4"), "--pose", name, "--speed", "fast", "--json", "--save-poses", "poses.pkl"]
    code = run(["recognize", *arguments])
    captured = capsys.readouterr()
    assert (code, "error" in captured.err) == (0, False)
    document = json.loads(captured.out)
    assert document["schema"] == "poseact/recognition/1"
    (poses,) = read_pyskl(tmp_path / "poses.pkl").annotations
    assert poses.provenance.estimator in (name, name.removesuffix(".safetensors"))
    assert set(poses.provenance.weights) == roles
    assert all(len(digest) == 64 for digest in poses.provenance.weights.values())


@pytest.mark.parametrize("command", ["recognize", "extract-poses"])
@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("hrnet-w33", 2, "did you mean hrnet-w32"),
        ("hrnet-w32", 5, "POSEACT_OFFLINE forbids fetching it"),
        ("posec3d-jhmdb21", 2, "give it to --model"),
        ("some.pth", 5, "poseact weights import some.pth"),
    ],
    ids=["unknown", "not here", "a classifier", "a checkpoint"],
)
def test_what_is_refused_is_one_line(samples, tmp_path, capsys, command, name, code, words):
    (tmp_path / "some.pth").write_bytes(b"nothing")
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "jump.mp4").symlink_to(samples / "jump.mp4")
    arguments = ["clips"] if command == "recognize" else ["clips", "--out", "poses.pkl"]
    assert run([command, *arguments, "--pose", name]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert words in line
    assert "Traceback" not in captured.err
    assert not (tmp_path / "poses.pkl").exists()
