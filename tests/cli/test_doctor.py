"""`poseact doctor`: what it finds on this machine, and on machines where something is wrong."""

import json
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from misbehaving import direct_network

from poseact.cli import run
from poseact.doctor import Decoder, decoders, environment, examine
from poseact.doctor.decoders import FRAMES, picture, try_decoder, write_clip
from poseact.errors import InvalidVideo, UsageError
from poseact.zoo import embedded, weights_folder


@pytest.fixture(autouse=True)
def _clean(tmp_path, monkeypatch):
    direct_network(monkeypatch)
    monkeypatch.setenv("POSEACT_HOME", str(tmp_path / "home"))


@pytest.fixture
def working_decoders(monkeypatch):
    """The real ones are tried in one test; the others need not wait for them."""
    found = tuple(Decoder(name, True) for name in decoders.NAMES)
    monkeypatch.setattr(decoders, "decoders", lambda: (found, []))


def document(capsys):
    code = run(["doctor", "--json"])
    said = capsys.readouterr()
    assert said.out.count("\n") == 1
    return code, json.loads(said.out), said.err


def test_this_machine_works(capsys, tmp_path):
    code, found, err = document(capsys)
    assert (code, err) == (0, "")
    assert found["works"]
    assert found["schema"] == "poseact/health/1"
    assert found["problems"] == []
    works = {decoder["name"]: decoder["works"] for decoder in found["decoders"]}
    assert works["pyav"]
    assert works["opencv"]
    assert {entry["name"] for entry in found["models"]} == set(embedded())
    assert all(entry["state"] == "fine" for entry in found["models"])
    assert found["versions"]["torch"].startswith("2.")
    assert found["devices"]["threads"] >= 1
    assert found["cache"]["folder"] == str(tmp_path / "home")
    assert found["cache"]["writable"]
    assert not found["cache"]["exists"]
    assert not (tmp_path / "home").exists()


def test_the_table_says_the_same(capsys, working_decoders):
    assert run(["doctor"]) == 0
    out = capsys.readouterr().out
    for words in ("torch", "decoder pyav", "works", "movenet-thunder", "embedded, fine", "cache", "free disk"):
        assert words in out
    assert out.splitlines()[-1].split() == ["poseact", "recognize", "works"]


