"""Files of torch.save, old and new, and safetensors files: read as they are meant, refused when they are not."""

import collections
import io
import os
import pickle
import random
import struct
import zipfile
import zlib

import numpy as np
import pytest
import torch
from checkpoints import TENSOR, safetensors_header, saved
from payloads import Runs
from torch import nn

from poseact.errors import InvalidWeights, LimitExceeded, WeightsNotFound
from poseact.zoo import checkpoint as module
from poseact.zoo.checkpoint import read_checkpoint

STATE = {"a.weight": torch.arange(12.0).reshape(3, 4), "a.steps": torch.tensor(7)}
ONE = {"w": torch.arange(12.0)}  # torch.save orders the storages of an old file by their addresses


@pytest.fixture
def read(tmp_path):
    """Read a file of these bytes."""

    def read(content):
        path = tmp_path / "some.pth"
        path.write_bytes(content)
        return read_checkpoint(path)

    return read


def same(found, expected):
    return found.keys() == expected.keys() and all(torch.equal(found[key], expected[key]) for key in expected)


def old(content):
    """torch.save before 1.6."""
    return saved(content, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("write", [saved, old], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE},
        {"model": STATE, "optimizer": {"state": {0: {"momentum_buffer": torch.ones(3)}}, "lr": 0.1}},
        {"state_dict": {f"module.{key}": tensor for key, tensor in STATE.items()}, "meta": {"CLASSES": ("a", "b")}},
        {"state_dict": STATE, "best": np.float64(0.5), "curve": np.arange(3.0), "none": None, "names": ["x"]},
        {"state_dict": collections.OrderedDict(STATE), "epoch": 3, "text": "é" * 300},
        {"state_dict": {key: nn.Parameter(tensor, requires_grad=False) for key, tensor in STATE.items()}},
        {"state_dict": {"a.weight": STATE["a.weight"].double(), "a.steps": STATE["a.steps"]}},
    ],
    ids=["bare", "state_dict", "model", "ddp", "numpy", "ordered", "parameters", "double"],
)
def test_what_training_scripts_write_is_read(read, write, content):
    found = read(write(content))
    assert same(found.tensors, STATE)
    assert len(found.sha256) == 64


def test_views_of_one_storage_are_read_as_they_are(read):
    whole = torch.arange(24.0).reshape(4, 6)
    state = {"a": whole[1:3], "b": whole.t(), "c": whole[:, 2]}
    found = read(saved(state)).tensors
    assert same(found, state)
    assert all(tensor.is_contiguous() for tensor in found.values())


def test_safetensors_files_are_read(read):
    from safetensors.torch import save

    assert same(read(save(STATE)).tensors, STATE)


def test_a_module_state_dict_with_its_metadata_is_read(read):
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    assert same(read(saved(network.state_dict())).tensors, network.state_dict())


def hostile(command):
    """Ways to hide a call of os.system in a checkpoint."""
    call = Runs(os.system, command)
    return {
        "plain pickle": pickle.dumps(call),
        "protocol 0": pickle.dumps(call, 0),
        "zip": saved({"state_dict": STATE, "meta": call}),
        "legacy": old({"state_dict": STATE, "meta": call}),
        "as a tensor": saved({"state_dict": {**STATE, "x": call}}),
        "eval": saved({**STATE, "x": Runs(eval, f"__import__('os').system({command!r})")}),
        "getattr": saved({**STATE, "x": Runs(getattr, command, "upper")}),
        "a second pickle": saved(STATE).replace(b"PK\x03\x04", pickle.dumps(call) + b"PK\x03\x04", 1),
        "after the zip": saved(STATE) + pickle.dumps(call),
        "before the zip": pickle.dumps(call) + saved(STATE),
    }


@pytest.mark.parametrize("way", hostile(""))
def test_nothing_of_a_file_is_run(read, tmp_path, way):
    mark = tmp_path / "was-run"
    found = outcome(read, hostile(f"touch {mark}")[way])
    assert not mark.exists()
    if way == "after the zip":
        assert same(found.tensors, STATE)
    else:
        assert "\n" not in found
        called = ("zip", "legacy", "as a tensor", "eval", "getattr")
        assert ("is hostile: loading it would call" in found) == (way in called)


