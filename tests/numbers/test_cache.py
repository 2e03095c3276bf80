"""A cache of limited cost forgets what was not asked for longest."""

import pytest

from gradsheet.numbers.cache import LRUCache


def test_what_was_not_asked_for_longest_is_forgotten():
    cache: LRUCache[int] = LRUCache(3)
    assert [cache.get(k, lambda k=k: 10 * k) for k in (1, 2, 3)] == [10, 20, 30]
    assert cache.get(1, lambda: 0) == 10  # and 2 is now the one that was not asked for longest
    assert cache.get(4, lambda: 40) == 40
    assert [cache.known(k) for k in (1, 2, 3, 4)] == [10, None, 30, 40]
    assert cache.get(5, lambda: 50, lambda _: 4) == 50  # more than there is room for
    assert cache.known(5) is None
    assert len(cache) == cache.cost == 3
    assert cache.get(6, lambda: 60, lambda _: 3) == 60
    assert (len(cache), cache.cost) == (1, 3)
    with pytest.raises(ZeroDivisionError):
        cache.get(7, lambda: 1 // 0)
    assert cache.get(7, lambda: 70) == 70
