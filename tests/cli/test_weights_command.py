"""`poseact weights` from the command line, with a server and a cache of the test's own."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile

import pytest
import torch
from misbehaving import direct_network, publisher

from poseact.cli import run
from poseact.errors import InvalidWeights
from poseact.zoo import Card, Preprocessing, Record, manifest, save
from poseact.zoo.inventory import model_path, models_folder

CONFIG = {"num_classes": 2, "base_channels": 4, "blocks": [1, 1, 1]}
imported = []
CONTENT = bytes(200_000) + b"tiny"
NOWHERE = "https://127.0.0.1:9/zoo/tiny.pth"


def kept(name: str, folder=None):
    """A model in the cache, as an import leaves it."""
    from poseact.models import build

    torch.manual_seed(0)
    card = Card(
        name=name, task="classify", architecture="slowonly", config=CONFIG, labels=("a", "b"), licence="MIT",
        preprocessing=Preprocessing(clip_len=4, size=16), source={"file": "x.pth"},
    )  # fmt: skip
    return save(folder or models_folder(), build("slowonly", **CONFIG).state_dict(), card, stem=name)


def import_checkpoint(path, folder, *, name=None, **options):
    imported.append((name, options))
    if path.read_bytes() != CONTENT:
        raise InvalidWeights(f"{path} cannot be imported")
    return kept(name, folder)


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    direct_network(monkeypatch)
    monkeypatch.setenv("POSEACT_HOME", str(tmp_path / "home"))
    record = Record(
        name="tiny", aliases=("small",), task="classify", architecture="slowonly", addresses=(NOWHERE,),
        file="tiny.pth", sha256_prefix=hashlib.sha256(CONTENT).hexdigest()[:8], licence="Apache-2.0",
        terms="For research only.", data="none", labels="ntu60", preprocessing=Preprocessing(), paper="p", source="s",
        metric="99 %", metric_source="s",
    )  # fmt: skip
    monkeypatch.setitem(manifest(), "tiny", record)
    for place in ("fetch", "importing"):
        monkeypatch.setattr(f"poseact.zoo.{place}.import_checkpoint", import_checkpoint)
    monkeypatch.setattr("poseact.zoo.download.time.sleep", lambda seconds: None)
    with publisher() as server:
        monkeypatch.setenv("POSEACT_MIRROR", server.address)
        server.offer("/zoo/tiny.pth", CONTENT)
        yield server


def answer(capsys, *arguments):
    """(exit code, stdout, stderr) of `poseact weights ...`."""
    code = run(["weights", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def documents(capsys, *arguments):
    code, out, err = answer(capsys, *arguments, "--json")
    assert out.count("\n") == 1
    document = json.loads(out)
    assert document["schema"] == "poseact/weights/1"
    return code, {entry["name"]: entry for entry in document["models"]}, err


def test_the_list_says_where_models_are(zoo, capsys):
    kept("mine")
    code, found, err = documents(capsys, "list")
    assert (code, err) == (0, "")
    assert found.keys() == {*manifest(), "mine"}
    assert found["movenet-thunder"]["where"] == "embedded"
    assert found["mine"]["where"] == "here"
    assert found["mine"]["licence"] == "MIT"
    assert found["mine"]["imported_from"]["file"] == "x.pth"
    assert found["tiny"] | {"path": 0} == found["tiny"] | {
        "where": "remote",
        "bytes": None,
        "metric": "99 %",
        "path": 0,
    }
    assert found["tiny"]["path"] is None
    code, out, _ = answer(capsys, "list")
    assert code == 0
    assert all(name in out for name in found)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nothing-like-this"], set()),
        (["--here"], {"nanodet-g", "movenet-thunder", "movenet-lightning", "posec3d-jhmdb21", "mine"}),
        (["--here", "--task", "classify"], {"posec3d-jhmdb21", "mine"}),
        (["MOVENET", "thun"], {"movenet-thunder"}),
        (["small"], {"tiny"}),
    ],
    ids=["none", "here", "task", "words", "alias"],
)
def test_the_list_can_be_short(zoo, capsys, arguments, expected):
    kept("mine")
    assert documents(capsys, "list", *arguments)[1].keys() == expected
    code, out, _ = answer(capsys, "list", *arguments)
    assert code == 0
    assert all(name in out for name in expected)


def test_show(zoo, capsys):
    code, out, _ = answer(capsys, "show", "small")
    assert code == 0
    for words in ("tiny", "Apache-2.0", "For research only.", NOWHERE, "99 %", "remote"):
        assert words in out
    code, found, _ = documents(capsys, "show", "posec3d-jhmdb21")
    assert len(found["posec3d-jhmdb21"]["labels"]) == 21
    assert found["posec3d-jhmdb21"]["label_list"] == "jhmdb21"
    assert "limb_order" not in found["posec3d-jhmdb21"]
    assert "blocks=[1, 2, 2], " in answer(capsys, "show", "posec3d-jhmdb21")[1].replace("\n", " ")


def test_show_as_markdown(zoo, capsys):
    code, out, _ = answer(capsys, "show", "posec3d-jhmdb21", "--markdown")
    assert code == 0
    assert out.startswith("# posec3d-jhmdb21\n")
    assert "--model posec3d-jhmdb21" in out


def test_show_survives_a_damaged_card(zoo, capsys):
    path = kept("mine")
    path.with_suffix(".json").write_text("{")
    code, found, _ = documents(capsys, "show", "mine")
    assert code == 0
    assert "model card" in found["mine"]["problem"]
    assert answer(capsys, "list")[0] == 0


def test_fetch_prints_paths_and_tells_the_terms(zoo, capsys):
    code, out, err = answer(capsys, "fetch", "tiny", "lightning", "tiny")
    assert code == 0
    assert out.splitlines() == [str(model_path("tiny")), documents(capsys, "path", "lightning")[1].popitem()[1]["path"]]
    assert err.count("\n") == 1
    assert "For research only." in err


def test_fetch_goes_on_after_a_failure(zoo, capsys):
    code, out, err = answer(capsys, "fetch", "nothing", "tiny", "-q")
    assert code == 5
    assert out == f"{model_path('tiny')}\n"
    assert err.startswith("error: model 'nothing'")
    assert err.count("\n") == 1


def test_fetch_interrupted(zoo, capsys, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("poseact.zoo.fetch.download", interrupted)
    code, out, err = answer(capsys, "fetch", "tiny", "-q")
    assert (code, out) == (130, "")
    assert err == "error: interrupted; the same command goes on where it was\n"


def test_fetch_offline(zoo, capsys, monkeypatch):
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    code, out, err = answer(capsys, "fetch", "tiny")
    assert (code, out) == (5, "")
    assert "POSEACT_OFFLINE" in err
    assert not zoo.requests


def test_fetch_from_a_login_page(zoo, capsys):
    zoo.offer("/zoo/tiny.pth", b"<html>login</html>")
    code, _, err = answer(capsys, "fetch", "tiny", "-q")
    assert code == 5
    assert "web page" in err
    assert err.count("\n") == 1


def test_verify_finds_a_changed_byte(zoo, capsys):
    kept("mine")
    run(["weights", "fetch", "tiny"])
    capsys.readouterr()
    code, out, err = answer(capsys, "verify")
    assert (code, err) == (0, "")
    assert out.count("fine") == 6
    content = bytearray(model_path("mine").read_bytes())
    content[-1] ^= 1
    model_path("mine").write_bytes(content)
    code, found, err = documents(capsys, "verify")
    assert code == 5
    assert {name for name, entry in found.items() if entry["state"] != "fine"} == {"mine"}
    assert found["mine"]["problem"] in err
    assert "weights import FILE --name mine" in err
    assert answer(capsys, "verify", "tiny")[0] == 0


def test_verify_of_what_is_not_here(zoo, capsys):
    code, out, err = answer(capsys, "verify", "tiny")
    assert (code, out) == (5, "")
    assert "poseact weights fetch tiny" in err


def test_verify_of_a_model_without_a_recorded_hash(zoo, capsys):
    path = kept("mine")
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, "source": {}}))
    code, found, _ = documents(capsys, "verify", "mine")
    assert (code, found["mine"]["state"]) == (0, "unrecorded")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], (None, {})),
        (["--name", "mine", "--labels", "ntu60", "--licence", "MIT"], ("mine", {"labels": 60, "licence": "MIT"})),
        (["--name", "small"], ("small", {})),
        (["--labels", "names.txt"], (None, {"labels": 2})),
        (["--kind", "limb", "--architecture", "slowonly-pose-only", "--replace"],
         (None, {"kind": "limb", "architecture": "slowonly-pose-only", "replace": True})),
        (["--kind", "limb", "--limb-order", "transform", "--layout", "coco17"],
         (None, {"kind": "limb", "limb_order": "transform", "layout": "coco17"})),
    ],
    ids=["plain", "named", "of the manifest", "own labels", "what shapes cannot tell", "limbs"],
)  # fmt: skip
def test_import(zoo, capsys, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("jump\n\n run \n")
    (tmp_path / "some.pth").write_bytes(CONTENT)
    monkeypatch.setattr(sys.modules[__name__], "kept", lambda name, folder: folder / "some.safetensors")
    code, out, _ = answer(capsys, "import", "some.pth", *arguments)
    assert (code, out) == (0, f"{models_folder() / 'some.safetensors'}\n")
    name, options = imported.pop()
    labels = options["labels"]
    said = {**options, "labels": labels and len(labels)}
    assert (name, {option: value for option, value in said.items() if value}) == expected
    assert labels in (None, ("jump", "run")) or labels[0] == "drink water"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--name", "../mine"], 2, "cannot be the name"),
        (["--name", "thunder"], 2, "comes with poseact"),
        (["--name", "mine"], 2, "--replace"),
        (["--labels", "missing.txt"], 2, "one name per line"),
        (["--name", "other"], 5, "cannot be imported"),
    ],
    ids=["a path", "embedded", "taken", "labels", "no checkpoint"],
)
def test_what_cannot_be_imported(zoo, capsys, tmp_path, arguments, code, words):
    kept("mine")
    (tmp_path / "some.pth").write_bytes(b"nothing")
    found, out, err = answer(capsys, "import", str(tmp_path / "some.pth"), *arguments)
    assert (found, out) == (code, "")
    assert words in err
    assert err.count("\n") == 1


def test_path_never_uses_the_network(zoo, capsys):
    code, out, err = answer(capsys, "path", "small")
    assert (code, out) == (5, "")
    assert "poseact weights fetch tiny" in err
    kept("mine")
    assert answer(capsys, "path", "mine") == (0, f"{model_path('mine')}\n", "")
    assert not zoo.requests


def test_bundles_travel(zoo, capsys, tmp_path, monkeypatch):
    kept("mine")
    target = tmp_path / "b.tar"
    code, out, _ = answer(capsys, "bundle", str(target), "mine", "lightning")
    assert code == 0
    assert out.startswith(f"{target}: mine, movenet-lightning (")
    assert tarfile.is_tarfile(target)
    monkeypatch.setenv("POSEACT_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    code, out, _ = answer(capsys, "unbundle", str(target))
    assert code == 0
    assert out.splitlines()[0] == str(tmp_path / "elsewhere" / "models" / "mine.safetensors")
    assert documents(capsys, "verify", "mine")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "hrnetw32"], 5, "did you mean hrnet-w32"),
        (["show", "small", "--markdown"], 5, "poseact weights fetch tiny"),
        (["show", "lightning", "--markdown", "--json"], 2, "do not go together"),
        (["path", "../mine"], 5, "poseact weights list"),
        (["bundle", "x.tar", "nothing"], 5, "poseact weights list"),
        (["bundle", "x.zip", "lightning"], 2, ".tar"),
        (["bundle", "blocked/x.tar", "lightning"], 3, "cannot write"),
        (["unbundle", "missing.tar"], 5, "cannot be read"),
        (["unbundle", "."], 5, "cannot be read"),
        (["list", "--task", "dance"], 2, "dance"),
        (["fetch"], 2, "NAME"),
        (["dance"], 2, "dance"),
    ],
)
def test_wrong_calls_are_one_line(zoo, capsys, tmp_path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "blocked").touch()
    found, out, err = answer(capsys, *arguments)
    assert (found, out) == (code, "")
    assert words in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not list(tmp_path.glob("*.tar"))


def test_no_command_shows_the_help(capsys):
    assert run(["weights"]) == 2
    said = capsys.readouterr()
    assert "unbundle" in said.out + said.err


def test_help_loads_no_heavy_library():
    heavy = ("torch", "cv2", "av", "ultralytics", "numpy", "httpx", "safetensors", "filelock")
    code = (
        "import sys\nfrom poseact.cli import run\n"
        "codes = [run(['--help']), run(['weights', '--help']), run(['weights', 'fetch', '--help']), "
        f"run(['doctor', '--help'])]\nprint(codes, [name for name in {heavy} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[0, 0, 0, 0] []"


def test_a_home_that_cannot_be_used(zoo, capsys, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("POSEACT_HOME", str(tmp_path / "file"))
    code, out, err = answer(capsys, "fetch", "tiny", "-q")
    assert (code, out) == (3, "")
    assert "set POSEACT_HOME" in err
    assert documents(capsys, "list")[0] == 0


def test_progress_is_shown_to_people_only(zoo, capsys):
    _, _, err = answer(capsys, "fetch", "tiny")
    assert "\x1b" not in err
    assert io.StringIO(err).readline().startswith("warning: fetching tiny from 127.0.0.1")