def test_the_table_says_when_nothing_can_be_recognised(capsys, working_decoders, weights):
    (weights / "nanodet-g.safetensors").write_bytes(b"x")
    assert run(["doctor"]) == 5
    said = capsys.readouterr()
    assert "poseact recognize        cannot work here" in said.out
    assert "damaged" in said.err


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A copy of the embedded weights that may be spoiled."""
    folder = tmp_path / "weights"
    shutil.copytree(weights_folder(), folder)
    monkeypatch.setattr("poseact.zoo.inventory.weights_folder", lambda: folder)
    return folder


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "nanodet-g.safetensors").unlink(), "cannot be read"),
        (lambda folder: (folder / "nanodet-g.safetensors").write_bytes(b"x"), "damaged"),
        (lambda folder: (folder / "nanodet-g.json").unlink(), "model card"),
        (lambda folder: (folder / "nanodet-g.json").write_text("{}"), "model card"),
    ],
    ids=["missing", "damaged", "no card", "a bad card"],
)
def test_embedded_models_are_needed(capsys, working_decoders, weights, spoil, words):
    spoil(weights)
    code, found, err = document(capsys)
    assert code == 5
    assert not found["works"]
    assert words in err
    assert "reinstall poseact" in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert [entry["state"] for entry in found["models"]].count("damaged") == 1


def test_fetched_models_are_not_needed(capsys, working_decoders, tmp_path):
    folder = tmp_path / "home" / "models"
    shutil.copytree(weights_folder(), folder, ignore=lambda place, names: [n for n in names if "jhmdb" not in n])
    for path in folder.glob("posec3d-jhmdb21.*"):
        path.rename(folder / f"mine{path.suffix}")
    (folder / "mine.json").write_text("{}")
    code, found, err = document(capsys)
    assert code == 0
    assert found["works"]
    assert err.startswith("warning: ")
    assert "mine" in err


def test_what_lies_in_the_cache(capsys, working_decoders, tmp_path):
    for name in ("ultralytics/yolo11n.pt", "downloads/hrnet.pth.part", "downloads/hrnet.pth.part.json"):
        (tmp_path / "home" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "home" / name).write_bytes(b"12345")
    cache = document(capsys)[1]["cache"]
    assert cache["yolo"] == ["yolo11n.pt"]
    assert cache["unfinished"] == ["hrnet.pth.part"]
    assert cache["bytes"] == 15
    run(["doctor"])
    assert "yolo11n.pt" in capsys.readouterr().out


def test_a_home_that_is_a_file(capsys, working_decoders, tmp_path):
    (tmp_path / "home").touch()
    code, found, err = document(capsys)
    assert (code, found["cache"]["writable"]) == (0, False)
    assert "is not a folder; set POSEACT_HOME" in err


def test_a_home_that_cannot_be_written(capsys, working_decoders, monkeypatch):
    def refused(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(environment.tempfile, "TemporaryFile", refused)
    code, found, err = document(capsys)
    assert (code, found["cache"]["writable"]) == (0, False)
    assert "Permission denied; set POSEACT_HOME" in err


def test_the_network_is_described_without_passwords(capsys, working_decoders, monkeypatch, tmp_path):
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    monkeypatch.setenv("POSEACT_MIRROR", "https://me:secret@mirror.example/zoo")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example:3128")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    code = run(["doctor", "--json"])
    said = capsys.readouterr()
    network = json.loads(said.out)["network"]
    assert code == 0
    assert network["offline"]
    assert network["mirrors"] == ["https://mirror.example/zoo"]
    assert network["proxies"]["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert "SSL_CERT_FILE" in said.err
    run(["doctor"])
    assert "secret" not in said.out + said.err + "".join(capsys.readouterr())


def test_a_mirror_that_is_no_address(capsys, working_decoders, monkeypatch):
    monkeypatch.setenv("POSEACT_MIRROR", "mirror")
    code, _, err = document(capsys)
    assert code == 0
    assert "POSEACT_MIRROR" in err


@pytest.mark.parametrize(
    ("installed", "words"),
    [
        ({"av": None}, "av is not installed"),
        ({"torch": "2.4.1+cpu"}, "torch 2.4.1+cpu has known holes"),
        ({"decord": None}, None),
        ({"torch": "2.10.0"}, None),
    ],
    ids=["missing", "old torch", "optional", "oldest torch"],
)
def test_versions(monkeypatch, installed, words):
    monkeypatch.setattr(environment, "_version", lambda *names: installed.get(names[0], "2.99"))
    _, problems = environment.versions()
    assert [words in problem.text for problem in problems] == ([True] if words else [])


def test_a_broken_torch_is_one_line(capsys, working_decoders, monkeypatch):
    def broken():
        raise OSError("libtorch_cpu.so: cannot open shared object file\nmore")

    monkeypatch.setattr(environment, "devices", broken)
    code, found, err = document(capsys)
    assert (code, found["devices"], found["works"]) == (1, None, False)
    assert "libtorch_cpu.so" in err
    assert err.count("\n") == 1


class FakeVideo:
    def __init__(self, images):
        self.images = images

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def frames(self):
        return (SimpleNamespace(image=image) for image in self.images)


RIGHT = [picture(index) for index in range(FRAMES)]


@pytest.mark.parametrize(
    ("images", "note"),
    [
        ([], "0 pictures of 6"),
        (RIGHT[:-1], "5 pictures of 6"),
        (RIGHT[::-1], "off by 150"),
        ([image[:, :, :1] for image in RIGHT], "off by 255"),
        ([np.zeros_like(image) for image in RIGHT], "off by 190"),
        (InvalidVideo("no codec\nmore"), "no codec"),
        (UsageError("decord is not installed here; use pyav"), "not installed"),
        (RIGHT, ""),
    ],
    ids=["none", "one is missing", "order", "grey", "black", "error", "missing", "right"],
)
def test_a_decoder_is_judged_by_its_pictures(monkeypatch, tmp_path, images, note):
    def open_video(path, decoder):
        if isinstance(images, Exception):
            raise images
        return FakeVideo(images)

    monkeypatch.setattr("poseact.video.reader.open_video", open_video)
    found = try_decoder("pyav", tmp_path / "x.mp4")
    assert found.works == (images is RIGHT)
    assert note in found.note


def test_without_any_decoder_nothing_works(monkeypatch):
    monkeypatch.setattr(decoders, "try_decoder", lambda name, clip: Decoder(name, False, "broken"))
    _, problems = decoders.decoders()
    assert problems[0].hinders == "installation"


def test_a_decoder_that_is_not_installed_is_no_problem(monkeypatch):
    monkeypatch.setattr(
        decoders,
        "try_decoder",
        lambda name, clip: Decoder(name, name != "decord", "not installed" * (name == "decord")),
    )
    assert decoders.decoders()[1] == []


def test_the_clip_is_a_video(tmp_path):
    write_clip(tmp_path / "a.mp4")
    assert try_decoder("pyav", tmp_path / "a.mp4") == Decoder("pyav", True)
    assert not try_decoder("pyav", tmp_path / "missing.mp4").works


def test_nothing_heavy_is_imported_for_its_version(working_decoders):
    known = set(sys.modules)
    examine()
    assert "ultralytics" not in set(sys.modules) - known
