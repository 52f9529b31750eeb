"""Tables: readable at any width, honest about what is not known, and safe with hostile names."""

from dataclasses import replace

import pytest
from recognitions import GAP, nobody, person, recognition, segment, unknown
from rich.console import Console

from poseact.recognize.thresholds import Thresholds
from poseact.report.plain import one_line, seconds
from poseact.report.table import Failure, recognition_panel, summary_table


def rendered(renderable, width=80, **options):
    console = Console(record=True, width=width, file=open("/dev/null", "w"), highlight=False, **options)  # noqa: SIM115, PTH123
    console.print(renderable)
    return console.export_text(styles=False)


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize(
    "answer",
    [nobody(), unknown(), recognition(), recognition(video=None), recognition(source="folder/" * 30 + "clip.mp4")],
    ids=["nobody", "unknown", "one", "stored", "long name"],
)
def test_no_line_is_wider_than_the_console(answer, width):
    for renderable in (recognition_panel(answer), summary_table([answer, Failure("b.mp4", "broken")])):
        assert max(map(len, rendered(renderable, width).splitlines())) <= width


def test_an_answer_shows_what_why_and_how_long():
    text = rendered(recognition_panel(recognition(gaps=(GAP,)), top=5), 100)
    for words in (
        "clip.mp4", "wave", "62.0%", "person 1", "nobody else is seen", "8 of 16 frames", "160x120", "h264",
        "5 frames lost (invalid data)", "decode 0.11", "2.07 s", "run",
    ):  # fmt: skip
        assert words in text
    assert "jump" not in text  # the sixth class
    assert "sha256" not in text
    assert "abababababab" in rendered(recognition_panel(recognition(), details=True), 100)


def test_bars_grow_with_the_probability():
    lines = rendered(recognition_panel(recognition()), 100, no_color=True).splitlines()
    bars = [line.count("━") for line in lines if "%" in line and "━" in line]
    assert len(bars) == 5
    assert bars[0] > 3 * bars[1]


def test_below_the_threshold_the_classes_are_guesses():
    text = rendered(recognition_panel(unknown()), 100)
    assert "unknown" in text
    assert "guesses" in text
    assert "wave?" in text
    assert "30.0%" in text


def test_nobody_is_no_label():
    text = rendered(recognition_panel(nobody()), 100)
    assert "no person: nobody was seen" in text
    assert "no person was found in the video" in text
    assert "wave" not in text


def test_several_people_have_a_block_each():
    text = rendered(recognition_panel(recognition(persons=(person(1), person(0, top=0.2)))), 100)
    assert text.index("person 2") < text.rindex("person 1")
    assert "unknown (wave?)" in text


def test_people_together_have_one_block():
    both = replace(person(1), together_with=(1, 3), rows=(1, 0, 2))
    assert "people 2, 1 and 3" in rendered(recognition_panel(recognition(persons=(both,))), 100)
    assert "2+1+3" in rendered(summary_table([recognition(persons=(both,))]))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([], None),
        (["sit", "sit"], None),
        (["sit", "sit", "run"], "0.0-2.0 s sit · 2.0-3.0 s run"),
        (list("abcdefgh"), "and 2 more"),
    ],
    ids=["none", "one thing", "two things", "many"],
)
def test_changes_over_time_are_told(labels, expected):
    segments = [segment(start, start + 1, label) for start, label in enumerate(labels)]
    text = rendered(recognition_panel(recognition(persons=(person(segments=segments),))), 120)
    assert ("over time" in text) == (expected is not None)
    assert expected is None or expected in text


def test_nothing_is_said_of_the_time_between_far_windows():
    segments = [segment(0, 1.6, "walk"), segment(600, 601.6, "walk"), segment(602, 603.6, "run")]
    text = rendered(recognition_panel(recognition(persons=(person(segments=segments),))), 120)
    assert "0.0-1.6 s walk · 600.0-601.6 s walk · 602.0-603.6 s run" in text
    sparse = [segment(start, start + 1.6, "walk") for start in (0, 8, 16)] + [segment(24, 25.6, "run")]
    text = rendered(recognition_panel(recognition(persons=(person(segments=sparse),))), 120)
    assert "0.0-17.6 s walk · 24.0-25.6 s run" in text


def test_a_summary_has_a_row_per_source():
    outcomes = [recognition(), Failure("[bold]b\n.mp4", "broken"), nobody(source="c.mp4"), unknown(source="d.mp4")]
    text = rendered(summary_table(outcomes))
    assert "4 sources" in text
    assert "[bold]b\\n.mp4" in text
    assert "failed" in text
    assert text.count("no person") == 1
    assert "unknown (wave?)" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("clip.mp4", "clip.mp4"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\udce9", "\\udce9"),
        ("[bold]é漢", "[bold]é漢"),
    ],
    ids=["empty", "plain", "line ends", "escape", "bidi", "undecodable", "markup"],
)
def test_one_line(text, expected):
    assert one_line(text) == expected


@pytest.mark.parametrize(("value", "text"), [(0, "0.0 s"), (59.94, "59.9 s"), (125, "2 min 05 s")])
def test_seconds(value, text):
    assert seconds(value) == text


def test_too_few_frames_are_named_as_the_reason():
    glimpse = replace(person(top=0.9), frames=9, frames_at_once=1)
    text = rendered(recognition_panel(recognition(persons=(glimpse,))), 100)
    assert "unknown" in text
    assert "frames seen of one movement: 1; an action needs at least 4" in " ".join(text.split())


def test_a_strange_movement_is_unknown_for_that_reason():
    strange = recognition(persons=(replace(person(), strangeness=-0.5),), thresholds=Thresholds(0.3, -1.25))
    text = " ".join(rendered(recognition_panel(strange), 100).split())
    assert "unknown: the movement is unlike what the model was trained on: strangeness -0.50, above -1.25" in text
    both = recognition(persons=(replace(person(top=0.2), strangeness=-0.5),), thresholds=Thresholds(0.3, -1.25))
    text = " ".join(rendered(recognition_panel(both), 160).split())
    assert "below 30.0% the model names nothing; the movement is unlike" in text
