"""Checkpoints of every publisher become models that give what their network gave; others leave nothing behind."""

import hashlib
import logging

import numpy as np
import pytest
import torch
from checkpoints import network, renamed, saved

from poseact.errors import InvalidWeights, LimitExceeded, ModelError, UsageError, WeightsNotFound
from poseact.extract.estimators import open_estimator
from poseact.skeleton import COCO17
from poseact.types import Boxes
from poseact.zoo import Card, Estimation, Preprocessing, labels, load, load_with_card, manifest, save
from poseact.zoo.importing import TRANSFORM_LIMBS, import_checkpoint, in_published_order
from poseact.zoo.inventory import RECORDED, model, models_folder, verify
from poseact.zoo.published_settings import estimation, preprocessing

pytestmark = pytest.mark.usefixtures("home")
SMALL = {"num_classes": 60, "base_channels": 4}


@pytest.fixture
def checkpoint(tmp_path):
    """Write a checkpoint, by default under the name of a file that says nothing; returns its path."""

    def write(content, name="some.pth"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else saved(content))
        return path

    return write


def published(monkeypatch, name, content, **changes):
    """Let the manifest say that `content` is the published file of `name`."""
    record = manifest()[name].model_copy(update={"sha256_prefix": hashlib.sha256(content).hexdigest()[:8], **changes})
    monkeypatch.setitem(manifest(), name, record)
    return record


TWO_STAGES = {  # as shapes alone tell a network of two stages
    "blocks": [1, 1], "inflate": [0, 1], "spatial_strides": [1, 2], "temporal_strides": [1, 1],
    "stem_stride": [1, 2, 2], "pool_stride": [1, 2, 2],
}  # fmt: skip


@pytest.mark.parametrize(
    ("architecture", "config", "wrapped"),
    [
        ("slowonly", {**SMALL, **TWO_STAGES, "in_channels": 3}, "state_dict"),
        ("slowonly-base16", {"num_classes": 5}, "state_dict"),
        ("c3d-s", SMALL, "state_dict"),
        ("x3d-s", SMALL, "state_dict"),
        ("x3d-s", SMALL, "bare"),
        ("x3d-s", SMALL, "ddp"),
    ],
    ids=str,
)
def test_classifiers(checkpoint, architecture, config, wrapped):
    built = network(architecture, **config)
    state = built.state_dict()
    content = {
        "state_dict": {"state_dict": {**state, "data_preprocessor.mean": torch.zeros(3)}, "meta": {"epoch": 24}},
        "bare": state,
        "ddp": {"state_dict": {f"module.{key}": tensor for key, tensor in state.items()}},
    }[wrapped]
    path = import_checkpoint(checkpoint(content), models_folder(), name="mine", architecture=architecture)
    assert path == models_folder() / "mine.safetensors"
    x = torch.rand(1, config.get("in_channels", 17), 4, 16, 16)
    found = load_with_card("mine")
    assert torch.equal(found.network(x), built(x))
    assert found.card.labels[:2] == ("class 0", "class 1")
    assert len(found.card.labels) == config["num_classes"]
    assert verify(model("mine")).state == "fine"
    assert found.card.source.keys() == {"file", "sha256", "publisher", RECORDED}
    assert found.card.preprocessing.sampler == ("mmaction2" if wrapped == "state_dict" else "pyskl")


def test_an_estimator(checkpoint):
    built = network("simple-baseline-mobilenetv2")
    content = {"state_dict": renamed(built.state_dict(), "backbone.", "keypoint_head.")}
    import_checkpoint(checkpoint(content, "coco_384x288_dark.pth"), models_folder(), name="mine")
    x = torch.rand(1, 3, 64, 32)
    found = load_with_card("mine")
    assert torch.equal(found.network(x), built(x))
    assert (found.card.task, found.card.preprocessing) == ("pose", None)
    assert found.card.estimation == Estimation(size=(384, 288), refinement="dark", blur=17)  # as MMPose 0.x


