"""A report as a person reads it."""

import shutil
import sys
import textwrap
import time
import unicodedata
from collections import Counter
from collections.abc import Collection

from gradsheet.judgement import Judgement, Report
from gradsheet.number import digits_of, like_claim, plain

_COLOURS = {"right": "32", "rounded": "32", "lucky": "33", "wrong": "31", "cannot_tell": "36"}
_ACTING = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # Unicode categories: control, format, line separators, ...
_WIDEST = max(map(len, _COLOURS))


def clean(text: str) -> str:
    """Text that cannot act on a terminal: control and format characters are shown by their numbers."""
    if text.isprintable():
        return text
    return "".join(f"\\x{ord(c):02x}" if unicodedata.category(c) in _ACTING else c for c in text)


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|~$" else c for c in clean(text))


def short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _name(number: int) -> str:
    """A, B, C, ..."""
    return chr(65 + number) if number < 26 else str(number + 1)


def sentence(judgement: Judgement, notes: str = "", told: Collection[str] = ()) -> str:
    """A claim and what is to be said of it, on one line.

    `notes` stand in brackets behind it; `told` are the readings and explanations that are spoken of elsewhere.
    """
    text = f"{short(judgement.claim.quantity)} = {short(plain(judgement.claimed))}"
    if judgement.verdict in ("wrong", "rounded") and judgement.truth is not None:
        digits = min(17, max(10, digits_of(judgement.claimed) + 2))
        text += f", true {short(plain(like_claim(judgement.truth, judgement.claimed), digits))}"
    if message := judgement.all_messages(told):
        text += f": {message}"
    if notes:
        text += f" ({notes})"
    if judgement.claim.expect not in (None, judgement.verdict):
        text += f"; the verdict on record is {judgement.claim.expect}"
    return text


def _lay_out(head: str, text: str, width: int | None) -> str:
    """A head and a text, broken and indented behind the head where there is a width."""
    text = clean(text)
    if width is None:
        return head + text
    indent = " " * min(len(head), _WIDEST + 2)
    return (
        head
        + textwrap.fill(text, max(width, 40), initial_indent=" " * len(head), subsequent_indent=indent)[len(head) :]
    )


def markdown(report: Report) -> str:
    """The report as a table in Markdown."""
    parts = [f"**{markdown_text(report.title)}**", "", f"Read as: {markdown_text(report.reading)}.", ""]
    parts += ["| verdict | | claim |", "| --- | --- | --- |"]
    parts += [
        f"| {judgement.verdict.replace('_', ' ')} | {markdown_text(short(judgement.claim.question, 20))} "
        f"| {markdown_text(sentence(judgement))} |"
        for judgement in report.judgements
    ]
    tally = Tally()
    tally.add(report)
    parts += ["", *(f"{markdown_text(cause.sentence(report.judgements))}\n" for cause in report.causes)]
    return "\n".join([*parts, markdown_text(tally.line()), ""])


def print_error(report: Report) -> None:
    """Say on standard error why there is nothing to report on a sheet."""
    where = f"{report.path}:{report.error_line}" if report.error_line else report.path
    print(f"gradsheet: {clean(where)}: {clean(report.error or '')}", file=sys.stderr)


class Tally:
    """What there is to say over all sheets: how many claims have which verdict, and whether it is the one on record."""

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self.sheets = self.unread = self.unexpected = self.recorded = 0

    def add(self, report: Report) -> None:
        self.sheets += 1
        self.unread += report.error is not None
        self.verdicts.update(judgement.verdict for judgement in report.judgements)
        self.unexpected += sum(not judgement.as_expected for judgement in report.judgements)
        self.recorded += sum(judgement.claim.expect is not None for judgement in report.judgements)

    def line(self) -> str:
        total = self.verdicts.total()
        text = f"{self.sheets} sheets, " if self.sheets > 2 else ""
        text += f"{total} claim{'s' * (total != 1)}: "
        text += ", ".join(f"{self.verdicts[v]} {v}" for v in _COLOURS if self.verdicts[v]) or "none"
        if self.unread:
            text += f"; {self.unread} sheet{'s' * (self.unread != 1)} could not be read"
        if self.unexpected:
            return f"{text}; {self.unexpected} not as expected"
        return text + "; every verdict is the one on record" * (self.recorded > 0 and not self.unread)


