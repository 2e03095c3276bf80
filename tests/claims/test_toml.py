"""What is no TOML is told with its line, and with what to write there."""

import tomllib

import pytest

from gradsheet.claims import toml


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x = [1, 2", "a bracket stays open"),
        ("x = [1 2]", "a comma is missing between two numbers"),
        ("x = [1, 2]]", "a bracket too many"),
        ("x = [1,, 2]", "a comma too many"),
        ("x = 1,2", "a list stands in brackets: [1, 2]; a decimal has a point, 0.75"),
        ("x = .5", "a decimal has a digit before its point"),
        ("x = 5.", "a decimal has a digit behind its point"),
        ("x = 01", "a number has no 0 in front"),
        ("x = 1/2", "a fraction stands in quotes"),
        ("x = \u22121", "the minus sign of the keyboard"),
        ("x = True", "true and false are written in small letters"),
        ("x == 1", "write one ="),
        ("x: 1", "write = for the colon"),
        ("x", "a line is a key, =, and what it is"),
        ("x =", "there is nothing behind the ="),
        ("x = 'a", "a quotation mark is not closed"),
        ('title = "a"b"', "a quotation mark within text ends it"),
        ("quantity = dL/dW1", 'text stands in quotes: quantity = "dL/dW1"'),
        ("[[layer]", "a header stands alone on its line"),
        ("x = 1\nx = 2", "the key stands there already"),
        ("[layer]\nW = 1\n[layer]", "double brackets, [[layer]] and [[claim]]"),
        ("\u03b4 = 1", "a name is of the letters a to z"),
    ],
)
def test_a_line_that_is_no_toml_is_told_what_to_write_there(line, words):
    with pytest.raises(toml.NotToml) as caught:
        toml.parsed(line + "\n[[claim]]\nquantity = 'z1'\n")
    assert words in str(caught.value)
    assert caught.value.line <= 4


def test_a_line_that_is_very_long_is_not_looked_at():
    # "[1[1[1..." takes the square of its length to look at: a line of 40 kB took a quarter of
    # a minute.
    with pytest.raises(toml.NotToml, match="a list stands in brackets"):
        toml.parsed("x = 5, " + "[1" * 20)
    with pytest.raises(toml.NotToml, match="text and fractions stand in quotes"):
        toml.parsed("x = 5, " + "[1" * 2000)


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n[[claim]]\na = 1.50\n[[claim]]\na = 2\n[claim.b]\nc = 3\n[[claim]]\n",
        "[[claim]]\na = 1\n",
        "note = '''\n[[claim]]\n'''\n[[claim]]\na = 1\n",
        "[[claim]]\nnote = '''\n[[claim]]\n'''\n",
        "[[ claim ]]\na = 1\n[[claim]]\na = 2\n",
        "[[claim]]\na = 1\n[[layer]]\nb = 2\n[[claim]]\na = 3\n[[layer]]\nb = 4\n",
        "[[claim]]\na = 1\r\n[[claim]]\na = 2\r\n",
        "[[problem]]\ntitle = 't'\n[[problem.claim]]\na = 1\n",
        "[[claim]]\na = 1\n[[ claim ]]\na = 2\n[[claim]]\na = 3\n",
    ],
)
def test_claims_by_themselves_are_those_of_the_whole(text):
    whole = tomllib.loads(text, parse_float=toml.FloatText)
    assert toml.parsed(text) == whole
    assert [*toml.parsed(text)] == [*whole]  # and in the order of the text


@pytest.mark.parametrize("first", ["claim = 1", "[claim]", "claim.a = 1", "claim = [{a = 1}]"])
def test_claims_that_stand_there_already_are_no_toml(first):
    with pytest.raises(toml.NotToml):
        toml.parsed(first + "\n[[claim]]\na = 2\n")
