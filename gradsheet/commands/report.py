"""A report as a person reads it: claims as lines, the summary, and their printing on a terminal."""

import bisect
import shutil
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction

from gradsheet.claims.judgement import Judgement, Report
from gradsheet.commands.files import complain
from gradsheet.language.shown import LONGEST, clean, markdown_text, short
from gradsheet.numbers.printed import plain

_COLOURS = {  # in the order of the summary
    "right": "32",
    "rounded": "32",
    "wrong": "31",
    "lucky": "33",
    "carried_forward": "33",
    "cannot_tell": "36",
    "open": "36",
    "unread": "35",
}
FULL = ("right", "rounded", "carried_forward")  # they earn all points where a grader says nothing
_OFF = ("wrong", "rounded", "carried_forward")  # their number is not the truth
_WIDEST = max(map(len, _COLOURS))
_WIDEST_LINE = len("cannot_tell")  # of a line of working
_COLUMNS = 100  # that a line has at most
_TRUE = ", true "
# Of a quantity and its number, from the longest on.
_SIZES = [(LONGEST, most) for most in range(LONGEST, 8, -1)]
_SIZES += [(most, 8) for most in range(LONGEST, 12, -1)]


def _label(number: int) -> str:
    """The letter of a cause or witness: A, B, C, ..."""
    return chr(65 + number) if number < 26 else str(number + 1)


def sentence(judgement: Judgement, notes: Sequence[str] = (), room: int | None = None) -> str:
    """Write a claim on one line: its quantity, number, the truth, and `notes` in brackets.

    What is long is cut, and further where there is `room` for so many columns
    only. A claim of 42 that should be 21 reads "dL/dW3[1,2] = 42, true 21".
    """
    quantity, number, truth = clean(judgement.claim.quantity), "", clean(_truth(judgement))
    if judgement.claimed is not None:
        number = clean(plain(judgement.claimed))
    end = ""
    if unread := judgement.unread_lines:
        end += f" ({_counted(unread, 'line')} not read)"
    if notes:
        end += f" ({', '.join(notes)})"

    def cut(most: int, most_of_number: int) -> str:
        text = short(quantity, most)
        return f"{text} = {short(number, most_of_number)}" if number else text

    whole = cut(LONGEST, LONGEST)
    if truth and len(truth) <= LONGEST:  # else it has a line of its own
        whole += _TRUE + truth
    if room is None or len(whole + end) <= room:
        return whole + end
    # The truth has a line of its own here, too, and the number is cut before the quantity is.
    room -= len(end)
    first = bisect.bisect_left(_SIZES, -room, key=lambda size: -len(cut(*size)))
    whole = cut(*_SIZES[first]) if first < len(_SIZES) else short(quantity, max(room, 4))
    return whole + end


def _truth(judgement: Judgement) -> str:
    """The truth as the claim is written, where the claim's number is not it."""
    truth = judgement.truth if judgement.told is None else judgement.told
    return plain(truth) if judgement.verdict in _OFF and truth is not None else ""


def remarks(judgement: Judgement, line: str, elsewhere: Collection[str] = ()) -> list[str]:
    """Say what there is to say of a claim besides its own `line`, a text for each.

    `elsewhere` are the readings and explanations that are spoken of elsewhere.
    """
    texts = judgement.reasons(elsewhere)
    truth = clean(_truth(judgement))
    if truth and _TRUE + truth not in line:  # there was no room for all of it
        texts.append(f"true: {short(truth, 3 * _COLUMNS)}")
    if judgement.claim.expect and not judgement.as_expected:
        texts.append(f"the verdict on record is {judgement.claim.expect}")
    return [clean(text) for text in texts]


def claim_text(judgement: Judgement) -> str:
    """Write a claim for other programs: verdict and claim on a line, then a remark a line."""
    line = sentence(judgement)
    return "\n".join([f"{judgement.verdict}: {line}", *remarks(judgement, line)])


def _is_weighted(report: Report) -> bool:
    """Whether the sheet says what its claims are worth."""
    return any(judgement.claim.points != 1 for judgement in report.judgements)


def share(judgement: Judgement, credit: Mapping[str, Fraction]) -> Fraction | None:
    """Say what share of its points a claim earns; None where it gives and takes none.

    `credit` has the shares that a grader names, whatever verdict is on record.
    Without them, who has one put on record wants that one.
    """
    verdict = judgement.verdict
    if not credit and judgement.claim.expect and judgement.as_expected:
        return Fraction(1)
    if verdict == "cannot_tell" and verdict not in credit:
        return None
    return credit.get(verdict, Fraction(verdict in FULL))


