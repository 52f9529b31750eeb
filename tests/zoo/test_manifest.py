"""The manifest against the list of published addresses, and every record against the network that it names."""

import json
import re
from collections import Counter

import pytest
import torch
from networks import GOLDEN
from pydantic import ValidationError

from poseact.errors import UsageError
from poseact.pose.heatmap_decode import MAPS
from poseact.skeleton import layout
from poseact.zoo import Record, embedded, find_record, label_lists, labels, manifest, weights_folder
from poseact.zoo.build import build, builders
from poseact.zoo.card import Card
from poseact.zoo.label_lists import told_apart
from poseact.zoo.manifest import record_of_file
from poseact.zoo.published_settings import WHOLE_PICTURES, preprocessing

PUBLISHED = json.loads((GOLDEN / "weights.json").read_text())
LABELS = json.loads((GOLDEN / "labels.json").read_text())
CANNOT_RUN = re.compile(r"^(onnx/.*|hrnet/imagenet)$")


# The comparison of the paper needs these as well; their addresses are not in the list, but in MMPose 0.x's model zoo.
BESIDE_THE_LIST = re.compile(r"/(bottom_up|top_down/(resnet|mobilenetv2))/\w+-[0-9a-f]{8}_\d{8}\.pth$")


def runnable():
    return [entry for entry in PUBLISHED if not CANNOT_RUN.match(entry["group"])]


def test_every_address_that_poseact_can_run_has_one_record():
    known = Counter(address for record in manifest().values() for address in record.addresses)
    assert len(PUBLISHED) == 105
    assert len(runnable()) == 77
    beside = Counter(address for address in known if BESIDE_THE_LIST.search(address))
    assert len(beside) == 9
    assert known - beside == Counter(entry["url"] for entry in runnable())
    assert max(known.values()) == 1


def test_the_other_addresses_are_those_that_the_manifest_names():
    left_out = {entry["url"] for entry in PUBLISHED} - {entry["url"] for entry in runnable()}
    kinds = Counter("onnx" if "hrnet_w" not in url else "imagenet" for url in left_out)
    assert kinds == {"onnx": 26, "imagenet": 2}
    header = (weights_folder() / "manifest.toml").read_text().partition("[[")[0]
    assert all(words in header for words in ("ONNX exports", "ImageNet"))


@pytest.mark.parametrize("entry", runnable(), ids=lambda entry: entry["url"].rsplit("/", 1)[1])
def test_hash_prefixes_are_the_published_ones(entry):
    record = next(one for one in manifest().values() if entry["url"] in one.addresses)
    assert record.sha256_prefix == entry["sha256_prefix"]
    assert record.file == entry["file"]
    if record.sha256_prefix:
        assert record_of_file(record.sha256_prefix + "0" * 56) is record
        assert not record.matches("f" * 64)


@pytest.mark.parametrize("record", manifest().values(), ids=list(manifest()))
def test_a_record_says_what_a_user_must_know(record):
    assert record.licence
    assert record.terms.endswith(".")
    assert record.paper
    assert record.source
    assert record.architecture in builders()


def card_of(record):
    changes = {"labels": labels(record.labels)} if record.labels else {}
    return Card(
        name=record.name, task=record.task, architecture=record.architecture, config=record.config,
        preprocessing=record.preprocessing, estimation=record.estimation, layout=record.layout, **changes,
    )  # fmt: skip


def network_of(record):
    """What decides on the network and its input."""
    told = record.preprocessing
    size = (told.clip_len, told.size, told.rgb) if told else record.estimation.size
    return f"{record.architecture} {record.config} {size}"


DISTINCT = {network_of(record): record for record in manifest().values() if not record.embedded}


