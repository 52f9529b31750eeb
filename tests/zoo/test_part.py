"""Unfinished downloads on disk: bytes, and where they come from."""

import pytest

from poseact.zoo.part import NOTE_BYTES, Origin, Part

ORIGIN = Origin(address="https://example.org/a.pth", validator='"one"', total=10)


@pytest.fixture
def part(tmp_path):
    return Part(tmp_path / "a.pth")


def test_nothing_was_begun(part):
    assert (part.size, part.origin) == (0, None)
    part.discard()


def test_what_was_begun_is_remembered(part):
    part.begin(ORIGIN)
    part.path.write_bytes(b"12345")
    assert (Part(part.target).size, Part(part.target).origin) == (5, ORIGIN)
    assert not part.target.exists()


def test_beginning_anew_forgets(part):
    part.begin(ORIGIN)
    part.path.write_bytes(b"12345")
    other = Origin(address="https://example.org/b.pth")
    part.begin(other)
    assert (part.size, part.origin) == (0, other)


@pytest.mark.parametrize(
    "note",
    [b"", b"{", b"[]", b'{"address": 1}', b'{"address": "x", "colour": 1}', b'{"address": "x", "total": -1}',
     b"\xff" * 20, b" " * (NOTE_BYTES + 1)],
    ids=["empty", "cut", "a list", "number", "unknown", "negative", "no text", "long"],
)  # fmt: skip
def test_a_note_of_any_bytes_is_no_origin(part, note):
    part.begin(ORIGIN)
    part.note.write_bytes(note)
    assert part.origin is None


def test_discarding_leaves_nothing(part, tmp_path):
    part.begin(ORIGIN)
    part.discard()
    assert list(tmp_path.iterdir()) == []
