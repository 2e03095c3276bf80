"""`gradsheet blind` as it is called."""

import pytest

from gradsheet.commands.cli import main


@pytest.mark.parametrize("text", ["x = [", "x = 1\n"])
def test_what_cannot_be_read_is_one_line(text: str, tmp_path, capsys) -> None:
    (tmp_path / "bad.toml").write_text(text)
    assert main(["blind", str(tmp_path / "bad.toml")]) == 2
    assert capsys.readouterr().err.startswith(f"gradsheet: {tmp_path}/bad.toml:")


def test_each_problem_of_a_file_is_searched(tmp_path, capsys) -> None:
    problem = "[[problem]]\nloss = 'output'\nx = [3]\n[[problem.layer]]\nW = [[2]]\n"
    one = problem + "[[problem.claim]]\nquantity = 'yhat'\nvalue = 6\n"
    sheet = tmp_path / "two.toml"
    sheet.write_text(one + one)
    assert main(["blind", str(sheet)]) == 1
    out = capsys.readouterr().out
    assert all(f"{sheet}, problem {number}: cannot see" in out for number in (1, 2))
    sheet.write_text(one + one.replace("W =", "V ="))
    assert main(["blind", str(sheet)]) == 2
    assert capsys.readouterr().err.count("\n") == 2
    sheet.write_text(one + one)
    for command in ("solve", "fill"):
        assert main([command, str(sheet)]) == 2
        assert "give each problem a file of its own" in capsys.readouterr().err
