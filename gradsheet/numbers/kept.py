"""What an object finds of itself once."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class kept(Generic[T]):  # noqa: N801
    """A `cached_property` without the lock that Python 3.11 takes: objects that
    are asked often are not asked by several threads."""

    def __init__(self, find: Callable[[Any], T]):
        self.find, self.__doc__ = find, find.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, holder: None, owner: type) -> Self: ...
    @overload
    def __get__(self, holder: object, owner: type) -> T: ...
    def __get__(self, holder: object | None, owner: type) -> Self | T:
        if holder is None:
            return self
        found = vars(holder)[self.name] = self.find(holder)
        return found
