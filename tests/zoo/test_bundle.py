"""Bundles: packed the same each time, unpacked only if they are exactly that."""

import hashlib
import io
import json
import tarfile

import pytest
import torch

from poseact.errors import InvalidWeights, LimitExceeded, ModelError, UsageError, WeightsNotFound
from poseact.zoo import Card, Preprocessing, find, load, save
from poseact.zoo.bundle import SUMS, pack, unpack
from poseact.zoo.inventory import model, models_folder

CONFIG = {"num_classes": 2, "base_channels": 4, "blocks": [1, 1, 1]}


def keep(name: str, seed: int = 0):
    """A model in the cache, as an import leaves it."""
    from poseact.models import build

    torch.manual_seed(seed)
    card = Card(
        name=name, task="classify", architecture="slowonly", config=CONFIG, labels=("a", "b"),
        preprocessing=Preprocessing(clip_len=4, size=16), source={"file": "x.pth"},
    )  # fmt: skip
    return save(models_folder(), build("slowonly", **CONFIG).state_dict(), card, stem=name)


@pytest.fixture
def bundle(home, tmp_path):
    """A bundle of two models, which are then forgotten."""
    keep("mine")
    keep("other", seed=1)
    pack(tmp_path / "b.tar", ["other", "mine", "mine"])
    for path in models_folder().iterdir():
        path.unlink()
    return tmp_path / "b.tar"


def members(path):
    with tarfile.open(path) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}


def written(path, contents: dict[str, bytes], kind=tarfile.REGTYPE, sums: bool = True, **changes):
    """A tar file of these contents, with true checksums."""
    lines = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in contents.items())
    with tarfile.open(path, "w", format=changes.pop("format", tarfile.USTAR_FORMAT)) as archive:
        for name, content in (({SUMS: lines.encode()} if sums else {}) | contents).items():
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind if name != SUMS else tarfile.REGTYPE
            for key, value in changes.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
    return path