class Progress:
    """A line on a terminal's standard error that says how far the sheets are, while there are many."""

    def __init__(self, total: int):
        self.total, self.shown = total, False
        self.start = self.last = time.monotonic()
        self.wanted = sys.stderr.isatty() and total > 10

    def show(self, done: int) -> None:
        now = time.monotonic()
        if self.wanted and now - self.last > 0.1:
            left = (now - self.start) / max(done, 1) * (self.total - done)
            print(f"\r\x1b[K{done} of {self.total} sheets, {left:.0f} s left", end="", file=sys.stderr, flush=True)
            self.last, self.shown = now, True

    def clear(self) -> None:
        """Take the line away before something else is printed to the terminal."""
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self.shown = False


class Printer:
    """Prints reports to standard output, errors to standard error; on a terminal in its width."""

    def __init__(self, *, colour: bool, verbose: bool, quiet: bool = False):
        terminal = sys.stdout.isatty()
        self.width = shutil.get_terminal_size().columns if terminal else None
        self.colour, self.verbose, self.quiet = colour and terminal, verbose, quiet

    def paint(self, verdict: str) -> str:
        word = f"{verdict:{_WIDEST}}"
        return f"\x1b[{_COLOURS[verdict]}m{word}\x1b[0m" if self.colour else word

    def sheet(self, report: Report) -> None:
        """The title, the reading, a line a claim, and the data of the witnesses."""
        if report.error is not None:
            print_error(report)
            return
        chosen = [j for j in report.judgements if not (self.quiet and j.as_expected)]
        if not chosen and self.quiet:
            return
        print(_lay_out("", short(report.title, 200), self.width))
        print(_lay_out("read as   ", report.reading, self.width), end="\n\n")
        questions = [short(clean(j.claim.question), 20) for j in chosen]
        places = [f"{report.path}:{j.claim.line}" for j in chosen]
        wrong = [j for j in report.judgements if j.verdict == "wrong"]
        readings = {words: n for words, n in Counter(w for j in wrong for w in j.readings).items() if n > 1}
        causes = [cause.explanation.text for cause in report.causes]
        points: dict[str, str] = {}
        caused = [[id(report.judgements[number]) for number in cause.claims] for cause in report.causes]
        for judgement, place, question in zip(chosen, places, questions, strict=True):
            notes = [f"cause {_name(k)}" for k, claims in enumerate(caused) if id(judgement) in claims]
            if judgement.witness:
                notes.append(points.setdefault(judgement.witness, f"witness {_name(len(points))}"))
            head = f"{'':{_WIDEST}}  {clean(place):{max(map(len, places))}}  "
            head += f"{question:{max(map(len, questions))}}  " if any(questions) else ""
            line = _lay_out(head, sentence(judgement, ", ".join(notes), [*readings, *causes]), self.width)
            print(self.paint(judgement.verdict) + line[_WIDEST:])
            if self.verbose:
                self.working(judgement)
        for words, count in readings.items():
            print(_lay_out("", f"{count} of {len(wrong)} wrong claims are right if {words}", self.width))
        for witness, name in points.items():
            print(_lay_out(f"{name}: ", witness, self.width))
        for k, cause in enumerate(report.causes):
            print(_lay_out(f"cause {_name(k)}: ", cause.sentence(report.judgements), self.width))
        print()

    def working(self, judgement: Judgement) -> None:
        """Every line of a claim's working, with what it gives, and how sure an identity is."""
        for line in judgement.working:
            text = (
                line.text
                + (f" = {plain(line.value)}" if line.value is not None else "")
                + (f": {line.message}" if line.message else "")
            )
            print(_lay_out(f"{'':{_WIDEST}}    {line.verdict:{_WIDEST}}  ", text, self.width))
        if judgement.proof:
            print(_lay_out(f"{'':{_WIDEST}}    {'':{_WIDEST}}  ", judgement.proof, self.width))
