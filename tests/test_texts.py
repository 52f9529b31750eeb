import pytest

from poseact.texts import escape_surrogates, first_few, listed, natural_order


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c", "d"], "a, b and 2 more")],
    ids=["none", "one", "all", "some"],
)
def test_the_first_few(names, text):
    assert first_few(names, 2) == text


@pytest.mark.parametrize(("text", "names"), [("", []), (" , ", []), ("a", ["a"]), (" a,,b c ", ["a", "b c"])])
def test_listed(text, names):
    assert listed(text) == names


@pytest.mark.parametrize(
    "names",
    [
        ["2.png", "10.png"],
        ["1.png", "a.png"],
        ["01.png", "1.png"],
        ["1700000000000000001_2.png", "1700000000000000002_1.png"],
        ["a9" + "9" * 5000, "b"],
    ],
    ids=["numbers", "before letters", "the same number", "nanoseconds", "very long"],
)
def test_natural_order(names):
    reverse = names[::-1]
    assert sorted(reverse, key=natural_order) == names


@pytest.mark.parametrize(("text", "stored"), [("", ""), ("löwe", "löwe"), ("a\udcff", "a\\udcff")])
def test_surrogates_are_escaped(text, stored):
    assert escape_surrogates(text) == stored
