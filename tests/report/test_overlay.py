"""The annotated video: every frame, drawn where people are, in the right colours, whole or absent."""

import shutil
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image
from recognitions import nobody, person, poses, recognition, unknown

from poseact.errors import InvalidVideo, LimitExceeded, OutputError, UsageError
from poseact.report import lettering
from poseact.report.figure import GREY, LEFT, RIGHT, draw_box, draw_figure, paste
from poseact.report.lettering import bar_chart, caption, font, shortened, text_width
from poseact.report.overlay import ACCENTS, Painter, enlargement, write_overlay
from poseact.report.stance import Stance, stance_at
from poseact.types import Frame, VideoInfo
from poseact.video import Limits, VideoWriter, open_video, probe

SIZE = (640, 480)


def blank(size=SIZE, value=96):
    return np.full((size[1], size[0], 3), value, np.uint8)


def close(image, colour, tolerance=40):
    return (np.abs(image.astype(int) - np.array(colour)).max(-1) < tolerance).sum()


def painted(answer, size=SIZE, pts=0.0):
    return Painter(answer, size)(Frame(0, pts, blank(size)))


STRANGE = "run \u1d81"  # a letter of STIX, but not of DejaVu Sans


@pytest.fixture
def fonts_of_the_system(tmp_path, monkeypatch):
    """A folder whose fonts are those of the system."""
    monkeypatch.setattr(
        "matplotlib.font_manager.findSystemFonts", lambda: [str(path) for path in sorted(tmp_path.iterdir())]
    )
    lettering._fonts_of_the_system.cache_clear()
    yield tmp_path
    lettering._fonts_of_the_system.cache_clear()


def test_letters_that_our_font_lacks_are_drawn_with_one_of_the_system(fonts_of_the_system):
    ours = caption([(STRANGE, (255, 255, 255), True)], 30, GREY)
    assert font(30, True, STRANGE).getname() == ("DejaVu Sans", "Bold")  # none of the system has it
    lettering._fonts_of_the_system.cache_clear()
    stix = Path(mpl.get_data_path()) / "fonts" / "ttf" / "STIXGeneral.ttf"
    (fonts_of_the_system / "NotoSansCJK-Bold.ttc").write_bytes(b"no font")
    shutil.copy(stix, fonts_of_the_system / "NotoSansCJK-Regular.ttc")
    assert font(30, True, STRANGE).getname()[0] == "STIXGeneral"
    assert font(30, True, "run").getname() == ("DejaVu Sans", "Bold")
    theirs = caption([(STRANGE, (255, 255, 255), True)], 30, GREY)
    assert theirs.shape[1] == text_width(STRANGE, 30, True) + ours.shape[1] - round(font(30, True).getlength(STRANGE))
    assert shortened(STRANGE * 9, 200, 30).endswith("…")
    chart = [bar_chart("", [(name, 0.5)], 30, 300, None, [name]) for name in (STRANGE, "run")]
    assert (chart[0] != chart[1]).any()


@pytest.fixture
def clip(tmp_path):
    """A grey video of 16 frames, 160x120 px, at 10 frames/s, and an answer for it."""
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, 10.0, (160, 120)) as writer:
        for _ in range(16):
            writer.write(blank((160, 120)))
    return recognition(video=VideoInfo(str(path), 160, 120, 10.0, 16, 1.6, "h264"), poses=poses(step=2))


def test_every_frame_is_written_at_the_rate_of_the_video(clip, tmp_path):
    steps = []
    write_overlay(clip, tmp_path / "o.mp4", progress=lambda done, total: steps.append((done, total)))
    info = probe(tmp_path / "o.mp4")
    assert (info.frame_count, info.fps, info.width, info.height) == (16, 10.0, 640, 480)
    assert steps[-1] == (16, 16)
    with open_video(tmp_path / "o.mp4") as reader:
        changed = [int((np.abs(frame.image.astype(int) - 96).max(-1) > 30).sum()) for frame in reader.frames()]
    assert min(changed) > 1000


def test_pictures_stay_at_the_times_of_the_video(tmp_path):
    path, times = tmp_path / "clip.mp4", [0, 0.1, 0.2, 0.3, 2.0, 2.1, 4.0, 4.5]
    with VideoWriter(path, 10.0, (160, 120), timed=True) as writer:
        for pts in times:
            writer.write(blank((160, 120)), pts)
    write_overlay(recognition(video=probe(path)), tmp_path / "o.mp4")
    with open_video(tmp_path / "o.mp4") as reader:
        assert [frame.pts for frame in reader.frames()] == pytest.approx(times, abs=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (64, 48), (321, 241)], ids=["1x1", "tiny", "odd"])
def test_any_size_of_picture_can_be_drawn(size, tmp_path):
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, 5.0, size) as writer:
        for _ in range(3):
            writer.write(blank(size))
    video = VideoInfo(str(path), *size, 5.0, 3, 0.6, "h264")
    write_overlay(recognition(video=video, poses=poses(size=size[::-1])), tmp_path / "o.mp4")
    assert probe(tmp_path / "o.mp4").frame_count == 3


