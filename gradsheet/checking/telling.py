"""What a check is at, told on standard error once it has taken longer than a
moment."""

import sys
import threading
from typing import Self

MOMENT = 2.0  # seconds


class Telling:
    """Says what is being done after MOMENT, and from then on whenever something
    else begins.

    A timer tells it, since what takes long may begin early: nothing else is
    heard of in the meantime.
    """

    def __init__(self, name: str = "gradsheet.check") -> None:
        self._name = name
        self._what, self._speaks = "", False
        self._lock = threading.Lock()
        self._timer = threading.Timer(MOMENT, self._begin)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def at(self, what: str) -> None:
        """Note what is done now, and tell it once MOMENT is over."""
        with self._lock:
            self._what = what
            self._tell()

    def _begin(self) -> None:
        with self._lock:
            self._speaks = True
            self._tell()

    def _tell(self) -> None:
        if self._speaks and self._what:
            print(f"{self._name}: {self._what} ...", file=sys.stderr, flush=True)
