"""`poseact recognize`: formats, exit codes and one-line errors, with a stand-in for the networks."""

import json
from pathlib import Path

import pytest

from poseact.cli import loop, run
from poseact.cli.outputs import Distinct, Target
from poseact.errors import InvalidWeights, OutputError, WeightsNotFound
from poseact.poses import read_pyskl


def call(capsys, *arguments):
    code = run(["recognize", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def errors(text):
    return [line for line in text.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize(
    ("names", "code", "failed"),
    [
        (["missing.mp4"], 4, 1),
        (["good.mp4"], 0, 0),
        (["nobody.mp4", "unknown.mp4"], 0, 0),
        (["good.mp4", "broken.mp4"], 3, 1),
        (["broken.mp4", "good.mp4", "missing.mp4"], 3, 2),
        (["broken.mp4", "missing.mp4"], 4, 2),
        (["huge.mp4"], 6, 1),
        (["memory.mp4"], 6, 1),
        (["huge.mp4", "broken.mp4"], 4, 2),
        (["huge.mp4", "good.mp4"], 3, 1),
        (["person.mp4"], 4, 1),
        (["bug.mp4", "good.mp4"], 1, 1),
        (["poses.pkl"], 0, 0),
        (["broken.pkl", "good.mp4"], 3, 1),
        (["odd.pkl"], 3, 1),
        (["folder"], 4, 1),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else str(value),
)
def test_exit_codes(names, code, failed, files, opened, capsys):
    files(*(name for name in names if not name.startswith(("missing", "folder"))), "folder/notes.txt")
    got, out, err = call(capsys, *names)
    assert got == code
    assert len(errors(err)) == failed
    assert "Traceback" not in err + out
    assert bool(opened) == any(not name.startswith(("missing", "folder")) for name in names)


def test_every_source_is_a_json_line_in_order(files, opened, capsys):
    names = files("a.mp4", "broken.mp4", "poses.pkl", "nobody.mp4")
    code, out, err = call(capsys, *names, "missing.mp4", "--json")
    documents = [json.loads(line) for line in out.splitlines()]
    assert code == 3
    sources = ["a.mp4", "broken.mp4", "poses.pkl:one", "poses.pkl:two", "nobody.mp4", "missing.mp4"]
    assert [document["source"] for document in documents] == sources
    assert [document.get("label") for document in documents] == ["wave", None, "wave", "wave", "no person", None]
    assert documents[1]["error"]["type"] == "InvalidVideo"
    assert {document["schema"] for document in documents} == {"poseact/recognition/1"}
    assert "warning: nobody.mp4" in err
    assert opened[0].seen == ["a.mp4", "broken.mp4", "poses.pkl", "nobody.mp4"]


@pytest.mark.usefixtures("opened")
def test_an_internal_error_is_one_line_unless_debugged(files, capsys):
    files("bug.mp4")
    code, out, err = call(capsys, "bug.mp4", "--json")
    assert code == 1
    assert errors(err) == [
        "error: bug.mp4: internal error: ZeroDivisionError: division\\nby zero; run again with --debug"
    ]
    assert json.loads(out)["error"]["type"] == "ZeroDivisionError"
    code, _, err = call(capsys, "bug.mp4", "--debug")
    assert code == 1
    assert "Traceback" in err


@pytest.mark.usefixtures("opened")
def test_tables_and_a_summary_for_several(files, capsys):
    files("a.mp4", "unknown.mp4", "broken.mp4")
    code, out, err = call(capsys, "a.mp4", "unknown.mp4", "broken.mp4")
    assert code == 3
    assert "3 sources" in out
    assert "62.0%" in out
    assert "wave?" in out
    assert "\x1b[" not in out + err
    assert "3 sources" not in call(capsys, "a.mp4")[1]


@pytest.mark.usefixtures("opened")
def test_top_and_verbosity(files, capsys):
    files("a.mp4", "nobody.mp4")
    assert "jump" not in call(capsys, "a.mp4")[1]
    assert "jump" in call(capsys, "a.mp4", "--top", "6")[1]
    assert "sha256" in call(capsys, "a.mp4", "-v")[1]
    assert "warning" in call(capsys, "nobody.mp4")[2]
    assert call(capsys, "nobody.mp4", "-q")[2] == ""


def test_options_become_settings(files, opened, capsys):
    files("a.mp4")
    text = (
        "--model runs/mine --person 7 --speed fast --detector y.pt --detector-classes Normal,Fall --pose lightning "
        "--device cuda:1 --decoder opencv --all-frames"
    )
    assert call(capsys, "a.mp4", *text.split())[0] == 0
    chosen = opened[0].settings
    assert (chosen.models, chosen.person, chosen.speed) == (("runs/mine",), "7", "fast")
    assert (chosen.detector, chosen.detector_classes) == ("y.pt", ("Normal", "Fall"))
    assert (chosen.pose, chosen.device, chosen.decoder) == ("lightning", "cuda:1", "opencv")
    assert chosen.every_frame


def test_defaults_are_the_settings_of_a_newcomer(files, opened, capsys):
    from poseact.recognize import Settings

    files("a.mp4")
    call(capsys, "a.mp4")
    assert opened[0].settings == Settings()


@pytest.mark.parametrize(
    ("option", "choices"),
    [("SpeedChoice", "poseact.recognize.settings:SPEEDS"), ("DecoderChoice", "poseact.video.reader:DECODERS")],
    ids=["speed", "decoder"],
)  # fmt: skip
def test_choices_are_those_of_the_library(option, choices):
    from importlib import import_module

    import poseact.cli.recognize as command

    module, name = choices.split(":")
    assert {choice.value for choice in getattr(command, option)} == set(getattr(import_module(module), name))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no source is given"),
        (["-"], "standard input"),
        (["https://example.org/a.mp4"], "is an address"),
        ([""], "empty name"),
        (["a.mp4", "--speed", "warp"], "warp"),
        (["a.mp4", "--person", "tallest"], "unknown person 'tallest'"),
        (["a.mp4", "--jsn"], "--jsn"),
        (["a.mp4", "--top", "0"], "--top"),
        (["a.mp4", "--overlay", "o.txt"], ".mp4"),
        (["a.mp4", "b.mp4", "--overlay", "o.mp4"], "give a folder"),
        (["a.mp4", "--save-poses", "p.txt"], ".pkl"),
        (["p.pkl", "--overlay", "o.mp4"], "poses only"),
        (["-x.mp4"], "./-x.mp4"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_wrong_usage_is_one_line(arguments, words, files, opened, capsys):
    files("a.mp4", "b.mp4", "p.pkl", "-x.mp4")
    code, out, err = call(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert words in err
    assert not opened


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--overlay", "file/o.mp4"], "cannot write file/o.mp4"),
        (["--overlay", "a.mp4"], "overwrite the input"),
        (["--overlay", "."], "overwrite the input"),
        (["--save-poses", "folder.pkl"], "is a folder"),
        (["--save-heatmaps", "/proc/nowhere/h.png"], "cannot write"),
    ],
    ids=["below a file", "an input", "an input by its folder", "a folder", "proc"],
)
def test_outputs_are_checked_before_any_work(arguments, words, files, opened, capsys):
    files("a.mp4", "file", "folder.pkl/x")
    code, out, err = call(capsys, "a.mp4", *arguments)
    assert (code, out) == (3, "")
    assert words in err
    assert err.count("\n") == 1
    assert not opened
    assert sorted(path.name for path in Path().iterdir()) == ["a.mp4", "file", "folder.pkl"]


@pytest.mark.parametrize("other", ["--overlay", "--save-heatmaps"])
@pytest.mark.parametrize("place", ["out", "out/below", "./out"])
def test_a_folder_of_poses_holds_nothing_else(other, place, files, opened, capsys):
    files("a.mp4", "b.mp4")
    code, out, err = call(capsys, "a.mp4", "b.mp4", other, place, "--save-poses", "out")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{other} {place} lies in --save-poses out, which holds poses alone" in err
    assert not opened
    assert call(capsys, "a.mp4", "b.mp4", "--save-heatmaps", "out", "--save-poses", "out/p.pkl")[0] == 0


def test_home_is_meant_in_quoted_names_too(files, opened, capsys, monkeypatch):
    files("home/a.mp4")
    monkeypatch.setenv("HOME", str(Path("home").absolute()))
    code, out, _ = call(capsys, "~/a.mp4", "--json")
    assert (code, json.loads(out)["source"]) == (0, "~/a.mp4")
    assert opened[0].seen == [str(Path("home/a.mp4").absolute())]


@pytest.mark.usefixtures("opened")
def test_no_poses_are_kept_for_the_summary(files, capsys, monkeypatch):
    files("a.mp4", "b.mp4", "p.pkl")
    kept = []
    monkeypatch.setattr("poseact.cli.results.summary_table", lambda outcomes: kept.extend(outcomes) or "summary")
    assert call(capsys, "a.mp4", "b.mp4", "p.pkl")[0] == 0
    assert [len(one.poses) for one in kept] == [0] * 4
    assert all(one.persons for one in kept)


@pytest.mark.usefixtures("opened")
def test_poses_cannot_replace_the_poses_that_are_read(files, capsys):
    files("p.pkl")
    assert call(capsys, "p.pkl", "--save-poses", "./p.pkl")[0] == 3


@pytest.mark.usefixtures("opened")
def test_overlays_of_several_sources_have_names_of_their_own(files, capsys, monkeypatch):
    drawn = []
    monkeypatch.setattr(loop, "write_overlay", lambda answer, path, **_: drawn.append((answer.source, str(path))))
    files("x/clip.mp4", "y/clip.avi", "y/broken.mp4", "y/clip-2.mp4")
    assert call(capsys, "x", "y", "--overlay", "out")[0] == 3
    assert drawn == [
        ("x/clip.mp4", "out/clip.mp4"), ("y/clip-2.mp4", "out/clip-2.mp4"), ("y/clip.avi", "out/clip-3.mp4"),
    ]  # fmt: skip


def test_names_are_made_different():
    distinct = Distinct()
    assert [distinct(name) for name in ("a", "a", "b", "a-2", "a", "a-2")] == ["a", "a-2", "b", "a-2-2", "a-3", "a-2-3"]


@pytest.mark.usefixtures("opened")
def test_one_source_may_go_to_a_file_or_a_folder(files, capsys, monkeypatch):
    drawn = []
    monkeypatch.setattr(loop, "write_overlay", lambda answer, path, **_: drawn.append(str(path)))
    files("clip.avi", "out/x")
    for place in ("o.mp4", "out", "new"):
        call(capsys, "clip.avi", "--overlay", place)
    assert drawn == ["o.mp4", "out/clip.mp4", "new/clip.mp4"]


@pytest.mark.usefixtures("opened")
def test_a_failed_output_keeps_the_answer_and_the_other_sources(files, capsys, monkeypatch):
    def full(_answer, path, **_):
        raise OutputError(f"cannot write {path}: No space left on device; choose another place")

    monkeypatch.setattr(loop, "write_overlay", full)
    files("a.mp4", "b.mp4")
    code, out, err = call(capsys, "a.mp4", "b.mp4", "--overlay", "out", "--json")
    assert code == 3
    assert [json.loads(line)["label"] for line in out.splitlines()] == ["wave", "wave"]
    assert len(errors(err)) == 2


@pytest.mark.usefixtures("opened")
def test_poses_of_all_sources_are_one_file_with_names_of_their_own(files, capsys):
    files("a.mp4", "broken.mp4", "b.mp4")
    assert call(capsys, "a.mp4", "broken.mp4", "b.mp4", "--save-poses", "out/p.pkl")[0] == 3
    assert [poses.name for poses in read_pyskl(Path("out/p.pkl")).annotations] == ["clip", "clip-2"]


@pytest.mark.usefixtures("opened")
def test_no_answer_leaves_no_file(files, capsys):
    files("broken.mp4", "nobody.mp4")
    arguments = ("--save-poses", "p.pkl", "--save-heatmaps", "h.png")
    assert call(capsys, "broken.mp4", *arguments)[0] == 4
    code, _, err = call(capsys, "nobody.mp4", "--save-heatmaps", "h.png")
    assert code == 3
    assert "no heatmaps" in err
    assert {path.name for path in Path().iterdir()} == {"broken.mp4", "nobody.mp4"}


@pytest.mark.usefixtures("opened")
def test_heatmaps_are_written(files, capsys):
    files("a.mp4", "p.pkl")
    assert call(capsys, "a.mp4", "--save-heatmaps", "h.png")[0] == 0
    files("sheets/.a-abcd1234.poseact-part.png")  # of a command that was killed
    assert call(capsys, "a.mp4", "p.pkl", "--save-heatmaps", "sheets")[0] == 0
    assert Path("h.png").stat().st_size > 1000
    assert sorted(path.name for path in Path("sheets").iterdir()) == ["a.png", "p-clip-2.png", "p-clip.png"]


@pytest.mark.parametrize("error", [WeightsNotFound("no model 'x'"), InvalidWeights("x is damaged")], ids=type)
def test_a_model_that_cannot_be_used_is_5(error, files, monkeypatch, capsys):
    def refuse(_settings):
        raise error

    monkeypatch.setattr(loop.Recognizer, "open", staticmethod(refuse))
    files("a.mp4")
    code, out, err = call(capsys, "a.mp4", "--json")
    assert (code, out) == (5, "")
    assert errors(err) == [f"error: {error}"]


@pytest.mark.usefixtures("opened")
def test_an_interruption_keeps_what_is_done(files, capsys):
    files("a.mp4", "interrupt.mp4", "z.mp4")
    code, out, err = call(capsys, "a.mp4", "interrupt.mp4", "z.mp4", "--json", "--save-poses", "p.pkl")
    assert code == 130
    assert [json.loads(line)["source"] for line in out.splitlines()] == ["a.mp4"]
    assert "interrupted; 1 of 3 sources are done" in err
    assert len(read_pyskl(Path("p.pkl")).annotations) == 1


@pytest.mark.usefixtures("opened")
def test_a_reader_that_goes_away_is_no_error(files, capsys):
    files("pipe.mp4")
    code, out, err = call(capsys, "pipe.mp4")
    assert (code, out, err) == (141, "", "")


def test_folders_are_searched_to_the_bottom_and_sources_are_read_once(files, opened, capsys):
    files("d/b.mp4", "d/e/a.AVI", "d/.hidden/c.mp4", "d/.c.mp4", "d/notes.txt", "d/p.pkl")
    code, _, err = call(capsys, "d", "./d/b.mp4", "d/e/a.AVI")
    assert code == 0
    assert opened[0].seen == ["d/b.mp4", "d/e/a.AVI"]
    assert err.count("is named twice") == 2


@pytest.mark.usefixtures("opened")
def test_hostile_names_stay_on_one_line(files, capsys):
    name = "[bold]x[/bold]\n\x1b[31mbroken.mp4"
    _, out, err = call(capsys, name)
    assert err == "error: [bold]x[/bold]\\n\\x1b[31mbroken.mp4 does not exist; check the path\n"
    assert out == ""
    files(name)
    assert "[bold]x[/bold]\\n\\x1b[31mbroken.mp4" in call(capsys, name)[1]


def test_a_clip_without_an_answer_costs_no_other_clip_of_its_file(files, opened, capsys):
    code, out, err = call(capsys, *files("odd.pkl"), "--json")
    documents = [json.loads(line) for line in out.splitlines()]
    assert code == 3
    assert [(one["source"], "error" in one) for one in documents] == [("odd.pkl:odd", True), ("odd.pkl:two", False)]
    assert "coco18" in err


@pytest.mark.usefixtures("opened")
def test_an_interruption_counts_sources_and_not_their_clips(files, capsys):
    files("p.pkl", "interrupt.mp4")
    code, out, err = call(capsys, "p.pkl", "interrupt.mp4", "--json")
    assert (code, len(out.splitlines())) == (130, 2)
    assert "interrupted; 1 of 2 sources are done" in err


@pytest.mark.usefixtures("opened")
def test_many_clips_of_one_file_end_with_a_summary(files, capsys, monkeypatch):
    files("p.pkl")
    monkeypatch.setattr("poseact.cli.results.summary_table", lambda outcomes: f"{len(outcomes)} outcomes")
    assert "2 outcomes" in call(capsys, "p.pkl")[1]


def test_any_name_of_a_clip_is_a_file(tmp_path):
    target = Target("--save-heatmaps", str(tmp_path / "sheets"), (".png",), several=True, inputs=[])
    names = [target.claim(name).name for name in ("a\0b", "é" * 300, "é" * 300, "x/y\\z", "..", "clip 3, left")]
    assert names[0] == "a-b.png"
    assert names[1] == "é" * 100 + ".png"
    assert names[2] == "é" * 100 + "-2.png"
    assert names[3:] == ["x-y-z.png", "unnamed.png", "clip 3, left.png"]
