"""Everything that names clips: folders, patterns, videos, images, lists and tables."""

from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from poseact.errors import InputError, UsageError
from poseact.extract.inputs import read_inputs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """In the working folder: clips/walk/a.mp4, clips/run/{a,b}.avi, and other files."""
    monkeypatch.chdir(tmp_path)
    for name in ("clips/walk/a.mp4", "clips/run/a.avi", "clips/run/b.avi", "clips/run/notes.txt", "clips/.x/c.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def named(*inputs):
    found = read_inputs(inputs)
    return [(clip.name, found.classes[clip.label] if clip.label >= 0 else None) for clip in found.clips]


ALL = [("run/a", "run"), ("run/b", "run"), ("walk/a", "walk")]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["clips"], ALL),
        (["clips/"], ALL),
        (["clips/run", "clips/walk"], ALL),
        (["clips/*"], ALL),
        (["clips/*/*"], ALL),
        (["clips/**/*.avi"], [("a", None), ("b", None)]),
        (["clips/run/a.avi", "clips/walk/a.mp4"], [("run/a", None), ("walk/a", None)]),
        (["clips/run"], [("a", None), ("b", None)]),
        (["clips/run/b.avi"], [("b", None)]),
        (["list.txt"], ALL),
        (["table.tsv"], [("run/a", "jog"), ("walk/a", None)]),
    ],
    ids=[
        "folder", "slash", "folders", "pattern of folders", "pattern", "one folder by pattern", "files", "no classes",
        "file", "list", "table",
    ],
)  # fmt: skip
def test_names_and_labels(folder, inputs, expected):
    (folder / "list.txt").write_text("# all\nclips/run/a.avi\n\nclips/run/b.avi\r\nclips/walk/a.mp4\n")
    (folder / "table.tsv").write_text("Path\tlabel\tcamera\nclips/run/a.avi\tjog\t1\nclips/walk/a.mp4\t\t2\n")
    assert named(*inputs) == expected


def test_folders_of_class_folders_keep_their_classes(folder):
    (folder / "more" / "run").mkdir(parents=True)
    (folder / "more" / "run" / "a.avi").touch()
    assert named("clips", "more")[-1] == ("more/run/a", "run")


def test_folders_of_splits_hold_the_classes(folder):
    for name in ("train/walk/a.mp4", "train/run/b.mp4", "Validation/run/deep/c.mp4"):
        (folder / "kinetics" / name).parent.mkdir(parents=True)
        (folder / "kinetics" / name).touch()
    assert named("kinetics") == [("Validation/run/deep/c", "run"), ("train/run/b", "run"), ("train/walk/a", "walk")]
    assert read_inputs(["kinetics"]).splits == {
        "Validation/run/deep/c": "val", "train/run/b": "train", "train/walk/a": "train",
    }  # fmt: skip
    assert named("kinetics/train") == [("run/b", "run"), ("walk/a", "walk")]
    (folder / "kinetics" / "train" / "d.mp4").touch()
    with pytest.raises(UsageError, match=r"d\.mp4 lies in none of these"):  # it would turn the splits into classes
        named("kinetics")


def test_a_table_names_stretches_splits_and_groups(folder):
    (folder / "clips.csv").write_text(
        "path,label,split,start,end,group\n"
        'clips/run/a.avi,run,train,,1.5,"Ann, B."\n'
        "clips/run/a.avi,walk,val,1.5,,Bo\n"
        "clips/run/a.avi,walk,,2,3,\n"
    )
    found = read_inputs([Path("clips.csv")])
    assert [(clip.name, clip.label, clip.start, clip.end) for clip in found.clips] == [
        ("a@0-1.5", 0, 0, 1.5), ("a@1.5-", 1, 1.5, inf), ("a@2-3", 1, 2, 3),
    ]  # fmt: skip
    assert found.splits == {"a@0-1.5": "train", "a@1.5-": "val"}
    assert found.groups == {"a@0-1.5": "Ann, B.", "a@1.5-": "Bo"}


