"""`--pose`: networks of every family, through the command line on a real clip; their weights are random."""

import json
from pathlib import Path

import pytest
from narrow_yolo import save_yolo
from networks import fill

from poseact.cli import run
from poseact.poses import read_pyskl
from poseact.zoo import Card, Estimation, save
from poseact.zoo.build import builders

pytestmark = pytest.mark.usefixtures("offline")


def saver(architecture, size, **config):
    """Writes a network of an architecture with random weights, in half precision, beside its card."""

    def write(path):
        network = builders()[architecture](**config)
        fill(network)
        card = Card(
            name=path.stem, task="pose", architecture=architecture, config=config, estimation=Estimation(size=size)
        )
        return save(path.parent, network.state_dict(), card, stem=path.stem, half=True)

    return write


@pytest.mark.parametrize(
    ("write", "name", "roles"),
    [
        (saver("hrnet", (64, 32), width=32), "random-w32.safetensors", {"detector", "scout", "estimator"}),
        (saver("hrnet", (64, 32), width=48), "random-w48.safetensors", {"detector", "scout", "estimator"}),
        (saver("simple-baseline-resnet50", (64, 32)), "random-r50.safetensors", {"detector", "scout", "estimator"}),
        (saver("simple-baseline-mobilenetv2", (64, 32)), "random-v2.safetensors", {"detector", "scout", "estimator"}),
        (saver("higher-hrnet", (64, 64), width=32), "random-higher.safetensors", {"estimator"}),
        (save_yolo, "random-yolo.pt", {"estimator"}),
    ],
    ids=["HRNet-W32", "HRNet-W48", "SimpleBaseline-R50", "SimpleBaseline-MobileNetV2", "HigherHRNet", "YOLO"],
)
def test_poses_of_any_estimator(samples, capsys, write, name, roles):
    write(Path(name))
    arguments = [str(samples / "jump.mp4"), "--pose", name, "--speed", "fast", "--json", "--save-poses", "poses.pkl"]
    code = run(["recognize", *arguments])
    captured = capsys.readouterr()
    assert (code, "error" in captured.err) == (0, False)
    document = json.loads(captured.out)
    assert document["schema"] == "poseact/recognition/1"
    (poses,) = read_pyskl(Path("poses.pkl")).annotations
    assert poses.provenance.estimator in (name, name.removesuffix(".safetensors"))
    assert set(poses.provenance.weights) == roles
    assert all(len(digest) == 64 for digest in poses.provenance.weights.values())


@pytest.mark.parametrize(
    "command",
    ["recognize clips", "extract-poses clips --out poses.pkl", "extract-poses clips --out poses.pkl --workers 2"],
    ids=["recognize", "extract-poses", "two workers"],
)
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
def test_what_is_refused_is_one_line(samples, capsys, command, name, code, words):
    Path("some.pth").write_bytes(b"nothing")
    Path("clips").mkdir()
    Path("clips/jump.mp4").symlink_to(samples / "jump.mp4")
    assert run([*command.split(), "--pose", name]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert words in line
    assert "Traceback" not in captured.err
    assert not Path("poses.pkl").exists()


def test_a_refused_estimator_does_not_stand_in_the_way_of_another(samples, capsys):
    Path("clips").mkdir()
    Path("clips/jump.mp4").symlink_to(samples / "jump.mp4")
    for name, words in (("hrnet-w33", "did you mean"), ("posec3d-jhmdb21", "give it to --model")):
        assert run(["extract-poses", "clips", "--out", "poses.pkl", "--pose", name]) == 2
        assert words in capsys.readouterr().err
