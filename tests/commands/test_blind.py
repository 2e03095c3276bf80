"""`gradsheet blind` as it is called."""

import pytest

from gradsheet.commands.cli import main


@pytest.mark.parametrize("text", ["x = [", "x = 1\n"])
def test_what_cannot_be_read_is_one_line(text: str, tmp_path, capsys) -> None:
    (tmp_path / "bad.toml").write_text(text)
    assert main(["blind", str(tmp_path / "bad.toml")]) == 2
    assert capsys.readouterr().err.startswith(f"gradsheet: {tmp_path}/bad.toml:")