@pytest.mark.parametrize("record", DISTINCT.values(), ids=lambda record: record.name)
def test_published_networks_take_the_published_input(record):
    with torch.device("meta"):
        network = build(card_of(record))
    if record.task == "pose":
        height, width = record.estimation.size
        joints = len(layout(record.layout).keypoints)
        given = network(torch.zeros(1, 3, height, width, device="meta"))
        if record.architecture in WHOLE_PICTURES:
            assert given[0].shape == (1, 2 * joints, height // 4, width // 4)
            assert [maps.shape[1] for maps in given[1:]] == [joints] * (record.architecture == "higher-hrnet")
        else:
            assert given.shape == (1, joints * MAPS[record.estimation.refinement], height // 4, width // 4)
        return
    told = record.preprocessing
    clips = [torch.zeros(1, 17, told.clip_len, told.size, told.size, device="meta")]
    if told.rgb is not None:
        seen = torch.zeros(1, 3, told.rgb.clip_len, told.rgb.size, told.rgb.size, device="meta")
        clips = [seen, *clips] if record.architecture == "rgbpose-conv3d" else [seen]
    answer = network(*clips)
    for logits in answer if isinstance(answer, tuple) else (answer,):
        assert logits.shape == (1, len(labels(record.labels)))


def test_names_and_aliases_are_unique():
    names = Counter(name for record in manifest().values() for name in (record.name, *record.aliases))
    assert {name for name, count in names.items() if count > 1} == set()
    assert all(find_record(name).name for name in names)
    assert find_record("") is None


def test_accuracies_are_the_published_ones():
    """A sample of SPEC A2.1, A2.2 and A1.13, each with the document that says so."""
    expected = {
        "posec3d-ntu60-xsub-joint": 93.7, "posec3d-ntu60-xsub-limb": 93.4, "c3d-s-ntu60-xsub-joint": 92.7,
        "x3d-s-gym99-limb": 90.0, "posec3d-346-k400-joint": 47.3, "posec3d-diving48-joint": 54.5,
        "posec3d-gym99-limb-mmaction2-0x": 94.0, "posec3d-hmdb51-split1-joint-mmaction2": 69.6,
        "rgbpose-ntu60-xsub": 96.9, "rgbpose-ntu60-xsub-mmaction2": 96.8, "hrnet-w32-coco-256x192": 74.9,
        "hrnet-w48-coco-384x288-mmpose-0x": 76.7,
        "higher-hrnet-w32-coco-512x512": 67.7, "hrnet-ae-w32-coco-512x512": 65.4,
        "simple-baseline-mobilenetv2-coco-256x192": 64.6,
    }  # fmt: skip
    for name, score in expected.items():
        record = manifest()[name]
        assert f"{score} %" in record.metric
        assert record.metric_source
    assert all(record.metric_source for record in manifest().values() if record.metric)


def test_both_mislabelled_models_are_in_the_order_of_the_transform():
    found = {record.name for record in manifest().values() if record.limb_order == "transform"}
    assert found == {"posec3d-ntu120-xsub-joint", "posec3d-ntu120-xset-joint"}
    assert all("compare both" in manifest()[name].note for name in found)


@pytest.mark.parametrize("name", [name for name, record in manifest().items() if record.task == "classify"])
def test_published_inputs_are_what_an_unknown_file_of_the_same_network_gets(name):
    """But for the random stream of the project, the size that a data set was tested with, and pose-only's own sigma."""
    record = manifest()[name]
    if record.embedded:
        return
    told = record.preprocessing
    kind = told.kind if told.kind == "limb" else None
    guessed, _ = preprocessing(record.architecture, record.config, kind)
    same = {"sampler": told.sampler, "size": told.size, "flip": told.flip, "kind": told.kind}
    assert guessed.model_copy(update=same) == told


@pytest.mark.parametrize("name", LABELS)
def test_class_names_are_the_published_ones(name):
    assert list(labels(name)) == LABELS[name]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (["a", "b"], [("a", 0), ("b", 0)]),
        (["a", "b", "a", "a"], [("a", 0), ("b", 0), ("a", 1), ("a", 2)]),
    ],
    ids=["none", "different", "equal"],
)
def test_equal_names_are_told_apart(names, expected):
    assert told_apart(names) == expected


def test_no_two_classes_of_a_list_are_confused():
    for name in LABELS:
        assert len(set(told_apart(labels(name)))) == len(LABELS[name])


def test_there_is_no_other_list():
    assert set(label_lists()) == set(LABELS)
    with pytest.raises(UsageError, match="known are"):
        labels("ntu61")


RECORD = {
    "name": "x", "task": "classify", "architecture": "slowonly", "addresses": ("https://example.org/x.pth",),
    "file": "x.pth", "licence": "MIT", "terms": "None.", "data": "none", "labels": "ntu60", "preprocessing": {},
    "paper": "p", "source": "s",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"addresses": ()}, "needs sha256, bytes and licence_file"),
        ({"labels": None}, "without a label list"),
        ({"preprocessing": None}, "without preprocessing"),
        ({"metric": "99 %"}, "without its source"),
        ({"name": "No Name"}, "name"),
        ({"addresses": ("http://example.org/x.pth",)}, "addresses"),
        ({"sha256_prefix": "xyz"}, "sha256_prefix"),
        ({"colour": "red"}, "colour"),
    ],
    ids=["embedded", "labels", "preprocessing", "metric", "name", "unencrypted", "hash", "unknown key"],
)
def test_records_that_are_not_complete(changes, words):
    Record.model_validate(RECORD)
    with pytest.raises(ValidationError, match=words):
        Record.model_validate({**RECORD, **changes})


def test_embedded_models_need_no_address():
    assert set(embedded()) >= {"nanodet-g", "movenet-thunder", "movenet-lightning", "posec3d-jhmdb21"}
