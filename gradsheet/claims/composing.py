"""A sheet as the text of a file: the other way round from `sheet.read`."""

import json
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from gradsheet.claims.sheet import Sheet
from gradsheet.language.text import formula_text, number_text
from manual import Layer
from manual.activations import split

_BARE = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)


def toml_number(text: str) -> str:
    """A number as it stands in a file: bare where TOML knows it as one, else in quotes."""
    return text if _BARE.fullmatch(text) else f'"{text}"'


def string(text: str) -> str:
    """Text in quotes, on one line."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def array(values: Any) -> str:
    """Numbers, or nested lists of them; what is text already stands as it is."""
    values = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(values, list | tuple):
        return f"[{', '.join(array(item) for item in values)}]"
    return values if isinstance(values, str) else toml_number(number_text(values))


def head(sheet: Sheet, title: str = "", note: str = "", source: str = "") -> str:
    """All of a sheet but its claims."""
    network, single = sheet.network, sheet.network.examples is None
    texts = [("title", title or sheet.title), ("source", source), ("note", note)]
    lines = [f"{key} = {string(text)}" for key, text in texts if text]
    if network.loss is not None:
        lines.append(f"loss = {string(network.loss)}")
    if network.reduction != "mean":
        lines.append(f"reduction = {string(network.reduction)}")
    for key, rows in (("x", sheet.x), ("y", sheet.y)):
        if rows is not None:
            lines.append(f"{key} = {array(rows[0] if single else rows)}")
    if sheet.rate is not None:
        lines.append(f"learning_rate = {toml_number(sheet.rate.text)}")
    if network.update == "weights":
        lines.append('update = "weights"')
    for l, (activation, bias) in enumerate(zip(network.activations, network.biases, strict=True)):
        lines += ["", "[[layer]]"]
        if sheet.params is None:
            lines.append(f"shape = [{network.widths[l + 1]}, {network.widths[l]}]")
            if bias == "units":
                lines.append("bias = true")
        else:
            W, b = Layer(*sheet.params[l])
            lines.append(f"W = {array(W)}")
            if b is not None:
                lines.append(f"b = {array(b)}")
        if bias == "shared":
            lines.append("shared_bias = true")
        name, slopes = split(activation)
        if name != "identity":
            lines.append(f"activation = {string(name)}")
        lines += [f"slope = {toml_number(number_text(Fraction(slope)))}" for slope in slopes]
    if sheet.notation:
        names = (f"{name} = {string(formula_text(tree))}" for name, tree in sheet.notation.items())
        lines += ["", "[notation]", *names]
    return "\n".join(lines) + "\n"


def claim(
    quantity: str,
    value: str = "",
    working: Sequence[str] = (),
    *,
    question: str = "",
    expect: str = "",
    note: str = "",
) -> str:
    """One claim; its value is the text that stands behind `value =`."""
    texts = [("question", question), ("quantity", quantity)]
    lines = ["", "[[claim]]", *(f"{key} = {string(text)}" for key, text in texts if text)]
    if working:
        one_line = ", ".join(map(string, working))
        if len(one_line) < 100:
            lines.append(f"working = [{one_line}]")
        else:
            lines += ["working = [", *(f"    {string(line)}," for line in working), "]"]
    if value:
        lines.append(f"value = {value}")
    texts = [("expect", expect), ("note", note)]
    lines += [f"{key} = {string(text)}" for key, text in texts if text]
    return "\n".join(lines) + "\n"
