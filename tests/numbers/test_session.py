"""Sheets share what was found for others: that they are judged as if they were
alone, and that it stays little."""

import random
from types import SimpleNamespace

import gradsheet
from gradsheet.claims import reader
from gradsheet.commands import exports
from gradsheet.commands.files import text_in
from gradsheet.numbers.session import LIBRARY
from gradsheet.truth import graph_point
from tests.sheets import CLAIMS, HOMEWORKS, NET, NUMBERS, SYMBOLS

HOMEWORK = [str(HOMEWORKS / name) for name in ("numbers.toml", "symbols.toml")]

# Each is the sheet before it but for one thing that the truth or a verdict depends on.
CHANGES = [
    ("x = [1.23]", "x = [1.22]"),
    ("y = 1\n", "y = 2\n"),
    ("W = [[3]]", "W = [[4]]"),
    ("learning_rate = 0.1", "learning_rate = 0.2"),
    ("half_squared", "squared"),
    ("sigmoid", "tanh"),
    ("W = [[4]]", "W = [[4]]\nb = [0]"),
    ("b = [0]", "b = 0\nshared_bias = true"),
    ("value    = 0.77", "value    = 0.7"),
    ("value    = 0.7\n", "value    = 0.7\n[[claim]]\nquantity = 'dz2[1]/dh1[1]'\nvalue = 5\n"),
    ("(yhat[1] - y[1])*h1", "0.5*exp(0.123)*exp(x[1])*h1"),
    ("x = [1.22]", "x = [[1.22], [1.23]]"),
]

# On the homework's own network: right given the first of them, as a loss without its 1/2, without
# an activation.
FOLLOWING = """
[[claim]]
quantity = "dL/dz2"
value    = [{}, 9, 9]
[[claim]]
quantity = "dL/dW2[1,2]"
value    = {}
[[claim]]
quantity = "L"
value    = {}
[[claim]]
quantity = "h1[1]"
working  = ["z1[1]"]
value    = -1
"""

WRONG = [(9, 18, 12.25), (8, 16, 13.0), (7, 18, 24.5)]


def changed() -> list[str]:
    texts = [NET + CLAIMS]
    for old, new in CHANGES[:-1]:
        assert old in texts[-1]
        texts.append(texts[-1].replace(old, new))
    return texts


def report(text: str) -> object:
    return exports._sheet(gradsheet.judge(gradsheet.read(text)), {})


def alone(text: str) -> object:
    LIBRARY.clear()
    return report(text)


def test_every_sheet_is_judged_as_if_it_were_alone():
    texts = [*changed(), *(NUMBERS + FOLLOWING.format(*numbers) for numbers in WRONG)]
    texts += [text_in(path, reader.MAX_BYTES) for path in HOMEWORK]
    texts.append(texts[-2].replace("value    = 42", "value    = 21"))
    fresh = {text: alone(text) for text in texts}
    assert len({str(found) for found in fresh.values()}) == len(texts)
    random.Random(5).shuffle(texts)  # and what the last one has left is still there
    for text in [*texts, *texts[::6]]:
        assert report(text) == fresh[text]
    assert len(LIBRARY.cache("points", 0)) > len(CHANGES) - 4


def test_what_is_cut_off_by_time_is_not_kept(monkeypatch):
    for text in (NET + CLAIMS, text_in(HOMEWORK[0], reader.MAX_BYTES)):
        fresh = alone(text)
        LIBRARY.clear()
        for seconds in (1e-4, 1e-3, 5e-3, 2e-2, -1.0):
            with monkeypatch.context() as now:
                now.setattr("gradsheet.numbers.budget.MAX_SECONDS", seconds)
                cut = gradsheet.judge(gradsheet.read(text))
        assert {judgement.verdict for judgement in cut.judgements} == {"cannot_tell"}
        assert report(text) == fresh
        with monkeypatch.context() as now:
            now.setattr("gradsheet.numbers.budget.MAX_SECONDS", -1.0)
            # What is kept has no time of its own either.
            cut = gradsheet.judge(gradsheet.read(text))
        assert {judgement.verdict for judgement in cut.judgements} == {"cannot_tell"}
        with monkeypatch.context() as later:
            later.setattr(
                "gradsheet.numbers.budget.time", SimpleNamespace(process_time=lambda: 1e9)
            )
            assert report(text) == fresh


def test_a_class_that_asks_many_questions_stays_small():
    session = gradsheet.Session()
    points = session.cache("points", 3 * graph_point.LEAST_SHARED)
    lines = session.cache("lines", 5_000)
    for number in range(6):
        text = NET.replace("1.23", f"1.{number}") + CLAIMS
        gradsheet.judge(gradsheet.read(text, session=session), session=session)
        claim = f"[[claim]]\nquantity = 'h1'\nworking = ['{'1 + ' * 200}{number}']\n"
        gradsheet.read(SYMBOLS + claim, session=session)
    assert len(points) == 3
    assert 4_000 < lines.cost <= 5_000


def test_a_session_shares_nothing_with_another():
    LIBRARY.clear()
    session = gradsheet.Session()
    gradsheet.judge(gradsheet.read(NET + CLAIMS, session=session), session=session)
    assert LIBRARY._caches == {}
    assert len(session.cache("points", 0)) == len(session.cache("simulations", 0)) == 1