def markdown(report: Report) -> str:
    """Write the report as a table in Markdown."""
    parts = [f"**{markdown_text(report.title)}**", ""]
    parts += [f"Read as: {markdown_text(report.reading)}.", ""]
    parts += ["| verdict | | claim |", "| --- | --- | --- |"]
    for judgement in report.judgements:
        line = sentence(judgement)
        texts = [markdown_text(text) for text in (line, *remarks(judgement, line))]
        question = markdown_text(short(judgement.claim.question, 20))
        parts.append(f"| {markdown_text(judgement.verdict)} | {question} | {'<br>'.join(texts)} |")
    tally = Tally()
    tally.add(report)
    causes = [cause.sentence(report.judgements) for cause in report.causes]
    parts += ["", *(f"{markdown_text(cause)}\n" for cause in causes)]
    return "\n".join([*parts, markdown_text(tally.line()), ""])


def print_error(report: Report) -> int:
    """Say on standard error why there is nothing to report on a sheet; returns the exit status."""
    for line, text in report.problems:
        complain(f"{report.path}:{line}" if line else report.path, text)
    return 2


class Tally:
    """Counts over all sheets: the verdicts, those not on record, and the points.

    `credit` has the shares of their points that verdicts earn, where a grader
    names them.
    """

    def __init__(self, credit: Mapping[str, Fraction] | None = None) -> None:
        self.credit = credit or {}
        self.verdicts: Counter[str] = Counter()
        self.sheets = self.unread_sheets = self.unread_lines = 0
        self.unexpected = self.recorded = self.off_record = 0
        # Of each claim the share, and its points.
        self.credits: list[tuple[Fraction, Fraction]] = []
        self.weighted = bool(credit)  # whether points are spoken of

    def add(self, report: Report) -> None:
        """Count a sheet."""
        self.sheets += 1
        self.unread_sheets += report.error is not None
        self.weighted |= _is_weighted(report)
        for judgement in report.judgements:
            claim = judgement.claim
            self.verdicts[judgement.verdict] += 1
            self.unread_lines += judgement.unread_lines
            self.unexpected += not judgement.as_expected
            self.recorded += claim.expect is not None
            self.off_record += claim.expect is not None and not judgement.as_expected
            earned = share(judgement, self.credit)
            if earned is not None:
                self.credits.append((earned, claim.points))

    def line(self) -> str:
        """Sum up all verdicts on one line."""
        text = f"{self.sheets} sheets, " if self.sheets > 2 else ""
        text += _counted(self.verdicts.total(), "claim") + ": "
        counts = [f"{self.verdicts[v]} {v.replace('_', ' ')}" for v in _COLOURS if self.verdicts[v]]
        text += ", ".join(counts) or "none"
        if self.unread_lines:
            text += f"; {_counted(self.unread_lines, 'line')} not read"
        if self.unread_sheets:
            text += f"; {_counted(self.unread_sheets, 'sheet')} could not be read"
        if self.off_record:
            return f"{text}; {self.off_record} not as on record"
        if not self.recorded or self.unread_sheets:
            return text
        if self.unexpected:  # of those without one on record
            return f"{text}; the verdicts on record agree"
        return f"{text}; every verdict is the one on record"

    def credit_line(self) -> str:
        """Sum up the points, where anybody has said what they are; else the text is empty."""
        if not self.weighted:
            return ""
        earned = sum(earned * points for earned, points in self.credits)
        total = sum((points for _, points in self.credits), Fraction(0))
        return f"credit {float(earned):.10g} of {_counted(total, 'point')}"

    def status(self) -> int:
        """Return the exit status: 2 something is unread, 1 a verdict is not as expected, else 0."""
        if self.unread_sheets or self.unread_lines or self.verdicts["unread"]:
            return 2
        return 1 if self.unexpected else 0


def _counted(number: int | Fraction, word: str) -> str:
    """A number of things: 1 claim, 2 claims."""
    return f"{float(number):.10g} {word}{'' if number == 1 else 's'}"


class Progress:
    """Shows on a terminal how far the sheets are, or what else there are more than `least` of."""

    def __init__(self, total: int, what: str = "sheets", least: int = 10):
        self.total, self.what, self.shown = total, what, False
        self.start = self.last = time.monotonic()
        self.wanted = sys.stderr.isatty() and total > least

    def show(self, done: int) -> None:
        """Say how many are done, where the line has not changed for a tenth of a second."""
        now = time.monotonic()
        if self.wanted and now - self.last > 0.1:
            left = (now - self.start) / max(done, 1) * (self.total - done)
            text = f"{done} of {self.total} {self.what}, {left:.0f} s left"
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
            self.last, self.shown = now, True

    def clear(self) -> None:
        """Take the line away before something else is printed to the terminal."""
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self.shown = False


