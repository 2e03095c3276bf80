"""Shapes as the families state them, "x (..., I), W (O, I)", and what does not
fit."""

import re
from typing import Any

SHAPE = re.compile(r"(\w+) \(([^)]*)\)")


def are_arrays(**arrays: Any) -> None:
    """TypeError where one is no array, such as a list; None is as good as one.

    >>> are_arrays(x=[1.0, 2.0])
    Traceback (most recent call last):
    TypeError: x is a list, expected an array: write np.asarray(x)
    """
    for name, array in arrays.items():
        if array is not None and not hasattr(array, "shape"):
            raise TypeError(
                f"{name} is a {type(array).__name__}, expected an array: write np.asarray({name})"
            )


def fit(expected: str, **arrays: Any) -> dict[str, int]:
    """How long every axis is that has a letter in `expected`, of arrays that have
    these shapes; None fits always.

    The same letter is the same length everywhere, 4H is four times the H of an
    array before, a number is that length, and `...` in front or at the end stands
    for any axes. ValueError says which array does not fit, its shape, and what it
    should be.

        >>> fit("x (..., I), W (O, I)", x=np.zeros((5, 3)), W=np.zeros((2, 3)))
        {'I': 3, 'O': 2}
    """
    are_arrays(**arrays)
    lengths: dict[str, int] = {}
    where: dict[str, str] = {}
    for name, axes in SHAPE.findall(expected):
        if (array := arrays[name]) is None:
            continue
        shape, letters = tuple(array.shape), [axis for axis in axes.split(", ") if axis]
        if letters[:1] == ["..."]:
            letters = letters[1:]
            rest = shape[len(shape) - len(letters) :] if len(letters) <= len(shape) else None
        elif letters[-1:] == ["..."]:
            letters = letters[:-1]
            rest = shape[: len(letters)] if len(letters) <= len(shape) else None
        else:
            rest = shape if len(shape) == len(letters) else None
        if rest is None:
            raise ValueError(f"{name} has the shape {shape}, expected ({axes})")
        for axis, length in zip(letters, rest, strict=True):
            letter = axis.lstrip("0123456789")
            if not letter:
                wanted, of = int(axis), ""
            elif letter == axis:
                wanted = lengths.setdefault(letter, length)
                of = f", as {where.setdefault(letter, name)} has it"
            else:
                wanted = int(axis.removesuffix(letter)) * lengths[letter]
                of = f", as {where[letter]} has {letter} = {lengths[letter]}"
            if length != wanted:
                raise ValueError(
                    f"{name} has the shape {shape}, expected ({axes}) with {axis} = {wanted}{of}"
                )
    return lengths


def alike(**arrays: Any) -> None:
    """Raises ValueError where arrays differ in shape or in type of numbers, or where
    these are neither floats nor exact.

    It says which does not fit: the first where it has whole numbers, which no slope
    can be stored in, and another one where it is not as the first.

        >>> alike(yhat=np.zeros((4, 1)), y=np.zeros(4))
        Traceback (most recent call last):
        ValueError: y has the shape (4,), expected (4, 1), as yhat has it
    """
    are_arrays(**arrays)
    first, like = next(iter(arrays.items()))
    if like.dtype.kind in "biuc":
        raise ValueError(
            f"{first} has dtype {like.dtype}, expected floats or exact numbers: write "
            f"{first}.astype(float)"
        )
    for name, array in arrays.items():
        if tuple(array.shape) != tuple(like.shape):
            raise ValueError(
                f"{name} has the shape {tuple(array.shape)}, expected {tuple(like.shape)}, "
                f"as {first} has it"
            )
        if array.dtype != like.dtype:
            raise ValueError(
                f"{name} has dtype {array.dtype}, expected {like.dtype}, as {first} has it: write "
                f"{name}.astype({first}.dtype)"
            )


def stretched(name: str, array: Any, to: str, shape: tuple[int, ...]) -> None:
    """Raises ValueError where an array does not stretch to the shape that another
    has: axes of length 1 and missing ones in front do.

        >>> stretched("mask", np.ones((3, 1)), "x", (2, 3, 4))
    """
    axes = tuple(array.shape)
    behind = shape[len(shape) - len(axes) :]
    if len(axes) > len(shape) or any(a not in (1, s) for a, s in zip(axes, behind, strict=True)):
        raise ValueError(
            f"{name} has the shape {axes}, expected one that stretches to {shape}, as {to} has it"
        )
