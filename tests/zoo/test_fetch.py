"""From a name to a model that is ready: a manifest of one small model, published by a server on this machine."""

import hashlib
import io
import logging
import threading

import pytest
import torch
from misbehaving import direct_network, publisher

from poseact.errors import InvalidWeights, OutputError, UsageError, WeightsNotFound
from poseact.zoo import Card, Preprocessing, Record, find, inventory, load, save
from poseact.zoo import manifest as all_records
from poseact.zoo.download import Patience
from poseact.zoo.fetch import downloads_folder, fetch, watched
from poseact.zoo.inventory import RECORDED, Model, model, model_path, models, models_folder, verify

CONFIG = {"num_classes": 2, "base_channels": 4, "blocks": [1, 1, 1]}
QUICK = Patience(connect=2, read=1, attempts=2, backoff=0.001)
NOWHERE = "https://127.0.0.1:9/zoo/tiny.pth"  # nothing listens there; the mirror has the file


def checkpoint() -> bytes:
    from poseact.models import build

    torch.manual_seed(0)
    file = io.BytesIO()
    torch.save({"state_dict": build("slowonly", **CONFIG).state_dict()}, file)
    return file.getvalue()


CONTENT = checkpoint()


def plain_import(path, folder, *, name=None, **options):
    """As the real one for a checkpoint whose names need no change."""
    try:
        tensors = torch.load(path, weights_only=True)["state_dict"]
    except Exception as error:
        raise InvalidWeights(f"{path} cannot be imported") from error
    card = Card(
        name=name, task="classify", architecture="slowonly", config=CONFIG, labels=("a", "b"),
        preprocessing=Preprocessing(clip_len=4, size=16), source={"file": path.name},
    )  # fmt: skip
    return save(folder, tensors, card, stem=name)


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A server with `tiny`, the manifest with it, and an empty cache."""
    direct_network(monkeypatch)
    monkeypatch.setenv("POSEACT_HOME", str(tmp_path / "home"))
    record = Record(
        name="tiny", aliases=("small",), task="classify", architecture="slowonly", addresses=(NOWHERE,),
        file="tiny.pth", sha256_prefix=hashlib.sha256(CONTENT).hexdigest()[:8], licence="Apache-2.0",
        terms="For research only.", data="none", labels="ntu60", preprocessing=Preprocessing(), paper="p", source="s",
    )  # fmt: skip
    monkeypatch.setitem(all_records(), "tiny", record)
    monkeypatch.setattr("poseact.zoo.fetch.import_checkpoint", plain_import)
    with publisher() as server:
        monkeypatch.setenv("POSEACT_MIRROR", server.address)
        server.offer("/zoo/tiny.pth", CONTENT)
        yield server


def test_a_model_is_fetched_verified_and_imported(zoo):
    told, moved = [], []
    path = fetch("small", lambda *now: moved.append(now), notify=told.append, patience=QUICK)
    assert path == models_folder() / "tiny.safetensors"
    assert not load("tiny").training
    assert "Apache-2.0" in told[0]
    assert "For research only." in told[0]
    assert moved[-1] == (len(CONTENT), len(CONTENT))
    assert not [one for one in downloads_folder().iterdir() if not one.name.endswith(".lock")]


def test_the_real_import_of_a_fetched_file(zoo, monkeypatch):
    from checkpoints import network, saved

    from poseact.zoo.importing import import_checkpoint

    monkeypatch.setattr("poseact.zoo.fetch.import_checkpoint", import_checkpoint)
    built = network("x3d-s", num_classes=60)
    content = saved({"state_dict": built.state_dict(), "meta": {"epoch": 24}})
    about = {"architecture": "x3d-s", "config": {"num_classes": 60}}
    record = all_records()["tiny"].model_copy(
        update={**about, "sha256_prefix": hashlib.sha256(content).hexdigest()[:8]}
    )
    monkeypatch.setitem(all_records(), "tiny", record)
    zoo.offer("/zoo/tiny.pth", content)
    fetch("small", patience=QUICK)
    x = torch.rand(1, 17, 4, 16, 16)
    assert torch.equal(load("tiny")(x), built(x))
    assert model("tiny").card().labels[0] == "drink water"
    assert verify(model("tiny")).state == "fine"


def test_a_second_time_needs_no_network(zoo, monkeypatch):
    fetch("tiny", patience=QUICK)
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    assert fetch("tiny") == find("small") == model_path("tiny")
    assert len(zoo.requests) == 1


def test_again_fetches_anew(zoo):
    path = fetch("tiny", patience=QUICK)
    path.write_bytes(b"damaged")
    fetch("tiny", again=True, patience=QUICK)
    assert verify(model("tiny")).state == "fine"
    assert len(zoo.requests) == 2


def test_embedded_models_are_where_they_are(zoo):
    assert fetch("lightning", again=True) == find("movenet-lightning")
    assert not zoo.requests


def test_find_fetches_shows_and_tells(zoo, caplog):
    moved = []
    with caplog.at_level(logging.WARNING, "poseact"), watched(lambda *now: moved.append(now)):
        find("tiny")
    assert moved
    assert "For research only." in caplog.text


def test_files_and_runs_come_before_fetched_models(zoo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "tiny"
    run.mkdir()
    (run / "model.safetensors").touch()
    assert find("tiny").resolve() == run / "model.safetensors"
    (tmp_path / "movenet-thunder").touch()
    assert find("movenet-thunder") == inventory.weights_folder() / "movenet-thunder.safetensors"
    assert not zoo.requests


def test_offline_says_what_to_do(zoo, monkeypatch):
    monkeypatch.setenv("POSEACT_OFFLINE", "1")
    with pytest.raises(WeightsNotFound, match=r"POSEACT_OFFLINE.*weights import FILE --name tiny.*unbundle"):
        fetch("tiny")
    assert not zoo.requests
    assert not models_folder().exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "embedded models are"),
        ("hrnet-w23", "did you mean hrnet-w32"),
        ("Tiny", "did you mean tiny"),
        ("../tiny", "did you mean tiny"),
        ("no/such/run", "training run"),
        ("a" * 5000, "embedded models are"),
    ],
    ids=["empty", "near", "case", "a path", "a folder", "long"],
)
def test_names_that_nobody_knows(zoo, name, words):
    with pytest.raises(WeightsNotFound, match=words):
        fetch(name)


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "a/b", "/etc/passwd", "a\\b", ".hidden", "-x", "a" * 101, "a\0b", "é"]
)
def test_names_never_leave_the_folder(zoo, name):
    with pytest.raises(UsageError):
        model_path(name)


def test_bytes_that_are_others_are_refused(zoo):
    zoo.offer("/zoo/tiny.pth", CONTENT[::-1])
    with pytest.raises(InvalidWeights, match="sha256"):
        fetch("tiny", patience=QUICK)
    assert model("tiny").where == "remote"


def test_a_file_that_cannot_be_imported_is_not_kept(zoo, monkeypatch):
    record = all_records()["tiny"].model_copy(update={"sha256_prefix": None})
    monkeypatch.setitem(all_records(), "tiny", record)
    zoo.offer("/zoo/tiny.pth", CONTENT[: len(CONTENT) // 2])
    with pytest.raises(InvalidWeights, match="imported"):
        fetch("tiny", patience=QUICK)
    zoo.offer("/zoo/tiny.pth", CONTENT)
    fetch("tiny", patience=QUICK)


def test_what_came_is_kept_when_the_import_could_not_write(zoo, monkeypatch):
    def full(*arguments, **options):
        raise OutputError("cannot write: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("poseact.zoo.fetch.import_checkpoint", full)
        with pytest.raises(OutputError):
            fetch("tiny", patience=QUICK)
    fetch("tiny", patience=QUICK)
    assert len(zoo.requests) == 1


def test_two_at_once_import_once(zoo, monkeypatch):
    imported, found = [], []

    def slow(path, *arguments, **options):
        imported.append(path)
        return plain_import(path, *arguments, **options)

    monkeypatch.setattr("poseact.zoo.fetch.import_checkpoint", slow)
    zoo.offer("/zoo/tiny.pth", CONTENT, pause=0.1)
    threads = [threading.Thread(target=lambda: found.append(fetch("tiny", patience=QUICK))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [model_path("tiny")] * 2
    assert len(imported) == 1


def test_a_changed_byte_is_found_when_loading_and_verifying(zoo):
    path = fetch("tiny", patience=QUICK)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert verify(model("tiny")).state == "damaged"
    for look in (lambda: load("tiny"), lambda: load(str(path))):
        with pytest.raises(InvalidWeights, match=r"damaged.*poseact weights fetch --again tiny"):
            look()


def test_models_of_the_user_are_listed_and_verified(zoo):
    downloads_folder().mkdir(parents=True)
    file = downloads_folder() / "x.pth"
    file.write_bytes(CONTENT)
    path = plain_import(file, models_folder(), name="mine")
    assert models()[-1] == Model("mine", None, "here", path)
    assert verify(models()[-1]).state == "fine"
    assert fetch("mine") == find("mine") == path
    assert RECORDED in model("mine").card().source
    path.with_suffix(".json").write_text("{}")
    assert "import it again" in verify(model("mine")).problem
    path.with_suffix(".json").unlink()
    assert model("mine") is None


@pytest.mark.parametrize("kind", ["file", "relative"])
def test_a_home_that_is_odd(zoo, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEACT_HOME", "here")
    if kind == "file":
        (tmp_path / "here").touch()
        with pytest.raises(OutputError, match="POSEACT_HOME"):
            fetch("tiny", patience=QUICK)
        return
    path = fetch("tiny", patience=QUICK)
    assert path.is_absolute()
    assert path.parent == tmp_path / "here" / "models"


def test_a_mirror_that_sends_rubbish_is_passed_over(zoo, monkeypatch):
    monkeypatch.setitem(all_records(), "tiny", all_records()["tiny"].model_copy(update={"sha256_prefix": None}))
    told = []
    zoo.offer("/zoo/tiny.pth", b"x" * 100_000)
    with pytest.raises(InvalidWeights, match=r"127\.0\.0\.1.*what came is no checkpoint"):
        fetch("tiny", notify=told.append, patience=QUICK)
    assert "not verified, as no sha256 of it is published" in told[0]
    zoo.offer("/zoo/tiny.pth", CONTENT)
    assert fetch("tiny", patience=QUICK).exists()