def test_stretches_late_in_a_long_recording_have_names_of_their_own(folder):
    (folder / "late.csv").write_text(
        "path,start,end\nclips/run/a.avi,12345.61,12345.64\nclips/run/a.avi,12345.62,12345.63\n"
    )
    assert [clip.name for clip in read_inputs(["late.csv"]).clips] == ["a@12345.61-12345.64", "a@12345.62-12345.63"]


def test_labels_that_are_numbers_stay_numbers(folder):
    (folder / "clips.csv").write_text("path,label\nclips/run/a.avi,7\nclips/run/b.avi,3\n")
    found = read_inputs(["clips.csv"])
    assert ([clip.label for clip in found.clips], found.classes) == ([7, 3], ())


def test_class_folders_may_be_called_by_numbers(folder):
    for name in ("clips/10/a.mp4", "clips/2/b.mp4", "clips/0/c.mp4"):
        (folder / "numbers" / name).parent.mkdir(parents=True)
        (folder / "numbers" / name).touch()
    found = read_inputs(["numbers/clips"])
    assert found.classes == ("0", "2", "10")
    assert {clip.name: clip.label for clip in found.clips} == {"0/c": 0, "2/b": 1, "10/a": 2}


def test_folders_of_images_are_videos(folder):
    for name in ("frames/jump/one/1.png", "frames/jump/one/2.png", "frames/sit/two/1.jpg", "frames/sit/two/2.jpg",
                 "frames/sit/cover.jpg"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert named("frames") == [("jump/one", "jump"), ("sit/two", "sit")]
    assert named("frames/jump/one") == [("one", None)]


@pytest.mark.parametrize(
    ("inputs", "error", "words"),
    [
        (["nowhere"], InputError, "nowhere does not exist"),
        (["*.mkv"], InputError, "nothing is called"),
        (["*.csv"], InputError, "*.csv finds no video, only others such as binary.csv"),
        (["empty"], InputError, "holds no video and no folder of images"),
        (["clips", "clips/run"], UsageError, "two clips are called 'run/a'"),
        (["empty.csv"], UsageError, "must name the columns"),
        (["header.csv"], UsageError, "names no clip"),
        (["twice.csv"], UsageError, "column path is there twice"),
        (["nopath.csv"], UsageError, "line 3: no path"),
        (["time.csv"], UsageError, "line 2: 'soon' is no time"),
        (["late.csv"], UsageError, "line 2: the clip ends at 1 s, not after its start at 2 s"),
        (["nan.csv"], UsageError, "line 2: 'nan' is no time"),
        (["quote.csv"], UsageError, "line 2"),
        (["binary.csv"], UsageError, "cannot be read as text"),
        (["empty.txt"], UsageError, "names no video"),
        (["a\0b"], InputError, "does not exist"),
    ],
)
def test_what_names_no_clips_is_one_line(folder, inputs, error, words):
    (folder / "empty").mkdir()
    files = {
        "empty.csv": b"", "header.csv": b"path,label\n", "twice.csv": b"path,path\na,b\n", "binary.csv": b"\xff\xfe\0",
        "nopath.csv": b"path,label\nx.mp4,a\n,b\n", "time.csv": b"path,start\nx.mp4,soon\n", "empty.txt": b"\n#x\n",
        "late.csv": b"path,start,end\nx.mp4,2,1\n", "nan.csv": b"path,start\nx.mp4,nan\n",
        "quote.csv": b'path,label\n"x.mp4"y,a\n',
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(error) as caught:
        read_inputs(inputs)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_links_to_folders_are_followed_but_never_in_circles(folder):
    (folder / "elsewhere" / "deep").mkdir(parents=True)
    (folder / "elsewhere" / "deep" / "c.mp4").touch()
    (folder / "elsewhere" / "back").symlink_to(folder / "elsewhere")
    for name, target in {
        "jump": "elsewhere", "jump2": "elsewhere/deep", "up": ".", "itself": "clips", "inside": "clips/run",
    }.items():  # fmt: skip
        (folder / "clips" / name).symlink_to(folder / target)
    assert named("clips") == [("jump/deep/c", "jump"), *ALL]


def test_what_is_left_out_is_said(folder, caplog):
    (folder / "clips" / "stray.mp4").touch()
    (folder / "clips" / "gone.mp4").symlink_to(folder / "nowhere")
    for name in ("1.png", "2.png"):
        (folder / "clips" / "frames").mkdir(exist_ok=True)
        (folder / "clips" / "frames" / name).touch()
    assert [name for name, _ in named("clips")] == ["run/a", "run/b", "stray", "walk/a"]
    assert [record.getMessage() for record in caplog.records] == [
        "links that lead to no video are left out: clips/gone.mp4",
        "folders of images are left out because there are videos too; name them to take them: clips/frames",
        "clips: 1 of 4 videos lie in no folder of it, such as stray.mp4, so its folders are no labels",
    ]


def test_strange_names(folder):
    for name in ("with space.mp4", "-dash.mp4", "new\nline.mp4", "ünï.mp4", "[x].mp4", "caf\udce9.mp4"):
        (folder / "odd").mkdir(exist_ok=True)
        (folder / "odd" / name).touch()
    (folder / "odd" / "loop").symlink_to(folder / "odd")
    names = [clip.name for clip in read_inputs(["odd"]).clips]
    assert sorted(names) == sorted(["with space", "-dash", "new\nline", "ünï", "[x]", "caf\udce9"])
    assert named("odd/[x].mp4") == [("[x]", None)]


@pytest.mark.parametrize("start", ["//", "/", "~/"])
def test_absolute_paths_in_a_list(folder, monkeypatch, start):
    monkeypatch.setenv("HOME", str(folder))
    place = "" if start == "~/" else str(folder)[1:] + "/"
    (folder / "list.txt").write_text("\n".join(f"{start}{place}clips/{name}" for name in ("run/a.avi", "walk/a.mov")))
    inputs = read_inputs(["list.txt"])
    assert [clip.path for clip in inputs.clips] == [folder / "clips/run/a.avi", folder / "clips/walk/a.mov"]
    assert [clip.name for clip in inputs.clips] == ["run/a", "walk/a"]


@pytest.mark.parametrize("line", ["a\0b.mp4", "~a\0b.mp4", "~\0"], ids=repr)
def test_a_null_byte_in_a_list(folder, line):
    (folder / "nul.txt").write_text(line)
    with pytest.raises(UsageError, match="is no path"):
        read_inputs(["nul.txt"])


@given(content=st.binary(max_size=200))
def test_any_bytes_as_a_table_or_list(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("bytes")
    for name in ("some.csv", "some.tsv", "some.txt"):
        (folder / name).write_bytes(content)
        try:
            read_inputs([folder / name])
        except (InputError, UsageError) as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_any_folders_in_a_pattern_do_not_follow_links_in_circles(folder):
    (folder / "clips" / "run" / "again").symlink_to(folder / "clips")
    (folder / "clips" / "run" / "self").symlink_to(".")
    assert named("clips/**/*.avi") == [("a", None), ("b", None)]
    for pattern in ("clips/**", "clips/**/*", "clips/**/?.*"):
        assert named(pattern) == ALL
    assert named("**/run/[a]*.avi") == [("a", None)]


def test_a_dot_in_the_name_of_a_folder_of_pictures_is_no_suffix(tmp_path):
    for name in ("walk.1", "walk.2"):
        (tmp_path / "clips" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (8, 8)).save(tmp_path / "clips" / name / f"{number}.png")
    assert [name for name, _ in named(tmp_path / "clips")] == ["walk.1", "walk.2"]


@pytest.mark.parametrize("name", ["list.txt", "~nobody-is-called-so.mp4", "~nobody-is-called-so/*.mp4"])
def test_odd_names_are_one_line(folder, name):
    (folder / "list.txt").write_bytes(b"a\0b.avi\nclips/run/a.avi\n")
    with pytest.raises((InputError, UsageError)):
        read_inputs([name])


def test_a_name_that_begins_like_a_home_folder(folder):
    (folder / "~clip.avi").touch()
    assert named("~clip.avi") == [("~clip", None)]


def test_links_to_folders_give_labels_by_their_own_names(folder):
    (folder / "one").symlink_to(folder / "clips" / "run")
    (folder / "two").symlink_to(folder / "clips" / "walk")
    assert read_inputs(["one", "./two/"]).classes == ("one", "two")
