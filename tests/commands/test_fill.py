"""`gradsheet fill` as it is called."""

from pathlib import Path

from gradsheet.commands.cli import main
from tests.commanding import QUESTIONS, one_line


def test_fill_answers_and_leaves_all_else(folder, capsys):
    assert main(["fill", "sheet.toml", "-o", "sheet.toml"]) == 0
    expected = QUESTIONS.replace('"yhat"\n', '"yhat"\nvalue = [6]\n').replace(
        '"dL/dW1"\n', '"dL/dW1"\nvalue = [[2]]\n'
    )
    assert Path("sheet.toml").read_text() == expected
    assert main(["-q", "sheet.toml"]) == 0
    assert capsys.readouterr().out == "2 claims: 2 right\n"


def test_a_sheet_without_numbers_has_no_values(folder, capsys):
    Path("symbols.toml").write_text("[[layer]]\nshape = [1, 1]\n[[claim]]\nquantity = 'z1'\n")
    assert main(["fill", "symbols.toml"]) == 2
    assert "its answers are formulas: `gradsheet solve` writes them" in one_line(capsys)