def half_written(*paths):
    """What a process that was killed left of files."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(f".{path.stem}-abcd1234.poseact-part{path.suffix}").write_bytes(b"half")


def test_what_killed_processes_left_half_written_is_removed(bundle):
    path = models_folder() / "mine.safetensors"
    half_written(path, path.with_suffix(".json"))
    unpack(bundle)
    half_written(path, path.with_suffix(".json"), bundle)
    keep("mine")
    pack(bundle, ["mine"])
    assert not list(bundle.parent.rglob("*.poseact-part*"))


def test_a_bundle_brings_models_to_another_machine(bundle):
    assert list(members(bundle)) == [SUMS, "mine.safetensors", "mine.json", "other.safetensors", "other.json"]
    assert [found.name for found in unpack(bundle)] == ["mine", "other"]
    assert find("mine") == models_folder() / "mine.safetensors"
    assert not load("mine").training
    assert model("other").where == "here"
    left = {path.name for path in models_folder().iterdir() if not path.name.endswith(".lock")}
    assert left == {"mine.safetensors", "mine.json", "other.safetensors", "other.json"}


def test_the_same_models_give_the_same_bytes(bundle, tmp_path):
    unpack(bundle)
    pack(tmp_path / "c.tar", ["mine", "other"])
    assert (tmp_path / "c.tar").read_bytes() == bundle.read_bytes()


def test_checksums_are_those_of_sha256sum(bundle):
    contents = members(bundle)
    for line in contents[SUMS].decode().splitlines():
        digest, name = line.split("  ")
        assert digest == hashlib.sha256(contents[name]).hexdigest()


def test_unpacking_again_changes_nothing(bundle):
    unpack(bundle)
    before = {path: path.stat().st_mtime_ns for path in models_folder().glob("*.*")}
    unpack(bundle)
    assert {path: path.stat().st_mtime_ns for path in models_folder().glob("*.*")} == before


def test_another_model_of_the_same_name_stays(bundle):
    kept = keep("mine", seed=5).read_bytes()
    with pytest.raises(UsageError, match="--replace"):
        unpack(bundle)
    assert (models_folder() / "mine.safetensors").read_bytes() == kept
    assert not (models_folder() / "other.safetensors").exists()
    unpack(bundle, replace=True)
    assert (models_folder() / "mine.safetensors").read_bytes() != kept
    load("mine")


@pytest.mark.parametrize(
    ("name", "names", "kind", "words"),
    [
        ("b.tar", [], UsageError, "at least one"),
        ("b.zip", ["mine"], UsageError, r"\.tar"),
        ("b.tar", ["hrnet-w32"], WeightsNotFound, "poseact weights fetch"),
        ("b.tar", ["nothing"], WeightsNotFound, "poseact weights list"),
        ("b.tar", ["../mine"], WeightsNotFound, "poseact weights list"),
    ],
    ids=["none", "suffix", "not here", "unknown", "a path"],
)
def test_what_cannot_be_packed(home, tmp_path, name, names, kind, words):
    with pytest.raises(kind, match=words):
        pack(tmp_path / name, names)
    assert not (tmp_path / name).exists()


def test_a_damaged_model_is_not_packed(home, tmp_path):
    path = keep("mine")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(InvalidWeights, match="damaged"):
        pack(tmp_path / "b.tar", ["mine"])
    assert not (tmp_path / "b.tar").exists()


def test_embedded_models_can_be_packed(home, tmp_path):
    pack(tmp_path / "b.tar", ["lightning"])
    assert list(members(tmp_path / "b.tar"))[1:] == ["movenet-lightning.safetensors", "movenet-lightning.json"]


@pytest.mark.parametrize("content", [b"", b"x" * 5000, bytes(5000), b"PK\x03\x04" + bytes(5000)])
def test_what_is_no_tar_file(home, tmp_path, content):
    (tmp_path / "b.tar").write_bytes(content)
    with pytest.raises(InvalidWeights, match="not a bundle"):
        unpack(tmp_path / "b.tar")
    assert not home.exists()


def test_a_bundle_that_does_not_exist(home, tmp_path):
    with pytest.raises(WeightsNotFound, match="cannot be read"):
        unpack(tmp_path / "b.tar")


def test_every_truncation_is_refused(bundle, tmp_path):
    content = bundle.read_bytes()
    with tarfile.open(bundle) as archive:
        end = max(info.offset_data + info.size for info in archive)
    for length in [*range(0, end, end // 25), end - 1]:
        (tmp_path / "short.tar").write_bytes(content[:length])
        with pytest.raises(ModelError):
            unpack(tmp_path / "short.tar")
    assert not any(models_folder().glob("*.safetensors"))


@pytest.mark.parametrize(
    "name",
    [
        "/tmp/mine.safetensors", "../mine.safetensors", "a/mine.safetensors", "a\\..\\mine.safetensors", ".mine.json",
        "mine.pth", "mine", "", "é.json", "-mine.json", "C:mine.json",
    ],
)  # fmt: skip
def test_names_that_have_no_place(home, tmp_path, name):
    path = written(tmp_path / "b.tar", {name: b"{}"}, format=tarfile.GNU_FORMAT)
    with pytest.raises(InvalidWeights, match=r"no place|cut off"):
        unpack(path)
    assert not home.exists()


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE,
     tarfile.GNUTYPE_SPARSE],
    ids=["symbolic link", "link", "device", "disk", "pipe", "folder", "sparse"],
)  # fmt: skip
def test_only_plain_files_are_taken(home, tmp_path, kind):
    contents = {"mine.safetensors": b"", "mine.json": b""}
    path = written(tmp_path / "b.tar", contents, kind=kind, linkname="/etc/passwd")
    with pytest.raises(InvalidWeights):
        unpack(path)
    assert not home.exists()


def test_extended_headers_are_not_read(bundle, tmp_path):
    path = written(tmp_path / "x.tar", members(bundle), format=tarfile.PAX_FORMAT, pax_headers={"comment": "x"})
    with pytest.raises(InvalidWeights, match="no place"):
        unpack(path)


def resized(path, at: int, size: int):
    """Claim another size in the header at `at`, with a true header checksum."""
    content = bytearray(path.read_bytes())
    info = tarfile.TarInfo.frombuf(bytes(content[at : at + 512]), "ascii", "strict")
    info.size = size
    content[at : at + 512] = info.tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("size", "kind"), [(1 << 50, LimitExceeded), (-1, ModelError), (1 << 22, InvalidWeights)], ids=str
)
def test_sizes_that_are_lies(bundle, size, kind):
    with tarfile.open(bundle) as archive:
        at = archive.getmember("mine.safetensors").offset
    with pytest.raises(kind):
        unpack(resized(bundle, at, size))
    assert not any(models_folder().glob("*.safetensors"))


@pytest.mark.parametrize(
    "change",
    [
        lambda held: {name: content for name, content in held.items() if name != "mine.json"},
        lambda held: {**held, "more.json": b"{}"},
        lambda held: {**held, "mine.json": b"{}"},
        lambda held: {**held, "mine.json": held["other.json"]},
        lambda held: {**held, "mine.json": json.dumps({"name": "mine"}).encode()},
    ],
    ids=["a card is missing", "a card too many", "no card", "the card of others", "an incomplete card"],
)
def test_pairs_that_do_not_fit(bundle, tmp_path, change):
    held = {name: content for name, content in members(bundle).items() if name != SUMS}
    with pytest.raises(InvalidWeights, match="not a bundle"):
        unpack(written(tmp_path / "x.tar", change(held)))
    assert not (models_folder() / "mine.safetensors").exists()


@pytest.mark.parametrize("sums", [b"", b"nonsense\n", b"0" * 64 + b"  mine.json\n", b"\xff\xfe"])
def test_checksums_that_list_something_else(bundle, tmp_path, sums):
    held = {**members(bundle), SUMS: sums}
    with pytest.raises(InvalidWeights, match=SUMS):
        unpack(written(tmp_path / "x.tar", held, sums=False))


@pytest.mark.parametrize("name", ["mine.safetensors", "mine.json"])
def test_a_changed_byte_is_found(bundle, tmp_path, name):
    held = members(bundle)
    held[name] = held[name][:-2] + bytes([held[name][-2] ^ 1]) + held[name][-1:]
    with pytest.raises(InvalidWeights, match="sha256"):
        unpack(written(tmp_path / "x.tar", held, sums=False))
    assert not any(models_folder().glob("mine.*"))


def test_another_card_of_the_same_weights_stays(bundle):
    """Such as one with names of the user's own."""
    keep("mine")
    path = models_folder() / "mine.json"
    before = {**json.loads(path.read_text()), "labels": ["x", "y"]}
    path.write_text(json.dumps(before))
    with pytest.raises(UsageError, match=r"another mine .* add --replace"):
        unpack(bundle)
    assert json.loads(path.read_text()) == before
    unpack(bundle, replace=True)
    assert json.loads(path.read_text())["labels"] == ["a", "b"]