def outcome(read, content):
    """What reading gives: a checkpoint, or the words of its refusal."""
    try:
        return read(content)
    except (InvalidWeights, LimitExceeded) as refusal:
        return str(refusal)


def test_a_class_of_another_framework_is_named_with_what_to_do(read):
    with pytest.raises(InvalidWeights, match=r"holds more than tensors \(torch.nn.modules.*weights_only=False"):
        read(saved(nn.Linear(2, 2)))


def archive(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as target:
        for name, content in members:
            target.writestr(name, content)
    return file.getvalue()


def unpacked(content):
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        return {name: source.read(name) for name in source.namelist()}


class Call:
    """A name of torch, called with these arguments when it is pickled; storages become persistent ids."""


def claiming(count, shape, strides, key="0"):
    """data.pkl of {"a": a tensor of any claim}, by hand."""

    class Pickler(pickle._Pickler):
        def persistent_id(self, thing):
            return ("storage", torch.FloatStorage, key, "cpu", count) if isinstance(thing, Call) else None

    file = io.BytesIO()
    rebuild = torch._utils._rebuild_tensor_v2
    Pickler(file, 2).dump({"a": Runs(rebuild, Call(), 0, shape, strides, False, collections.OrderedDict())})
    return file.getvalue()


MEMBERS = list(unpacked(saved(STATE)).items())
FOLDER = MEMBERS[0][0].partition("/")[0]


def twice():
    """An archive whose first member is there again."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        return archive([*MEMBERS, MEMBERS[0]])


def with_pickle(content):
    return archive([(name, content if name.endswith("data.pkl") else old) for name, old in MEMBERS])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (archive(MEMBERS, zipfile.ZIP_DEFLATED), "compressed"),
        (twice(), "same name"),
        (archive([("a.txt", b"x")]), "not of torch.save"),
        (archive([*MEMBERS, (f"{FOLDER}/constants.pkl", b"x")]), "TorchScript"),
        (archive([*MEMBERS, (f"{FOLDER}/code/__torch__.py", b"x")]), "TorchScript"),
        (archive([pair for pair in MEMBERS if not pair[0].endswith("data/0")]), "is missing"),
        (archive([(name, b"xx" if name.endswith("data/0") else old) for name, old in MEMBERS]), "claims 48 bytes"),
        (with_pickle(claiming(1 << 40, (1 << 40,), (1,))), "claims"),
        (with_pickle(claiming(12, (1 << 40,), (0,))), "claims a tensor"),
        (with_pickle(claiming(12, (13,), (1,))), "claims a tensor"),
        (with_pickle(claiming(12, (12,) * 9, (0,) * 9)), "impossible shape"),
        (with_pickle(claiming(-1, (1,), (1,))), "impossible size"),
        (with_pickle(claiming(12, (-1,), (1,))), "impossible shape"),
        (with_pickle(claiming(12, (3,), (1,), key="../../etc/passwd")), "is missing"),
        (with_pickle(b""), "damaged"),
        (with_pickle(b"\x80\x02}q\x00."), "no tensors"),
        (with_pickle(b"\x80\x02" + b"(" * 1_000_000), "damaged"),
        (with_pickle(b"\x80\x04\x8d" + struct.pack("<Q", 1 << 60)), "damaged"),
        (b"<html><body>Please log in</body></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\x1f\x8b" + zlib.compress(b"x"), "compressed archive"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"hello", "neither a checkpoint"),
        (old(STATE)[:200], "damaged|too early"),
        (old(STATE)[:-10], "too early"),
        (old(ONE)[:-10], "too early"),
        (old(ONE)[: -4 * ONE["w"].numel() - 3], "too early"),
        (old(STATE)[:-60] + bytes(60), "another size|damaged"),
    ],
    ids=[
        "compressed", "twice", "a zip", "torchscript", "code", "no storage", "short storage", "terabytes",
        "a broadcast of terabytes", "out of range", "nine dimensions", "negative storage", "negative side",
        "a path as storage", "empty pickle", "empty dict", "marks", "bytes of exabytes", "html", "lfs",
        "gzip", "hdf5", "text", "legacy cut", "legacy cut late", "legacy cut in a storage", "legacy cut in a size",
        "legacy zeros",
    ],
)  # fmt: skip
def test_files_that_lie_are_refused(read, content, words):
    with pytest.raises(InvalidWeights, match=words) as refusal:
        read(content)
    assert "\n" not in str(refusal.value)


def test_a_pickle_that_takes_too_long_is_given_up(read, monkeypatch):
    monkeypatch.setattr("poseact.zoo.checkpoint_scan.MAX_STEPS", 1000)
    with pytest.raises(InvalidWeights, match="more than 1000 steps"):
        read(with_pickle(b"\x80\x02]q\x00" + b"h\x00a" * 1000 + b"."))


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 1 << 50) + b"{" + bytes(100),
        safetensors_header({"a": {**TENSOR, "data_offsets": [0, 1 << 42]}}) + bytes(16),
        safetensors_header({"a": TENSOR, "b": {**TENSOR, "data_offsets": [8, 24]}}) + bytes(24),
        safetensors_header({"a": {**TENSOR, "data_offsets": [16, 0]}}) + bytes(16),
        safetensors_header({"a": {**TENSOR, "shape": [1 << 40, 1 << 40]}}) + bytes(16),
        safetensors_header({"a": {**TENSOR, "shape": [-4]}}) + bytes(16),
        safetensors_header({"a": {**TENSOR, "dtype": "F31"}}) + bytes(16),
        safetensors_header({"a": TENSOR}) + bytes(15),
        safetensors_header({"a": TENSOR}) + bytes(17),
        safetensors_header({"a": 1}) + bytes(16),
    ],
    ids=[
        "terabytes of header", "out of range", "overlapping", "backwards", "huge shape", "negative shape", "type",
        "short", "long", "no tensor",
    ],
)  # fmt: skip
def test_safetensors_files_that_lie_are_refused(read, content):
    with pytest.raises(InvalidWeights, match="cannot be imported") as refusal:
        read(content)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"a": torch.tensor([float("inf")])}, "not finite"),
        ({"a": torch.tensor([1j])}, "of type torch.complex64|asks for|more than tensors"),
        ({"a": torch.tensor([True])}, "torch.bool"),
        ({"a": torch.eye(3).to_sparse()}, "more than tensors"),
        ({"a": 1}, "no tensors"),
        ({1: torch.ones(1)}, "no tensors"),
        ([torch.ones(1)], "a list, not named tensors"),
        ({"state_dict": {"a": torch.ones(1), "b": [1]}}, r"not tensors \(b\)"),
    ],
    ids=["infinite", "complex", "bool", "sparse", "a number", "no name", "a list", "beside"],
)
def test_tensors_that_no_network_has(read, state, words):
    with pytest.raises(InvalidWeights, match=words):
        read(saved(state))


@pytest.mark.parametrize("write", [saved, old], ids=["zip", "legacy"])
def test_changed_bytes_end_in_a_state_dict_or_one_line(read, write):
    content = write({"state_dict": STATE, "meta": {"epoch": 3, "best": np.float64(0.5)}})
    chance = random.Random(0)
    found = []
    for _ in range(100):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        found.append(outcome(read, bytes(changed)))
    refused = [one for one in found if isinstance(one, str)]
    assert 0 < len(refused) < 100
    assert not any("\n" in one for one in refused)


@pytest.mark.parametrize("write", [saved, old], ids=["zip", "legacy"])
def test_every_truncation_is_refused(read, write):
    content = write({"state_dict": STATE})
    for length in range(0, len(content), max(1, len(content) // 60)):
        with pytest.raises(InvalidWeights):
            read(content[:length])


def test_files_that_cannot_be_read(read, tmp_path, monkeypatch):
    for path in (tmp_path, tmp_path / "missing.pth"):
        with pytest.raises(WeightsNotFound, match="cannot be read"):
            read_checkpoint(path)
    monkeypatch.setattr(module, "LARGEST_FILE", 100)
    with pytest.raises(LimitExceeded, match="more than the 100 that are read"):
        read(saved(STATE))
