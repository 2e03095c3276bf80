"""Text from strangers, shown: it cannot act on a terminal or in Markdown, and
is cut where it is long."""

import unicodedata

LONGEST = 60  # characters of a quantity or a number in a claim's own line

_ACTING = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # Unicode's control, format, separators, ...


def clean(text: str) -> str:
    """Text that cannot act on a terminal: control and format characters appear as numbers."""
    if text.isprintable():
        return text
    return "".join(f"\\x{ord(c):02x}" if unicodedata.category(c) in _ACTING else c for c in text)


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|~$" else c for c in clean(text))


def short(text: str, most: int = LONGEST) -> str:
    """The text, or its beginning and dots."""
    return text if len(text) <= most else text[: most - 3] + "..."
