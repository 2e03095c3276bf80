"""What is taken otherwise in a definition, on the way forward."""

import gradsheet
from gradsheet.language.text import formula_text
from gradsheet.mistakes.rewriting import forward_mistakes


def test_every_sign_and_quotient_is_taken_otherwise_once() -> None:
    sheet = gradsheet.read(
        "network = 'L = a + b - c + a/b*c'\n[given]\na = 1\nb = 2\nc = 3\n"
        "[[claim]]\nquantity = 'L'\nvalue = 1\n"
    )
    assert sheet.own is not None
    made = forward_mistakes(sheet.own.program.graph)
    lines = {
        slip.text: formula_text(slip.graph.definitions[0].formula)
        for slip in made
        if slip.graph is not None and slip.code in ("sign-wrong", "quotient-turned")
    }
    assert lines == {
        "b is subtracted, not added, in the formula of L": "a - b - c + a/b*c",
        "a/b*c is subtracted, not added, in the formula of L": "a + b - c - a/b*c",
        "b/a stands for a/b, in the formula of L": "a + b - c + b/a*c",
    }