@pytest.mark.parametrize(
    ("change", "target", "error"),
    [
        ({"video": None}, "o.mp4", UsageError),
        ({}, "o.txt", UsageError),
        ({}, "clip.mp4/o.mp4", OutputError),
        ({"video": VideoInfo("missing.mp4", 160, 120, 10.0, 16, 1.6, "h264")}, "o.mp4", InvalidVideo),
    ],
    ids=["stored poses", "suffix", "unwritable", "missing video"],
)
def test_what_cannot_be_drawn_leaves_nothing(clip, tmp_path, change, target, error):
    with pytest.raises(error):
        write_overlay(replace(clip, **change), tmp_path / target)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_the_person_of_interest_is_coloured_and_others_are_grey():
    answer = recognition(poses=poses(people=2, size=SIZE[::-1]), persons=(person(0),))
    image = painted(answer)
    first, second = image[80:420, :205], image[80:420, 215:400]
    for colour in (LEFT, RIGHT, ACCENTS[0]):
        assert close(first, colour) > 30
        assert close(second, colour) == 0


def test_people_together_share_a_colour_and_an_answer():
    two = poses(people=2, size=SIZE[::-1])
    both = replace(person(0), together_with=(2,), rows=(0, 1))
    alone, together = (close(painted(recognition(poses=two, persons=(one,))), ACCENTS[0]) for one in (person(0), both))
    assert together > 1.5 * alone


def test_the_picture_itself_is_not_changed():
    frame = Frame(0, 0.0, blank())
    Painter(recognition(poses=poses(size=SIZE[::-1])), SIZE)(frame)
    assert (frame.image == 96).all()


@pytest.mark.parametrize(
    ("answer", "green", "amber"),
    [(nobody(), False, True), (unknown(poses=poses(size=SIZE[::-1])), True, True), (recognition(), True, False)],
    ids=["nobody", "unknown", "known"],
)
def test_accents_tell_answers_from_guesses(answer, green, amber):
    image = painted(replace(answer, poses=replace(poses(size=SIZE[::-1]))) if answer.persons else answer)
    assert (close(image, ACCENTS[0]) > 20) == green
    assert (close(image, ACCENTS[1], 25) > 20) == amber


def test_the_panel_keeps_off_the_person():
    right = poses(size=SIZE[::-1], people=1)
    right.boxes[..., [0, 2]] += 300
    left_corner, right_corner = (painted(recognition(poses=one)) for one in (right, poses(size=SIZE[::-1])))
    assert left_corner[20:60, 20:120].mean() < 80
    assert right_corner[20:60, -120:-20].mean() < 80


def test_filled_in_poses_are_fainter():
    seen = poses(size=SIZE[::-1])
    certain = stance_at(seen, 0, 0.0)
    strong, faint, missing = blank(), blank(), blank()
    draw_figure(strong, certain, "coco17", thickness=5)
    draw_figure(faint, replace(certain, certain=False), "coco17", thickness=5)
    draw_figure(missing, replace(certain, score=np.zeros(17)), "coco17", thickness=5)
    assert close(strong, LEFT) > 4 * close(faint, LEFT)
    assert (faint != 96).any()
    assert (missing == 96).all()


@pytest.mark.parametrize("offset", [-1e9, -5000, 5000, 1e9])
def test_people_outside_of_the_picture_draw_nothing(offset):
    image = blank()
    stance = Stance(np.full(4, offset), np.full((17, 2), offset), np.ones(17), True)
    draw_figure(image, stance, "coco17", thickness=5)
    draw_box(image, stance.box, GREY, thickness=3)
    paste(image, caption([("x", GREY, False)], 20, GREY), int(offset), int(offset))
    assert (image == 96).all()


@pytest.mark.parametrize(
    ("size", "scale"), [((1, 1), 4), ((160, 120), 4), ((320, 240), 2), ((640, 360), 1), ((1080, 1920), 1)]
)
def test_small_pictures_are_enlarged(size, scale):
    assert enlargement(*size) == scale


def test_captions_fit_their_text_and_bars_their_share():
    narrow, wide = (caption([(text, GREY, False)], 20, GREY) for text in ("a", "a long label"))
    assert wide.shape[1] - narrow.shape[1] == text_width("a long label", 20) - text_width("a", 20)
    chart = bar_chart("", [("wave", 0.5), ("clap", 0.25)], 20, 300, ACCENTS[0])
    assert close(chart[..., :3], ACCENTS[0], 8) == pytest.approx(0.5 * (300 - 28) * 5, rel=0.05)


@pytest.mark.parametrize(
    ("text", "width", "expected"), [("", 50, ""), ("wave", 200, "wave"), ("wave\n", 200, "wave\\n"), ("wave", 1, "")]
)
def test_shortened(text, width, expected):
    assert shortened(text, width, 20) == expected


def test_a_long_label_is_cut_with_an_ellipsis():
    assert shortened("swing a baseball bat", 100, 20).endswith("…")
    assert text_width(shortened("swing a baseball bat", 100, 20), 20) <= 100


def test_a_folder_of_pictures_is_drawn_at_its_own_rate(tmp_path):
    for number in range(8):
        Image.fromarray(blank((160, 120))).save(tmp_path / f"{number}.png")
    info = VideoInfo(str(tmp_path), 160, 120, 5.0, 8, 1.6, "images")
    write_overlay(recognition(video=info), tmp_path / "o.mp4")
    written = probe(tmp_path / "o.mp4")
    assert (written.frame_count, written.fps, written.duration) == (8, 5.0, pytest.approx(1.6))
    with pytest.raises(LimitExceeded):
        write_overlay(recognition(video=info), tmp_path / "p.mp4", limits=Limits(pixels=100))
