"""What cannot be trained, or not any further: one line, before the first step or without harm to what is saved."""

import errno
import json
import os
import resource
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from swings import swings, tiny

from poseact import files
from poseact.errors import InvalidPoses, InvalidWeights, LimitExceeded, OutputError, UsageError
from poseact.train import RECIPES, recipe, settings_of, train
from poseact.train import loop as loop_module
from poseact.train.memory import enough_memory
from poseact.train.run_folder import CONFIG, claimed
from poseact.zoo import load_with_card


def run(out: Path, dataset=None, name="tiny", **changes):
    return train(
        dataset or swings(), tiny(**{"epochs": 1, **changes}), out, name=name, train_splits=["train"],
        validation_splits=["val"],
    )  # fmt: skip


def relabelled(label):
    dataset = swings()
    return replace(dataset, annotations=[replace(one, label=label) for one in dataset.annotations])


@pytest.mark.parametrize(
    ("dataset", "error", "words"),
    [
        (replace(swings(), splits={"train": [], "val": ["clip1"]}), InvalidPoses, "names no clip"),
        (replace(swings(), classes=("only",)), InvalidPoses, "lies outside the 1 classes"),
        (relabelled(0), InvalidPoses, "all 8 training clips are 'up'"),
        (relabelled(7), InvalidPoses, "label 7 lies outside the 2 classes"),
        (relabelled(-1), InvalidPoses, "label -1 lies outside"),
    ],
    ids=["empty split", "one class", "clips of one class", "label outside", "no label"],
)
def test_data_that_teach_nothing(tmp_path, dataset, error, words):
    with pytest.raises(error, match=words):
        run(tmp_path / "run", dataset)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"config": {"base_channels": 0}}, "base_channels must be above 0, got 0"),
        ({"config": {"blocks": "many"}}, "must have one entry per stage"),
        ({"config": {"stem_stride": [1, 0, 0]}}, "stem_stride must be above 0"),
        ({"config": {"base_channels": 2.5}}, "cannot look at clips of 4x16x16"),
        ({"config": {"base_channels": 10**9}}, "config"),
        ({"config": {"num_classes": 4, "colour": 1}}, "colour"),
    ],
    ids=["no channels", "words", "stride 0", "part of a channel", "huge", "unknown"],
)
def test_networks_that_cannot_be_built(tmp_path, changes, words):
    with pytest.raises(UsageError, match=words) as caught:
        run(tmp_path / "run", **changes)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "last.ckpt").exists()


@pytest.mark.parametrize("name", ["", "x" * 201], ids=["none", "long"])
def test_a_name_that_no_card_can_bear(tmp_path, name):
    with pytest.raises(UsageError, match="name"):
        run(tmp_path / "run", name=name)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    ],
    ids=["python", "cuda", "cpu", "mps"],
)  # fmt: skip
def test_too_little_memory_names_the_batch_size(tmp_path, monkeypatch, error):
    run(tmp_path / "run", epochs=1)

    def fail(*args):
        raise error

    monkeypatch.setattr(loop_module, "training_batches", fail)
    with pytest.raises(LimitExceeded, match="batch of 8 clips; add --set accumulate=2, or --set batch_size=4"):
        run(tmp_path / "other", batch_size=8)


@pytest.mark.parametrize(
    ("batch", "parts", "words"), [(2, 1, "clips smaller"), (6, 2, "batch_size=3"), (16, 4, "accumulate=8")]
)
def test_advice_that_can_be_followed(batch, parts, words):
    with pytest.raises(LimitExceeded, match=words), enough_memory(tiny(batch_size=batch, accumulate=parts)):
        raise MemoryError


def test_other_errors_are_not_about_memory():
    with pytest.raises(RuntimeError, match="shape"), enough_memory(tiny()):
        raise RuntimeError("shape mismatch")


