"""What one sheet has found out and the next one may use: a class asks the same of one network."""

from typing import Any

from gradsheet.numbers.cache import LRUCache


class Session:
    """The caches of everybody who judges here; a caller with a session of his
    own shares none.

    Rooms name their own caches and say how much each holds,
    `session.cache("lines", 200_000)`. No answer depends on what is cached: a
    session saves time, nothing else.
    """

    def __init__(self) -> None:
        self._caches: dict[str, LRUCache[Any]] = {}

    def cache(self, name: str, most: int) -> LRUCache[Any]:
        """The cache of this name, made when it is first asked for, of at most so much cost."""
        if name not in self._caches:
            self._caches[name] = LRUCache(most)
        return self._caches[name]

    def clear(self, *names: str) -> None:
        """Forget the caches of these names, or everything."""
        for name in names or tuple(self._caches):
            self._caches.pop(name, None)


LIBRARY = Session()  # of all calls that bring none