class Printer:
    """Prints reports to standard output, errors to standard error; on a terminal in its width."""

    def __init__(self, *, colour: bool, verbose: bool, quiet: bool = False):
        self.terminal, self.width = sys.stdout.isatty(), _COLUMNS
        if self.terminal:
            self.width = min(_COLUMNS, shutil.get_terminal_size().columns)
        self.colour, self.verbose, self.quiet = colour and self.terminal, verbose, quiet

    def paint(self, verdict: str) -> str:
        """Give a verdict the width of the longest, and its colour where there are any."""
        word = f"{verdict:{_WIDEST}}"
        return f"\x1b[{_COLOURS[verdict]}m{word}\x1b[0m" if self.colour else word

    def say(self, text: str, head: str = "", hang: int = 0) -> None:
        """Print a text behind a head; its further lines hang so many columns to the right."""
        text = clean(text)
        if text and len(head) + len(text) <= self.width and not text[-1].isspace():
            print(head + text)  # as most are
            return
        wrapped = textwrap.TextWrapper(self.width, head, " " * hang)
        wrapped.break_on_hyphens = False  # it is a minus in a formula
        print(wrapped.fill(text))

    def sheet(self, report: Report) -> None:
        """Print a sheet: title, reading, a line a claim, and what several claims have in common."""
        if report.error is not None:
            print_error(report)
            return
        chosen = [j for j in report.judgements if not (self.quiet and j.as_expected and j.is_read)]
        if not (chosen or report.notice) and self.quiet:
            return
        self.say(short(report.title, 200))
        self.say(report.reading, "read as   ", 10)
        if report.notice:
            self.say(report.notice, hang=2)
        print()
        wrong = [j for j in report.judgements if j.verdict == "wrong"]
        readings = Counter(words for j in wrong for words in j.readings)
        shared = {words: count for words, count in readings.items() if count > 1}
        witnesses = self._claims(report, chosen, shared)
        for words, count in shared.items():
            self.say(f"{count} of {len(wrong)} wrong claims are right if {words}", hang=2)
        for witness, label in witnesses.items():
            self.say(witness, f"{label}: ", 2)
        for k, cause in enumerate(report.causes):
            self.say(cause.sentence(report.judgements), f"cause {_label(k)}: ", 2)
        print()

    def _claims(
        self, report: Report, chosen: Sequence[Judgement], shared: Collection[str]
    ) -> dict[str, str]:
        """Print a line a claim, its remarks below; returns the witnesses with their labels.

        `shared` are the readings that several claims have in common.
        """
        quarter = max(12, self.width // 4)
        questions = [short(clean(j.claim.question), min(20, quarter)) for j in chosen]
        lines = [f":{j.claim.line}" if j.claim.line else "" for j in chosen]  # none if left out
        places = [f"{clean(report.path)}{line}" for line in lines]
        # Of a long path the end.
        places = [p if len(p) <= quarter else f"...{p[3 - quarter :]}" for p in places]
        place_width = max(map(len, places), default=0)
        question_width = max(map(len, questions), default=0)
        elsewhere = [*shared, *(cause.explanation.text for cause in report.causes)]
        witnesses: dict[str, str] = {}
        for judgement, place, question in zip(chosen, places, questions, strict=True):
            notes = [
                f"cause {_label(k)}"
                for k, cause in enumerate(report.causes)
                if any(report.judgements[number] is judgement for number in cause.claims)
            ]
            if judgement.witness:
                new = f"witness {_label(len(witnesses))}"
                notes.append(witnesses.setdefault(judgement.witness, new))
            head = f"{'':{_WIDEST}}  {place:{place_width}}  "
            if question_width:
                head += f"{question:{question_width}}  "
            line = short(head + sentence(judgement, notes, self.width - len(head)), self.width)
            print(self.paint(judgement.verdict) + line[_WIDEST:])
            for text in remarks(judgement, line, elsewhere):
                self.say(text, " " * 4, 6)
            if self.verbose:
                self.working(judgement)
        return witnesses

    def credit(self, report: Report, credit: Mapping[str, Fraction]) -> None:
        """Print what one of several sheets earns."""
        if not (credit or _is_weighted(report)):
            return
        tally = Tally(credit)
        tally.add(report)
        if report.judgements:
            print(f"{clean(report.path)}: {tally.credit_line()}", end="\n\n")

    def working(self, judgement: Judgement) -> None:
        """Print every line of a working, what it gives, how it was read; how sure a proof is."""
        widest = max([_WIDEST_LINE, *(len(line.verdict) for line in judgement.working)])
        for line in judgement.working:
            text = line.text
            if line.value is not None:
                text += f" = {plain(line.value)}"
            if line.message:
                text += f": {line.message}"
            head = f"{'':8}{line.verdict:{widest}}  "
            self.say(text, head, len(head))
            for reading in line.read_as:
                self.say(reading, " " * len(head), len(head) + 2)
        if judgement.proof:
            self.say(judgement.proof, " " * (widest + 10), widest + 12)

    def summary(self, tally: Tally) -> None:
        """Print what the tally says; whoever reads it from a pipe finds it on one line."""
        for line in filter(None, (tally.line(), tally.credit_line())):
            if self.terminal:
                self.say(line, hang=2)
            else:
                print(line)
