"""Sheets share what was found for others: that they are judged as if they were alone, and that it stays little."""

import random
from fractions import Fraction
from types import SimpleNamespace

import pytest

import gradsheet
from gradsheet.claims import reader, sheet
from gradsheet.claims.counting import derived
from gradsheet.claims.following import Carry, Moves, follow
from gradsheet.claims.verdict import arithmetic_of
from gradsheet.commands import exports
from gradsheet.commands.files import text_in
from gradsheet.language.parsing import parse
from gradsheet.numbers.budget import Budget
from gradsheet.numbers.cache import LRUCache
from gradsheet.numbers.session import LIBRARY
from gradsheet.truth import point
from gradsheet.truth.point import shared_point_of
from tests.sheets import NET, NUMBERS, SYMBOLS

HOMEWORK = ["gradsheet/homework/numbers.toml", "gradsheet/homework/symbols.toml"]
CLAIMS = """
[[claim]]
quantity = "h1[1]"
working  = ["sigmoid(W1[1,1]*x[1])"]
value    = 0.77
[[claim]]
quantity = "dL/dW2[1,1]"
working  = ["(yhat[1] - y[1])*h1[1]"]
value    = 1.01
[[claim]]
quantity = "yhat[1]"
working  = ["3*0.774"]
value    = 2.322
[[claim]]
quantity = "W1_new[1,1]"
value    = 0.92
[[claim]]
quantity = "L"
working  = ["(3*sigmoid(1.23) - 1)**2/2"]
value    = 0.878
[[claim]]
quantity = "dL/dz1[1]"
working  = ["(yhat[1] - y[1])*3*dsigmoid(z1[1])"]
value    = 0.496
"""
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

# On the homework's own network: right given the first of them, as a loss without its 1/2, without an activation.
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
    for text in [*texts, *texts]:
        assert report(text) == fresh[text]
    assert len(LIBRARY.cache("points", 0)) > len(CHANGES) - 4


def test_exponentials_of_a_sheet_are_gone_with_it():
    read = gradsheet.read(NET + CLAIMS)

    def shared() -> point.Point:
        return shared_point_of(read.problem, frozenset(derived(read)), arithmetic_of(0), Budget())

    before, own = len(shared().arithmetic.marks), shared()
    own.arithmetic(Fraction(7, 3)).exp()
    own.found("seen with it", lambda: 1)
    assert len(own.arithmetic.marks) > before
    assert len(shared().arithmetic.marks) == before
    assert shared().found("seen with it", lambda: 2) == 2
    assert shared().found("seen with it", lambda: 3) == 2  # and what is seen without it serves all


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
            cut = gradsheet.judge(
                gradsheet.read(text)
            )  # what is kept has no time of its own either
        assert {judgement.verdict for judgement in cut.judgements} == {"cannot_tell"}
        with monkeypatch.context() as later:
            later.setattr(
                "gradsheet.numbers.budget.time", SimpleNamespace(process_time=lambda: 1e9)
            )
            assert report(text) == fresh


def test_a_class_that_asks_many_questions_stays_small():
    session = gradsheet.Session()
    points = session.cache("points", 3 * point.LEAST_SHARED)
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


def test_a_line_is_read_in_its_own_sheet():
    def line(head: str) -> sheet.Line:
        return (
            gradsheet.read(f"{head}[[claim]]\nquantity = 'z1'\nworking = ['q*h3']\n")
            .claims[0]
            .working[0]
        )

    lines = [line(f"{SYMBOLS}q = 'z1[{unit}]'\n") for unit in (1, 2, 1)]
    assert lines[0].tree == lines[2].tree != lines[1].tree
    shallow = SYMBOLS.replace("[[layer]]\nshape = [1, 2]\n", "")
    assert line(f"{shallow}q = 'z1[1]'\n").tree is None


def test_names_that_are_given_one_after_the_other_are_read_in_their_order():
    names = "\n".join(f"n{number} = 'W1[1,1]'" for number in range(reader.MAX_KEPT_NAMES))
    head = SYMBOLS + f"{names}\nearly = 'q + 1'\nq = 'z1[1]'\nlate = 'q + 1'\n"
    notation = gradsheet.read(head + "[[claim]]\nquantity = 'h1'\nworking = ['z1']\n").notation
    assert notation["early"].letters == {"q"}
    assert notation["late"].letters == frozenset()


@pytest.mark.parametrize("head", [NET, NUMBERS])
def test_values_carried_on_side_by_side_are_those_carried_on_one_by_one(head):
    read = gradsheet.read(f"{head}[[claim]]\nquantity = 'dL/dW1'\nvalue = 1\n")
    here = shared_point_of(read.problem, frozenset({"L"}), arithmetic_of(0), Budget())
    at = [("z1", (0, 0)), ("h1", (0, 0)), (("L", "z1"), (0, 0)), (("h1", "z1"), (0, 0, 0, 0))]
    values = [
        Carry(tensor, index, 0, Fraction(7, 5), plus=bool(k % 2))
        for k, (tensor, index) in enumerate(at)
    ]
    start = [(Carry("z2", (0, 0), Fraction(2), None), Fraction(2))]
    for quantity in ("dL/dW1", "-dL/dz1", "h1", "3*h1", *["W1_new"] * (head == NET)):
        tree = parse(quantity, read.network.names)
        each = [start, *([*start, (value, value.high)] for value in values)]
        alone = [follow(tree, here, {}, chosen, floats=True) for chosen in each]
        together = Moves(tree, here, {}, start, values, [], None).floats
        assert together is not None
        assert together.values[[0, *range(2, 2 + len(values))]].tolist() == alone
        assert any(row != alone[0] for row in alone)


@pytest.mark.parametrize("frames", [0, 100])
def test_a_sum_longer_than_the_stack_is_judged_alone_and_after_another(frames):
    """Two trees of the same sum are compared, and hashed, without a stack of their depth."""

    def deeper(frames, text):
        return (
            deeper(frames - 1, text)
            if frames
            else gradsheet.judge(gradsheet.read(text)).judgements[0].verdict
        )

    claim = f"[[claim]]\nquantity = 'L'\nworking = ['{'+'.join('1' * 499)}']\n"
    assert deeper(frames, NUMBERS + claim) == "wrong"
    assert deeper(frames, NUMBERS + "[notation]\nq = 'W1[1,1]'\n" + claim) == "wrong"


def test_kept():
    kept: LRUCache[int] = LRUCache(3)
    assert [kept.get(k, lambda k=k: 10 * k) for k in (1, 2, 3)] == [10, 20, 30]
    assert kept.get(1, lambda: 0) == 10  # and 2 is now the one that was not asked for longest
    assert kept.get(4, lambda: 40) == 40
    assert [k in kept for k in (1, 2, 3, 4)] == [True, False, True, True]
    assert kept.get(5, lambda: 50, lambda _: 4) == 50  # more than there is room for
    assert 5 not in kept
    assert len(kept) == kept.cost == 3
    assert kept.get(6, lambda: 60, lambda _: 3) == 60
    assert (len(kept), kept.cost) == (1, 3)
    with pytest.raises(ZeroDivisionError):
        kept.get(7, lambda: 1 // 0)
    assert kept.get(7, lambda: 70) == 70