@pytest.mark.parametrize(
    ("architecture", "file", "publisher", "expected"),
    [
        ("hrnet", "some.pth", "MMPose 0.x", {"size": (256, 192)}),
        ("hrnet", "hrnet_w32_coco_384x288_udp-e97c1a0f_20210223.pth", "MMPose 0.x",
         {"size": (384, 288), "codec": "udp", "refinement": "udp", "blur": 17}),
        ("hrnet", "td-hm_hrnet-w32_dark-8xb64-210e_coco-384x288-9bab4c9b_20220917.pth", "MMPose 1.x",
         {"size": (384, 288), "refinement": "dark", "blur": 11}),
        ("hrnet", "my_dark_384x288.pth", "the original repository",
         {"size": (384, 288), "refinement": "dark", "blur": 17}),
        ("hrnet", "pose_hrnet_w48_256x192.pth", "the original repository", {"size": (256, 192)}),
        ("hrnet", "some_100x100.pth", "MMPose 1.x", {"size": (256, 192)}),
        ("higher-hrnet", "some.pth", "MMPose 0.x", {"size": (512, 512)}),
        ("higher-hrnet", "higher_hrnet32_coco_640x640.pth", "MMPose 0.x", {"size": (640, 640)}),
    ],
)  # fmt: skip
def test_the_name_of_an_estimators_file_tells_its_settings(architecture, file, publisher, expected):
    settings, notes = estimation(architecture, file, publisher=publisher)
    assert settings == Estimation(**expected)
    assert f"{settings.size[0]}x{settings.size[1]}" in notes[0]
    assert ("smoothed by 17 px" in notes[0]) is (settings.blur == 17)


def test_offsets_are_read_whatever_the_name_of_the_file():
    settings, notes = estimation("hrnet", "some.pth", {"width": 32, "offsets": True})
    assert settings == Estimation(codec="udp", refinement="offsets")
    assert "UDP" in notes[0]


def test_udp_regression_goes_from_checkpoint_to_joints(checkpoint):
    state = renamed(network("hrnet", width=32, offsets=True).state_dict(), "backbone.", "head.")
    import_checkpoint(checkpoint({"state_dict": state}, "my_64x64.pth"), models_folder(), name="regression")
    card = load_with_card("regression").card
    assert card.estimation == Estimation(size=(64, 64), codec="udp", refinement="offsets")
    estimator = open_estimator("regression", flip=True).estimator
    boxes = Boxes(np.array([[10, 10, 50, 90]], np.float32), np.ones(1, np.float32))
    (found,) = estimator([np.random.default_rng(0).integers(0, 256, (100, 60, 3), np.uint8)], [boxes])
    assert found.xy.shape == (1, 17, 2)
    assert found.score.any()


@pytest.mark.parametrize(
    ("classes", "words"),
    [(60, "--labels ntu60 (if they are those) or FILE"), (7, "numbered; --labels FILE names them")],
)
def test_the_list_that_may_name_the_classes_is_said(checkpoint, caplog, classes, words):
    built = network("x3d-s", num_classes=classes)
    with caplog.at_level(logging.WARNING, "poseact"):
        import_checkpoint(checkpoint({"state_dict": built.state_dict()}), models_folder())
    assert words in caplog.text


@pytest.mark.parametrize(
    ("file", "said", "expected", "taken"),
    [
        ("joint.pth", None, "joint", "taken as joints by its name; --kind limb"),
        ("Limb.pth", None, "limb", "taken as limbs by its name; --kind joint"),
        ("limb.pth", "joint", "joint", None),
    ],
)
def test_the_name_of_a_classifiers_file_tells_joints_from_limbs(file, said, expected, taken):
    settings, notes = preprocessing("slowonly", {}, said, COCO17, file)
    assert settings.kind == expected
    assert (taken in notes[0]) if taken else not notes


def test_a_published_file_is_known_by_its_hash(checkpoint, monkeypatch, caplog):
    content = saved({"state_dict": network("x3d-s", num_classes=60).state_dict()})
    record = published(monkeypatch, "x3d-s-ntu60-xsub-limb", content)
    with caplog.at_level(logging.WARNING, "poseact"):
        path = import_checkpoint(checkpoint(content), models_folder())
    assert path == models_folder() / "x3d-s-ntu60-xsub-limb.safetensors"
    assert not caplog.text
    card = load_with_card("x3d-s-ntu60-xsub-limb").card
    assert card.preprocessing == record.preprocessing == Preprocessing(kind="limb")
    assert card.labels == labels("ntu60")
    assert card.licence == "Apache-2.0"
    assert card.training["metric"] == record.metric
    named = import_checkpoint(checkpoint(content), models_folder(), name="mine", licence="MIT")
    assert load_with_card("mine").card == card.model_copy(
        update={"name": "mine", "licence": "MIT", "source": load_with_card("mine").card.source}
    )
    assert named.name == "mine.safetensors"