def test_memory_that_is_really_exhausted(tmp_path):
    """A batch of heatmaps larger than any machine's memory."""
    huge = {"preprocessing.clip_len": 1024, "train_size": 512, "batch_size": 64, "augmentation.mixup": 0.0}
    dataset = swings(12)
    many = [replace(one, name=f"{one.name}-{n}") for n in range(6) for one in dataset.annotations]
    with pytest.raises(LimitExceeded, match="out of memory with a batch"):
        train(replace(dataset, annotations=many, splits={}), tiny(**huge), tmp_path / "run", name="huge")


@contextmanager
def small_disk(size: int):
    """Files that grow beyond `size` bytes fail as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 100, 20_000], ids=["nothing", "a little", "less than a checkpoint"])
def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, size):
    class Stopped(Exception):
        pass

    def stop(epoch):
        raise Stopped

    out, settings = tmp_path / "run", tiny(epochs=2)
    with pytest.raises(Stopped):
        train(swings(), settings, out, name="tiny", on_epoch=stop)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with small_disk(size), pytest.raises(OutputError, match="cannot write"):
        train(swings(), settings, out, name="tiny")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert train(swings(), settings, out, name="tiny").card.training["epochs_done"] == 2


def test_a_disk_that_is_full_at_the_end_leaves_a_run_that_ends_later(tmp_path, monkeypatch):
    out, sync = tmp_path / "run", os.fsync

    def fills_up(handle):
        if (out / "metrics.csv").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    with monkeypatch.context() as patched:
        patched.setattr(files, "os", SimpleNamespace(**{**vars(os), "fsync": fills_up}))
        with pytest.raises(OutputError, match="No space left on device; make room and give the same command again"):
            train(swings(), tiny(epochs=1), out, name="tiny")
    assert not (out / "model.safetensors").exists()
    assert train(swings(), tiny(epochs=1), out, name="tiny").card.training["epochs_done"] == 1


@pytest.mark.parametrize("error", [OSError(errno.EFBIG, "File too large"), RuntimeError("File too large")], ids=repr)
def test_whatever_says_that_nothing_more_fits_the_run_can_go_on(error, tmp_path, monkeypatch):
    def fails(*_):
        raise error

    monkeypatch.setattr(torch, "save", fails)
    with pytest.raises(OutputError, match="File too large; make room and give the same command again"):
        train(swings(), tiny(epochs=1), tmp_path / "run", name="tiny")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((UsageError, OutputError), match="file"):
        run(tmp_path / "file")
    with pytest.raises((UsageError, OutputError), match="run"):
        run(tmp_path / "file" / "run")


def test_two_runs_at_once_in_one_folder(tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    with FileLock(out / ".lock"), pytest.raises(UsageError, match="another process"):
        run(out)
    run(out)


def test_a_run_that_began_before_the_folder_was_locked_is_not_replaced(tmp_path, monkeypatch):
    acquire = FileLock.acquire

    def late(self, *arguments, **options):
        monkeypatch.setattr(FileLock, "acquire", acquire)
        run(tmp_path / "run")
        return acquire(self, *arguments, **options)

    monkeypatch.setattr(FileLock, "acquire", late)
    with pytest.raises(UsageError, match="holds a run with other settings"):
        run(tmp_path / "run", seed=1)
    assert json.loads((tmp_path / "run" / CONFIG).read_text())["settings"]["seed"] == 0


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[]", b"{}", b"[" * 100_000, b'{"settings": 3}', b'{"settings": ' + b"9" * 5000 + b"}"],
    ids=["empty", "no text", "a list", "nothing", "deep", "no settings", "a long number"],
)  # fmt: skip
def test_a_damaged_note_of_what_the_run_is(tmp_path, content):
    (tmp_path / CONFIG).write_bytes(content)
    with pytest.raises(UsageError):
        run(tmp_path)


def test_a_run_of_an_older_version_goes_on(tmp_path):
    """Fields that were added since have their defaults in it."""
    document = {"settings": tiny().model_dump(mode="json"), "data": "x"}
    older = {"settings": {key: value for key, value in document["settings"].items() if key != "patience"}, "data": "x"}
    (tmp_path / CONFIG).write_text(json.dumps(older))
    with claimed(tmp_path, document):
        pass
    changed = {**document, "settings": tiny(patience=3).model_dump(mode="json")}
    with pytest.raises(UsageError, match="patience is 0 there, 3 now"), claimed(tmp_path, changed):
        pass


def test_a_checkpoint_of_something_else(tmp_path):
    run(tmp_path / "run")
    torch.save({"settings": tiny(epochs=1).model_dump_json()}, tmp_path / "run" / "last.ckpt")
    with pytest.raises(InvalidWeights, match="does not fit this run"):
        run(tmp_path / "run")
    torch.save([1], tmp_path / "run" / "last.ckpt")
    with pytest.raises(InvalidWeights, match="no checkpoint"):
        run(tmp_path / "run")


WHOLE = b"recipe = 'small'\nepochs = 3\n[augmentation]\nflip = 0.5\n[config]\nblocks = [1, 2]\n"


@example(b"lr = 0x" + b"f" * 5000)
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=80),
        st.tuples(st.integers(0, len(WHOLE)), st.binary(max_size=6), st.integers(0, 6)).map(
            lambda cut: WHOLE[: cut[0]] + cut[1] + WHOLE[cut[0] + cut[2] :]
        ),
        st.sampled_from(
            [b"a = " + b"[" * 50_000, b"a = " + b"9" * 5000, b"lr = nan", b"lr = inf", b"[" * 9999, b"{" * 9999]
        ),
    )
)
def test_a_settings_file_may_hold_any_bytes(tmp_path, content):
    file = tmp_path / "c.toml"
    file.write_bytes(content)
    refused = ""
    try:
        settings_of(None, file, {})
    except UsageError as error:
        refused = str(error)
    assert len(refused.splitlines()) <= 1


@pytest.mark.parametrize("name", ["ntu60", "finetune"])
def test_published_recipes_keep_their_input_whatever_they_start_from(name):
    card = load_with_card("posec3d-jhmdb21").card
    made, own = settings_of(name, None, {}, card), recipe(name)
    taught = {"kind": "joint+limb", "min_score": 0.1, "steady": True}
    assert made.preprocessing == own.preprocessing.model_copy(update=taught)
    assert (made.train_size, made.architecture) == (own.train_size, "slowonly-points")
    assert settings_of(name, None, {"preprocessing.size": 40}, card).preprocessing.size == 40


def test_a_file_changes_single_arguments_of_the_network_as_set_does(tmp_path):
    file = tmp_path / "c.toml"
    wanted = recipe("small", {"config.base_channels": 16, "augmentation.flip": 0.25})
    for text in (
        "config.base_channels = 16\naugmentation.flip = 0.25",
        "[config]\nbase_channels = 16\n[augmentation]\nflip = 0.25",
    ):
        file.write_text(text)
        assert settings_of(None, file, {}) == wanted
    assert len(wanted.config) == len(recipe("small").config)
    file.write_text(
        "config.in_channels = 34\nconfig.base_channels = 16\naugmentation.flip = 0.25"
    )  # as the recipe has it
    assert settings_of(None, file, {}) == wanted
    file.write_text("[config]\n")
    assert settings_of(None, file, {}).config == {}
    file.write_text("config.in_channels = 17")
    with pytest.raises(UsageError, match=r"config\.in_channels cannot be changed"):
        settings_of(None, file, {})
    file.write_text("architecture = 'c3d'\n[config]\nbase_channels = 16")
    assert settings_of(None, file, {}).config == {"base_channels": 16}


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("small", {}, []),
        ("ntu60", {"momentum": 0.8}, []),
        ("small", {"momentum": 0.1}, ["momentum has no effect: the optimizer is adamw; take optimizer=sgd"]),
        ("small", {"steps": [0.5]}, ["steps has no effect: the schedule is cosine; take schedule=step"]),
        ("small", {"steps": [0.5], "schedule": "step"}, []),
        ("small", {"loss_weights": [5, 0]}, ["loss_weights has no effect: the network has one answer"]),
        ("rgbpose", {"loss_weights": [5, 0]}, []),
    ],
    ids=["defaults", "sgd", "momentum", "steps", "steps that count", "one loss", "two losses"],
)
def test_settings_without_effect_are_named(name, changes, said):
    assert recipe(name, changes).without_effect == said


def test_settings_without_effect_are_said_before_the_first_step(tmp_path):
    said = []
    train(
        swings(), tiny(epochs=1, momentum=0.1, teacher_share=0.9), tmp_path / "run", name="tiny", on_warning=said.append
    )
    assert [line.split(":")[0] for line in said] == ["momentum has no effect", "teacher_share has no effect"]


def test_a_file_of_settings_has_its_own_recipe(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text("epochs = 3\n")
    assert settings_of("gym", file, {}) == recipe("gym", {"epochs": 3})
    assert settings_of(None, file, {}) == recipe("small", {"epochs": 3})
    file.write_text("recipe = 'gym'\nepochs = 3\n")
    assert settings_of(None, file, {}) == settings_of("gym", file, {}) == recipe("gym", {"epochs": 3})
    with pytest.raises(UsageError, match="is of the recipe 'gym', not 'small'; leave --recipe away"):
        settings_of("small", file, {})


def test_the_settings_of_a_run_take_no_recipe_beside_them(tmp_path):
    run(tmp_path / "first")
    config = tmp_path / "first" / "config.json"
    assert settings_of(None, config, {}) == tiny(epochs=1)
    with pytest.raises(UsageError, match="has all settings of a run; leave it away, or --recipe gym"):
        settings_of("gym", config, {})


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_settings_that_survive_json(name):
    assert recipe(name).model_validate_json(recipe(name).model_dump_json()) == recipe(name)


@pytest.mark.parametrize("name", [".config-abcd1234.poseact-part.json", ".last-abcd1234.poseact-part.ckpt"])
def test_what_a_killed_run_left_half_written_is_in_nobodys_way(tmp_path, name):
    out = tmp_path / "run"
    if name.startswith(".last"):
        run(out)
    out.mkdir(exist_ok=True)
    (out / name).write_bytes(b"half")
    run(out)
    assert (out / "model.safetensors").exists()
    assert not (out / name).exists()


def test_a_model_of_another_layout_is_no_start(tmp_path):
    run(tmp_path / "first")
    other = [replace(one, layout="h36m17") for one in swings().annotations]
    with pytest.raises(UsageError, match=r"the poses are h36m17, but .*first reads coco17"):
        train(
            replace(swings(), annotations=other), tiny(epochs=1), tmp_path / "second", name="second",
            train_splits=["train"], start=str(tmp_path / "first"),
        )  # fmt: skip


def test_another_architecture_does_not_get_the_arguments_of_the_one_before():
    assert recipe("small", {"architecture": "x3d-s"}).config == {}
    assert recipe("small", {"architecture": "slowonly"}).config == recipe("small").config
    assert recipe("small", {"architecture": "x3d-s", "config": {"base_channels": 8}}).config == {"base_channels": 8}


@pytest.mark.parametrize("name", ["config.in_channels", "config.num_classes"])
def test_what_follows_from_the_poses_is_no_setting(name):
    with pytest.raises(UsageError, match=f"{name} cannot be changed"):
        recipe("small", {name: 3})


def test_the_length_of_clips_is_measured_anew_from_a_model(tmp_path):
    run(tmp_path / "first", measure_seconds=True)
    card = load_with_card(str(tmp_path / "first")).card
    assert card.preprocessing.seconds is not None
    assert settings_of("small", None, {}, card).preprocessing.seconds is None
    assert settings_of("small", None, {}, card).preprocessing.size == card.preprocessing.size
    assert settings_of("small", None, {"preprocessing.seconds": 2.5}, card).preprocessing.seconds == 2.5
