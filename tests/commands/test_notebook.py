"""What notebooks show: Markdown, for the classes that there are."""

import importlib
import subprocess
import sys

import gradsheet
from gradsheet.claims.judgement import Report
from gradsheet.commands.notebook import SHOWN, shown
from tests.commanding import made


def test_markdown_has_a_reason_a_line():
    report = Report(
        "s.toml",
        "made up",
        "a reading",
        judgements=[made("carried_forward", messages=["a < b", "c"])],
    )
    assert (
        "| carried\\_forward | 2b | dL/dW3\\[1,2\\] = 42, true 21<br>a \\< b<br>c |"
        in shown(report).splitlines()
    )
    assert shown(report).endswith("1 claim: 1 carried forward\n")


class Shell:
    """As much of IPython's shell as there is to register with."""

    def __init__(self):
        self.display_formatter, self.formatters, self.shows = self, {"text/markdown": self}, {}

    def for_type_by_name(self, module, name, function):
        self.shows[module, name] = function


def test_a_notebook_is_told_how_to_show_what_there_is():
    shell = Shell()
    gradsheet.load_ipython_extension(shell)
    assert shell.shows == dict.fromkeys(SHOWN, shown)
    for module, name in SHOWN:
        assert getattr(importlib.import_module(module), name) is getattr(gradsheet, name)


def test_an_import_within_a_notebook_does_it():
    code = """
import sys, types
told = []
formatter = types.SimpleNamespace(for_type_by_name=lambda *names: told.append(names[1]))
shell = types.SimpleNamespace(
    display_formatter=types.SimpleNamespace(formatters={"text/markdown": formatter})
)
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: shell)
import gradsheet
print(*told, "numpy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["Sheet", "Report", "Solution", "False"]
