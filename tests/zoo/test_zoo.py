import hashlib
import json
import struct

import pytest
import torch
from checkpoints import TENSOR, safetensors_header

from poseact.errors import InvalidWeights, ModelError, WeightsNotFound
from poseact.models import build
from poseact.zoo import Card, Preprocessing, embedded, find, load, load_with_card, manifest, save, weights_folder

CONFIG = {"num_classes": 2, "base_channels": 4, "blocks": [1, 1, 1]}


def card(**changes) -> Card:
    values = {
        "name": "tiny", "task": "classify", "architecture": "slowonly", "config": CONFIG, "labels": ("a", "b"),
        "preprocessing": Preprocessing(clip_len=4, size=16),
    }  # fmt: skip
    return Card(**{**values, **changes})


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    network = build("slowonly", **CONFIG).eval()
    return network, save(tmp_path, network.state_dict(), card())


@pytest.mark.parametrize("name", list(embedded()))
def test_embedded_files_are_what_the_manifest_says(name):
    record = manifest()[name]
    content = (weights_folder() / record.file).read_bytes()
    assert len(content) == record.bytes
    assert hashlib.sha256(content).hexdigest() == record.sha256
    assert (weights_folder() / record.licence_file).stat().st_size > 500
    loaded = load_with_card(name)
    assert loaded.card.name == name
    assert loaded.sha256 == record.sha256
    assert not loaded.network.training
    assert all(parameter.dtype == torch.float32 for parameter in loaded.network.parameters())


def test_the_classifier_is_small_enough_to_ship():
    assert manifest()["posec3d-jhmdb21"].bytes <= 12_000_000


def test_saving_and_loading_changes_nothing(saved):
    network, path = saved
    x = torch.rand(2, 17, 4, 16, 16)
    for name in (path, path.parent):
        assert torch.equal(load(str(name))(x), network(x))


def test_half_precision_halves_the_file(saved, tmp_path):
    network, path = saved
    half = save(tmp_path / "half", network.state_dict(), card(), half=True)
    assert half.stat().st_size < 0.65 * path.stat().st_size
    x = torch.rand(1, 17, 4, 16, 16)
    torch.testing.assert_close(load(str(half))(x), network(x), atol=1e-2, rtol=1e-2)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(WeightsNotFound, match="movenet-thunder"):
        find("nothing")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>proxy</html>",
        struct.pack("<Q", 1 << 60),
        safetensors_header({"a": {**TENSOR, "data_offsets": [0, 1 << 40]}}) + bytes(16),
        safetensors_header({"a": TENSOR, "b": {**TENSOR, "data_offsets": [8, 24]}}) + bytes(24),
        safetensors_header({"a": {**TENSOR, "shape": [1 << 40, 1 << 40]}}) + bytes(16),
        b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    ],
    ids=["empty", "html", "terabytes of header", "out of range", "overlapping", "huge shape", "pickle"],
)
def test_hostile_files_are_one_typed_error(saved, content):
    path = saved[1]
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load(str(path))
    assert "\n" not in str(caught.value)


def test_every_truncation_is_refused(saved):
    path = saved[1]
    content = path.read_bytes()
    for length in range(0, len(content), max(1, len(content) // 40)):
        path.write_bytes(content[:length])
        with pytest.raises(InvalidWeights):
            load(str(path))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architecture": "transformer"}, "unknown architecture"),
        ({"config": {**CONFIG, "base_channels": 8}}, "of another shape"),
        ({"config": {**CONFIG, "blocks": [2, 1, 1]}}, "missing"),
        ({"config": {**CONFIG, "colour": "red"}}, "cannot be built"),
        ({"config": {**CONFIG, "spatial_strides": [2] * 10_000}}, "^.{,600}$"),
        ({"config": {**CONFIG, "base_channels": 10**12}}, "not a network that can be built"),
        ({"labels": ["a", "b", "c"]}, "3 labels"),
        ({"labels": []}, "at least two labels"),
        ({"format": "poseact/model/9"}, "format"),
    ],
    ids=["architecture", "shape", "missing", "argument", "long", "enormous", "labels", "no labels", "format"],
)
def test_a_card_that_does_not_fit_is_explained(saved, change, words):
    path = saved[1]
    document = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**document, **change}))
    with pytest.raises(InvalidWeights, match=words):
        load(str(path))


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"name": NaN}'])
def test_a_card_that_is_no_card(saved, content):
    saved[1].with_suffix(".json").write_text(content)
    with pytest.raises(InvalidWeights):
        load(str(saved[1]))


def test_a_missing_card_is_named(saved):
    saved[1].with_suffix(".json").unlink()
    with pytest.raises(InvalidWeights, match=r"model\.json"):
        load(str(saved[1]))


def test_numbers_that_are_not_finite_are_refused(saved):
    network, path = saved
    tensors = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    tensors["cls_head.fc_cls.bias"][0] = float("nan")
    save(path.parent, tensors, card())
    with pytest.raises(InvalidWeights, match="not finite"):
        load(str(path))


def test_numbers_beyond_half_precision_stay_as_they_are(tmp_path):
    """A variance in a batch norm may be large; it must not become infinite."""
    tensors = build("slowonly", **CONFIG).state_dict()
    large = next(key for key in tensors if key.endswith("running_var"))
    tensors[large] = torch.full_like(tensors[large], 1e5)
    path = save(tmp_path, tensors, card(), half=True)
    assert torch.equal(load(str(path)).state_dict()[large], tensors[large])
    assert path.stat().st_size < 0.65 * save(tmp_path / "whole", tensors, card()).stat().st_size


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.complex64])
def test_types_that_no_network_has_are_refused(saved, tmp_path, kind):
    tensors = saved[0].state_dict()
    key = next(iter(tensors))
    path = save(tmp_path / "odd", {**tensors, key: tensors[key].to(kind)}, card())
    with pytest.raises(InvalidWeights, match=f"'{key}' is of type {kind}"):
        load(str(path))


def test_the_folder_of_an_unfinished_run_is_told_from_nothing(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last.ckpt").touch()
    with pytest.raises(WeightsNotFound, match="a run that is not finished; give the same `poseact train` command"):
        find(str(tmp_path / "run"))