@pytest.mark.parametrize("name", ["x3d-s-ntu60-xsub-joint", "x3d"], ids=["its name", "its alias"])
def test_a_name_of_the_manifest_tells_what_a_file_without_a_published_hash_is(checkpoint, monkeypatch, name):
    record = manifest()["x3d-s-ntu60-xsub-joint"]
    monkeypatch.setitem(manifest(), record.name, record.model_copy(update={"aliases": ("x3d",)}))
    state = network("x3d-s", num_classes=60).state_dict()
    path = import_checkpoint(checkpoint(state), models_folder(), name=name)
    assert load_with_card(str(path)).card.labels == labels("ntu60")
    assert path.name == "x3d-s-ntu60-xsub-joint.safetensors"
    assert model(name).where == "here"


def drawn(order, values):
    """(1, 17, 4, 16, 16): channel i shows the limb `order[i]`."""
    return torch.stack([values[limb] for limb in order])[None]


@pytest.mark.parametrize("architecture", ["slowonly", "c3d-s", "x3d-s"])
def test_limbs_in_the_order_of_the_transform_become_the_published_order(architecture):
    built = network(architecture, **SMALL)
    values = dict(zip(TRANSFORM_LIMBS, torch.rand(17, 4, 16, 16), strict=True))
    expected = built(drawn(TRANSFORM_LIMBS, values))
    built.load_state_dict(in_published_order(built.state_dict()))
    torch.testing.assert_close(built(drawn(COCO17.limbs, values)), expected)


def test_the_order_of_limbs_can_be_told(checkpoint):
    state = network("x3d-s", num_classes=3).state_dict()
    stem = "backbone.conv1_s.conv.weight"
    for order in ("transform", "published"):
        path = import_checkpoint(checkpoint(state), models_folder(), kind="limb", limb_order=order)
        assert torch.equal(load(str(path)).state_dict()[stem], state[stem]) == (order == "published")


@pytest.mark.parametrize(
    ("channels", "told", "kind"),
    [(25, {}, "joint"), (24, {}, "limb"), (49, {}, "joint+limb"), (25, {"kind": "joint"}, "joint")],
    ids=["joints", "limbs", "both", "said"],
)
def test_another_layout(checkpoint, channels, told, kind, caplog):
    state = network("x3d-s", num_classes=3, in_channels=channels).state_dict()
    path = import_checkpoint(checkpoint(state), models_folder(), layout="body25", labels=tuple("abc"), **told)
    card = load_with_card(str(path)).card
    assert (card.layout, card.preprocessing.kind, card.config["in_channels"]) == ("body25", kind, channels)
    assert caplog.messages == []


def test_only_files_in_the_order_of_the_transform_are_changed(checkpoint, monkeypatch):
    state = network("x3d-s", num_classes=120).state_dict()
    content = saved({"state_dict": state})
    same = {"architecture": "x3d-s", "config": {"num_classes": 120}}
    stem = "backbone.conv1_s.conv.weight"
    for name, order in (("posec3d-ntu120-xsub-joint", "transform"), ("posec3d-ntu120-xsub-limb", "published")):
        with monkeypatch.context() as patched:
            assert published(patched, name, content, **same).limb_order == order
            import_checkpoint(checkpoint(content), models_folder())
        found = load(name).state_dict()
        assert torch.equal(found[stem], state[stem]) == (order == "published")
        assert torch.equal(found[stem], in_published_order(state)[stem]) == (order == "transform")
        assert load_with_card(name).card.preprocessing.kind == "limb"


