"""An LRU cache whose answers differ in size."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class LRUCache(Generic[T]):
    """Answers by the complete question, as many as cost `most` together; those
    that were not asked for longest go.

    What is raised on the way to an answer is raised, and not kept.
    """

    def __init__(self, most: int):
        self.most, self.cost = most, 0
        self._answers: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def known(self, question: Hashable) -> T | None:
        """The answer that was found before, None where none was."""
        if (known := self._answers.get(question)) is None:
            return None
        self._answers.move_to_end(question)
        return known[0]

    def get(
        self, question: Hashable, find: Callable[[], T], cost: Callable[[T], int] = lambda _: 1
    ) -> T:
        """The answer, found now if it was not before; one that costs more than
        all may together is not kept."""
        if (known := self._answers.get(question)) is not None:
            self._answers.move_to_end(question)
            return known[0]
        answer = find()
        if (size := cost(answer)) <= self.most:
            self._answers[question] = answer, size
            self.cost += size
            while self.cost > self.most:
                _, (_, dropped) = self._answers.popitem(last=False)
                self.cost -= dropped
        return answer
