"""A cache whose answers differ in size, of which those go that nobody asks for."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class LRUCache(Generic[T]):
    """Answers by the complete question, as many as cost `most` together; the
    oldest go that were not asked for since they were last looked at.

    An answer that is asked for is marked, and moved behind the others no sooner
    than room is needed: that would take the hash of its question once more,
    which is a whole formula. What is raised on the way to an answer is raised,
    and not kept.
    """

    def __init__(self, most: int):
        self.most, self.cost = most, 0
        # Each with its size, and whether it was asked for.
        self._answers: OrderedDict[Hashable, list[Any]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def known(self, question: Hashable) -> T | None:
        """The answer that was found before, None where none was."""
        if (known := self._answers.get(question)) is None:
            return None
        known[2] = True
        answer: T = known[0]
        return answer

    def get(
        self, question: Hashable, find: Callable[[], T], cost: Callable[[T], int] = lambda _: 1
    ) -> T:
        """The answer, found now if it was not before; one that costs more than
        all may together is not kept."""
        if (known := self._answers.get(question)) is not None:
            known[2] = True
            answer: T = known[0]
            return answer
        answer = find()
        if (size := cost(answer)) <= self.most:
            self._make_room(self.most - size)
            self._answers[question] = [answer, size, False]
            self.cost += size
        return answer

    def _make_room(self, most: int) -> None:
        """Drop answers until the others cost so much at most."""
        while self.cost > most:
            question, known = self._answers.popitem(last=False)
            if known[2]:
                known[2] = False
                self._answers[question] = known
            else:
                self.cost -= known[1]