@pytest.mark.parametrize(
    ("architecture", "config", "told", "expected", "warned"),
    [
        ("x3d-s", {}, {}, {"kind": "joint"}, ["--kind limb", "--labels"]),
        ("x3d-s", {}, {"kind": "limb", "labels": tuple("abc")}, {"kind": "limb"}, []),
        ("x3d-s", {"in_channels": 34}, {}, {"kind": "joint+limb"}, ["--labels"]),
        ("slowonly", {}, {}, {}, ["strides", "--kind", "--labels"]),
        ("slowonly-pose-only", {}, {"architecture": "slowonly-pose-only"}, {"clip_len": 32}, ["--kind", "--labels"]),
        ("slowonly-base16", {}, {"kind": "joint"}, {"clip_len": 12, "size": 56}, ["strides", "--labels"]),
    ],
    ids=["x3d-s", "said", "both", "slowonly", "pose only", "base 16"],
)
def test_what_shapes_cannot_tell(checkpoint, caplog, architecture, config, told, expected, warned):
    state = network(architecture, num_classes=3, **config).state_dict()
    with caplog.at_level(logging.WARNING, "poseact"):
        path = import_checkpoint(checkpoint(state), models_folder(), **told)
    card = load_with_card(str(path)).card
    assert card.preprocessing == Preprocessing(**expected)
    assert len(caplog.messages) == len(warned)
    assert all(word in message for word, message in zip(warned, caplog.messages, strict=True))
    assert card.architecture == told.get("architecture", architecture)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("joint.pth", "joint"),
        ("my model (2).pth", "my-model-2-"),
        (".hidden.pth", "hidden"),
        ("ü.pth", "imported"),
        ("a" * 200 + ".pth", "a" * 100),
        ("epoch_24.best.pth", "epoch_24.best"),
    ],
)
def test_a_file_names_its_model(checkpoint, file, name):
    path = import_checkpoint(checkpoint(network("x3d-s", num_classes=3).state_dict(), file), models_folder())
    assert path == models_folder() / f"{name}.safetensors"


def test_a_model_of_poseact_keeps_its_card(checkpoint, tmp_path):
    built = network("slowonly", num_classes=2, base_channels=4, temporal_strides=[1, 1, 1])
    card = Card(
        name="run", task="classify", architecture="slowonly", labels=("a", "b"), unknown_below=0.3,
        config={"num_classes": 2, "base_channels": 4, "temporal_strides": [1, 1, 1]}, preprocessing=Preprocessing(),
    )  # fmt: skip
    path = save(tmp_path, built.state_dict(), card)
    import_checkpoint(path, models_folder(), name="mine", labels=("run", "jump"))
    found = load_with_card("mine")
    assert found.card.labels == ("run", "jump")
    assert found.card.config == card.config
    assert found.card.unknown_below == 0.3
    x = torch.rand(1, 17, 4, 16, 16)
    assert torch.equal(found.network(x), built(x))
    for told, words in (({"kind": "limb"}, "--kind"), ({"labels": ("one",)}, "names 1 classes")):
        with pytest.raises(UsageError, match=words):
            import_checkpoint(path, models_folder(), name="other", **told)
    assert model("other") is None


def without(state, *keys):
    return {key: tensor for key, tensor in state.items() if key not in keys}


X3D = network("x3d-s", num_classes=3).state_dict()
BIAS = "cls_head.fc_cls.bias"


