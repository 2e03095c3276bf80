"""What arithmetic costs, and the budget of a sheet that pays for it."""

import contextlib
import math
import time
from collections.abc import Iterator

from gradsheet.numbers.reasons import OutOfWork

MAX_OPERATIONS = 500_000  # of what a sheet asks, counted beforehand
MAX_FURTHER = 150_000  # at least, to find out how what is not true came about
FOR_VERDICTS = 100_000  # of these, that looking for earlier wrong claims leaves
# Of the processor's time: the last line of defence, which no sheet should ever come to.
MAX_SECONDS = 60.0
ENCLOSED, CURVED, FLOATS = 3, 50, 500
DIGITS = 40  # of enclosures, where nobody asks for more
FLOAT_PASS = 200  # operations that a pass in floats takes, however few variants it has
PER_VARIANT = 6  # and with each further one
GLANCES = 20  # small steps between looks at the clock


class Budget:
    """The operations that are left, and those that were spent; all that is done
    for one sheet shares a budget. Without a start nothing ends it."""

    def __init__(self) -> None:
        self.left: float = math.inf
        self.spent: float = 0
        self.end = math.inf
        self._glances = 0

    def start(self, operations: float = math.inf) -> None:
        """Begin with so many operations, and MAX_SECONDS of the processor's
        time, which only end what went wrong."""
        self.left, self.end, self._glances = operations, time.process_time() + MAX_SECONDS, 0

    def take_over(self, other: "Budget") -> None:
        """Go on with what another budget has."""
        self.left, self.end, self._glances = other.left, other.end, 0

    def spend(self, operations: float) -> None:
        """Take operations from those that are left, before they are done; raise
        OutOfWork where there are too few."""
        self.glance()
        if operations > self.left:
            self.left = 0
            raise OutOfWork("that takes more operations than are left for this sheet")
        self.left -= operations
        self.spent += operations

    @contextlib.contextmanager
    def keeping(self, operations: float) -> Iterator[None]:
        """Leave so many operations, as far as there are so many, for what comes behind."""
        kept = min(self.left, operations)
        self.left -= kept
        try:
            yield
        finally:
            self.left += kept

    def check(self) -> None:
        """Raise OutOfWork where the time is over."""
        if time.process_time() > self.end:
            raise OutOfWork(
                f"the sheet has taken {MAX_SECONDS:g} seconds, which is a fault of gradsheet"
            )

    def glance(self) -> None:
        """The same, for small steps: most of them are let pass."""
        if not self._glances:
            self.check()
            self._glances = GLANCES
        self._glances -= 1


def curved(digits: int) -> int:
    """How many operations an exponential or logarithm with so many digits is."""
    return int(CURVED * (digits / DIGITS) ** 1.4)


def enclosed(digits: int) -> float:
    """How many operations one on enclosures of so many digits is."""
    return ENCLOSED * max(1.0, digits / 130)


def length_factor(bits: int) -> float:
    """How many operations one on fractions of so many bits is."""
    return 1 + bits / 400