@pytest.mark.parametrize(
    ("content", "told", "error", "words"),
    [
        (b"", {}, InvalidWeights, "it is empty"),
        (saved(X3D)[:100_000], {}, InvalidWeights, "damaged"),
        ({"state_dict": {**X3D, "epoch": 3}}, {}, InvalidWeights, r"not tensors \(epoch\)"),
        ({"epoch": 3}, {}, InvalidWeights, "no tensors"),
        (torch.zeros(3), {}, InvalidWeights, "not named tensors"),
        ({"fc.weight": torch.zeros(2, 2)}, {}, InvalidWeights, "no network that poseact knows"),
        (without(X3D, BIAS), {}, InvalidWeights, rf"1 keys missing \({BIAS}\); is the file complete"),
        ({**X3D, "backbone.extra": torch.zeros(1)}, {}, InvalidWeights, r"unexpected \(backbone.extra\)"),
        ({**X3D, BIAS: torch.zeros(4)}, {}, InvalidWeights, r"another shape \(cls_head.fc_cls.bias \(4,\)"),
        ({**X3D, BIAS: torch.full((3,), float("nan"))}, {}, InvalidWeights, "not finite"),
        (network("x3d-s", num_classes=1).state_dict(), {}, InvalidWeights, "at least two labels"),
        (network("x3d-s", num_classes=3, in_channels=25).state_dict(), {}, InvalidWeights, "reads 25 channels"),
        (X3D, {"architecture": "c3d-s"}, InvalidWeights, "it is no c3d-s: .*; x3d-s would fit"),
        (X3D, {"architecture": "resnet"}, UsageError, "unknown architecture 'resnet'"),
        (X3D, {"labels": ("a", "b")}, UsageError, "names 2 classes, but the network has 3"),
        (X3D, {"name": "../x"}, UsageError, "cannot be the name"),
        (X3D, {"name": "movenet-thunder"}, UsageError, "comes with poseact"),
        (X3D, {"name": "x3d-s-ntu60-xsub-joint"}, InvalidWeights, "3 classes .* is one of 60 classes"),
        (X3D, {"name": "hrnet-w32"}, InvalidWeights, "not the published file of hrnet-w32-coco-256x192.*81c58e40"),
        (network("x3d-s", num_classes=60).state_dict(), {"name": "c3d-s-ntu60-xsub-joint"}, InvalidWeights,
         "it is no c3d-s: .*x3d-s would fit"),
        (network("x3d-s", num_classes=3, in_channels=34).state_dict(), {"kind": "limb"}, UsageError, "--kind limb"),
        (network("x3d-s", num_classes=60).state_dict(), {"name": "x3d-s-ntu60-xsub-joint", "kind": "limb"}, UsageError,
         "reads joint"),
        (X3D, {"layout": "stick"}, UsageError, "unknown keypoint layout 'stick'"),
        (X3D, {"layout": "body25"}, InvalidWeights, "reads 17 channels; of body25, poseact feeds 25 joints, 24 limbs"),
        (network("x3d-s", num_classes=3, in_channels=25).state_dict(), {"layout": "body25", "kind": "limb"}, UsageError,
         "show joints of body25"),
        (X3D, {"limb_order": "transform"}, UsageError, "--limb-order is for networks that read the limbs"),
        (network("x3d-s", num_classes=60).state_dict(),
         {"name": "x3d-s-ntu60-xsub-joint", "limb_order": "published"}, UsageError, "known of x3d-s-ntu60"),
    ],
    ids=[
        "empty", "truncated", "beside tensors", "no tensors", "a tensor", "another network", "missing", "unexpected",
        "shape", "nan", "one class", "channels", "another architecture", "no architecture", "labels", "a path",
        "embedded", "classes", "hash", "another record", "kind", "kind of the record", "no layout", "another layout",
        "not its kind", "limbs of joints", "limbs of the record",
    ],
)  # fmt: skip
def test_what_cannot_be_imported_leaves_nothing(checkpoint, home, content, told, error, words):
    path = checkpoint(content)
    with pytest.raises(error, match=words) as caught:
        import_checkpoint(path, models_folder(), **told)
    assert "\n" not in str(caught.value)
    assert not home.exists()


def test_files_that_are_not_there(tmp_path):
    for path in (tmp_path / "nothing.pth", tmp_path):
        with pytest.raises(WeightsNotFound, match="cannot be read"):
            import_checkpoint(path, models_folder())


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "huge.pth"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(LimitExceeded):
        import_checkpoint(path, models_folder())


def test_a_model_is_replaced_only_when_asked(checkpoint):
    path = checkpoint(X3D)
    import_checkpoint(path, models_folder(), labels=tuple("abc"))
    with pytest.raises(UsageError, match=r"already a model 'some'.*--replace"):
        import_checkpoint(path, models_folder(), replace=False)
    import_checkpoint(path, models_folder(), labels=tuple("xyz"))
    assert load_with_card("some").card.labels == tuple("xyz")


def test_weights_without_a_card_are_no_model_that_has_the_name(checkpoint):
    path = checkpoint(X3D)
    import_checkpoint(path, models_folder()).with_suffix(".json").unlink()  # as one that was killed leaves it
    import_checkpoint(path, models_folder(), replace=False)
    assert model("some").where == "here"


def test_errors_of_models_are_of_one_family():
    assert issubclass(InvalidWeights, ModelError)
    assert InvalidWeights.exit_code == 5
